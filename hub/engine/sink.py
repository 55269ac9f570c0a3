"""Sinks at work: read a batch, hand it to the connector, retry what failed, dead-letter what can't work, commit.

At-least-once. Deliveries of one key go out one after the other; a key that fails holds back only itself within a batch.
While the far side is down the unit waits: no retry is used up and nothing is dead-lettered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hub.engine.attempts import Attempts, Pending, RetryPolicy
from hub.engine.backoff import backoff
from hub.engine.deadletter import Origin
from hub.engine.outlet import Outlet
from hub.engine.reader import Reader
from hub.engine.unit import State, Unit
from hub.kafka.publisher import Record
from hub.sdk.errors import NotConnected, Signal, Transient, WriteFailed
from hub.sdk.event import Event, KafkaMessage
from hub.sdk.sink import Sink

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Bounds in seconds of the waits while the far side is down; the longest is the longest that a recovery goes unseen."""


class SinkUnit(Unit):
    """A sink.

    Args:
        name: the sink's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured sink for each life; raises ConfigError.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        retry: when to try again.
        concurrency: deliveries under way at once.
        reply: topic for the far side's answers, if any.
    """

    kind = "sink"

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], Sink[Any]],
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], Outlet],
        retry: RetryPolicy,
        concurrency: int,
        reply: str | None,
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._build = build
        self._open_reader = open_reader
        self._open_outlet = open_outlet
        self._retry = retry
        self._concurrency = concurrency
        self._reply = reply
        self._reader: Reader | None = None

    @property
    def lag(self) -> int:
        """Events that wait on the sink's topics and on its inbox."""
        return self._reader.lag if self._reader else 0

    async def measure(self) -> None:
        """Brings `lag` up to date."""
        if self._reader:
            await self._reader.measure()

    async def run(self) -> None:
        """Reads, writes and commits until it is stopped."""
        sink = self._build()
        self.flow = sink.far_side or self.flow
        reader, outlet = self._open_reader(), self._open_outlet()
        try:
            await outlet.start()
            await reader.start()
            self._reader = reader
            life = _Life(self, sink, reader, outlet, self._retry, self._concurrency, self._reply)
            self.ready.set()
            await life.connect()
            while await self.gate():
                records = await reader.fetch()
                if records:
                    await life.deliver(records)
        finally:
            self._reader = None
            # What was taken in and not settled is read again by the next life.
            self.ledger.taken -= self.ledger.under_way
            await sink.close()
            await reader.stop()
            await outlet.stop()


class _Life:
    """One life of a sink's unit: from a connection to its end, over outages in between."""

    def __init__(
        self,
        unit: SinkUnit,
        sink: Sink[Any],
        reader: Reader,
        outlet: Outlet,
        retry: RetryPolicy,
        concurrency: int,
        reply: str | None,
    ) -> None:
        self._unit = unit
        self._sink = sink
        self._reader = reader
        self._outlet = outlet
        self._retry = retry
        self._concurrency = concurrency
        self._reply = reply
        self._outages = 0

    async def connect(self) -> None:
        """Opens the sink, as often as it takes."""
        while not self._unit.stopping.is_set():
            try:
                await self._sink.open()
            except (NotConnected, Transient) as error:
                await self._wait_out(error)
            else:
                self._outages = 0
                if not self._unit.stopping.is_set():
                    self._unit.enter(State.RUNNING)
                return

    async def deliver(self, records: Sequence[Any]) -> None:
        """Sees a batch through: every event of it is delivered or dead-lettered, then the positions are committed.

        A stop or a rebalance in between leaves the rest to be read again.
        """
        ledger = self._unit.ledger
        ledger.taken += len(records)
        attempts = Attempts(self._unit.name, records)
        for pending, error in attempts.unreadable:
            await self._bury(pending, error, "parse", attempts)
        while not attempts.done and not self._unit.stopping.is_set() and not self._reader.revoking.is_set():
            due = attempts.due(self._concurrency)
            if not due:
                await self._unit.rest(min(attempts.wait(), 0.2))
                continue
            await self._write(due, attempts)
        ledger.taken -= attempts.open
        await self._reader.settle(attempts.positions())

    async def _write(self, due: Sequence[Pending], attempts: Attempts) -> None:
        """One call of the connector, and what follows from its outcome."""
        try:
            replies: Sequence[Event] = await self._sink.write([pending.delivery for pending in due])
            failures: dict[int, Signal] = {}
        except WriteFailed as error:
            replies, failures = error.replies, error.failures
        except Signal as error:
            replies, failures = (), dict.fromkeys(range(len(due)), error)
        await self._publish_replies(replies)
        outage: NotConnected | None = None
        for index, pending in enumerate(due):
            failure = failures.get(index)
            if failure is None:
                attempts.settle(pending)
                self._unit.ledger.delivered += 1
                self._unit.ledger.replayed += pending.replayed
            elif isinstance(failure, NotConnected):
                outage = failure
                attempts.hold(pending)
            else:
                await self._failed(pending, failure, attempts)
        if outage is None:
            self._outages = 0
        elif not self._unit.stopping.is_set():
            await self._sink.close()
            await self._wait_out(outage)
            await self.connect()

    async def _failed(self, pending: Pending, failure: Signal, attempts: Attempts) -> None:
        wait = self._retry.wait(pending, failure) if isinstance(failure, Transient) else None
        if wait is None:
            await self._bury(pending, failure, "write", attempts)
        else:
            self._unit.ledger.retries += 1
            attempts.again(pending, wait)

    async def _bury(self, pending: Pending, error: Exception, stage: str, attempts: Attempts) -> None:
        record = pending.record
        await self._outlet.bury(
            KafkaMessage(record.key, record.value, list(record.headers)),
            error,
            stage=stage,
            attempts=pending.delivery.attempt,
            origin=Origin(record.topic, record.partition, record.offset),
        )
        attempts.settle(pending)
        self._unit.ledger.dead_lettered[type(error).__name__] += 1
        self._unit.ledger.replayed += pending.replayed

    async def _publish_replies(self, replies: Sequence[Event]) -> None:
        if self._reply and replies:
            records = [Record(self._reply, *reply.to_kafka()) for reply in replies]
            for index, error in (await self._outlet.publish(records)).items():
                await self._outlet.bury(replies[index].to_kafka(), error, stage="reply")

    async def _wait_out(self, outage: Signal) -> None:
        self._outages += 1
        wait = outage.retry_after or backoff(self._outages, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
        self._unit.enter(State.PAUSED, f"{outage}; trying again in {wait:.1f} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._unit.either(self._reader.revoking.wait()), wait)
