"""How a sink's deliveries are put together into calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from hub.engine.sinks.attempts import RetryPolicy
from hub.engine.sinks.delivery import DeliveryLoop, concurrency_of
from hub.sdk import Delivery, Sink, SinkConfig, UnitContext
from tests.unit.engine.sinks.stages import Named, Outlet, Reader, records


class Bulk(Sink[SinkConfig]):
    """Notes the sizes of its calls."""

    batch = 100

    def __init__(self, taking: float = 0.005) -> None:
        super().__init__(SinkConfig(), UnitContext(deployment="d", name="out"))
        self._taking = taking
        self.calls: list[int] = []
        self.under_way = self.most = 0

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Any]:
        self.calls.append(len(batch))
        self.under_way += len(batch)
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self._taking)
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
    sink = Bulk(taking=0.02)
    await deliver(sink, 2000, at_once=10)
    assert len(sink.calls) <= 60
    assert max(sink.calls) == 100


@pytest.mark.parametrize("concurrency", [1, 3, 16, 150])
async def test_no_more_is_under_way_than_was_wished(concurrency):
    """A schema file's figure holds for deliveries, however many a call takes; several calls share it."""
    sink = Bulk(taking=0.001)
    await deliver(sink, 300, concurrency=concurrency)
    assert sink.most <= concurrency
    assert max(sink.calls) == min(100, -(-concurrency // 4))
