"""What lies on topics at one moment, read once and in the order of time, without a consumer group."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from hub.kafka import clients, topics
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import NotConnected

STALL = 30.0
"""Seconds without any progress after which Kafka counts as gone."""
SKEW = timedelta(minutes=5)
"""How far a record's timestamp may be off from the times that it tells of: clocks differ."""

_log = logging.getLogger("hub.engine.dlq.backlog")


class Backlog:
    """The committed records that lie on topics when it is opened; what is written later is left out.

    Records of one partition keep their order; those of several are merged by their timestamps. A few fetches of each
    partition are held in memory, never all.

    Args:
        settings: how to reach Kafka.
        names: topics; one that doesn't exist has no records.
        since: leaves out what was written before this time, as far as Kafka's index of times can tell.
        until: leaves out what was written after this time, likewise.
        last: leaves out all but about so many records at the end of each partition.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        names: Iterable[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        last: int | None = None,
    ) -> None:
        self._settings = settings
        self._names = list(dict.fromkeys(names))
        self._since = since
        self._until = until
        self._last = last
        self._consumer: AIOKafkaConsumer
        self.beginnings: dict[TopicPartition, int] = {}
        """Offset of the first record that retention has left."""
        self.starts: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] = {}
        """Offset after the last record, by partition; known once it is opened. Starts may be moved before reading."""

    async def __aenter__(self) -> Self:
        """Notes where everything begins and ends.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        known = await topics.describe_topics(self._settings, self._names) if self._names else {}
        partitions = [TopicPartition(name, each) for name, topic in known.items() for each in range(topic.partitions)]
        self._consumer = clients.consumer(self._settings)
        await clients.start(self._consumer)
        try:
            await self._measure(partitions)
        except BaseException as error:
            await clients.close(self._consumer)
            if isinstance(error, KafkaError):
                raise kafka_error(error, "asking where topics begin and end") from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await clients.close(self._consumer)

    async def _measure(self, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        # All at once: by itself aiokafka asks for one topic after the other, a tenth of a second each.
        await self._consumer._client.set_topics({each.topic for each in partitions})  # noqa: SLF001
        # The end first: a partition that retention empties in between has its beginning there.
        self.ends = dict(await self._consumer.end_offsets(partitions))
        self.beginnings = dict(await self._consumer.beginning_offsets(partitions))
        self.starts = dict(self.beginnings)
        if self._since is not None:
            self.starts = await self.offsets_at(self._since - SKEW)
        if self._until is not None:
            self.ends = await self.offsets_at(self._until + SKEW)
        if self._last is not None:
            for each in partitions:
                self.starts[each] = max(self.starts[each], self.ends[each] - self._last)

    async def offsets_at(self, moment: datetime) -> dict[TopicPartition, int]:
        """Offset of the first record of this time or later; the end where there is none. May serve as `starts`.

        Raises:
            HubError: Kafka's.
        """
        times = dict.fromkeys(self.ends, max(0, int(moment.timestamp() * 1000)))
        try:
            found = await self._consumer.offsets_for_times(times) if times else {}
        except KafkaError as error:
            raise kafka_error(error, "asking for the offsets of a time") from error
        # What an open transaction has written may be found, too.
        return {each: min(at.offset, end) if (at := found[each]) else end for each, end in self.ends.items()}

    async def batches(self) -> AsyncIterator[Sequence[Any]]:
        """The same records in no order but that of each partition, many at a time: quicker than one by one.

        Raises:
            NotConnected, HubError: as `records`.
        """
        positions = self._begin()
        held: dict[TopicPartition, deque[Any]] = {each: deque() for each in positions}
        while held:
            await self._fetch(list(held), positions, held, together=False)
            for partition, records in list(held.items()):
                if records:
                    yield list(records)
                    records.clear()
                if positions[partition] >= self.ends[partition]:
                    # What lies behind the end isn't wanted; fetching it would hold up the others.
                    self._consumer.pause(partition)
                    del held[partition]

    def _begin(self) -> dict[TopicPartition, int]:
        positions = {each: start for each, start in self.starts.items() if start < self.ends[each]}
        if positions:
            self._consumer.assign(list(positions))
        for partition, start in positions.items():
            self._consumer.seek(partition, start)
        return positions

    async def records(self) -> AsyncIterator[Any]:
        """The records, each once.

        Raises:
            NotConnected: Kafka went away.
            HubError: Kafka refuses us.
        """
        positions = self._begin()
        held: dict[TopicPartition, deque[Any]] = {each: deque() for each in positions}
        while held:
            missing = [each for each, records in held.items() if not records]
            if missing:
                await self._fetch(missing, positions, held)
                for each in missing:
                    if not held[each] and positions[each] >= self.ends[each]:
                        del held[each]
                continue
            first = min(held, key=lambda each: held[each][0].timestamp)
            yield held[first].popleft()

    async def _fetch(
        self,
        missing: list[TopicPartition],
        positions: dict[TopicPartition, int],
        held: dict[TopicPartition, deque[Any]],
        *,
        together: bool = True,
    ) -> None:
        """Reads until each of these partitions has a record or is at its end; if not together, until one has."""
        waiting = {each for each in missing if positions[each] < self.ends[each]}
        wanted = len(waiting)
        moved = time.monotonic()
        while waiting and (together or len(waiting) == wanted):
            for partition, records in (await self._some(waiting)).items():
                held[partition].extend(record for record in records if record.offset < self.ends[partition])
            for partition in list(waiting):
                position = await self._consumer.position(partition)
                if position != positions[partition]:
                    positions[partition] = position
                    moved = time.monotonic()
                if held[partition] or position >= self.ends[partition]:
                    waiting.discard(partition)
            if time.monotonic() - moved > STALL:
                names = ", ".join(sorted({each.topic for each in waiting}))
                raise NotConnected(f"Kafka gave nothing of {names} for {STALL:g} s")

    async def _some(self, waiting: Iterable[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        try:
            return dict(await self._consumer.getmany(*waiting, timeout_ms=500, max_records=500))
        except OffsetOutOfRangeError as error:
            for partition, position in error.args[0].items():
                beginning = (await self._consumer.beginning_offsets([partition]))[partition]
                _log.info("retention deleted %s-%d@%d meanwhile", partition.topic, partition.partition, position)
                self._consumer.seek(partition, max(beginning, position))
            return {}
        except KafkaError as error:
            raise kafka_error(error, "reading") from error
