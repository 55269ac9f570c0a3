"""What is answered to a request; failures as problem documents (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

# W3C Trace Context § 3.2.2: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_JSON = ((b"content-type", b"application/json"),)
_PROBLEM = ((b"content-type", b"application/problem+json"),)


class Answer(NamedTuple):
    """An answer to a request."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def json(cls, status: int, document: Any) -> Answer:
        """A JSON document."""
        return cls(status, orjson.dumps(document), _JSON)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    trace_id: str | None = None,
    members: Mapping[str, Any] | None = None,
) -> Answer:
    """A problem document.

    Args:
        status: HTTP status.
        code: stable word for programs.
        detail: a sentence for people: what was expected, what came, what to do.
        headers: further headers, e.g. ``Retry-After``.
        trace_id: of the request's ``traceparent``, where it had one.
        members: further members of the document (RFC 9457 § 3.2).
    """
    document: dict[str, Any] = {
        **(members or {}),
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if trace_id:
        document["trace_id"] = trace_id
    more = tuple((name.lower().encode(), value.encode()) for name, value in (headers or {}).items())
    return Answer(status, orjson.dumps(document), _PROBLEM + more)


def trace_id(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent, or None where it is none."""
    match = _TRACEPARENT.match(traceparent or "")
    return match[1] if match else None
