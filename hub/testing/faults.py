"""A TCP proxy that does to connections what networks do: delay, narrow, swallow, hold up, cut, refuse.

    async with FaultProxy("127.0.0.1", 5672) as proxy:
        client = await connect(f"127.0.0.1:{proxy.port}")
        proxy.up.delay = 0.2            # client → server: every byte arrives 0.2 s later
        proxy.down.bandwidth = 10_000   # server → client, bytes per second
        proxy.up.stalled = True         # nothing arrives until it is False again; then all of it
        proxy.reset()                   # every open connection ends with RST

Faults of a line hold for all connections, those that are open included. `hub.testing.kafka_faults` picks single
requests of Kafka's protocol out of the stream.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, Self

CHUNK = 65_536
"""Bytes that are read at once."""
_QUEUE = 64
"""Chunks that are under way in one direction; then the sender is held back, as by a full TCP window."""
_SLICE = 0.02
"""Seconds of bandwidth that are written at once."""
_RST = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one piece of the stream, apart from the line's own faults.

    Attributes:
        delay: seconds that it is held; what was sent after it stays behind it. It arrives although the client has
            given up meanwhile, as packets in a network do.
        lost: it never arrives, nor does anything after it on its connection, which stays open.
        reset: the client's side of the connection ends with RST at once; the piece still arrives at the server.
    """

    delay: float = 0.0
    lost: bool = False
    reset: bool = False


class Piece(NamedTuple):
    """Bytes in their order, and what is to happen to them."""

    data: bytes
    fate: Fate | None = None


class Inspector(Protocol):
    """Watches one connection's bytes in one direction."""

    def __call__(self, data: bytes) -> Sequence[Piece]:
        """Cuts bytes into pieces; all that was given comes back, in order, some of it with a later call."""


class Line:
    """One direction of a proxy's connections.

    Attributes:
        delay: seconds that bytes take.
        jitter: seconds that they take longer, at most; their order stays.
        bandwidth: bytes per second of each connection; None for no limit.
        swallowing: whether bytes get lost. A connection that has lost some is reset when bytes may pass again.
        limit: bytes after which a connection is reset; counted from its beginning. None for no limit.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.jitter = 0.0
        self.bandwidth: float | None = None
        self.swallowing = False
        self.limit: int | None = None
        self.passed = 0
        """Bytes that have arrived, of all connections."""
        self._open = asyncio.Event()
        self._open.set()

    @property
    def stalled(self) -> bool:
        """Whether nothing arrives; what was sent meanwhile arrives afterwards, as TCP sends it again."""
        return not self._open.is_set()

    @stalled.setter
    def stalled(self, value: bool) -> None:
        if value:
            self._open.clear()
        else:
            self._open.set()

    async def flows(self) -> None:
        """Waits until bytes may pass."""
        await self._open.wait()

    def heal(self) -> None:
        """Ends all its faults."""
        self.delay = self.jitter = 0.0
        self.bandwidth = self.limit = None
        self.swallowing = self.stalled = False


class FaultProxy:
    """Takes connections on a port of 127.0.0.1 and makes one to a server for each.

    Args:
        host: of the server.
        port: of the server.
        listen: port of the proxy; a free one if 0. It stays the same over `stop` and `start`.
        inspect: gives an inspector of what clients send, for each new connection.
        inspect_answers: the same for what the server sends.
        seed: of the jitter.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        listen: int = 0,
        inspect: Callable[[], Inspector] | None = None,
        inspect_answers: Callable[[], Inspector] | None = None,
        seed: int = 0,
    ) -> None:
        self.port = listen
        self.up = Line()
        """Client to server."""
        self.down = Line()
        """Server to client."""
        self.random = random.Random(seed)  # noqa: S311  repeats itself, protects nothing
        self._target = (host, port)
        self._inspect = inspect or (lambda: _as_it_is)
        self._inspect_answers = inspect_answers or (lambda: _as_it_is)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(self) -> int:
        """Listens; gives the port. Connections are taken again after `refuse`."""
        if self._server is None:
            self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def refuse(self) -> None:
        """Refuses new connections until `start`; open ones go on."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()

    async def stop(self) -> None:
        """Ends all connections, and listens no more."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def reset(self) -> int:
        """Ends every open connection with RST on both sides; gives their number."""
        connections = list(self._connections)
        for connection in connections:
            connection.reset()
        return len(connections)

    def half_close(self, direction: Literal["up", "down"]) -> None:
        """Ends one direction of every open connection in order (FIN); the other one goes on."""
        for connection in self._connections:
            connection.half_close(direction)

    def heal(self) -> None:
        """Ends the faults of both lines."""
        self.up.heal()
        self.down.heal()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name=f"proxy {self.port}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: _abort(writer))  # also where it was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=CHUNK)
        except (OSError, asyncio.CancelledError):
            await _closed(writer)
            return
        inspectors = (self._inspect(), self._inspect_answers())
        connection = _Connection(self, (reader, writer), (far_reader, far_writer), inspectors)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            # At once: who stops the proxy cancels this task, perhaps while it waits here.
            _abort(writer)
            _abort(far_writer)
            await asyncio.gather(_closed(writer), _closed(far_writer))


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    def __init__(self, proxy: FaultProxy, client: Side, server: Side, inspectors: tuple[Inspector, Inspector]) -> None:
        self._client, self._server = client[1], server[1]
        up = _Pump(proxy.up, client[0], server[1], inspectors[0], proxy.random, self)
        down = _Pump(proxy.down, server[0], client[1], inspectors[1], proxy.random, self)
        self._pumps = {"up": up, "down": down}

    async def run(self) -> None:
        """Passes bytes until both directions have ended."""
        async with asyncio.TaskGroup() as tasks:
            for pump in self._pumps.values():
                tasks.create_task(pump.run())

    def reset(self) -> None:
        """Ends both sides at once."""
        _abort(self._client)
        _abort(self._server)

    def reset_client(self) -> None:
        """Ends the client's side at once; the server is to learn of it later."""
        _abort(self._client)

    def half_close(self, direction: str) -> None:
        self._pumps[direction].finish()


