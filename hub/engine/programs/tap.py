"""A live view of topics, as anybody may look at them: without a consumer group, so that nothing is moved or held up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from hub.engine.dlq.backlog import Backlog
from hub.engine.dlq.deadletter import Origin
from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics
from hub.routes import EvaluationError, compile_predicate
from hub.sdk.errors import HubError, InvalidEvent, NotConnected
from hub.sdk.event import Event, Header

REFRESH = 2.0
"""Seconds between two looks for partitions and topics that are new."""
MISSED = 3
"""Looks without a topic after which it counts as deleted."""

_log = logging.getLogger("hub.tap")


@dataclass(frozen=True)
class Sighting:
    """One record that went by.

    Attributes:
        place: where it lies.
        at: the record's timestamp.
        key, value, headers: as they lie there.
        event: None where the record holds none.
        problem: why it doesn't.
    """

    place: Origin
    at: datetime
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[Header, ...] = field(repr=False)
    event: Event | None
    problem: str = ""


class Tap:
    """What `hub.tap` gives: iterate it.

    Attributes:
        topics: what it looks at.
        unevaluated: how many events the expression had no value for; they aren't shown.
        problem: what the first of these lacked.
        waiting: topics that don't exist.
    """

    def __init__(
        self, settings: KafkaSettings, topics: list[str], *, since: datetime | None, last: int | None, where: str | None
    ) -> None:
        self.topics = topics
        self.unevaluated = 0
        self.problem = ""
        self.waiting: set[str] = set(topics)
        self._settings = settings
        self._since = since
        self._last = last
        self._where = None if where is None else compile_predicate(where)
        self._positions: dict[TopicPartition, int] = {}
        self._missed: dict[str, int] = {}
        self._lost = False

    def __aiter__(self) -> AsyncGenerator[Sighting]:
        """As `sightings`."""
        return self.sightings()

    async def sightings(self, missing: Callable[[set[str]], None] = lambda _: None) -> AsyncGenerator[Sighting]:
        """Looks, until the iteration is left.

        Args:
            missing: is told at the start which topics don't exist, if there are such.

        Raises:
            HubError: Kafka can't be reached at the start, or refuses us.
        """
        async with aclosing(self._before()) as before:
            async for record in before:
                if (sighting := self._seen(record)) is not None:
                    yield sighting
        if self.waiting:
            missing(set(self.waiting))
        consumer = clients.consumer(self._settings, metadata_max_age_ms=int(REFRESH * 1000))
        async with clients.running(consumer), aclosing(self._live(consumer)) as live:
            async for record in live:
                if (sighting := self._seen(record)) is not None:
                    yield sighting

    async def _before(self) -> AsyncGenerator[Any]:
        """What lies there already; leaves the positions at which what is new begins."""
        distance = self._last
        while True:
            async with Backlog(self._settings, self.topics, since=self._since, last=distance) as backlog:
                self._positions = dict(backlog.ends)
                self.waiting = set(self.topics) - {each.topic for each in backlog.ends}
                if self._last == 0:
                    return
                if self._last is None:
                    async for record in backlog.records():
                        if self._since is None or record.timestamp >= self._since.timestamp() * 1000:
                            yield record
                    return
                found = await _tail(backlog, self._last)
                if found is not None:
                    for record in found:
                        yield record
                    return
                # Transactions leave offsets without a record.
                distance = (distance or 1) * 4

    async def _live(self, consumer: AIOKafkaConsumer) -> AsyncGenerator[Any]:
        self._assign(consumer)
        looked = time.monotonic()
        while True:
            try:
                if self._positions:
                    batches = await consumer.getmany(timeout_ms=500, max_records=500)
                else:
                    batches = {}
                    await asyncio.sleep(REFRESH / 4)
                for partition, records in batches.items():
                    for record in records:
                        self._positions[partition] = record.offset + 1
                        yield record
                if time.monotonic() - looked >= REFRESH:
                    looked = time.monotonic()
                    await self._look_for_new(consumer)
            except OffsetOutOfRangeError as error:
                await self._begin_again(consumer, error)
            except (KafkaError, HubError) as error:
                await self._survive(error)

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        """Assigning makes aiokafka forget where it was, so each position is set."""
        if self._positions:
            consumer.assign(list(self._positions))
            for partition, position in self._positions.items():
                consumer.seek(partition, position)

    async def _look_for_new(self, consumer: AIOKafkaConsumer) -> None:
        """Takes up new partitions and topics from their beginning, and lets go of topics that are gone."""
        try:
            existing = await consumer.topics()
        except KafkaError as error:
            self._tell_lost(f"Kafka can't be reached or isn't ready: {error}")
            return
        self._tell_back()
        gone = self._gone(existing)
        come = self.waiting & existing
        known = {each.topic for each in self._positions} - gone
        counts = {name: len(consumer.partitions_for_topic(name) or ()) for name in known}
        if come:
            counts |= {
                name: one.partitions for name, one in (await describe_topics(self._settings, list(come))).items()
            }
        every = {TopicPartition(name, number) for name, count in counts.items() for number in range(count)}
        new = every - self._positions.keys()
        self.waiting = (self.waiting | gone) - counts.keys()
        if not new and not gone:
            return
        beginnings = await consumer.beginning_offsets(list(new)) if new else {}
        kept = {each: position for each, position in self._positions.items() if each.topic not in gone}
        self._positions = {**kept, **beginnings}
        if self._positions:
            self._assign(consumer)
        else:
            consumer.unsubscribe()

    def _gone(self, existing: set[str]) -> set[str]:
        """Topics that were missing several times running: a broker that has just started may not know all of them."""
        missing = {each.topic for each in self._positions} - existing
        self._missed = {name: self._missed.get(name, 0) + 1 for name in missing}
        return {name for name, times in self._missed.items() if times >= MISSED}

    async def _begin_again(self, consumer: AIOKafkaConsumer, error: OffsetOutOfRangeError) -> None:
        """A topic that was made anew, or whose records were deleted, goes on at its beginning."""
        lost = [partition for partition in error.args[0] if partition in self._positions]
        try:
            for partition, offset in (await consumer.beginning_offsets(lost)).items():
                _log.warning("%s-%d goes on at offset %d: what lay before is gone", *partition, offset)
                self._positions[partition] = offset
                consumer.seek(partition, offset)
        except KafkaError as another:
            await self._survive(another)

    async def _survive(self, error: KafkaError | HubError) -> None:
        """Waits while Kafka is away.

        Raises:
            HubError: waiting won't help.
        """
        mapped = kafka_error(error, "reading")
        if not isinstance(mapped, NotConnected):
            raise mapped from error
        self._tell_lost(str(mapped))
        await asyncio.sleep(REFRESH / 2)

    def _tell_lost(self, problem: str) -> None:
        """Once, until Kafka is back: there is an attempt every few seconds."""
        if not self._lost:
            _log.warning("%s; trying again until it is back", problem)
        self._lost = True

    def _tell_back(self) -> None:
        if self._lost:
            _log.warning("Kafka is back; going on where it was lost")
        self._lost = False

    def _seen(self, record: Any) -> Sighting | None:
        event, problem = None, ""
        try:
            event = Event.from_kafka(record.key, record.value, record.headers)
        except InvalidEvent as error:
            problem = str(error)
        if self._where is not None and not self._matches(event, problem):
            return None
        return Sighting(
            place=Origin(record.topic, record.partition, record.offset),
            at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            event=event,
            problem=problem,
        )

    def _matches(self, event: Event | None, problem: str) -> bool:
        assert self._where is not None
        if event is not None:
            try:
                return bool(self._where(event))
            except (EvaluationError, InvalidEvent) as error:
                problem = str(error)
        self.unevaluated += 1
        self.problem = self.problem or problem
        return False


async def _tail(backlog: Backlog, last: int) -> Iterable[Any] | None:
    """The last records; None where the backlog reaches back too little to know them."""
    found: deque[Any] = deque(maxlen=last)
    counts = dict.fromkeys(backlog.starts, 0)
    async for record in backlog.records():
        found.append(record)
        counts[TopicPartition(record.topic, record.partition)] += 1
    short = any(
        count < last and backlog.starts[partition] > backlog.beginnings[partition]
        for partition, count in counts.items()
    )
    return None if short else found
