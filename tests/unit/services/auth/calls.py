"""Requests through the policy ``auth`` alone, over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from hub.sdk import Auth, Response
from hub.services.auth import authenticator
from hub.services.auth.stores import CredentialSettings
from hub.services.pipeline import Authenticator
from hub.services.request import Request


class Caller:
    """A service with nothing but its authenticator."""

    def __init__(self, base_url: str, auth: dict[str, Any], settings: CredentialSettings | None = None) -> None:
        self.base_url = base_url
        made = authenticator(
            "api", Auth.model_validate(auth), base_url=base_url, credential="shop/api", settings=settings
        )
        assert made is not None
        self.auth: Authenticator = made

    async def call(
        self, path: str = "/api/x", method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Response:
        request = Request(method, URL(self.base_url + path), dict(headers), body)
        return await self.auth(request, self._send)

    async def _send(self, request: Request) -> Response:
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, request.url, headers=request.headers, data=request.body) as answer,
        ):
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, await answer.read(), str(request.url))


async def revoke(issuer: str, token: str, client: str, secret: str | None = None) -> None:
    """Ends a token at its provider."""
    headers = {} if secret is None else {"authorization": aiohttp.encode_basic_auth(client, secret)}
    form = {"token": token} | ({"client_id": client} if secret is None else {})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{issuer}/token/revocation", data=form, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The base URL of a server that answers everything by a handler."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)  # the far side's own log is its own
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def counted(issuer: str) -> dict[str, int]:
    """How many tokens the provider has given out, by grant."""
    async with aiohttp.ClientSession() as session, session.get(f"{issuer}/counts") as answer:
        counts: dict[str, int] = await answer.json()
        return counts
