"""What tests of sinks share that need no Kafka: a topic that is read, and a dead letter queue, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import RecordMetadata

from hub.engine.dlq.deadletter import Origin, dead_letter_headers
from hub.engine.dlq.outlet import DeadLetterFailed
from hub.engine.ledger.accounts import Accounts
from hub.engine.unit import Unit
from hub.kafka.compacted import Entry
from hub.sdk import Event
from hub.sdk.event import Header, KafkaMessage

IN = TopicPartition("in", 0)


class Record:
    """A record as the engine reads it."""

    def __init__(
        self,
        place: Origin,
        key: bytes | None,
        value: bytes | None = b"{}",
        headers: Sequence[Header] = (),
        timestamp: int = 0,
    ) -> None:
        self.topic, self.partition, self.offset = place
        self.key, self.value, self.headers, self.timestamp = key, value, tuple(headers), timestamp


def records(*numbers: int | None, key: str | None = "k") -> list[Record]:
    """Events with these numbers, on the input's only partition; None stands for a record that holds no event."""
    found = []
    for offset, number in enumerate(numbers):
        event = Event(type="t", source="/s", id=str(number), partitionkey=key or f"{offset}", data={"n": number})
        message = event.to_kafka()
        headers = [each for each in message.headers if number is not None or each[0] != "ce_id"]
        found.append(Record(Origin("in", 0, offset), message.key, message.value, headers))
    return found


class Table:
    """A compacted table."""

    topic = "resolutions"

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}

    async def get(self, key: bytes) -> Entry | None:
        return self.entries.get(key)

    async def put(self, key: bytes, value: bytes) -> None:
        self.entries[key] = Entry(value, (), 0, 0, len(self.entries))

    async def refresh(self) -> None:
        """There is nothing that it doesn't know."""


class Outlet:
    """Keeps what is written.

    Attributes:
        buried: dead letters, as (numbers' ids, class of the error), in order.
        failing: how many of the next dead letters can't be written.
    """

    def __init__(self, unit: str = "out") -> None:
        self._unit = unit
        self.buried: list[tuple[str, str]] = []
        self.failing = 0

    async def bury(
        self,
        message: KafkaMessage,
        error: BaseException,
        *,
        stage: str,
        attempts: int = 1,
        origin: Origin | None = None,
    ) -> RecordMetadata:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise DeadLetterFailed("no")
        headers = dead_letter_headers(message.headers, unit=self._unit, connector="", stage=stage, error=error)
        name = next((value.decode() for name, value in headers if name == "ce_id"), "-")
        self.buried.append((name, type(error).__name__))
        offset = len(self.buried) - 1
        return RecordMetadata("d", 0, TopicPartition("d", 0), offset, offset, 0, 0)


class Reader:
    """Gives records once, and notes what is committed; not before ``committing`` is set, where there is one."""

    def __init__(self, *batches: Sequence[Record]) -> None:
        self._batches = list(batches)
        self.revoking = asyncio.Event()
        self.regained = asyncio.Event()
        self.regained.set()
        self.generation = 1
        self.found: dict[TopicPartition, tuple[int, str]] = {}
        self.assigned = frozenset({IN})
        self.accounts = Accounts()
        self.position = 0
        self.committing: asyncio.Event | None = None

    def revoke(self) -> None:
        """The group begins to take partitions away."""
        self.regained = asyncio.Event()
        self.revoking.set()

    def assign(self, *batches: Sequence[Record]) -> None:
        """It gives them back, and what isn't committed is read again."""
        self.generation += 1
        self._batches = list(batches)
        self.revoking.clear()
        self.regained.set()

    def hold(self, partitions: Any) -> None:
        """Nothing is read ahead."""

    async def batches(self, *, limit: int, wait: float) -> dict[TopicPartition, list[Record]]:
        if self._batches:
            return {IN: list(self._batches.pop(0))}
        await asyncio.sleep(min(wait, 0.02))
        return {}

    async def commit(self, offsets: Any, notes: Any = None) -> bool:
        if self.committing is not None:
            await self.committing.wait()
        self.position = offsets.get(IN, self.position)
        return True

    async def settle(self, offsets: Any, notes: Any = None) -> bool:
        return await self.commit(offsets, notes)

    def give_back(self, records: int) -> None:
        """Nobody asks for the lag."""


class Named(Unit):
    """A unit that is driven by the test."""

    kind = "sink"

    async def run(self) -> None:
        """Nothing of its own."""
