"""A unit's consumer: it starts where it was told, never jumps, and settles a batch before it lets partitions go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    InvalidCommitOffsetSizeError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetMetadataTooLargeError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

from hub.engine.ledger.accounts import Accounts
from hub.engine.reading.frontier import decode
from hub.engine.reading.lag import Lag
from hub.engine.reading.positions import COMMIT_BYTES, LEAST_BYTES, Positions, pieces
from hub.engine.reading.retention import Outlook, Retentions, Seen
from hub.engine.settings import WorkerSettings
from hub.kafka import clients, fetching
from hub.kafka.errors import kafka_error
from hub.kafka.exactly_once import Membership
from hub.kafka.settings import KafkaSettings
from hub.kafka.static_membership import StaticMembership, dismiss
from hub.sdk.errors import HubError, NotConnected

SETTLE_LIMIT = 5.0
"""Seconds that a rebalance waits for the batch under way; below the session timeout, or the group would drop us."""
JOIN_LIMIT = 120.0
"""Seconds to wait for the group's first assignment; above the time after which a dead member is expelled."""
CONFIRM_LIMIT = 3.0
"""Seconds in which a worker that has taken over our transactions is expected to take our place in the group as well."""
_A_DAY = 86_400_000
_GRACE = 0.2
_PAUSE = 0.1

