"""How all parts of the connector ask GitHub: the headers, and what may stand in a path."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
"""Of every request: the media type, and the version of the API that answers are read by."""

PAGE = 100
"""Records on a page; GitHub gives no more."""

_REPOSITORY = re.compile(r"[\w-]+/(?!\.{1,2}\Z)[\w.-]+\Z", re.ASCII)
_LOGIN = re.compile(r"[A-Za-z0-9](?:[\w-]*(?:\[bot\])?)\Z", re.ASCII)
_SHA = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\Z")
_WORKFLOW = re.compile(r"(?!\.{1,2}\Z)[\w.-]+\Z", re.ASCII)


def _repository(value: str) -> str:
    if not _REPOSITORY.match(value):
        raise ValueError("expected a repository as owner/name")
    return value


def _login(value: str) -> str:
    if not _LOGIN.match(value):
        raise ValueError("expected an account's login")
    return value


def _sha(value: str) -> str:
    if not _SHA.match(value):
        raise ValueError("expected a commit's whole SHA, 40 or 64 hexadecimal digits")
    return value


def _workflow(value: str | int) -> str:
    if not _WORKFLOW.match(text := str(value)):
        raise ValueError("expected a workflow's file name, such as deploy.yml, or its id")
    return text


# They become part of a path, and may come out of an event: nothing else may get in with them.
RepositoryName = Annotated[str, AfterValidator(_repository)]
"""``owner/name``"""
Login = Annotated[str, AfterValidator(_login)]
"""An account's login."""
Sha = Annotated[str, AfterValidator(_sha)]
"""A commit's SHA, whole."""
Workflow = Annotated[str | int, AfterValidator(_workflow)]
"""A workflow's file name or id."""
