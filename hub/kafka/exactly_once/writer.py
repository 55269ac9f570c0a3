"""Records and positions of one transaction: gathered into batches per partition, written, and committed together."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from hub.kafka import clients, topics
from hub.kafka.errors import TooLarge, kafka_error
from hub.kafka.exactly_once.membership import Membership, StaleMember
from hub.kafka.exactly_once.producer import GroupProducer
from hub.kafka.partitioner import murmur2
from hub.kafka.record import Header, Record
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem, HubError, NotConnected

TIMEOUT = 10.0
"""Seconds after which brokers abort a transaction whose owner is gone; readers wait for it no longer than that."""
WAIT = 0.8
"""Part of the timeout that we wait for any answer within a transaction, so that we learn of its end by ourselves."""
_STUCK_LIMIT = 0.5
BATCH_BYTES = 262_144
"""Size at which a batch of one partition is closed."""


@dataclass
class _Target:
    """A topic that is written to."""

    name: str
    limit: int
    partitions: int
    batch: int
    open: dict[int, BatchBuilder] = field(default_factory=dict)
    sticky: int = 0


class TransactionWriter:
    """Writes transactions, one after the other: records by `add`, positions by `commit`.

    Args:
        settings: how to reach Kafka.
        transactional_id: the same for whoever must not write at the same time.
        outputs: topics that it may write to.
        timeout: seconds after which brokers abort a transaction that is not committed.
    """

    def __init__(
        self, settings: KafkaSettings, transactional_id: str, *, outputs: Collection[str], timeout: float = TIMEOUT
    ) -> None:
        self._settings = settings
        self._id = transactional_id
        self._outputs = tuple(dict.fromkeys(outputs))
        self._producer: GroupProducer | None = None
        self._targets: dict[str, _Target] = {}
        self._least = 0
        self._closed: list[tuple[_Target, int, BatchBuilder]] = []
        self._futures: list[asyncio.Future[Any]] = []
        self._now = 0
        self.timeout = timeout
        self._wait = timeout * WAIT
        self._began = time.monotonic()
        self._stuck = False  # what was written got no answer, and an abort would wait for that first
        self._bytes = 0

    async def start(self) -> None:
        """Connects, and fences whoever had the id before.

        Raises:
            EnvironmentProblem: a topic isn't there.
            HubError: Kafka can't be reached, or refuses us.
        """
        producer: GroupProducer = clients.producer(
            self._settings,
            transactional_id=self._id,
            kind=GroupProducer,
            transaction_timeout_ms=int(self.timeout * 1000),
            max_batch_size=BATCH_BYTES,
        )
        await clients.start(producer, self._wait + self.timeout)
        self._producer = producer
        await self.know(self._outputs)

    async def know(self, names: Collection[str]) -> None:
        """Gets ready to write to topics, too.

        Raises:
            EnvironmentProblem: one isn't there.
            HubError: Kafka can't be reached.
        """
        assert self._producer is not None
        new = [name for name in names if name not in self._targets]
        limits = await topics.limits(self._settings, new) if new else {}
        for name in new:
            if name not in limits:
                raise EnvironmentProblem(f"the topic {name} doesn't exist on this Kafka cluster")
            count = len(await self._producer.partitions_for(name))
            self._targets[name] = _Target(name, limits[name], count, min(BATCH_BYTES, limits[name]))
        self._least = min((each.limit for each in self._targets.values()), default=0)

    async def stop(self, limit: float = 10.0) -> None:
        """Disconnects; what isn't committed is aborted by the brokers."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await clients.close(producer, min(limit, _STUCK_LIMIT) if self._stuck else limit)
            self._stuck = False

    @property
    def volume(self) -> int:
        """Bytes that the transaction holds so far."""
        open_ = (each for target in self._targets.values() for each in target.open.values())
        return self._bytes + sum(int(each.size()) for each in open_)

    @property
    def age(self) -> float:
        """Seconds since the transaction began. Of one past its timeout brokers speak as if its writer were fenced."""
        return time.monotonic() - self._began

    async def begin(self) -> None:
        """Begins a transaction.

        Raises:
            HubError: Kafka doesn't answer, or another writer has taken over.
        """
        assert self._producer is not None
        self._now = int(time.time() * 1000)
        self._began = time.monotonic()
        self._bytes = 0
        for target in self._targets.values():
            # As other producers do, partitions that were added are used once the metadata tell of them.
            known = self._producer.client.cluster.partitions_for_topic(target.name)
            target.partitions = len(known) if known else target.partitions
        try:
            async with asyncio.timeout(self._wait):
                await self._producer.begin_transaction()
        except (kafka.KafkaError, AssertionError, TimeoutError) as error:
            raise kafka_error(error, "beginning a transaction") from error

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header],
        partition: int | None = None,
    ) -> TooLarge | None:
        """Puts a record into the transaction.

        Returns:
            Why it can't be written, if it is larger than its topic takes; then nothing of it will be.
        """
        target = self._targets[topic]
        if partition is None:
            partition = murmur2(key) % target.partitions if key is not None else target.sticky
        else:
            partition %= target.partitions
        builder = target.open.get(partition)
        if builder is not None:
            # The inner builder: the outer one adds serializers, of which there are none, and takes as long as this one.
            count = builder._relative_offset  # noqa: SLF001  see above
            if builder._builder.append(count, self._now, key, value, headers) is not None:  # noqa: SLF001  see above
                builder._relative_offset = count + 1  # noqa: SLF001  see above
                return None
            self._close(target, partition)
        return self._first(target, partition, key, value, headers)

    def _first(
        self,
        target: _Target,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header],
    ) -> TooLarge | None:
        builder = BatchBuilder(target.batch, 0, is_transactional=True)
        builder.append(timestamp=self._now, key=key, value=value, headers=headers)
        size = builder.size()
        if size > target.limit:
            return TooLarge(target.name, size, target.limit)
        target.open[partition] = builder
        return None

    def _close(self, target: _Target, partition: int) -> None:
        builder = target.open.pop(partition)
        self._bytes += builder.size()
        self._closed.append((target, partition, builder))
        if target.partitions > 1:
            target.sticky = random.randrange(target.partitions)  # noqa: S311  spreads load, protects nothing

    def is_small(self, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> bool:
        """Whether a record is far from what any topic refuses; quick, and not exact."""
        # Twice, and 16 for each header: more than lengths and UTF-8 add to any record of ASCII.
        rest = sum([16 + 2 * len(name) + len(content or b"") for name, content in headers])
        return len(key or b"") + len(value or b"") + rest < self._least // 2

    def too_large(self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> bool:
        """Whether a record would be refused by `add`."""
        size, limit = self.sizes(topic, key, value, headers)
        return size > limit

    def sizes(self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> tuple[int, int]:
        """Bytes that a record takes as a batch of its own, and bytes that its topic takes."""
        return Record(topic, key, value, headers).size(), self._targets[topic].limit

    async def push(self) -> None:
        """Sends the batches that are full.

        Raises:
            HubError: Kafka doesn't take them; abort.
        """
        assert self._producer is not None
        closed, self._closed = self._closed, []
        try:
            async with asyncio.timeout(self._wait):
                for target, partition, builder in closed:
                    future = await self._producer.send_batch(builder, target.name, partition=partition)
                    future.add_done_callback(_seen)
                    self._futures.append(future)
        except (kafka.KafkaError, kafka.IllegalOperation, AssertionError, TimeoutError) as error:
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> HubError:
        """The error of a transaction that can only be aborted: its cause, where what aiokafka says only follows."""
        assert self._producer is not None
        self._stuck = isinstance(error, TimeoutError)
        reason: BaseException = self._producer.failure or error
        if isinstance(reason, kafka.IllegalOperation):
            for future in self._futures:
                if future.done() and not future.cancelled() and (earlier := future.exception()) is not None:
                    reason = earlier
                    break
        return kafka_error(reason, "writing in a transaction")

    async def flush(self) -> None:
        """Sends all that was added, and waits until the brokers have it; visible it is only when it is committed.

        Raises:
            HubError: Kafka doesn't take it; abort.
        """
        for target in self._targets.values():
            for partition in list(target.open):
                self._close(target, partition)
        await self.push()
        try:
            async with asyncio.timeout(self._wait):
                await self._acknowledged()
        except (kafka.KafkaError, AssertionError, TimeoutError) as error:
            raise self._failed(error) from error

    async def commit(self, *positions: tuple[Mapping[TopicPartition, OffsetAndMetadata], Membership]) -> None:
        """Commits all records, and positions with them. Once it has begun it is seen through, even when cancelled.

        Args:
            positions: for each group its next offsets, and the member that has read what comes before them.

        Raises:
            StaleMember: the group has gone on without the member; nothing is committed: abort.
            HubError: nothing is committed: abort. `NotConnected` where the commit itself got no answer: the next writer
                with this id, and the group's stable positions, see whether it was done.
        """
        assert self._producer is not None
        await self.flush()
        wanted = [each for each in positions if each[0]]
        if wanted:
            try:
                async with asyncio.timeout(self._wait):
                    await self._producer.commit_offsets(*wanted)
            except StaleMember:
                raise
            except (kafka.KafkaError, kafka.IllegalOperation, AssertionError, TimeoutError) as error:
                raise self._failed(error) from error
        await self._end(self._producer.commit_transaction(), "committing a transaction")

    async def _acknowledged(self) -> None:
        futures, self._futures = self._futures, []
        # Every one of them: a commit after a failed batch would lose it.
        for result in await asyncio.gather(*futures, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def write(self, records: Sequence[Record]) -> None:
        """One whole transaction of these records; those of one key stay in order.

        Raises:
            TooLarge: one is larger than its topic takes; nothing is written.
            Fenced: another writer has taken over; nothing is written.
            HubError: as `commit`.
        """
        await self.know({record.topic for record in records})
        await self.begin()
        try:
            for record in records:
                refusal = self.add(record.topic, record.key, record.value, list(record.headers), record.partition)
                if refusal is not None:
                    raise refusal
            await self.commit()
        except BaseException:
            await self.abort()
            raise

    async def abort(self) -> None:
        """Ends the transaction without an effect; where Kafka doesn't answer, its brokers will.

        Raises nothing but a cancellation: there may be no transaction any more, as after a commit that was seen
        through while its task was cancelled.
        """
        self._forget()
        if self._producer is not None and not self._stuck:
            with suppress(HubError):
                await self._end(self._producer.abort_transaction(), "aborting a transaction")

    async def renew(self) -> None:
        """Starts over with a new producer: one that failed for good fails every later batch, too."""
        self._forget()
        self._targets.clear()
        await self.stop(0.5)
        await self.start()

    def _forget(self) -> None:
        self._closed.clear()
        self._futures.clear()
        for target in self._targets.values():
            target.open.clear()

    async def _end(self, ending: Any, what: str) -> None:
        task = asyncio.ensure_future(ending)
        cancelled = False
        deadline = time.monotonic() + self._wait
        while not task.done() and (left := deadline - time.monotonic()) > 0:
            try:
                await asyncio.wait({task}, timeout=left)
            except asyncio.CancelledError:
                cancelled = True
        failure: HubError | None = None
        if not task.done():
            task.cancel()
            self._stuck = True
            failure = NotConnected(f"{what}: Kafka has not answered within {self._wait:g} s; it may have been done")
        else:
            try:
                task.result()
            except (kafka.KafkaError, AssertionError) as error:
                failure = kafka_error(error, what)
        if cancelled:
            raise asyncio.CancelledError from failure
        if failure is not None:
            raise failure


def _seen(future: asyncio.Future[Any]) -> None:
    """Takes note of a failure that nobody waits for any more, because another came first."""
    if not future.cancelled():
        future.exception()
