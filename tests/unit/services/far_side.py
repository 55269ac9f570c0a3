"""A far side on a free port, and services that talk to it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from hub.sdk import ServiceConfig
from hub.services import HttpService

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FarSide:
    """Counts requests and answers them by a handler, or by what is next in a list of answers.

    Attributes:
        seen: what was asked, in order.
    """

    def __init__(self, handler: Handler | None = None) -> None:
        self.seen: list[web.Request] = []
        self.answers: list[web.Response] = []
        self._handler = handler or self._next
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        await request.read()
        return await self._handler(request)

    async def _next(self, _: web.Request) -> web.Response:
        return self.answers.pop(0) if self.answers else web.json_response({"number": len(self.seen)})

    def then(self, *statuses: int, **headers: str) -> None:
        """Answers next with these statuses."""
        self.answers += [
            web.Response(status=each, headers={name.replace("_", "-"): value for name, value in headers.items()})
            for each in statuses
        ]


@asynccontextmanager
async def far_side(handler: Handler | None = None, secure: ssl.SSLContext | None = None) -> AsyncIterator[FarSide]:
    """A far side that listens, with TLS where a context is given."""
    far = FarSide(handler)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", far.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure).start()
    far.url = ("https" if secure else "http") + "://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield far
    finally:
        await runner.cleanup()


def service(far: FarSide | str, **policies: Any) -> HttpService:
    """A service that talks to a far side."""
    url = far if isinstance(far, str) else far.url
    return HttpService("far", ServiceConfig(base_url=url, **policies))


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
