"""Keys whose order is kept over dead letters: what follows a dead letter is parked behind it until it has its way.

A sink with ``dlq_order: key`` sends nothing of a key that has an open dead letter. Live events of such a key are
dead-lettered as `Parked`. A letter stops holding its key when it was discarded, or when its replay has been delivered;
a replay that fails again takes its letter's place. While all letters of a key are on their way back, its live events
wait for them in memory.

All of that is on Kafka: the DLQ topic, and the resolutions, where the sink notes how replays ended. Both are followed,
so that it holds over restarts and among several workers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata
from pydantic import ValidationError

from hub.engine.dlq.deadletter import REPLAY_OF, Origin, read_dead_letter
from hub.engine.dlq.resolutions import ANNOUNCED, Resolution, announcement
from hub.kafka import clients, topics
from hub.kafka.compacted import CompactedTable
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import table_topic
from hub.sdk.errors import HubError, NotConnected, Permanent
from hub.sdk.event import Header

CATCH_UP = 60.0
"""Seconds that catching up with what others have written may take."""
_log = logging.getLogger("hub.engine.sinks.parking")


class Parked(Permanent):
    """An event was set aside, not tried: an earlier one of its key is in the dead letter queue."""


class Way(Enum):
    """Where an event of a key may go."""

    OUT = "to the far side"
    WAIT = "until the replays of its key are through"
    PARK = "behind the dead letters of its key"


class _Order(NamedTuple):
    """A letter's place in its key's order: that of the first letter of the same event."""

    timestamp: int
    place: Origin


class Parking:
    """The open dead letters of one sink, by key.

    Args:
        settings: how to reach Kafka.
        unit: name of the sink.
        former: names that it had before; their dead letters count as well.
        dlq: topics where they lie.
        resolutions: topic that says what became of dead letters.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        unit: str,
        former: Collection[str] = (),
        dlq: Collection[str],
        resolutions: str,
    ) -> None:
        self._settings = settings
        self._units = frozenset((unit, *former))
        self._announcement = announcement(unit)
        self._topics = tuple(dlq)
        self._table = CompactedTable(settings, resolutions, follow=True)
        self._letters: dict[bytes, dict[Origin, _Order]] = {}
        self._orders: dict[Origin, _Order] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._following: asyncio.Task[None] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Reads what there is.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await topics.ensure_topics(self._settings, [table_topic(self._table.topic)])
        await self._table.start()
        known = await topics.describe_topics(self._settings, list(self._topics))
        partitions = [TopicPartition(name, each) for name, topic in known.items() for each in range(topic.partitions)]
        self._consumer = clients.consumer(self._settings)
        await clients.start(self._consumer)
        if not partitions:
            return
        try:
            self._consumer.assign(partitions)
            self._positions = dict(await self._consumer.beginning_offsets(partitions))
            for partition, offset in self._positions.items():
                self._consumer.seek(partition, offset)
        except KafkaError as error:
            raise kafka_error(error, "following dead letters") from error
        self._following = asyncio.create_task(self._follow(self._consumer))
        await self.catch_up()

    async def stop(self) -> None:
        """Disconnects."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._consumer is not None:
            await clients.close(self._consumer)
        await self._table.stop()

    async def catch_up(self) -> None:
        """Reads what others have written until now; others had our partitions before us.

        Raises:
            HubError: Kafka's.
        """
        if self._following is None or self._consumer is None:
            return
        await self._table.refresh()
        try:
            ends = await self._consumer.end_offsets(list(self._positions))
        except KafkaError as error:
            raise kafka_error(error, "following dead letters") from error

        def reached() -> bool:
            return (
                self._following is None
                or self._following.done()
                or all(self._positions[partition] >= end for partition, end in ends.items())
            )

        try:
            async with asyncio.timeout(CATCH_UP), self._moved:
                await self._moved.wait_for(reached)
        except TimeoutError as error:
            raise NotConnected(f"could not read the dead letters to their end within {CATCH_UP:g} s") from error
        self._check()

    async def way(self, key: bytes | None, headers: Sequence[Header]) -> Way:
        """Where an event may go now.

        Args:
            key: of its record.
            headers: of its record; a replay says there which letter it is.

        Raises:
            HubError: nobody can say any more.
        """
        self._check()
        if key is None or not self._letters.get(key):
            return Way.OUT
        place = replay_of(headers)
        mine = self._letters[key].get(place) if place is not None else None
        if place is not None and mine is None:
            return Way.OUT  # it had its way before, and comes again after a crash
        on_their_way = True
        for letter, order in list(self._letters[key].items()):
            if letter == place or (mine is not None and order > mine):
                continue
            resolution = await self._resolution(letter)
            if resolution is None:
                # While dead letters are being replayed nothing more is parked, or a busy key would never come through.
                return Way.WAIT if place is None and await self._announced() else Way.PARK
            if self._over(key, letter, resolution):
                continue
            on_their_way = on_their_way and resolution.kind == "replayed"
        if not any(letter != place and (mine is None or order < mine) for letter, order in self._open(key)):
            return Way.OUT
        return Way.WAIT if on_their_way and place is None else Way.PARK

    def _open(self, key: bytes) -> Collection[tuple[Origin, _Order]]:
        return self._letters.get(key, {}).items()

    async def buried(self, key: bytes | None, headers: Sequence[Header], written: RecordMetadata) -> None:
        """An event of ours was dead-lettered; its later ones go behind it from now on."""
        place = Origin(written.topic, written.partition, written.offset)
        self._add(key, place, written.timestamp, headers)
        await self._ended(key, headers, again=str(place))

    async def delivered(self, key: bytes | None, headers: Sequence[Header]) -> None:
        """An event of ours was delivered; if it was a replay, its letter holds nothing any more.

        Raises:
            HubError: that could not be written; the event is to be delivered again.
        """
        await self._ended(key, headers, again="")

    async def _ended(self, key: bytes | None, headers: Sequence[Header], *, again: str) -> None:
        place = replay_of(headers)
        if place is None or key is None:
            return
        resolution = await self._resolution(place)
        if resolution is None:
            await self._table.refresh()
            resolution = await self._resolution(place)
        if resolution is not None and resolution.sequenced:
            ended = resolution.model_copy(update={"ended": True, "again": again})
            await self._table.put(str(place).encode(), ended.model_dump_json().encode())
        self._drop(key, place)

    def _over(self, key: bytes, place: Origin, resolution: Resolution) -> bool:
        """Whether a letter holds its key no longer; sees to the one that took its place."""
        if resolution.kind == "replayed" and resolution.sequenced and not resolution.ended:
            return False
        order = self._orders.get(place)
        again = Origin.parse(resolution.again)
        self._drop(key, place)
        if again is not None and order is not None and again not in self._orders:
            self._letters.setdefault(key, {})[again] = self._orders[again] = order
        return again is None

    def _drop(self, key: bytes, place: Origin) -> None:
        self._orders.pop(place, None)
        letters = self._letters.get(key)
        if letters is not None:
            letters.pop(place, None)
            if not letters:
                del self._letters[key]

    async def _announced(self) -> bool:
        entry = await self._table.get(self._announcement)
        return entry is not None and time.time() - entry.timestamp / 1000 < ANNOUNCED

    async def _resolution(self, place: Origin) -> Resolution | None:
        entry = await self._table.get(str(place).encode())
        if entry is None:
            return None
        try:
            return Resolution.model_validate_json(entry.value)
        except ValidationError:
            return None  # as an open one: to hold a key for too long is better than to break its order

    # Following

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=500, max_records=1000)).items():
                    for record in records:
                        await self._read(record)
                    self._positions[partition] = records[-1].offset + 1
                for partition in self._positions:
                    self._positions[partition] = await consumer.position(partition)
                async with self._moved:
                    self._moved.notify_all()
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _read(self, record: Any) -> None:
        key, place = record.key, Origin(record.topic, record.partition, record.offset)
        if key is None or read_dead_letter(record.headers).unit not in self._units:
            return
        self._add(key, place, record.timestamp, record.headers)
        resolution = await self._resolution(place)
        if resolution is not None and resolution.timestamp == record.timestamp:
            self._over(key, place, resolution)

    def _add(self, key: bytes | None, place: Origin, timestamp: int, headers: Sequence[Header]) -> None:
        if key is None or place in self._orders:
            return
        root = replay_of(headers)
        order = self._orders.get(root) if root is not None else None
        self._orders[place] = self._letters.setdefault(key, {})[place] = order or _Order(timestamp, place)

    def _check(self) -> None:
        if self._following is not None and self._following.done():
            error = self._following.exception()
            if isinstance(error, HubError):
                raise error
            raise kafka_error(error or NotConnected("nobody follows the dead letters"), "following dead letters")


def replay_of(headers: Sequence[Header]) -> Origin | None:
    """The dead letter of which a record is the replay."""
    found = [value for name, value in headers if name == REPLAY_OF and value is not None]
    return Origin.parse(found[-1].decode(errors="replace")) if found else None
