"""A real HTTP server that answers as a test tells it, well or badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http.sink import HttpSink
from hub.sdk import Delivery, Signal, WriteFailed

SinkFactory = Callable[..., HttpSink]
DeliveryFactory = Callable[..., list[Delivery]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def fate(sink: HttpSink, batch: list[Delivery]) -> Signal | None:
    """The signal for a batch of one; None for success."""
    try:
        await sink.write(batch)
    except WriteFailed as failure:
        return failure.failures[0]
    return None


class Received:
    """A request as the server saw it."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.method = request.method
        self.path = request.path_qs
        self.headers = request.headers
        self.body = body


class ScriptedServer:
    """Answers each request by `answer`, and remembers what it received.

    Attributes:
        answer: what to do with a request.
        received: all requests, in the order in which their bodies were complete.
    """

    def __init__(self, port: int | None = None) -> None:
        self.answer: Answer = respond(200)
        self.received: list[Received] = []
        self._stopping = asyncio.Event()
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._server = TestServer(application, host="127.0.0.1", port=port)

    async def start(self, **options: Any) -> None:
        """Listens, on a free port if none was given."""
        await self._server.start_server(shutdown_timeout=0, access_log=None, **options)

    async def stop(self) -> None:
        """Stops listening."""
        self._stopping.set()
        await self._server.close()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return str(self._server.make_url("")).rstrip("/")

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Never answers."""
        await self._stopping.wait()
        return web.Response()

    async def trickle(self, request: web.Request) -> web.StreamResponse:
        """Answers 200 at once and never finishes its body."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"begun":')
        await self._stopping.wait()
        return response

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(Received(request, await request.read()))
        return await self.answer(request)


def respond(status: int, text: str = "", **headers: str) -> Answer:
    """Answers with a status, a text, and headers whose underscores stand for hyphens."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, text=text, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return answer


def raw(data: bytes) -> Answer:
    """Writes bytes that need not be HTTP, and closes the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        return web.Response()

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    """Resets the connection instead of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
