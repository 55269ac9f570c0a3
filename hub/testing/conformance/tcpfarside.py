"""A real server of any protocol over TCP, reached through a proxy that goes wrong for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from hub.testing.certificates import SERVER
from hub.testing.conformance.certificates import strangers_context
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import BY_NAME
from hub.testing.faults import CHUNK, FaultProxy, Piece

_GARBAGE = b"\x00\xff\x13 this is none of the protocol's frames\r\n\r\n" * 4
_CUT = 12  # bytes of an answer that come before it breaks off
_FAULTS = frozenset(
    {
        "refused",
        "timeout",
        "timeout_done",
        "stalled",
        "reset",
        "reset_done",
        "truncated",
        "garbage",
        "handshake",
        "certificate",
    }
)


class TcpFarSide(FarSide):
    """A server, as it is reached at `port`: without TLS, or with it, whether the server itself knows TLS or not.

    A fault strikes every connection at once; what `fault` says of requests it doesn't know.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self.asked = self.met = 0
        self._fault: str | None = None
        self._proxy = FaultProxy(host, port, inspect_answers=lambda: self._answered)
        self._front: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where units reach it on 127.0.0.1: by TLS if it is `secure`."""
        if not self.secure:
            return self._proxy.port
        assert self._front is not None
        port: int = self._front.sockets[0].getsockname()[1]
        return port

    @property
    def faults(self) -> frozenset[str]:
        """Those of connections; a protocol's own refusals are for a derived class to add."""
        return _FAULTS

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those that pass bytes."""
        return {each for each in asyncio.all_tasks() if "faults.py" in repr(each) or each in self._tasks}

    async def start(self) -> None:
        """Listens on two free ports, one of them with TLS."""
        await self._proxy.start()
        self._front = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context())

    async def stop(self) -> None:
        """Listens no more, and ends all connections."""
        if self._front is not None:
            self._front.close()
        await self._proxy.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for writer in list(self._writers):  # also of connections whose task had not begun
            await self._end(writer)

    @asynccontextmanager
    async def fault(self, name: str, *, after: int = 0) -> AsyncIterator[None]:
        """Has a fault, from now on."""
        del after
        if name not in _FAULTS:
            raise NotImplementedError(f"connections have no fault {name}")
        # Every call meets it: nobody gets through.
        self._fault, self.met = name, 1
        await self._begin(name)
        try:
            yield
        finally:
            self._fault = None
            self._proxy.reset()
            self._proxy.heal()
            await self._proxy.start()

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """What is sent arrives after the end."""
        self._proxy.up.stalled = True
        try:
            yield
        finally:
            self._proxy.up.stalled = False

    async def _begin(self, name: str) -> None:
        up, down = self._proxy.up, self._proxy.down
        if BY_NAME[name].secure:
            self._proxy.reset()  # so that there are handshakes
        elif name == "refused":
            await self._proxy.refuse()
            self._proxy.reset()
        elif name == "timeout":
            up.swallowing = True
        elif name == "timeout_done":
            down.swallowing = True
        elif name == "stalled":
            down.bandwidth = 5.0
        elif name == "reset":
            up.limit = 0
        elif name in ("reset_done", "truncated"):
            down.limit = 0 if name == "reset_done" else _CUT

    def _answered(self, data: bytes) -> Sequence[Piece]:
        return (Piece(_GARBAGE if self._fault == "garbage" else data),)

    def _context(self) -> ssl.SSLContext:
        """A context whose handshakes go wrong while that is wanted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SERVER)
        stranger = strangers_context()

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
            if self._fault == "handshake":
                return ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
            if self._fault == "certificate":
                connection.context = stranger
            return None

        context.sni_callback = choose
        return context

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._begun(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = None
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._proxy.port, limit=CHUNK)
            self._writers.add(far)
            directions = [self._begun(_pass(*each)) for each in ((reader, far), (far_reader, writer))]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for each in directions:
                each.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
        except OSError:
            pass  # the proxy refuses, as it was told to
        finally:
            for ending in (writer, far):
                if ending is not None:
                    await self._end(ending)

    def _begun(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
        self._writers.discard(writer)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