Notes = Mapping[TopicPartition, Callable[[int], str]]
"""By partition what gives the text to note with its position, in so many bytes at most."""


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Reads topics as one consumer group.

    Args:
        settings: how to reach Kafka.
        group: consumer group.
        starts: topic → where a group that is new to it begins: ``latest``, ``earliest`` or an RFC 3339 time.
        former_group: group whose positions a renamed unit takes over, where it has none of its own.
        retentions: how long topics keep events; where given, it is watched whether that is long enough.
        seen: gives when a worker of the group was last at work, if that is known.
        worker: who we are among several workers.
        leaving: whether, when it stops, the others shall have its partitions at once; else its place in the group is
            kept for its next start, where the worker has a name.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        starts: Mapping[str, str],
        former_group: str | None = None,
        retentions: Retentions | None = None,
        seen: Callable[[], Seen | None] = lambda: None,
        worker: WorkerSettings | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        instance = None if worker is None or worker.instance is None else f"{group}.{worker.instance}"
        self._group = group
        self._starts = dict(starts)
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings,
            group=group,
            # Deliveries may wait for hours for a far side; the heartbeat goes on beside them.
            max_poll_interval_ms=_A_DAY,
            group_instance_id=instance,
            **({} if worker is None else {"session_timeout_ms": int(worker.session_timeout * 1000)}),
        )
        self._named = instance is not None
        self._gone = [] if worker is None else [f"{group}.{name}" for name in worker.gone]
        self._leaving = leaving
        self._static: StaticMembership | None = None
        self._positions = Positions(settings, self._consumer, group, self._starts, former_group, seen)
        self._over: Membership | None = None
        self._failure: BaseException | None = None
        self._fetching: asyncio.Timeout | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._held: frozenset[TopicPartition] = frozenset()
        self._lag = Lag(settings, self._position_of, retentions)
        self._fetched: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._given_back = 0
        self._commit_bytes = COMMIT_BYTES
        self._positioned = asyncio.Event()
        self.revoking = asyncio.Event()
        """Set while the group takes partitions away: finish or abandon what is under way."""
        self.regained = asyncio.Event()
        """Of the rebalance that is going on, or was the last: set once it is over. The next one has another, so that
        who takes it before letting go, and waits for it then, misses none, however soon they follow one another."""
        self.regained.set()
        self.generation = 0
        """Rises with every rebalance: what was fetched before it is fetched again by whoever has the partitions now."""
        self._log = logging.getLogger("hub.engine.reading.reader")

    async def start(self) -> None:
        """Joins the group, and waits until the positions of our partitions are known and durable.

        Raises:
            EventsExpired: retention deleted what the group had not read.
            HubError: Kafka can't be reached, or refuses us.
        """
        try:
            await clients.start(self._consumer)
            if self._named:
                self._static = StaticMembership(self._consumer)
            if self._gone:
                await self._dismiss()
            self._consumer.subscribe(topics=list(self._starts), listener=self)
            await asyncio.wait_for(self._positioned.wait(), JOIN_LIMIT)
        except KafkaError as error:
            raise kafka_error(error) from error
        except TimeoutError as error:
            raise NotConnected(f"group {self._group} gave us no assignment within {JOIN_LIMIT:g} s") from error
        if self._failure is not None:
            raise self._failure

    def lean(self) -> None:
        """From now on records don't tell their topic and partition, which are those of their batch: they cost less."""
        fetching.lean(self._consumer)

    async def _dismiss(self) -> None:
        """Sees to it that the group doesn't wait for workers that are no more."""
        for name in await dismiss(self._consumer, self._gone):
            self._log.info("%s is no more; the others have its partitions", name)

    async def stop(self, limit: float = 10.0) -> None:
        """Ends our part in the group, and waits for so many seconds until it has."""
        if self._static is not None and self._leaving():
            self._static.leave_at_the_end()
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
        return [record for batch in (await self.batches(limit=limit, wait=wait)).values() for record in batch]

    async def batches(self, *, limit: int, wait: float) -> dict[TopicPartition, list[Any]]:
        """As `fetch`, by partition."""
        self.check()
        try:
            # aiokafka's own limit doesn't hold during a rebalance, which in turn may wait for a batch under way here.
            async with asyncio.timeout(wait + _GRACE) as self._fetching:
                batches: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                    timeout_ms=int(wait * 1000), max_records=limit
                )
        except TimeoutError:
            return {}
        except NoOffsetForPartitionError:
            return {}  # the position of a new partition is being found
        except OffsetOutOfRangeError as error:
            raise await self._positions.expired(error) from error
        except KafkaError as error:
            self.check()
            raise kafka_error(error) from error
        finally:
            self._fetching = None
        # Between two generations of the group aiokafka may still give what was ours, or what isn't positioned yet.
        batches = {at: records for at, records in batches.items() if at in self._assigned}
        if batches:
            self.took(batches)
        return batches

    def took(self, batches: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Notes that records of our partitions are under way, whoever has fetched them."""
        self._settled.clear()
        self._lag.fetched(batches)
        for at, records in batches.items():
            self._fetched[at] = records[-1].offset + 1

    def follow(self, positions: Mapping[TopicPartition, int]) -> None:
        """Stands where another consumer does that reads for us."""
        for at in self._assigned & positions.keys():
            with suppress(IllegalStateError):  # it was just taken from us
                self._consumer.seek(at, positions[at])

    def rewind(self) -> None:
        """Reads on by itself from the committed positions; what was read since then is read again."""
        self.follow(self.offsets)
        self.hold(())

    @property
    def accounts(self) -> Accounts:
        """What became of the events of our partitions; written with their positions."""
        return self._positions.accounts

    @property
    def membership(self) -> Membership | None:
        """Who we are in the group now; None while we are in no generation of it, or in one that is over."""
        try:
            member = Membership.of(self._consumer)
        except IllegalGenerationError:
            return None
        return None if member == self._over else member

    def refuse(self, member: Membership | None) -> None:
        """What was read can't be committed, and will be read again.

        Args:
            member: who we were, where brokers have said that our group has gone on without us; the next heartbeat will
                find that, too, if it hasn't yet.
        """
        self._over = member or self._over
        self.rewind()

    def noted(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Positions as they are committed with a transaction, with what the group notes.

        Args:
            offsets: behind all that was fetched. Where no event follows up to where we read, we stand there: behind the
                marks of transactions. A position before them would fall off the log with them, and look like a loss.
        """
        beyond = {at: self._beyond(at, offset) for at, offset in offsets.items()}
        return {at: OffsetAndMetadata(*each) for at, each in self._positions.noted(beyond).items()}

    def committed(self, settled: Sequence[tuple[Mapping[TopicPartition, tuple[int, str]], Any]]) -> None:
        """Takes note that positions were committed, as `settlements` gave them."""
        for noted, _ in settled:
            self._positions.committed(noted)
            offsets = {at: offset for at, (offset, _) in noted.items()}
            self._lag.committed(offsets)
            self._done |= offsets

    async def pass_over(self) -> None:
        """Commits the positions of partitions where we have passed over marks of transactions since the last commit.

        Only for whom no commit is under way.

        Raises:
            HubError: Kafka's refusal.
        """
        passed = {
            (at.topic, at.partition): position
            for at in self._assigned
            if (done := self._done.get(at)) is not None
            and (position := self._position_of(at) or 0) > done >= self._fetched.get(at, 0)
            and not self._remembered(at, position)
        }
        if passed:
            await self.commit(passed)

    def _remembered(self, at: TopicPartition, position: int) -> bool:
        """Whether something beyond a position was settled in an earlier life; a commit must say so again."""
        committed, note = self._positions.found.get(at, (0, ""))
        return any(True for _ in decode(note, committed).beyond(position))

    def _beyond(self, at: TopicPartition, offset: int) -> int:
        return max(offset, self._position_of(at) or 0) if offset == self._fetched.get(at) else offset

    def check(self) -> None:
        """Raises what a rebalance failed with, if one did, or that another worker has taken our name."""
        if self._static is not None:
            self._static.check()
        if self._failure is not None:
            raise self._failure

    @property
    def is_revoked(self) -> bool:
        """Whether the group takes our partitions away."""
        return self.revoking.is_set()

    def settlements(
        self, offsets: Mapping[TopicPartition, int], membership: Membership
    ) -> list[tuple[dict[TopicPartition, OffsetAndMetadata], Membership]]:
        """What a transaction commits: see `noted`."""
        return [(self.noted(offsets), membership)]

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """Partitions that are ours, and positioned."""
        return self._assigned

    @property
    def found(self) -> Mapping[TopicPartition, tuple[int, str]]:
        """Position and metadata of each partition that had them when it was assigned to us."""
        return self._positions.found

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """Reads nothing of these partitions, and of all others; until the next call, or rebalance."""
        wanted = self._assigned.intersection(partitions)
        self._consumer.pause(*(wanted - self._held))
        self._consumer.resume(*(self._assigned & self._held - wanted))
        self._held = wanted

    def owns(self, record: Any) -> bool:
        """Whether the record's partition is still ours."""
        return TopicPartition(record.topic, record.partition) in self._assigned

    async def settle(self, offsets: Mapping[tuple[str, int], int], notes: Notes = MappingProxyType({})) -> bool:
        """Commits positions as `commit` does, and marks the batch as no longer under way."""
        try:
            return await self.commit(offsets, notes)
        finally:
            self._settled.set()

    async def commit(self, offsets: Mapping[tuple[str, int], int], notes: Notes = MappingProxyType({})) -> bool:
        """Commits positions of our partitions.

        Args:
            offsets: (topic, partition) → offset of the next record to read.
            notes: partition → gives what to note with it, in so many bytes at most.

        Returns:
            False where the group has gone on without us: another worker has the partitions, and repeats what we did.
        """
        try:
            mine = {TopicPartition(*key): offset for key, offset in offsets.items()}
            mine = {partition: offset for partition, offset in mine.items() if partition in self._assigned}
            while mine and not await self._commit_all(mine, notes):
                pass
        except (CommitFailedError, IllegalStateError) as error:
            self._log.warning("%s: positions not committed, the group was rebalanced: %s", self._group, error)
            return False
        except KafkaError as error:
            raise kafka_error(error) from error
        return len(mine) == len(offsets)

    async def _commit_all(self, mine: Mapping[TopicPartition, int], notes: Notes) -> bool:
        """Commits in as many pieces as the broker takes; False where it is to be tried again with smaller ones."""
        noted = self._positions.noted(mine, notes)
        whole = {at: self._beyond(at, offset) for at, (offset, note) in noted.items() if not decode(note, offset)}
        noted |= self._positions.noted(whole)
        try:
            for piece in pieces(noted, self._group, self._commit_bytes):
                await self._commit({at: OffsetAndMetadata(*each) for at, each in piece.items()})
                self.committed([(piece, None)])
        except OffsetMetadataTooLargeError:
            if not self._positions.shorten():
                raise
            return False
        except InvalidCommitOffsetSizeError:
            if self._commit_bytes <= LEAST_BYTES:
                raise
            self._commit_bytes //= 2
            return False
        return True

    async def _commit(self, noted: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commits positions as the member that we are now, or not at all.

        aiokafka's own repeats what got no answer in the name of whatever generation we are in by then. That is let
        through, though the partition may be another worker's, who is further on: it would be set back.
        """
        coordinator, member = self._consumer._coordinator, self.membership  # noqa: SLF001  aiokafka has no other way

        async def once() -> None:
            async with coordinator._commit_lock:  # noqa: SLF001  as above
                if member is None or self.membership != member:
                    raise CommitFailedError("the group was rebalanced")
                await coordinator._do_commit_offsets(None, noted)  # noqa: SLF001  as above

        while True:
            await coordinator.ensure_coordinator_known()
            try:
                return await asyncio.shield(once())
            except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError) as error:
                raise CommitFailedError("the group was rebalanced") from error
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(_PAUSE)

    async def confirm(self, limit: float = CONFIRM_LIMIT) -> None:
        """Finds out, where another producer has taken over our transactions, whether another worker has our name.

        Args:
            limit: seconds that it may need to join the group, after it has started its producer.

        Raises:
            InstanceTaken: it has.
        """
        if self._static is None:
            return
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            with suppress(KafkaError):
                await self._static.confirm()
            await asyncio.sleep(limit / 10)

    def release(self) -> None:
        """Marks the batch as no longer under way without a commit: it will be read again."""
        self._settled.set()

    @property
    def lag(self) -> int:
        """Records on our partitions that were not fetched yet, as of the last `measure`."""
        return self._lag.events + self._given_back

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest event on our partitions that isn't settled, as of the last `measure`; 0 without one."""
        return self._lag.seconds

    @property
    def outlook(self) -> Outlook:
        """What retention means for what waits, as of the last `measure`."""
        return self._lag.outlook

    @property
    def offsets(self) -> Mapping[TopicPartition, int]:
        """The committed positions of our partitions."""
        return {at: offset for at, offset in self._done.items() if at in self._assigned}

    def give_back(self, records: int) -> None:
        """Notes that so many fetched records were left unsettled: they wait again, for whoever reads them next."""
        self._given_back = records

    async def measure(self) -> None:
        """Asks the brokers where our partitions end; paused ones too, of which nothing is fetched."""
        with suppress(KafkaError, HubError):
            await self._lag.measure(self._consumer, self._assigned)
        if self._static is not None:
            known = {topic: len(self._consumer.partitions_for_topic(topic) or ()) for topic in self._starts}
            self._static.look_for_partitions(known)

    def _position_of(self, partition: TopicPartition) -> int | None:
        with suppress(IllegalStateError, AssertionError):  # the partition was just taken from us
            state = self._consumer._subscription.subscription.assignment.state_value(partition)  # noqa: SLF001  position() waits
            if state is not None and state.has_valid_position:
                return int(state.position)
        return None

    # The group's rebalances. aiokafka only logs what a listener raises, so failures are kept for the next fetch.

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  aiokafka's signature
        """Waits, within limits, until the batch under way is settled, so that nobody repeats it."""
        if self.regained.is_set():
            self.regained = asyncio.Event()
        self.revoking.set()
        if self._fetching is not None and not self._fetching.expired() and not self._settled.is_set():
            self._fetching.reschedule(asyncio.get_running_loop().time())
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
            self._given_back = 0
            await self._positions.take(assigned)
            self._lag.begin()
            self._fetched.clear()
            self._done = {at: position for at in assigned if (position := self._position_of(at)) is not None}
            self._assigned, self._held = frozenset(assigned), frozenset()
            self._consumer.resume(*assigned)
            self.revoking.clear()
            self.regained.set()
        except KafkaError as error:
            self._failure = kafka_error(error)
        except Exception as error:  # noqa: BLE001  kept for the next fetch, which raises it
            self._failure = error
        finally:
            self._positioned.set()