class _Pump:
    """Passes the bytes of one direction of one connection."""

    def __init__(
        self,
        line: Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inspector: Inspector,
        chance: random.Random,
        connection: _Connection,
    ) -> None:
        self._line, self._reader, self._writer = line, reader, writer
        self._inspector = inspector
        self._random = chance
        self._connection = connection
        self._queue: asyncio.Queue[tuple[float, Piece | None]] = asyncio.Queue(_QUEUE)
        self._passed = 0
        self._torn = False
        self._broken = False

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            while (arrival := await self._queue.get())[1] is not None:
                await self._until(arrival[0])
                if not await self._deliver(arrival[1]):
                    return
            await self._until(arrival[0])
            await self._line.flows()
            self.finish()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def finish(self) -> None:
        """Tells the far end that there is no more; whatever still comes is dropped."""
        self._broken = True
        with suppress(OSError, RuntimeError):
            if not self._writer.is_closing():
                self._writer.write_eof()

    async def _read(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while data := await self._reader.read(CHUNK):
                due = clock() + self._line.delay + self._random.uniform(0.0, self._line.jitter)
                for piece in self._inspector(data):
                    if piece.fate is not None and piece.fate.reset:
                        self._connection.reset_client()
                    await self._queue.put((due, piece))
        except OSError:
            pass  # it ended with RST; what it sent before is on its way
        await self._queue.put((clock() + self._line.delay, None))

    async def _until(self, due: float) -> None:
        wait = due - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _deliver(self, piece: Piece | None) -> bool:
        """Passes one piece on. False if that was this direction's end."""
        assert piece is not None
        line = self._line
        if piece.fate is not None:
            await asyncio.sleep(piece.fate.delay)
            if piece.fate.lost:
                await asyncio.Event().wait()  # until the connection ends from the other side, or the proxy does
        await line.flows()
        if line.swallowing:
            self._torn = True
            return True
        if self._torn:
            self._connection.reset()
            return False
        return await self._write(piece.data)

    async def _write(self, data: bytes) -> bool:
        line = self._line
        if line.limit is not None and self._passed + len(data) > line.limit:
            data = data[: max(0, line.limit - self._passed)]
            await self._send(data)
            self._connection.reset()
            return False
        while data and line.bandwidth is not None:
            size = max(1, int(line.bandwidth * _SLICE))
            await self._send(data[:size])
            await asyncio.sleep(len(data[:size]) / line.bandwidth)
            data = data[size:]
        await self._send(data)
        return True

    async def _send(self, data: bytes) -> None:
        """Writes; what can't arrive any more because the far end has gone is read on, and dropped."""
        if self._broken or not data:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            self._broken = True
            return
        self._passed += len(data)
        self._line.passed += len(data)


def _as_it_is(data: bytes) -> Sequence[Piece]:
    return (Piece(data),)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST, and waits until it has."""
    _abort(writer)
    with suppress(OSError):
        await writer.wait_closed()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Closes a connection so that the far end gets RST."""
    if writer.is_closing():
        writer.transport.abort()
        return
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
