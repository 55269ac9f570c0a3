"""A compacted topic as a table: the latest value of each key, read whole at the start and kept up to date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from hub.kafka import clients, topics
from hub.kafka.errors import kafka_error
from hub.kafka.publisher import Header, Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem, HubError, NotConnected

_POLL_MS = 500
_RECORDS = 5_000


class Entry(NamedTuple):
    """The latest record of a key.

    Args:
        value: its bytes.
        headers: in order.
        timestamp: milliseconds since 1970.
        partition: where it stands.
        offset: where it stands.
    """

    value: bytes
    headers: tuple[Header, ...]
    timestamp: int
    partition: int
    offset: int


class CompactedTable:
    """The latest value of each key of a topic.

    Only committed records count. What `put` and `delete` have written is seen by the next `get`. What others write is
    seen soon if the table follows its topic, and otherwise after `refresh`.

    Args:
        settings: which cluster.
        topic: must exist.
        follow: whether to keep reading in the background.
        retention: entries older than this are forgotten, for topics that are also deleted from.
        publisher: to write with; the table makes one of its own when it first writes, if none is given.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        follow: bool = False,
        retention: timedelta | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        self.topic = topic
        self._settings = settings
        self._retention = None if retention is None else int(retention.total_seconds() * 1000)
        self._entries: dict[bytes, Entry] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._publisher = publisher
        self._own: Publisher | None = None
        self._follow = follow
        self._task: asyncio.Task[None] | None = None
        self._failed: HubError | None = None
        self._moved = asyncio.Condition()
        self._reading = asyncio.Lock()

    async def start(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109  the message says what it waited for
        """Reads the topic to its end.

        The end is what is written, be it committed or not: an open transaction may hold a newer value, so it is waited
        for. (Its owner's successor ends it at once by starting a producer with the same ``transactional.id``.)

        Raises:
            EnvironmentProblem: the topic doesn't exist.
            NotConnected: Kafka can't be reached, or a transaction stays open.
        """
        self._failed = None
        known = await topics.describe_topics(self._settings, [self.topic])
        if self.topic not in known:
            raise EnvironmentProblem(f"the topic {self.topic} doesn't exist on this Kafka cluster")
        partitions = [TopicPartition(self.topic, each) for each in range(known[self.topic].partitions)]
        consumer = clients.consumer(self._settings)
        await clients.start(consumer)
        self._consumer = consumer
        consumer.assign(partitions)
        self._entries.clear()
        try:
            first = await consumer.beginning_offsets(partitions)
            for partition, offset in first.items():
                consumer.seek(partition, offset)
            self._positions = dict(first)
            await self.refresh(timeout)
        except (kafka.KafkaError, TimeoutError) as error:
            await self.stop()
            raise kafka_error(error, f"reading {self.topic}") from error
        except BaseException:
            await self.stop()
            raise
        if self._follow:
            self._task = asyncio.create_task(self._following(), name=f"table {self.topic}")

    async def stop(self) -> None:
        """Stops following, and closes what the table has opened."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        if self._own is not None:
            await self._own.stop()
            self._publisher = self._own = None
        if self._consumer is not None:
            await clients.close(self._consumer)
            self._consumer = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def get(self, key: bytes) -> Entry | None:
        """The latest entry of a key.

        Raises:
            HubError: the table could not follow its topic any more.
        """
        self._check()
        entry = self._entries.get(key)
        return None if entry is None or self._expired(entry) else entry

    async def items(self) -> Mapping[bytes, Entry]:
        """All entries by key, as they are now: a copy."""
        self._check()
        return {key: entry for key, entry in self._entries.items() if not self._expired(entry)}

    async def put(self, key: bytes, value: bytes, headers: Sequence[Header] = ()) -> None:
        """Sets a key's value, acknowledged by all in-sync replicas.

        Raises:
            HubError: as `Publisher.send` says; whether the value is set may be open.
        """
        await self._write([Record(self.topic, key, value, headers)])

    async def put_all(self, values: Mapping[bytes, bytes]) -> None:
        """Sets several keys at once, for the price of one round trip; one that fails doesn't stop the others.

        Raises:
            HubError: the first error.
        """
        await self._write([Record(self.topic, key, value) for key, value in values.items()])

    async def delete(self, key: bytes) -> None:
        """Removes a key, by a tombstone."""
        await self._write([Record(self.topic, key, None)])

    async def refresh(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109  the message says what it waited for
        """Catches up with all that is written at this moment.

        Raises:
            NotConnected: not within the timeout.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._reach(await self._ends())
        except TimeoutError as error:
            raise NotConnected(
                f"could not read {self.topic} to its end within {timeout:g} s: Kafka is away, "
                "or a transaction that writes to it is open"
            ) from error

    async def _write(self, records: Sequence[Record]) -> None:
        self._check()
        if self._publisher is None:
            # Set before it is started, so that of several that write at once only one makes it.
            self._publisher = self._own = Publisher(self._settings)
            await self._own.start()
        results = await self._publisher.send(records)
        reached: dict[TopicPartition, int] = {}
        for each in results:
            if not isinstance(each, HubError):
                reached[each.topic_partition] = max(each.offset + 1, reached.get(each.topic_partition, 0))
        await self._reach(reached)
        for each in results:
            if isinstance(each, HubError):
                raise each

    async def _reach(self, targets: Mapping[TopicPartition, int]) -> None:
        """Waits until these offsets have been read, or reads them where nobody else does."""
        if self._task is not None:
            async with self._moved:
                await self._moved.wait_for(lambda: self._failed is not None or self._has_reached(targets))
            self._check()
            return
        async with self._reading:
            while not self._has_reached(targets):
                await self._read()

    def _has_reached(self, targets: Mapping[TopicPartition, int]) -> bool:
        return all(self._positions[partition] >= offset for partition, offset in targets.items())

    async def _following(self) -> None:
        try:
            while True:
                await self._read()
                self._forget()
                async with self._moved:
                    self._moved.notify_all()
        except Exception as error:  # noqa: BLE001  whatever it was, readers must hear of it
            self._failed = kafka_error(error, f"following {self.topic}")
            async with self._moved:
                self._moved.notify_all()

    async def _read(self) -> None:
        assert self._consumer is not None  # started
        for records in (await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)).values():
            self._apply(records)
        for partition in self._positions:
            self._positions[partition] = await self._consumer.position(partition)

    def _apply(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            # Popped first, so that the dictionary's order is that of writing, which `_forget` relies on.
            self._entries.pop(record.key, None)
            if record.value is not None:
                self._entries[record.key] = Entry(
                    record.value, tuple(record.headers), record.timestamp, record.partition, record.offset
                )

    async def _ends(self) -> dict[TopicPartition, int]:
        """The ends of what is written; a consumer that sees only committed records is told of those alone."""
        async with clients.running(clients.consumer(self._settings, isolation_level="read_uncommitted")) as consumer:
            try:
                return dict(await consumer.end_offsets(list(self._positions)))
            except kafka.KafkaError as error:
                raise kafka_error(error, f"asking for the end of {self.topic}") from error

    def _expired(self, entry: Entry) -> bool:
        return self._retention is not None and entry.timestamp < time.time() * 1000 - self._retention

    def _forget(self) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if not self._expired(entry):
                return
            del self._entries[key]

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._consumer is None:
            raise RuntimeError(f"the table of {self.topic} isn't started")
