"""Writes records and tells of each whether all in-sync replicas have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.structs import RecordMetadata

from hub.kafka import clients, topics
from hub.kafka.budget import Budget
from hub.kafka.errors import TooLarge, kafka_error
from hub.kafka.record import Header, Record
from hub.kafka.sending import ATTEMPTS, NOT_WRITTEN, Sending, outcome_error
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem, HubError, NotConnected

__all__ = ["Header", "Publisher", "Record", "RecordMetadata", "Result", "TooLarge"]

IN_FLIGHT = 64 * 2**20
"""Bytes that a publisher holds unacknowledged: below the 100 MiB that a broker takes as one request."""

Result: TypeAlias = RecordMetadata | HubError

_LIMITS_AGE = 300.0  # seconds after which a topic's max.message.bytes is asked for again


class Publisher:
    """An idempotent producer that survives its own errors. Any number of tasks may send at once.

    Args:
        settings: which cluster.
        timeout: seconds that `send` waits for acknowledgements, where it isn't told.
        in_flight: bytes unacknowledged at once, over all sends; further ones wait.
        **overrides: aiokafka's own parameters of the producer.
    """

    def __init__(
        self, settings: KafkaSettings, *, timeout: float = 30.0, in_flight: int = IN_FLIGHT, **overrides: Any
    ) -> None:
        self._settings = settings
        self._timeout = timeout
        self._overrides = {"value_serializer": _serialize} | overrides
        self._batch = int(overrides.get("max_batch_size", clients.BATCH_BYTES))
        self._budget = Budget(in_flight)
        self._started = False
        # By the size of their batches: a broker refuses a whole batch that is larger than its topic takes, so that a
        # topic which takes less than others needs a producer with smaller ones.
        self._producers: dict[int, AIOKafkaProducer] = {}
        self._limits: dict[str, tuple[int, float]] = {}
        self._asking = asyncio.Lock()
        self._lock = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connects.

        Raises:
            HubError: `NotConnected` where no broker answers, `ConfigError` where one refuses us.
        """
        self._started = True
        await self._producer(self._batch)

    async def stop(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109  what can't be written in time is given up
        """Writes what it holds, for so many seconds at most, and disconnects."""
        self._started = False
        for batch in list(self._producers):
            self._discard(batch, timeout)
        await asyncio.gather(*self._closing)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            HubError: `EnvironmentProblem` where there is no such topic.
        """
        await self._know({topic})
        if topic not in self._limits:
            raise _no_topic(topic)
        producer = await self._producer(self._batch)
        try:
            return len(await producer.partitions_for(topic))
        except kafka.KafkaError as error:
            raise kafka_error(error, f"asking for the partitions of {topic}") from error

    async def send(self, records: Sequence[Record], *, timeout: float | None = None) -> list[Result]:  # noqa: ASYNC109  each record gets its own result
        """Writes records and waits until each is acknowledged by all in-sync replicas, or has failed.

        Records of one key keep their order as long as none fails.

        Args:
            records: what to write.
            timeout: seconds to wait. A record that isn't acknowledged by then gets `NotConnected`; it **may still be
                written later**, so whoever sends it again needs a way to drop duplicates.

        Returns:
            For each record by index its partition and offset, or the error: `TooLarge`, `NotConnected`,
            `EnvironmentProblem` for a topic that doesn't exist, `ConfigError` where Kafka refuses us.
        """
        limit = self._timeout if timeout is None else timeout
        sending = Sending(len(records))
        todo: Sequence[int] = range(len(records))
        try:
            async with asyncio.timeout(limit):
                for attempt in range(1, ATTEMPTS + 1):
                    await self._know({records[index].topic for index in todo})
                    await self._write(records, todo, sending)
                    todo = [index for index in todo if isinstance(sending.outcomes[index], NOT_WRITTEN)]
                    if not todo or attempt == ATTEMPTS:
                        break
                    sending.forget(todo)
        except TimeoutError:
            pass
        except HubError as error:  # of all that isn't under way
            sending.outcomes = [error if each is None else each for each in sending.outcomes]
        return [
            each if isinstance(each, RecordMetadata) else outcome_error(each, limit)  # a tuple's class is quickly asked
            for each in sending.outcomes
        ]

    async def _know(self, names: set[str]) -> None:
        """Sees to it that the limits of these topics are known, if they exist."""
        if not self._unknown(names):
            return
        async with self._asking:  # of many sends that begin at once, one asks
            unknown = self._unknown(names)
            if not unknown:
                return
            found = await topics.limits(self._settings, unknown)
            now = asyncio.get_running_loop().time()
            for name in unknown:
                self._limits.pop(name, None)
            self._limits |= {name: (limit, now) for name, limit in found.items()}

    def _unknown(self, names: set[str]) -> list[str]:
        oldest = asyncio.get_running_loop().time() - _LIMITS_AGE
        return [name for name in names if name not in self._limits or self._limits[name][1] < oldest]

    async def _write(self, records: Sequence[Record], todo: Sequence[int], sending: Sending) -> None:
        """One attempt; ends when each record is written, or has failed."""
        for index in todo:
            record = records[index]
            known = self._limits.get(record.topic)
            size = record.size()
            if known is None:
                sending.outcomes[index] = _no_topic(record.topic)
            elif size > known[0]:
                sending.outcomes[index] = TooLarge(record.topic, size, known[0])
            else:
                batch = min(self._batch, known[0])
                try:
                    await self._enqueue(record, size, batch, sending, index)
                except (kafka.KafkaError, AssertionError) as error:  # aiokafka asserts that the partition is there
                    sending.outcomes[index] = error
        await sending.finish()

    async def _enqueue(self, record: Record, size: int, batch: int, sending: Sending, index: int) -> None:
        producer = self._producers.get(batch) or await self._producer(batch)
        await self._budget.take(size)
        try:
            future = await producer.send(
                record.topic,
                _NOTHING if record.value is None else record.value,
                record.key,
                record.partition,
                record.timestamp,
                list(record.headers),
            )
        except BaseException:
            self._budget.give(size)
            raise
        sending.left += 1

        def settle(done: asyncio.Future[RecordMetadata]) -> None:
            self._budget.give(size)
            error = done.exception()
            sending.settle(index, done.result() if error is None else error)
            if error is not None:
                self._learn(error, record.topic, producer, batch)

        future.add_done_callback(settle)

    def _learn(self, error: BaseException, topic: str, producer: AIOKafkaProducer, batch: int) -> None:
        """What follows from a failed batch for the next ones."""
        if isinstance(error, kafka.MessageSizeTooLargeError):
            self._limits.pop(topic, None)
        # The producer's sequence has a gap now, and that partition refuses whatever follows.
        if self._producers.get(batch) is producer:
            self._discard(batch)

    async def _producer(self, batch: int) -> AIOKafkaProducer:
        async with self._lock:
            if not self._started:
                raise NotConnected("the publisher isn't running")
            if batch not in self._producers:
                producer = clients.producer(self._settings, **self._overrides | {"max_batch_size": batch})
                await clients.start(producer)
                self._producers[batch] = producer
            return self._producers[batch]

    def _discard(self, batch: int, timeout: float = 10.0) -> None:
        """Closes a producer beside the flow: what it still holds for other partitions is written meanwhile."""
        task = asyncio.ensure_future(clients.close(self._producers.pop(batch), timeout))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Nothing:
    """Stands for no value: aiokafka refuses a record with neither key nor value, which is a legal event."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


def _serialize(value: Any) -> bytes | None:
    return None if value is _NOTHING else value


def _no_topic(name: str) -> EnvironmentProblem:
    return EnvironmentProblem(f"the topic {name} doesn't exist on this Kafka cluster")
