"""One leader among several workers, chosen by Kafka's own group protocol.

The workers join a consumer group on a topic, and whoever is given its partition 0 leads. Nobody reads the topic: what
counts is that the group's coordinator gives a partition to one member at a time, notices within the session timeout
when that one is gone, and tells it before it gives the partition to another.

A process that was stopped in its tracks may take itself for the leader after it was replaced, so that leading is no
proof. What must happen once only needs a fence as well: a `TransactionWriter` whose id is the same for all of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.sdk import NotConnected

SESSION_MS = 6_000
"""A leader that is not heard of for so long is replaced; 6 s is the least that brokers allow by default."""
HEARTBEAT_MS = 1_500
LET_GO = 4.0
"""Seconds that a leader gets to end what is under way before another may lead; below `SESSION_MS`."""
JOIN_LIMIT = 60.0
"""Seconds to wait for the group's first answer."""
_FOR_EVER_MS = 10**12
_VERSION = 0


class Term:
    """The time from winning to losing.

    Attributes:
        over: set when the group takes the lead away.
    """

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Says that nothing of the term is under way any more; a group that takes the lead away waits for it."""
        self._ended.set()

    async def ended(self) -> None:
        """Waits for `end`."""
        await self._ended.wait()


class Election(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One worker's part in the election of a leader.

    Args:
        settings: how to reach Kafka.
        group: the consumer group; the same for all who stand.
        topic: any topic that exists; the same for all who stand.
        name: of this worker, for people.
    """

    def __init__(self, settings: KafkaSettings, *, group: str, topic: str, name: str) -> None:
        self._group = group
        self._at = TopicPartition(topic, 0)
        self._assignor = _Assignor(name)
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings,
            group=group,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=SESSION_MS,
            partition_assignment_strategy=[self._assignor],
            max_poll_interval_ms=_FOR_EVER_MS,  # nothing is ever polled
        )
        self._term: Term | None = None
        self._answered = asyncio.Event()
        self._changed = asyncio.Event()
        self._given = asyncio.Event()

    @property
    def leader(self) -> str:
        """Who leads, by name, as the group last said; empty before its first answer."""
        return self._assignor.leader

    async def start(self) -> None:
        """Joins the group, and waits for its answer.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await clients.start(self._consumer)
        try:
            self._consumer.subscribe(topics=[self._at.topic], listener=self)
            async with asyncio.timeout(JOIN_LIMIT):
                await self._wait(self._answered)
        except TimeoutError as error:
            raise NotConnected(f"group {self._group} has not answered within {JOIN_LIMIT:g} s") from error

    async def stop(self) -> None:
        """Leaves the group: another may lead at once."""
        if self._term is not None:
            term, self._term = self._term, None
            self._given.clear()
            term.over.set()
            term.end()
        await clients.close(self._consumer)

    async def won(self) -> Term:
        """Waits until we lead.

        Raises:
            HubError: Kafka refuses us.
        """
        while self._term is None or self._term.over.is_set():
            await self._wait(self._given)
        return self._term

    async def news(self) -> None:
        """Waits for the group's next word on who leads."""
        self._changed.clear()
        await self._changed.wait()

    async def confirm(self) -> bool:
        """Asks the group whether we still lead. A worker that was suspended can't know by itself.

        Raises:
            NotConnected: Kafka doesn't answer.
        """
        term, coordinator = self._term, self._consumer._coordinator  # noqa: SLF001  aiokafka has no other way
        if term is None or term.over.is_set():
            return False
        try:
            async with asyncio.timeout(SESSION_MS / 1000):
                await coordinator.ensure_coordinator_known()
                alive = await coordinator._do_heartbeat()  # noqa: SLF001  as above
        except TimeoutError as error:
            raise NotConnected(f"group {self._group} does not say whether we lead") from error
        except kafka.KafkaError as error:
            raise kafka_error(error, f"asking group {self._group} whether we lead") from error
        if not alive and coordinator.generation > 0:
            raise NotConnected(f"group {self._group} does not say whether we lead")
        if not alive and self._term is term:
            # aiokafka will say so, too, in a moment; whoever asks for the lead meanwhile must not get it.
            self._term = None
            self._given.clear()
            term.over.set()
        return not term.over.is_set()

    async def _wait(self, event: asyncio.Event) -> None:
        """Waits, and raises what aiokafka's coordinator has failed with."""
        while not event.is_set():
            try:
                self._consumer._coordinator.check_errors()  # noqa: SLF001  getmany would, and nothing is polled here
            except kafka.KafkaError as error:
                raise kafka_error(error, f"standing for group {self._group}") from error
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), 0.5)

    # The group's rebalances.

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  aiokafka's signature
        """Ends the term, and waits within limits until its leader has let go."""
        if self._term is not None:
            term, self._term = self._term, None
            self._given.clear()
            term.over.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(term.ended(), LET_GO)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Begins a term where we are given the partition."""
        self._consumer.pause(*assigned)
        for each in assigned:
            self._consumer.seek(each, 0)  # else aiokafka would look for a position
        if self._at in assigned:
            self._term = Term()
            self._given.set()
        self._answered.set()
        self._changed.set()


class _Assignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
    """Gives everything to one member: to the one that leads already, so that a worker which joins changes nothing.

    aiokafka's own sticky assignor keeps what it remembers in its class, where all consumers of a process share it.

    The members tell in their metadata their name, the number of the last term that they know of, and whether they led
    it. Each assignment tells every member who leads, and the number of the term.
    """

    name = "hub-leader"

    def __init__(self, me: str) -> None:
        self._me = me
        self._term = 0
        self._leads = False
        self.leader = ""

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What we tell when we join."""
        said = json.dumps({"name": self._me, "term": self._term, "leads": self._leads}).encode()
        return ConsumerProtocolMemberMetadata(_VERSION, list(topics), said)

    def assign(
        self, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """What the group's first member decides for all."""
        told = {member: _told(metadata.user_data) for member, metadata in members.items()}
        last = max(_number(each) for each in told.values())
        leading = [member for member, each in told.items() if each.get("leads") and _number(each) == last]
        # Where nobody leads, any: member ids are random, so that the leads of many groups spread.
        chosen = min(leading or told)
        topics = sorted({topic for metadata in members.values() for topic in metadata.subscription})
        everything = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
        said = json.dumps({"leader": told[chosen].get("name", chosen), "term": last + 1}).encode()
        return {
            member: ConsumerProtocolMemberAssignment(_VERSION, everything if member == chosen else [], said)
            for member in members
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """What we are told."""
        said = _told(assignment.user_data)
        self.leader = str(said.get("leader", ""))
        self._term, self._leads = _number(said), bool(assignment.partitions())


def _number(said: Mapping[str, Any]) -> int:
    term = said.get("term")
    return term if isinstance(term, int) else 0


def _told(data: bytes | None) -> dict[str, Any]:
    try:
        said = json.loads(data or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
