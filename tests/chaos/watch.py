"""A read_committed reader that runs all the time beside the workers, and times how soon they resume."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics

Contents = dict[TopicPartition, array]
"""Numbers of events by partition, in their order."""


def number(value: bytes) -> int:
    """The number of an event, read from the beginning of its data."""
    return int(value[5 : value.index(b",", 5)])


def moment(value: bytes) -> float:
    """When an event was made, in seconds since 1970."""
    start = value.index(b'"at":') + 5
    return int(value[start : value.index(b",", start)]) / 1000


@dataclass
class Mark:
    """A fault, and the partitions through which nothing has come yet that was made after it."""

    at: float
    waiting: set[TopicPartition] = field(default_factory=set)
    resumed: float | None = None


class Watch:
    """Reads topics to their ends, again and again, as a consumer without a group.

    Args:
        kafka: where from.
        topics: what to read; resumption is told by the first of them.
    """

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        self._kafka, self._topics = kafka, list(topics)
        self.seen: Contents = {}
        self.marks: list[Mark] = []
        self._pending: list[Mark] = []
        self.last = time.monotonic()
        """When something came last."""
        self.furthest = 0
        """The highest number that has come out."""

    def mark(self) -> Mark:
        """Notes a fault that happens now."""
        mark = Mark(time.time(), {at for at in self.seen if at.topic == self._topics[0]})
        self.marks.append(mark)
        self._pending.append(mark)
        return mark

    @property
    def resumptions(self) -> list[float]:
        """Seconds from each fault until every partition had delivered something newer."""
        return [mark.resumed - mark.at for mark in self.marks if mark.resumed is not None]

    def count(self, topic: str) -> int:
        """Records of a topic so far."""
        return sum(len(numbers) for at, numbers in self.seen.items() if at.topic == topic)

    def holds(self, topic: str, count: int) -> bool:
        """Whether so many different events have come out of a topic; repeated ones count once."""
        if self.count(topic) < count:
            return False
        return len({each for at, numbers in self.seen.items() if at.topic == topic for each in numbers}) >= count

    async def start(self) -> None:
        """Finds the partitions."""
        described = await describe_topics(self._kafka, self._topics)
        self.seen = {
            TopicPartition(topic, each): array("q")
            for topic in self._topics
            for each in range(described[topic].partitions)
        }

    async def run(self) -> None:
        """Reads until it is cancelled; a reader that breaks goes on where it was."""
        positions = dict.fromkeys(self.seen, 0)
        while True:
            consumer = clients.consumer(self._kafka)
            try:
                async with clients.running(consumer, 60.0):
                    consumer.assign(list(self.seen))
                    for at, offset in positions.items():
                        consumer.seek(at, offset)
                    while True:
                        for at, records in (await consumer.getmany(timeout_ms=200)).items():
                            positions[at] = records[-1].offset + 1
                            self._take(at, records)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.1)

    def _take(self, at: TopicPartition, records: Sequence) -> None:
        numbers = [number(each.value) for each in records]
        self.seen[at].extend(numbers)
        self.furthest = max(self.furthest, *numbers)
        self.last = time.monotonic()
        if not self._pending:
            return
        newest = max(moment(each.value) for each in records)
        for mark in self._pending:
            if at in mark.waiting and newest >= mark.at:
                mark.waiting.discard(at)
                if not mark.waiting:
                    mark.resumed = time.time()
        self._pending = [mark for mark in self._pending if mark.waiting]
