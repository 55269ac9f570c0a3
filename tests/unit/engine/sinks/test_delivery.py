"""How a sink's deliveries are put together into calls, and what it lets go of when partitions are taken away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from hub.engine.ledger.accounts import Accounts
from hub.engine.reading import reader as reading
from hub.engine.sinks.attempts import RetryPolicy
from hub.engine.sinks.delivery import DeliveryLoop, concurrency_of
from hub.kafka.settings import KafkaSettings
from hub.sdk import Delivery, Sink, SinkConfig, UnitContext
from tests.unit.engine.sinks.stages import IN, Named, Outlet, Reader, records


class Bulk(Sink[SinkConfig]):
    """Notes the sizes of its calls, which last until it is open."""

    batch = 100

    def __init__(self) -> None:
        super().__init__(SinkConfig(), UnitContext(deployment="d", name="out"))
        self.opened = asyncio.Event()
        self.opened.set()
        self.calls: list[int] = []
        self.under_way = self.most = 0

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Any]:
        self.calls.append(len(batch))
        self.under_way += len(batch)
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.005)
        await self.opened.wait()
        self.under_way -= len(batch)
        return ()


async def deliver(sink: Bulk, count: int, *, concurrency: int | None = None, at_once: int = 500) -> None:
    """Runs the sink until so many events, each with a key of its own, are through."""
    read = records(*range(count), key=None)
    unit = Named("out", flow="")
    reader = Reader(*(read[start : start + at_once] for start in range(0, count, at_once)))
    loop = DeliveryLoop(unit, sink, reader, Outlet(), RetryPolicy(), concurrency or concurrency_of(type(sink)), None)
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(20):
        while unit.ledger.taken < count:  # noqa: ASYNC110  as below
            await asyncio.sleep(0.01)
        sink.opened.set()
        while unit.ledger.delivered < count:  # noqa: ASYNC110  the ledger tells nobody
            await asyncio.sleep(0.01)
        unit.stop()
        await running
    assert reader.position == count


async def test_a_bulk_sink_gets_few_calls_with_all_that_waits():
    """With nothing said of concurrency: a thousand events come in little more than ten calls of a hundred."""
    sink = Bulk()
    await deliver(sink, 1000)
    assert len(sink.calls) <= 15
    assert max(sink.calls) == 100


async def test_calls_stay_full_where_events_come_in_small_numbers():
    """Those that come while the far side is busy gather: small calls don't bring about small ones for ever."""
    sink = Bulk()
    sink.opened.clear()
    await deliver(sink, 2000, at_once=10)
    assert sink.calls[0] == 10
    assert len(sink.calls) <= 40
    assert max(sink.calls) == 100


@pytest.mark.parametrize("concurrency", [1, 3, 16, 150])
async def test_no_more_is_under_way_than_was_wished(concurrency):
    """A schema file's figure holds for deliveries, however many a call takes; several calls share it."""
    sink = Bulk()
    await deliver(sink, 300, concurrency=concurrency)
    assert sink.most <= concurrency
    assert max(sink.calls) == min(100, -(-concurrency // 4))


class Group:
    """A group's member that is given partitions and loses them when a test says so, and never any record."""

    def __init__(self) -> None:
        self.found: dict[Any, tuple[int, str]] = {}
        self.accounts = Accounts()

    def pause(self, *_: object) -> None:
        """Nothing is fetched."""

    resume = pause

    async def take(self, _: object) -> None:
        """Positions are known."""

    async def getmany(self, **_: object) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


async def test_of_two_rebalances_in_a_row_none_waits_for_what_is_not_there():
    """The second begins as soon as the first is over: partitions are let go of at once both times."""
    reader = reading.Reader(KafkaSettings(bootstrap_servers="localhost:1"), group="g", starts={"in": "earliest"})
    await reader.stop()
    reader._consumer = reader._positions = Group()
    reader._position_of = lambda _: None
    await reader.on_partitions_assigned([IN])
    unit = Named("out", flow="")
    loop = DeliveryLoop(unit, Bulk(), reader, Outlet(), RetryPolicy(), 4, None)
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(0.05)
    began = time.monotonic()
    for _ in range(3):
        reader.took({IN: records(0)})
        await reader.on_partitions_revoked([IN])
        await reader.on_partitions_assigned([IN])
    assert time.monotonic() - began < reading.SETTLE_LIMIT / 2
    unit.stop()
    await running


async def test_what_was_read_after_a_rebalance_that_did_not_wait_is_not_let_go_of():
    """The commit before it hangs until the partitions are ours again, and read on: nothing of it is passed over."""
    sink = Bulk()
    unit = Named("out", flow="")
    reader = Reader(records(0, 1, 2, key=None))
    reader.committing = asyncio.Event()
    loop = DeliveryLoop(unit, sink, reader, Outlet(), RetryPolicy(), 4, None)
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(10):
        while unit.ledger.delivered < 3:  # noqa: ASYNC110  the ledger tells nobody
            await asyncio.sleep(0.01)
        reader.revoke()
        await asyncio.sleep(0.05)
        unit.pause()
        loop._turned()
        reader.assign(records(*range(6), key=None))
        while unit.ledger.under_way < 6:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.01)
        reader.committing.set()
        await asyncio.sleep(0.05)
        unit.resume()
        loop._turned()
        while unit.ledger.delivered < 9:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.01)
        unit.stop()
        await running
    assert reader.position == 6
