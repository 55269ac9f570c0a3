"""The fault proxy: what it does to bytes, and that it does nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hub.process import free_ports
from hub.testing.faults import Fate, FaultProxy
from hub.testing.kafka_faults import END_TXN, KafkaFaults

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Far:
    """A server that notes what reaches it, and gives it back."""

    def __init__(self) -> None:
        self.received = b""
        self.ended = asyncio.Event()
        self.broken = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(65536):
                self.received += data
                writer.write(data)
                await writer.drain()
        except OSError:
            self.broken.set()
        self.ended.set()

    async def has(self, size: int) -> None:
        async with asyncio.timeout(5):
            while len(self.received) < size:  # noqa: ASYNC110  bytes set no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def far_side(proxied: KafkaFaults | None = None) -> AsyncIterator[tuple[Far, FaultProxy]]:
    far = Far()
    server = await asyncio.start_server(far.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy = FaultProxy("127.0.0.1", port, inspect=proxied.inspector if proxied else None)
    await proxy.start()
    try:
        yield far, proxy
    finally:
        await proxy.stop()
        server.close()
        for writer in far.writers:
            writer.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


def frame(api_key: int, body: bytes = b"") -> bytes:
    content = api_key.to_bytes(2, "big") + b"\0\1" + body
    return len(content).to_bytes(4, "big") + content


async def test_without_a_fault_every_byte_passes_both_ways():
    """A megabyte comes back as it was sent, and the end of it, too."""
    sent = bytes(range(256)) * 4096
    async with far_side() as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        assert await answer(reader, len(sent)) == sent
        await asyncio.wait_for(far.ended.wait(), 5)
        assert far.received == sent
        assert (proxy.up.passed, proxy.down.passed) == (len(sent), len(sent))


async def test_delay_holds_bytes_without_narrowing_the_line():
    """Two delays on the way and back; a hundred messages at once take no longer than one."""
    async with far_side() as (_, proxy), connected(proxy) as (reader, writer):
        proxy.up.delay = proxy.down.delay = 0.1
        began = time.monotonic()
        for _ in range(100):
            writer.write(b"x" * 100)
            await asyncio.sleep(0)
        await answer(reader, 10_000)
        assert 0.2 <= time.monotonic() - began < 1.0


async def test_jitter_keeps_the_order():
    """Bytes that take unequal times still arrive in order."""
    sent = [f"{n:04}".encode() for n in range(50)]
    async with far_side() as (far, proxy), connected(proxy) as (_, writer):
        proxy.up.jitter = 0.05
        for each in sent:
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0.001)
        await far.has(200)
        assert far.received == b"".join(sent)


async def test_bandwidth_limits_bytes_per_second():
    """20 kB at 50 kB/s take 0.4 s."""
    async with far_side() as (far, proxy), connected(proxy) as (_, writer):
        proxy.up.bandwidth = 50_000
        began = time.monotonic()
        writer.write(b"x" * 20_000)
        await far.has(20_000)
        assert 0.3 <= time.monotonic() - began < 2.0


async def test_a_stalled_line_delivers_everything_once_it_flows():
    """Nothing arrives meanwhile, and nothing is missing afterwards."""
    async with far_side() as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(b"a")
        await answer(reader, 1)
        proxy.up.stalled = True
        writer.write(b"b")
        writer.write_eof()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(far.ended.wait(), 0.2)
        assert far.received == b"a"
        proxy.up.stalled = False
        assert await answer(reader, 1) == b"b"
        await asyncio.wait_for(far.ended.wait(), 5)


async def test_a_connection_that_lost_bytes_is_reset_and_never_torn():
    """What comes after a gap doesn't arrive as though there were none."""
    async with far_side() as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(b"a")
        await answer(reader, 1)
        proxy.up.swallowing = True
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        proxy.heal()
        writer.write(b"after")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 5)
        await asyncio.wait_for(far.broken.wait(), 5)
        assert far.received == b"a"


