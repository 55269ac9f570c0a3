"""What came out, held against what went in: sets, counts, and the order of each key."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aiokafka import TopicPartition

from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics
from tests.chaos.watch import Contents, number

STABLE_LIMIT = 60.0
"""Seconds in which every transaction has ended; more than a dead worker's may stay open."""


@dataclass
class Read:
    """A topic as it is: numbers by partition, and by key, in their order."""

    partitions: Contents = field(default_factory=dict)
    keys: dict[bytes, array] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.keys.values()))

    def selected(self, test: Callable[[int], bool]) -> int:
        """How many of them pass a test."""
        return sum(test(each) for numbers in self.partitions.values() for each in numbers)


@dataclass(frozen=True)
class Verdict:
    """How an output differs from its input."""

    expected: int
    found: int
    lost: int
    duplicated: int
    order_violations: int
    examples: tuple[Any, ...] = ()

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.order_violations)

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "examples"}


async def stable(kafka: KafkaSettings, topics: Sequence[str]) -> float:
    """Waits until no transaction is open: the last stable offset of every partition has reached its end.

    Whoever counts before that takes what is only held back for lost.

    Returns:
        Seconds that it took.
    """
    described = await describe_topics(kafka, list(topics))
    partitions = [TopicPartition(topic, each) for topic in topics for each in range(described[topic].partitions)]
    began = time.monotonic()
    async with (
        clients.running(clients.consumer(kafka)) as committed,
        clients.running(clients.consumer(kafka, isolation_level="read_uncommitted")) as everything,
    ):
        while await committed.end_offsets(partitions) != await everything.end_offsets(partitions):
            assert time.monotonic() - began < STABLE_LIMIT, "a transaction has been open for too long"
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def read(kafka: KafkaSettings, topic: str) -> Read:
    """All that is committed on a topic, once it is stable."""
    await stable(kafka, [topic])
    described = await describe_topics(kafka, [topic])
    partitions = [TopicPartition(topic, each) for each in range(described[topic].partitions)]
    found = Read({at: array("q") for at in partitions})
    async with clients.running(clients.consumer(kafka)) as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for at in partitions:
            consumer.seek(at, 0)
        left = {at for at, end in ends.items() if end}
        while left:
            for at, records in (await consumer.getmany(timeout_ms=500)).items():
                numbers = [number(each.value) for each in records]
                found.partitions[at].extend(numbers)
                for each, value in zip(records, numbers, strict=True):
                    found.keys.setdefault(each.key, array("q")).append(value)
            left = {at for at in left if await consumer.position(at) < ends[at]}
    return found


def compare(given: Read, made: Read, *, expected: Callable[[int], bool] = lambda _: True) -> Verdict:
    """Holds an output against its input.

    Args:
        given: the input.
        made: the output.
        expected: whether the event of a number comes through.
    """
    lost, more, disorder, wanted = 0, 0, 0, 0
    examples: list[Any] = []
    for key in given.keys.keys() | made.keys.keys():
        before = [each for each in given.keys.get(key, ()) if expected(each)]
        after = list(made.keys.get(key, ()))
        wanted += len(before)
        missing, extra = Counter(before), Counter(after)
        missing.subtract(after)
        extra.subtract(before)
        lost += sum(each for each in missing.values() if each > 0)
        more += sum(each for each in extra.values() if each > 0)
        examples += [(key, each, -count) for each, count in missing.items() if count][: max(0, 10 - len(examples))]
        disorder += _disorder(before, after)
    return Verdict(wanted, made.count, lost, more, disorder, tuple(examples))


def _disorder(before: Sequence[int], after: Sequence[int]) -> int:
    """How many come after one that they should come before; a repetition counts as such, not as disorder."""
    places: dict[int, int] = {}
    for at, each in enumerate(before):
        places.setdefault(each, at)
    furthest, wrong = -1, 0
    for each in dict.fromkeys(after):
        place = places.get(each, furthest)
        wrong += place < furthest
        furthest = max(furthest, place)
    return wrong
