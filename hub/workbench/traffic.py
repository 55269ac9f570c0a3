"""Retained events, as they lie on Kafka or in a file: the newest ones, or all since a time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition

from hub.engine.dlq.backlog import Backlog
from hub.kafka.settings import KafkaSettings

HELD_BYTES = 64 * 2**20
"""Bytes of records that are held to be read once; of more, the newest are found first and then read again."""
_RECORD_BYTES = 1_000  # about what an object of a record takes beside its value
_ENOUGH = 1.25  # so many times more offsets than records wanted are a good place to begin
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Traffic:
    """What lies on topics.

    Args:
        settings: how to reach Kafka.
        topics: which; one that doesn't exist has no records.
        last: the newest so many records of all of them together, by their timestamps.
        since: or all of this time and later.

    Attributes:
        missing: topics that don't exist; known once it is read.
    """

    settings: KafkaSettings
    topics: Sequence[str]
    last: int | None = None
    since: datetime | None = None
    missing: set[str] = field(default_factory=set)

    async def batches(self) -> AsyncIterator[Sequence[Any]]:
        """The records that are committed when this begins, in the order of their partitions.

        Nothing is held but what is under way: no consumer group, no position, a few fetches in memory.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        async with Backlog(self.settings, self.topics, since=self.since) as backlog:
            self.missing = set(self.topics) - {each.topic for each in backlog.ends}
            if self.last is None:
                async for batch in _since(backlog, self.since):
                    yield batch
                return
            async for batch in _Newest(backlog, self.last).batches():
                yield batch


async def _since(backlog: Backlog, since: datetime | None) -> AsyncIterator[Sequence[Any]]:
    first = 0 if since is None else since.timestamp() * 1000
    async for batch in backlog.batches():
        yield [record for record in batch if record.timestamp >= first]


class _Newest:
    """The newest records over all partitions.

    Timestamps needn't rise within a partition, and offsets without a record (transactions, compaction) don't count. So
    the partitions are read from a time on, chosen by Kafka's index so that enough offsets lie behind it; what was read
    tells at which timestamp the newest begin.
    """

    def __init__(self, backlog: Backlog, count: int) -> None:
        self._backlog = backlog
        self._count = count
        self._times: array[int] = array("q")
        self._held: list[Sequence[Any]] | None = []
        self._bytes = 0

    async def batches(self) -> AsyncIterator[Sequence[Any]]:
        wanted = self._count
        while True:
            moment = await self._reaching(wanted)
            await self._look(moment)
            if len(self._times) >= self._count or moment <= _LONG_AGO:
                break
            wanted *= 4
        cut = self._cut()
        quota = await self._quota(cut)
        async for batch in self._again():
            yield [record for record in batch if self._chosen(record, cut, quota)]

    async def _reaching(self, wanted: int) -> datetime:
        """The latest time behind which so many offsets lie; sets the backlog's starts to it."""
        backlog = self._backlog
        low, high = _LONG_AGO, datetime.now(UTC) + timedelta(days=1)
        backlog.starts = dict(backlog.beginnings)
        if self._behind() <= wanted:
            return low
        while high - low > timedelta(milliseconds=1):
            middle = low + (high - low) / 2
            backlog.starts = await backlog.offsets_at(middle)
            if wanted <= (behind := self._behind()) <= wanted * _ENOUGH:
                return middle
            if behind >= wanted:
                low = middle
            else:
                high = middle
        backlog.starts = await backlog.offsets_at(low)
        return low

    def _behind(self) -> int:
        backlog = self._backlog
        return sum(max(0, end - backlog.starts[each]) for each, end in backlog.ends.items())

    async def _look(self, moment: datetime) -> None:
        # Kafka has -1 for a record without a timestamp.
        first = moment.timestamp() * 1000 if moment > _LONG_AGO else -1
        self._times, self._held, self._bytes = array("q"), [], 0
        async for batch in self._backlog.batches():
            self._times.extend(record.timestamp for record in batch if record.timestamp >= first)
            if self._held is not None:
                self._held.append(batch)
                self._bytes += sum(_RECORD_BYTES + len(record.value or b"") for record in batch)
                if self._bytes > HELD_BYTES:
                    self._held = None

    def _cut(self) -> int:
        """The timestamp of the oldest of the newest."""
        if len(self._times) <= self._count:
            return min(self._times, default=0)
        return sorted(self._times)[-self._count]

    async def _quota(self, cut: int) -> Counter[TopicPartition]:
        """How many records of the oldest timestamp each partition leaves out: the first of the first partitions."""
        surplus = sum(1 for each in self._times if each >= cut) - self._count
        if surplus <= 0:
            return Counter()
        ties: Counter[TopicPartition] = Counter()
        async for batch in self._again():
            ties.update(TopicPartition(each.topic, each.partition) for each in batch if each.timestamp == cut)
        quota: Counter[TopicPartition] = Counter()
        for partition in sorted(ties):
            quota[partition] = min(surplus, ties[partition])
            surplus -= quota[partition]
        return quota

    async def _again(self) -> AsyncIterator[Sequence[Any]]:
        if self._held is not None:
            for batch in self._held:
                yield batch
            return
        async for batch in self._backlog.batches():
            yield batch

    def _chosen(self, record: Any, cut: int, quota: Counter[TopicPartition]) -> bool:
        if record.timestamp != cut:
            return bool(record.timestamp > cut)
        partition = TopicPartition(record.topic, record.partition)
        if quota[partition] > 0:
            quota[partition] -= 1
            return False
        return True