async def test_reset_ends_both_sides_with_rst():
    """Neither side sees an orderly end."""
    async with far_side() as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(b"a")
        await answer(reader, 1)
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 5)
        await asyncio.wait_for(far.broken.wait(), 5)


async def test_half_close_ends_one_direction_only():
    """The client sees the end of what it reads, and can still write."""
    async with far_side() as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(b"a")
        await answer(reader, 1)
        proxy.half_close("down")
        assert await asyncio.wait_for(reader.read(1), 5) == b""
        writer.write(b"b")
        await far.has(2)


async def test_a_limit_of_bytes_cuts_an_answer_in_half():
    """The client gets the first bytes, then RST."""
    async with far_side() as (_, proxy), connected(proxy) as (reader, writer):
        proxy.down.limit = 5
        writer.write(b"0123456789")
        assert await answer(reader, 5) == b"01234"
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 5)


async def test_refused_connections_leave_open_ones_alone():
    """The port is the same when connections are taken again."""
    async with far_side() as (_, proxy), connected(proxy) as (reader, writer):
        writer.write(b"a")
        await answer(reader, 1)
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"b")
        assert await answer(reader, 1) == b"b"
        before = proxy.port
        assert await proxy.start() == before
        async with connected(proxy) as (again, other):
            other.write(b"c")
            assert await answer(again, 1) == b"c"


async def test_a_server_that_is_not_there_is_a_reset():
    """As a port that a firewall takes and cuts."""
    (port,) = free_ports(1)
    async with FaultProxy("127.0.0.1", port) as proxy, connected(proxy) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 5)


async def test_only_the_requests_that_are_struck_are_late():
    """Frames of other kinds pass at once; the one that is struck, and what follows it on its connection, later."""
    faults = KafkaFaults()
    async with far_side(faults) as (far, proxy), connected(proxy) as (_, writer):
        faults.strike(END_TXN, Fate(delay=0.3), after=1)
        first = frame(0, b"p" * 100) + frame(END_TXN, b"1")
        writer.write(first)
        await far.has(len(first))
        second = frame(END_TXN, b"2") + frame(0, b"q")
        writer.write(second)
        began = time.monotonic()
        await far.has(len(first + second))
        assert time.monotonic() - began >= 0.25
        assert far.received == first + second
        assert (faults.seen, faults.struck) == ({0: 2, END_TXN: 2}, {END_TXN: 1})


async def test_requests_are_found_however_they_are_cut_into_packets():
    """A frame of one byte per packet is still a frame."""
    faults = KafkaFaults()
    faults.strike(END_TXN, Fate(delay=0.05), times=2)
    sent = frame(0, b"abc") + frame(END_TXN, b"12") + frame(18) + frame(END_TXN)
    async with far_side(faults) as (far, proxy), connected(proxy) as (_, writer):
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)
        await far.has(len(sent))
        assert far.received == sent
        assert faults.struck == {END_TXN: 2}
        assert faults.pending == 0


async def test_a_lost_request_takes_the_rest_of_its_connection_with_it():
    """The server gets nothing of it; the client may wait, and other connections work."""
    faults = KafkaFaults()
    faults.strike(END_TXN, Fate(lost=True))
    async with far_side(faults) as (far, proxy):
        async with connected(proxy) as (reader, writer):
            writer.write(frame(END_TXN) + frame(0))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
            assert far.received == b""
        async with connected(proxy) as (_, writer):
            writer.write(frame(0))
            await far.has(len(frame(0)))


async def test_a_request_may_arrive_after_its_client_was_cut_off():
    """The client gets RST at once, and the server the whole request, late."""
    faults = KafkaFaults()
    faults.strike(END_TXN, Fate(delay=0.2, reset=True))
    async with far_side(faults) as (far, proxy), connected(proxy) as (reader, writer):
        writer.write(frame(END_TXN, b"x"))
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 5)
        assert far.received == b""
        await far.has(len(frame(END_TXN, b"x")))
