"""A real HTTP(S) server that a test scripts, and that goes wrong in every way that HTTP knows."""

from __future__ import annotations

import asyncio
import ssl
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from hub.testing.certificates import SERVER
from hub.testing.conformance.certificates import strangers_context
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import BY_NAME, FAULTS, WAIT

_GARBAGE = b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n"
_PAGE = "<html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"
_ENDLESS = b" " * 65536
_MOST = 128 * 2**20  # bytes of an endless answer, should nobody stop it

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpFarSide(FarSide):
    """An HTTP API: override `answer`, and either `add` (of a source) or `received` (of a sink).

    Attributes:
        port: where it listens, once started; another one with TLS.
        poured: bytes that it has sent of an endless answer.
    """

    def __init__(self) -> None:
        self.port = self.secure_port = 0
        self.asked = self.met = self.poured = 0
        self._fault: str | None = None
        self._after = 0
        self._echoing = self._endless = False
        self._refused: set[str] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._stopped = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @abstractmethod
    async def answer(self, request: web.Request) -> web.Response:
        """What the API answers while nothing is wrong. It may call `wanted` for what a sink brings."""

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"https://127.0.0.1:{self.secure_port}" if self.secure else f"http://127.0.0.1:{self.port}"

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those of its connections: all that aiohttp's server has begun."""
        return {each for each in asyncio.all_tasks() if "RequestHandler.start" in repr(each.get_coro())}

    @property
    def faults(self) -> frozenset[str]:
        """All that there are."""
        return frozenset(each.name for each in FAULTS)

    async def start(self) -> None:
        """Listens on two free ports, one of them with TLS."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        """Listens no more, and ends all connections."""
        self._stopped.set()
        self._passing.set()
        self._open.set()
        if self._runner is not None:
            self._abort()
            await self._runner.cleanup()

    @asynccontextmanager
    async def fault(self, name: str, *, after: int = 0) -> AsyncIterator[None]:
        """Has a fault in every request but the first ``after``."""
        self._fault, self._after, self.met = name, after, 0
        self._passing.clear()
        if name == "refused" and not after:
            await self._refuse()
            self.met = 1  # whoever comes now leaves no trace
        try:
            yield
        finally:
            self._fault = None
            self._passing.set()
            # What was begun under the fault doesn't go on after it.
            self._abort()
            if name == "refused":
                await self._listen()

    @asynccontextmanager
    async def refusing(self, identity: str) -> AsyncIterator[None]:
        """`wanted` says no to this delivery."""
        self._refused.add(identity)
        try:
            yield
        finally:
            self._refused.discard(identity)

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Requests wait until the end, and are then answered."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @asynccontextmanager
    async def echoing(self) -> AsyncIterator[None]:
        """Refuses with 400, 401, 403 or 422, in turn, and repeats the request."""
        self._echoing = True
        try:
            yield
        finally:
            self._echoing = False

    @asynccontextmanager
    async def endless(self) -> AsyncIterator[None]:
        """Answers without an end."""
        self._endless, self.poured = True, 0
        try:
            yield
        finally:
            self._endless = False

    def wanted(self, identity: str) -> bool:
        """Whether a delivery is taken, and not refused for good."""
        return identity not in self._refused

    async def _listen(self) -> None:
        assert self._runner is not None
        plain = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        secured = web.TCPSite(
            self._runner, "127.0.0.1", self.secure_port, reuse_address=True, ssl_context=self._context()
        )
        await plain.start()
        await secured.start()
        self.port, self.secure_port = self._runner.addresses[0][1], self._runner.addresses[1][1]

    async def _refuse(self) -> None:
        assert self._runner is not None
        for site in list(self._runner.sites):
            await site.stop()
        self._abort()

    def _abort(self) -> None:
        assert self._runner is not None
        assert self._runner.server is not None
        for each in list(self._runner.server.connections):
            if each.transport is not None:
                each.transport.abort()

    def _context(self) -> ssl.SSLContext:
        """A context whose handshakes go wrong while that is wanted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SERVER)
        stranger = strangers_context()

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
            if self._fault not in ("handshake", "certificate"):
                return None
            self.met += 1
            if self._fault == "handshake":
                return ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
            connection.context = stranger
            return None

        context.sni_callback = choose
        return context

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        await self._open.wait()
        if self._echoing:
            return _echo(request, body, self.asked)
        if self._endless:
            return await self._pour(request)
        if self._fault is not None and not BY_NAME[self._fault].secure:
            if self._after:
                self._after -= 1
            else:
                return await self._go_wrong(request, self._fault)
        return await self.answer(request)

    async def _go_wrong(self, request: web.Request, name: str) -> web.StreamResponse:
        self.met += 1
        if name in _STATUSES:
            return _STATUSES[name]()
        if name in _UNDONE:
            if name == "refused":
                await self._refuse()
            elif name == "timeout":
                await self._passing.wait()
            return _aborted(request)
        if name in _STRANGERS and request.method not in _READS:
            # Somebody else has answered: what was brought has never come here.
            return _DOCUMENTS[name](web.Response())
        return await self._spoilt(request, await self.answer(request), name)

    async def _spoilt(self, request: web.Request, answer: web.Response, name: str) -> web.StreamResponse:
        """What comes of an answer on its way."""
        if name in _DOCUMENTS:
            return _DOCUMENTS[name](answer)
        if name in ("truncated", "stalled"):
            return await self._half(request, answer, wait=name == "stalled")
        if name == "garbage":
            assert request.transport is not None
            request.transport.write(_GARBAGE)
            request.transport.close()
            return answer
        if name == "timeout_done":
            await self._passing.wait()
        return _aborted(request)

    async def _half(self, request: web.Request, answer: web.Response, *, wait: bool) -> web.StreamResponse:
        """Begins an answer, and breaks off."""
        body = _half_of(answer.body)
        assert request.transport is not None
        head = [
            f"HTTP/1.1 {answer.status} OK",
            "Content-Type: application/json",
            f"Content-Length: {2 * len(body) + 9}",
        ]
        head += [f"{name}: {answer.headers[name]}" for name in ("Link", "ETag", "Date") if name in answer.headers]
        request.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        if wait:
            await self._passing.wait()
        request.transport.close()
        return answer

    async def _pour(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await response.prepare(request)
            while self.poured < _MOST and not self._stopped.is_set():
                await response.write(_ENDLESS)
                self.poured += len(_ENDLESS)
        except ConnectionError:
            pass  # somebody has had enough, as is right
        return response


def _throttled(retry_after: str) -> web.Response:
    return web.json_response({"message": "slow down"}, status=429, headers={"Retry-After": retry_after})


def _until() -> str:
    # A date has whole seconds: what is asked for is up to one second less.
    return format_datetime(datetime.now(UTC) + timedelta(seconds=WAIT), usegmt=True)


_STATUSES: dict[str, Callable[[], web.Response]] = {
    "throttled": lambda: _throttled(str(int(WAIT))),
    "throttled_until": lambda: _throttled(_until()),
    "error": lambda: web.json_response({"message": "something broke"}, status=500),
    "unavailable": lambda: web.Response(text=_PAGE, status=503, content_type="text/html"),
}

_UNDONE = frozenset({"refused", "timeout", "reset"})
_STRANGERS = frozenset({"login_page", "alien"})
_READS = frozenset({"GET", "HEAD"})


def _half_of(body: object) -> bytes:
    whole = body if isinstance(body, bytes) else b""
    return whole[: len(whole) // 2]


def _document(answer: web.Response, body: bytes) -> web.Response:
    headers = {name: answer.headers[name] for name in ("Link", "Date") if name in answer.headers}
    return web.Response(status=200, body=body, content_type="application/json", headers=headers)


_DOCUMENTS: dict[str, Callable[[web.Response], web.Response]] = {
    "malformed": lambda answer: _document(answer, _half_of(answer.body) or b'{"half": '),
    "login_page": lambda _: web.Response(text=_PAGE, content_type="text/html"),
    "alien": lambda answer: _document(answer, b'{"message": "Hello.", "version": 2}'),
}


def _aborted(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _echo(request: web.Request, body: bytes, number: int) -> web.Response:
    """What a careless API does: it tells all that it got."""
    said = f"{request.method} {request.path_qs} {dict(request.headers)} {body.decode(errors='replace')}"
    status = (400, 401, 403, 422)[number % 4]
    return web.json_response({"message": said, "error_description": said}, status=status)
