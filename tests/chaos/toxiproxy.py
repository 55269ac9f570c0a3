"""Holds our fault proxy against toxiproxy: the same faults, by both, as a client of an echo server sees them.

``python -m tests.chaos.toxiproxy SERVER``, where SERVER is toxiproxy's program, as
``go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0`` makes it. Exit code 1 if they differ.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hub.process import ChildProcess, free_ports, listens
from hub.testing.faults import FaultProxy
from tests.chaos.scale import RESULTS

DELAY, RATE, LIMIT = 0.2, 200_000, 50_000
"""Seconds; bytes per second; bytes."""
QUIET = 0.5
"""Seconds in which nothing comes, where nothing may."""
CLOSE = 0.25
"""Part by which two measurements of time may differ."""


class Proxy(ABC):
    """One of the two, in front of the echo server."""

    port: int

    @abstractmethod
    async def fault(self, name: str) -> None:
        """Begins a fault of all connections, those that are open included."""

    @abstractmethod
    async def heal(self) -> None:
        """Ends all of them."""


class Ours(Proxy):
    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy, self.port = proxy, proxy.port

    async def fault(self, name: str) -> None:
        match name:
            case "delay":
                self._proxy.down.delay = DELAY
            case "bandwidth":
                self._proxy.down.bandwidth = RATE
            case "swallow":
                self._proxy.down.swallowing = True
            case "limit":
                self._proxy.down.limit = LIMIT
            case "reset":
                self._proxy.reset()
            case "refuse":
                await self._proxy.refuse()

    async def heal(self) -> None:
        self._proxy.heal()
        await self._proxy.start()


class Theirs(Proxy):
    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session, self.port = session, port

    async def fault(self, name: str) -> None:
        toxic: dict[str, Any] = {
            "delay": {"type": "latency", "attributes": {"latency": int(DELAY * 1000)}},
            "bandwidth": {"type": "bandwidth", "attributes": {"rate": RATE // 1000}},
            "swallow": {"type": "timeout", "attributes": {"timeout": 0}},
            "limit": {"type": "limit_data", "attributes": {"bytes": LIMIT}},
            "reset": {"type": "reset_peer", "attributes": {"timeout": 0}},
        }.get(name, {})
        if toxic:
            stream = "upstream" if name == "reset" else "downstream"  # that is the client's side of a connection
            await self._post("/proxies/echo/toxics", {"stream": stream, **toxic})
        else:
            await self._post("/proxies/echo", {"enabled": False})

    async def heal(self) -> None:
        await self._post("/reset", {})

    async def _post(self, path: str, document: dict[str, Any]) -> None:
        async with self._session.post(path, json=document) as response:
            response.raise_for_status()


async def passes(proxy: Proxy) -> dict[str, Any]:
    """Without a fault: all of it, as it was."""
    sent = bytes(range(256)) * 40_000
    async with connected(proxy) as (reader, writer):
        writing = asyncio.create_task(_write(writer, sent))
        same = await reader.readexactly(len(sent)) == sent
        await writing
    return {"same": same}


async def delays(proxy: Proxy) -> dict[str, Any]:
    """Seconds that an answer takes."""
    async with connected(proxy) as (reader, writer):
        await proxy.fault("delay")
        began = time.monotonic()
        writer.write(b"x")
        await reader.readexactly(1)
    return {"seconds": time.monotonic() - began}


async def narrows(proxy: Proxy) -> dict[str, Any]:
    """Seconds that so many bytes take."""
    size = 2 * RATE
    async with connected(proxy) as (reader, writer):
        await proxy.fault("bandwidth")
        began = time.monotonic()
        writing = asyncio.create_task(_write(writer, bytes(size)))
        await reader.readexactly(size)
        await writing
    return {"seconds": time.monotonic() - began}


async def swallows(proxy: Proxy) -> dict[str, Any]:
    """Whether anything comes, and whether the connection is still open."""
    async with connected(proxy) as (reader, writer):
        await proxy.fault("swallow")
        writer.write(b"x")
        try:
            came = len(await asyncio.wait_for(reader.read(1), QUIET))
        except TimeoutError:
            return {"came": None}
    return {"came": came}


async def limits(proxy: Proxy) -> dict[str, Any]:
    """How many bytes come before the connection ends."""
    async with connected(proxy) as (reader, writer):
        await proxy.fault("limit")
        writing = asyncio.create_task(_write(writer, bytes(2 * LIMIT)))
        came = await _rest(reader)
        writing.cancel()
    return {"came": len(came)}


async def resets(proxy: Proxy) -> dict[str, Any]:
    """How the connection ends; toxiproxy resets those only that are made afterwards."""
    if isinstance(proxy, Theirs):
        await proxy.fault("reset")
    async with connected(proxy) as (reader, writer):
        if isinstance(proxy, Ours):
            writer.write(b"x")
            await reader.readexactly(1)
            await proxy.fault("reset")
        with suppress(OSError):
            writer.write(b"x")
        try:
            end = "FIN" if await asyncio.wait_for(reader.read(1), 5) == b"" else "data"
        except ConnectionResetError:
            end = "RST"
    return {"end": end}


async def refuses(proxy: Proxy) -> dict[str, Any]:
    """Whether a new connection is refused, and one after that taken again."""
    await proxy.fault("refuse")
    try:
        async with connected(proxy):
            refused = False
    except ConnectionRefusedError:
        refused = True
    await proxy.heal()
    async with connected(proxy) as (reader, writer):
        writer.write(b"x")
        return {"refused": refused, "again": await reader.readexactly(1) == b"x"}


FAULTS: dict[str, Callable[[Proxy], Awaitable[dict[str, Any]]]] = {
    "none": passes,
    "delay": delays,
    "bandwidth": narrows,
    "swallow": swallows,
    "limit": limits,
    "reset": resets,
    "refuse": refuses,
}


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the proxy; its faults are ended with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await proxy.heal()


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(OSError):
        writer.write(data)
        await writer.drain()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    came = bytearray()
    with suppress(OSError):
        while data := await asyncio.wait_for(reader.read(65_536), 5):
            came += data
    return bytes(came)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both have seen the same; seconds within limits."""
    return one.keys() == other.keys() and all(
        abs(value - other[name]) <= CLOSE * max(value, other[name]) if name == "seconds" else value == other[name]
        for name, value in one.items()
    )


