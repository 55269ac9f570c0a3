"""Transactions of a reader and a writer on the real Kafka, when the group changes under them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.engine.reading import reader as reading
from hub.engine.reading.reader import Reader
from hub.engine.routing.exchange import Exchange
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import TopicSpec, ensure_topics
from tests.integration.engine import event, publish, records, until


class Copy:
    """Copies a topic; what is committed is committed once."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self.out = f"{topic}.out"
        self.reader = Reader(kafka, group=topic, starts={topic: "earliest"})
        self.other = Reader(kafka, group=topic, starts={topic: "earliest"})
        self.writer = TransactionWriter(kafka, f"{topic}.copy", outputs=[self.out])
        self.exchange = Exchange(self.reader, self.writer, self.handle, self.prepare)

    async def handle(self, batches) -> None:
        for batch in batches.values():
            for record in batch:
                assert self.writer.add(self.out, record.key, record.value, []) is None

    async def prepare(self) -> None:
        pass

    async def rebalance(self) -> None:
        """Another member joins and leaves."""
        before = self.reader.generation
        await self.other.start()
        await until(lambda: self.reader.generation > before, "the other's joining")
        joined = self.reader.generation
        await self.other.stop()
        await until(lambda: self.reader.generation > joined and len(self.reader._assigned) == 2, "the other's leaving")


@asynccontextmanager
async def copying(kafka: KafkaSettings, topic: str) -> AsyncIterator[Copy]:
    await ensure_topics(kafka, [TopicSpec(topic, 2), TopicSpec(f"{topic}.out", 1)])
    copy = Copy(kafka, topic)
    await copy.writer.start()
    await copy.reader.start()
    try:
        yield copy
    finally:
        await copy.other.stop()
        await copy.reader.stop()
        await copy.writer.stop()


async def test_events_that_come_after_a_rebalance_are_not_passed_over(kafka, unique):
    """A turn that began to wait before the group changed, and got events after it, commits them."""
    async with copying(kafka, unique) as copy:
        turn = asyncio.create_task(copy.exchange.turn(30))
        await copy.rebalance()
        assert not turn.done()
        await publish(kafka, unique, [event(n, key=str(n)) for n in range(20)])
        await turn
        while await copy.exchange.turn(1):
            pass
        assert len(await records(kafka, copy.out)) == 20


async def test_a_rebalance_in_the_midst_of_a_transaction_loses_and_repeats_nothing(kafka, unique, monkeypatch):
    """What was gathered before it is aborted and read again; what came after it is committed, too."""
    monkeypatch.setattr(reading, "SETTLE_LIMIT", 0.1)
    async with copying(kafka, unique) as copy:
        push = copy.writer.push

        async def slow() -> None:
            monkeypatch.setattr(copy.writer, "push", push)
            await push()
            await copy.rebalance()
            await publish(kafka, unique, [event(n, key=str(n)) for n in range(20, 40)])

        monkeypatch.setattr(copy.writer, "push", slow)
        monkeypatch.setattr("hub.engine.routing.exchange.INTERVAL", 20.0)
        await publish(kafka, unique, [event(n, key=str(n)) for n in range(20)])
        assert not await copy.exchange.turn(10)
        while await copy.exchange.turn(1):
            pass
        assert sorted(int(each.key) for each in await records(kafka, copy.out)) == list(range(40))


async def test_a_rebalance_does_not_wait_for_a_transaction_that_waits_for_events(kafka, unique, monkeypatch):
    """Who gathers events commits at once when the group changes, also if some arrive at that moment."""
    monkeypatch.setattr("hub.engine.routing.exchange.INTERVAL", 20.0)
    async with copying(kafka, unique) as copy:
        monkeypatch.setattr("hub.engine.routing.exchange.MANY", 1)
        copy.exchange._patience = 20.0
        await publish(kafka, unique, [event(n, key=str(n)) for n in range(20)])
        turn = asyncio.create_task(copy.exchange.turn(10))
        await until(lambda: not copy.reader._settled.is_set(), "a batch under way")
        joining = asyncio.create_task(copy.other.start())
        while not joining.done():
            await publish(kafka, unique, [event(0, key="k")])
        began = time.monotonic()
        assert await turn
        assert time.monotonic() - began < 1.0
        await joining
