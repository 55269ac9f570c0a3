"""A topic that is read from somewhere to its end, kept up with, and written to: what tables in memory are made of."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka

from hub.kafka import clients, topics
from hub.kafka.errors import kafka_error
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem, HubError, NotConnected

_POLL_MS = 500
_RECORDS = 5_000
GONE = 10.0
"""Seconds for which brokers must know nothing of the topic for it to be taken for deleted: more than a broker that has
just started needs to learn of it."""


class FollowedTopic(ABC):
    """What committed records of a topic come to; a subclass holds that.

    What was written here is seen once the writing has returned. What others write is seen soon if the topic is
    followed, and otherwise after `refresh`.

    Args:
        settings: which cluster.
        topic: must exist.
        follow: whether to keep reading in the background.
        publisher: to write with; one is made at the first writing, if none is given.
    """

    def __init__(
        self, settings: KafkaSettings, topic: str, *, follow: bool = False, publisher: Publisher | None = None
    ) -> None:
        self.topic = topic
        self._settings = settings
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._publisher = publisher
        self._own: Publisher | None = None
        self._follow = follow
        self._task: asyncio.Task[None] | None = None
        self._failed: HubError | None = None
        self._seen = 0.0
        self._moved = asyncio.Condition()
        self._reading = asyncio.Lock()

    @abstractmethod
    def _clear(self) -> None:
        """Forgets everything: the topic is about to be read anew."""

    @abstractmethod
    def _apply(self, records: Sequence[Any]) -> None:
        """Takes in records of a partition, in their order."""

    def _tidy(self) -> None:  # noqa: B027  most have nothing to do
        """Does what is to be done now and then while the topic is followed."""

    async def _starts(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Where to begin to read."""
        return dict(await consumer.beginning_offsets(partitions))

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
        self._seen = time.monotonic()
        consumer.assign(partitions)
        self._clear()
        try:
            self._positions = await self._starts(consumer, partitions)
            for partition, offset in self._positions.items():
                consumer.seek(partition, offset)
            await self.refresh(timeout)
        except (kafka.KafkaError, TimeoutError) as error:
            await self.stop()
            raise kafka_error(error, f"reading {self.topic}") from error
        except BaseException:
            await self.stop()
            raise
        if self._follow:
            self._task = asyncio.create_task(self._following(), name=f"follow {self.topic}")

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
                self._tidy()
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
        # Nothing else tells of a topic that is gone: a consumer waits for it to come back.
        if self._consumer.partitions_for_topic(self.topic):
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > GONE:
            raise EnvironmentProblem(f"the topic {self.topic} has been deleted; what was read of it doesn't count")

    async def _ends(self) -> dict[TopicPartition, int]:
        """The ends of what is written; a consumer that sees only committed records is told of those alone."""
        async with clients.running(clients.consumer(self._settings, isolation_level="read_uncommitted")) as consumer:
            try:
                return dict(await consumer.end_offsets(list(self._positions)))
            except kafka.KafkaError as error:
                raise kafka_error(error, f"asking for the end of {self.topic}") from error

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._consumer is None:
            raise RuntimeError(f"{self.topic} isn't read: it wasn't started")
