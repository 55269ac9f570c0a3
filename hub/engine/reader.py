"""A unit's consumer: it starts where it was told, never jumps, and settles a batch before it lets partitions go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError, HubError, NotConnected

SETTLE_LIMIT = 5.0
"""Seconds that a rebalance waits for the batch under way; below the session timeout, or the group would drop us."""
JOIN_LIMIT = 120.0
"""Seconds to wait for the group's first assignment; above the time after which a dead member is expelled."""
_A_DAY = 86_400_000


class EventsExpired(ConfigError):
    """The group's position is no longer on the topic: retention deleted events that were not read."""


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Reads topics as one consumer group.

    Args:
        settings: how to reach Kafka.
        group: consumer group.
        starts: topic → where a group that is new to it begins: ``latest``, ``earliest`` or an RFC 3339 time.
        former_group: group whose positions a renamed unit takes over, where it has none of its own.
    """

    def __init__(
        self, settings: KafkaSettings, *, group: str, starts: Mapping[str, str], former_group: str | None = None
    ) -> None:
        self._settings = settings
        self._group = group
        self._starts = dict(starts)
        self._former_group = former_group
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings,
            group=group,
            # Deliveries may wait for hours for a far side; the heartbeat goes on beside them.
            max_poll_interval_ms=_A_DAY,
        )
        self._failure: BaseException | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._ends: dict[TopicPartition, int] = {}
        self._positioned = asyncio.Event()
        self.revoking = asyncio.Event()
        """Set while the group takes partitions away: finish or abandon what is under way."""
        self.generation = 0
        """Rises with every rebalance: what was fetched before it is fetched again by whoever has the partitions now."""
        self._log = logging.getLogger("hub.engine.reader")

    async def start(self) -> None:
        """Joins the group, and waits until the positions of our partitions are known and durable.

        Raises:
            EventsExpired: retention deleted what the group had not read.
            HubError: Kafka can't be reached, or refuses us.
        """
        try:
            await clients.start(self._consumer)
            self._consumer.subscribe(topics=list(self._starts), listener=self)
            await asyncio.wait_for(self._positioned.wait(), JOIN_LIMIT)
        except KafkaError as error:
            raise kafka_error(error) from error
        except TimeoutError as error:
            raise NotConnected(f"group {self._group} gave us no assignment within {JOIN_LIMIT:g} s") from error
        if self._failure is not None:
            raise self._failure

    async def stop(self, limit: float = 10.0) -> None:
        """Leaves the group, and waits for so many seconds until it has."""
        await clients.close(self._consumer, limit)

    async def fetch(self, *, limit: int = 500, wait: float = 0.5) -> list[Any]:
        """Records in the order of their partitions; empty when none came in time.

        What was fetched counts as under way until `settle`.

        Args:
            limit: how many records at most.
            wait: seconds to wait for the first.

        Raises:
            EventsExpired: the next record was deleted before it was read.
            HubError: Kafka's refusal.
        """
        self.check()
        try:
            batches = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=limit)
        except NoOffsetForPartitionError:
            return []  # the position of a new partition is being found
        except OffsetOutOfRangeError as error:
            raise await self._expired(error) from error
        except KafkaError as error:
            raise kafka_error(error) from error
        records = [record for batch in batches.values() for record in batch]
        if records:
            self._settled.clear()
        return records

    def check(self) -> None:
        """Raises what a rebalance failed with, if one did."""
        if self._failure is not None:
            raise self._failure

    def owns(self, record: Any) -> bool:
        """Whether the record's partition is still ours."""
        return TopicPartition(record.topic, record.partition) in self._assigned

    async def settle(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        """Commits positions as `commit` does, and marks the batch as no longer under way."""
        try:
            return await self.commit(offsets)
        finally:
            self._settled.set()

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        """Commits positions of our partitions.

        Args:
            offsets: (topic, partition) → offset of the next record to read.

        Returns:
            False where the group has gone on without us: another worker has the partitions, and repeats what we did.
        """
        try:
            mine = {TopicPartition(*key): offset for key, offset in offsets.items()}
            mine = {partition: offset for partition, offset in mine.items() if partition in self._assigned}
            if mine:
                await self._consumer.commit(mine)
        except (CommitFailedError, IllegalStateError) as error:
            self._log.warning("%s: positions not committed, the group was rebalanced: %s", self._group, error)
            return False
        except KafkaError as error:
            raise kafka_error(error) from error
        return True

    def release(self) -> None:
        """Marks the batch as no longer under way without a commit: it will be read again."""
        self._settled.set()

    @property
    def lag(self) -> int:
        """Records on our partitions that were not fetched yet, as of the last `measure`."""
        return sum(max(0, end - self._position_of(partition)) for partition, end in self._ends.items())

    async def measure(self) -> None:
        """Asks the brokers where our partitions end; paused ones too, of which nothing is fetched."""
        with suppress(KafkaError):
            ends = await self._consumer.end_offsets(list(self._assigned)) if self._assigned else {}
            self._ends = {partition: end for partition, end in ends.items() if partition in self._assigned}

    def _position_of(self, partition: TopicPartition) -> int:
        with suppress(IllegalStateError, AssertionError):  # the partition was just taken from us
            state = self._consumer._subscription.subscription.assignment.state_value(partition)  # noqa: SLF001  position() waits
            if state is not None and state.has_valid_position:
                return int(state.position)
        return self._ends[partition]

    # The group's rebalances. aiokafka only logs what a listener raises, so failures are kept for the next fetch.

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  aiokafka's signature
        """Waits, within limits, until the batch under way is settled, so that nobody repeats it."""
        self.revoking.set()
        try:
            await asyncio.wait_for(self._settled.wait(), SETTLE_LIMIT)
        except TimeoutError:
            self._log.warning("%s: a rebalance did not wait for the batch under way; it will be repeated", self._group)
        self._assigned = frozenset()
        self.generation += 1

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Starts each partition at its committed position, or where the unit was told to start."""
        try:
            self._consumer.pause(*assigned)
            await self._position(assigned)
            self._assigned = frozenset(assigned)
            self._consumer.resume(*assigned)
            self.revoking.clear()
        except KafkaError as error:
            self._failure = kafka_error(error)
        except Exception as error:  # noqa: BLE001  kept for the next fetch, which raises it
            self._failure = error
        finally:
            self._positioned.set()

    async def _position(self, assigned: Sequence[TopicPartition]) -> None:
        committed = {partition: await self._consumer.committed(partition) for partition in assigned}
        if self._former_group and any(offset is None for offset in committed.values()):
            committed |= await self._positions_of(self._former_group, [p for p, at in committed.items() if at is None])
        known_topics = {partition.topic for partition, offset in committed.items() if offset is not None}
        new = [partition for partition, offset in committed.items() if offset is None]
        starts: dict[TopicPartition, int] = {}
        if new:
            # A partition that was added to a topic the group knows was empty then: all of it is unread.
            known_topics |= await self._topics_known(new)
            for partition in new:
                start = "earliest" if partition.topic in known_topics else self._starts[partition.topic]
                starts[partition] = await self._offset_at(partition, start)
        for partition in assigned:
            offset = committed[partition]
            self._consumer.seek(partition, starts[partition] if offset is None else offset)
        await self._check_retention({p: o for p, o in committed.items() if o is not None})
        if starts:
            # Durable at once: else a crash before the first commit would move the start to a later "latest".
            await self._consumer.commit(starts)

    async def _topics_known(self, new: Sequence[TopicPartition]) -> set[str]:
        """Topics of which the group has committed any partition, ours or another member's."""
        known: set[str] = set()
        for topic in {partition.topic for partition in new}:
            others = self._consumer.partitions_for_topic(topic) or set()
            for number in others - {partition.partition for partition in new if partition.topic == topic}:
                if await self._consumer.committed(TopicPartition(topic, number)) is not None:
                    known.add(topic)
                    break
        return known

    async def _positions_of(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        async with clients.running(clients.consumer(self._settings, group=group)) as former:
            return {partition: await former.committed(partition) for partition in partitions}

    async def _offset_at(self, partition: TopicPartition, start: str) -> int:
        if start == "earliest":
            return int((await self._consumer.beginning_offsets([partition]))[partition])
        if start != "latest":
            moment = int(datetime.fromisoformat(start).timestamp() * 1000)
            found = (await self._consumer.offsets_for_times({partition: moment}))[partition]
            if found is not None:
                return int(found.offset)
        return int((await self._consumer.end_offsets([partition]))[partition])

    async def _check_retention(self, committed: Mapping[TopicPartition, int]) -> None:
        if not committed:
            return
        for partition, beginning in (await self._consumer.beginning_offsets(list(committed))).items():
            if committed[partition] < beginning:
                raise self._lost(partition, committed[partition], beginning)

    async def _expired(self, error: OffsetOutOfRangeError) -> HubError:
        (partition, position), *_ = error.args[0].items()
        beginning = int((await self._consumer.beginning_offsets([partition]))[partition])
        if beginning <= position:
            return ConfigError(
                f"group {self._group} stands at offset {position} of {partition.topic}-{partition.partition}, which is "
                "past its end: the topic was deleted and made anew, or lost data. Set the group's position by hand."
            )
        return self._lost(partition, position, beginning)

    def _lost(self, partition: TopicPartition, position: int, beginning: int) -> EventsExpired:
        return EventsExpired(
            f"retention deleted {beginning - position} events of {partition.topic}-{partition.partition} that group "
            f"{self._group} had not read (position {position}, the log starts at {beginning}). Raise the topic's "
            "retention; to go on without them, set the group's position by hand."
        )
