"""The far side of the conformance suites: `Hosting` behind a server that goes wrong when it is told to."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp import web

from connectors.github.tests.hosting import Hosting
from connectors.github.tests.reading import Clock
from hub.testing.conformance import HttpFarSide

TOKEN = "ghp_canary0123456789abcdef"
KEPT = ("ETag", "Link", "Date", "X-Poll-Interval", "Content-Type")
SENT = ("If-None-Match", "Accept", "Content-Type")


class Front(HttpFarSide):
    """GitHub's API, as far as `Hosting` knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.api = Hosting(clock=self.clock)
        self.made = 0

    async def start(self) -> None:
        await self.api.start()
        self.client = aiohttp.ClientSession()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.client.close()
        await self.api.stop()
        assert not self.api.wrong, "\n".join(dict.fromkeys(self.api.wrong))

    def identity(self, request: web.Request, body: Any) -> str | None:
        """What a write is known by; ``None`` for what is none."""
        del request, body

    async def answer(self, request: web.Request) -> web.Response:
        """Asks the API behind it, and gives its answer as it is."""
        raw = await request.read()
        identity = self.identity(request, await request.json()) if request.method == "POST" else None
        if identity is not None and not self.wanted(identity):
            return web.json_response({"message": "Validation Failed"}, status=422)
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        async with self.client.request(
            request.method, f"{self.api.url}{request.path_qs}", headers=headers, data=raw or None
        ) as answer:
            kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


def reached(far_side: HttpFarSide, **more: Any) -> dict[str, Any]:
    """The service that reaches it."""
    return {
        "base_url": far_side.url,
        "tls": far_side.tls,
        "auth": {"token": TOKEN},
        "timeout": {"read": far_side.patience},
        **more,
    }
