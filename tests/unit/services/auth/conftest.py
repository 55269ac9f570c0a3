"""A certified provider, a store of credentials of the test's own, and people who sign in."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr
from yarl import URL

from hub.services.auth.stores import CredentialSettings
from hub.testing.oidc import PrivateProvider

FORM = re.compile(r"<form[^>]*action=\"([^\"]+)\"", re.IGNORECASE)
INPUT = re.compile(r"<input[^>]*>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"([a-z]+)=\"([^\"]*)\"", re.IGNORECASE)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider() -> AsyncIterator[PrivateProvider]:
    """A provider, shared by the session."""
    server = PrivateProvider()
    try:
        await server.start()
        yield server
    finally:
        server.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hasty() -> AsyncIterator[PrivateProvider]:
    """One whose access tokens live for two seconds."""
    server = PrivateProvider(access=2)
    try:
        await server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def settings(tmp_path: Path) -> CredentialSettings:
    """Encrypted files, with a key of their own."""
    key = SecretStr(base64.b64encode(os.urandom(32)).decode())
    return CredentialSettings(store="file", directory=tmp_path / "credentials", key=key)


class Person:
    """Somebody with a browser without JavaScript: follows redirects, keeps cookies, fills in forms.

    Args:
        name: to sign in with.
    """

    def __init__(self, name: str = "ada") -> None:
        self.name = name
        self.trail: list[URL] = []

    async def sign_in(self, url: str, values: dict[str, str] | None = None) -> str:
        """Goes to a page and submits every form that comes, until there is none; gives the last page."""
        fill = {"login": self.name, "password": "canary-password", **(values or {})}
        jar = aiohttp.CookieJar(unsafe=True)  # of 127.0.0.1
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            page, at = await self._get(session, URL(url))
            for _ in range(10):
                form = FORM.search(page)
                if form is None:
                    return page
                data = {}
                for each in INPUT.findall(page):
                    attributes = {name.lower(): unescape(value) for name, value in ATTRIBUTE.findall(each)}
                    if "name" in attributes:
                        data[attributes["name"]] = fill.get(attributes["name"], attributes.get("value", ""))
                target = at.join(URL(unescape(form[1]), encoded=True))
                async with session.post(target, data=data) as answer:
                    self.trail.append(answer.url)
                    page, at = await answer.text(), answer.url
        raise AssertionError("forms without end")

    async def _get(self, session: aiohttp.ClientSession, url: URL) -> tuple[str, URL]:
        async with session.get(url) as answer:
            self.trail.append(answer.url)
            return await answer.text(), answer.url