async def compare(program: str) -> dict[str, dict[str, Any]]:
    """Every fault, by both."""
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    target = echo.sockets[0].getsockname()[1]
    api, port = free_ports(2)
    with tempfile.TemporaryDirectory() as directory:
        command = [program, "-host", "127.0.0.1", "-port", str(api)]
        server = ChildProcess("toxiproxy", command, log=Path(directory) / "log")
        server.start()
        try:
            async with (
                aiohttp.ClientSession(f"http://127.0.0.1:{api}") as session,
                FaultProxy("127.0.0.1", target) as proxy,
                echo,
            ):
                while not await listens("127.0.0.1", api):  # noqa: ASYNC110  it tells nobody
                    await asyncio.sleep(0.05)
                theirs = Theirs(session, port)
                document = {"name": "echo", "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{target}"}
                await theirs._post("/proxies", document)
                ours = Ours(proxy)
                return {name: {"ours": await see(ours), "toxiproxy": await see(theirs)} for name, see in FAULTS.items()}
        finally:
            await server.stop()


def main(program: str) -> int:
    """Compares, tells, and keeps what was found."""
    found = asyncio.run(compare(program))
    for name, both in found.items():
        both["alike"] = alike(both["ours"], both["toxiproxy"])
        sys.stdout.write(f"{name}: {both}\n")
    (RESULTS / "toxiproxy.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    return 0 if all(both["alike"] for both in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
