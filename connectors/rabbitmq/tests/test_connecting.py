"""Whoever gives up connecting leaves no connection behind, whenever that is."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
import pytest
import yarl

from connectors.rabbitmq.tests.broker import SinkFactory, SourceFactory
from hub.sdk import NotConnected
from hub.testing.certificates import AUTHORITY, SERVER
from hub.testing.faults import FaultProxy

LIMIT = 5.0  # seconds in which a connection must be gone


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A way to the broker that counts connections, and the URL of it."""
    direct = yarl.URL(url)
    async with FaultProxy("127.0.0.1", direct.port or 5672) as proxy:
        yield proxy, str(direct.with_host("127.0.0.1").with_port(proxy.port))


async def gone(proxy: FaultProxy, before: set[asyncio.Task[object]]) -> None:
    """Fails unless soon there is no connection, and no task but those there were and the proxy's."""

    def left() -> set[asyncio.Task[object]]:
        return {each for each in asyncio.all_tasks() - before if "faults.py" not in repr(each)}

    async with asyncio.timeout(LIMIT):
        while proxy.connections or left():  # noqa: ASYNC110  a proxy has no event for it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("unit", ["source", "sink"])
async def test_cancelled_once_it_is_connected(
    unit: str, source: SourceFactory, sink: SinkFactory, rabbitmq: str, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last word of the broker's greeting and the first use, where nobody knows of the connection yet."""
    reached = asyncio.Event()

    async def never(_connection: aiormq.Connection) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(aiormq.Connection, "ready", never)
    async with proxied(rabbitmq) as (proxy, url):
        made = source(url=url, queue={"name": unique}) if unit == "source" else sink(url=url, queue={"name": unique})
        before = asyncio.all_tasks()
        opening = asyncio.create_task(made.open())
        async with asyncio.timeout(LIMIT):
            await reached.wait()
        assert proxy.connections == 1
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await made.close()
        await gone(proxy, before)


async def test_cancelled_at_any_moment(source: SourceFactory, rabbitmq: str, unique: str) -> None:
    """Whatever of the greeting has been said by then."""
    async with proxied(rabbitmq) as (proxy, url):
        proxy.down.delay = 0.002  # so that moments differ
        before = asyncio.all_tasks()
        ended = 0
        for moment in range(40):
            orders = source(url=url, queue={"name": unique})
            opening = asyncio.create_task(orders.open())
            await asyncio.wait({opening}, timeout=moment / 1000)
            opening.cancel()
            await asyncio.wait({opening})
            ended += opening.cancelled()
            await orders.close()
            await gone(proxy, before)
        assert ended > 10, "most attempts were over before they were cancelled"


async def test_a_broker_that_falls_silent_behind_tls_is_given_up_in_time(source: SourceFactory, unique: str) -> None:
    """It says good-bye to nobody: whoever waited for that would be held up for half a minute."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SERVER)
    silent = asyncio.Event()
    writers = []

    def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        proxy.up.swallowing = proxy.down.swallowing = True
        silent.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    async with FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        orders = source(
            url=f"amqps://guest:guest@127.0.0.1:{proxy.port}/",
            queue={"name": unique},
            tls={"ca_file": AUTHORITY},
            connect_timeout="300ms",
        )
        before, began = asyncio.all_tasks(), time.monotonic()
        with pytest.raises(NotConnected):
            await orders.open()
        assert silent.is_set()
        assert time.monotonic() - began < LIMIT
        await orders.close()
        await gone(proxy, before)
        for writer in writers:
            writer.transport.abort()
        server.close()
        await server.wait_closed()
