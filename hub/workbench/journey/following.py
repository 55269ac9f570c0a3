"""Gathers what came of an event: the records that routes, sinks and replays have made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from hub.deployment import Deployment, SourceSpec
from hub.deployment.specs import reads, writes
from hub.engine.dlq.backlog import Backlog
from hub.engine.dlq.deadletter import CONNECT, ORIGIN, Origin
from hub.kafka.settings import KafkaSettings
from hub.workbench.journey.finding import MOST, read_at
from hub.workbench.journey.footprint import Footprint, footprint, place_of
from hub.workbench.journey.window import Searched

REPLY = "/reply/"
"""Stands in the id of what a far side answered, behind that of the event that it answers."""
KEPT_BYTES = 64 * 2**20
"""Bytes of records that are kept, so that filters can be asked again; the rest are known by their headers alone."""


class Trail:
    """The records of one event, or of several that were published under one id.

    Args:
        roots: where they first lay.
        replies: whether far sides answer with events, which name the event that they answer by its id alone.

    Attributes:
        footprints: what was found, by place.
        missing: roots that are no longer there.
        cut: whether there was more than is kept.
    """

    def __init__(self, roots: Iterable[Origin], *, replies: bool = False) -> None:
        self.footprints: dict[Origin, Footprint] = {}
        self.missing: set[Origin] = set()
        self.cut = False
        self.origins = set(roots)
        self._replies = replies
        self._ids: set[str] = set()
        self._bytes = 0

    def take(self, record: Any) -> bool:
        """Takes in a record if it is one of them.

        Returns:
            Whether something was learned by which others are known that may have been passed by.
        """
        place = place_of(record)
        if place in self.footprints or not (place in self.origins or self._leads_here(record)):
            return False
        if len(self.footprints) >= MOST:
            self.cut = True
            return False
        found = footprint(record)
        self._bytes += len(record.value or b"")
        if self._bytes > KEPT_BYTES:
            object.__setattr__(found, "record", None)
        return self._learn(found)

    def _learn(self, found: Footprint) -> bool:
        self.footprints[found.place] = found
        before = len(self.origins) + len(self._ids)
        if self._replies:
            self._ids.add(found.id)
        # What comes of a replayed event, or of an answer, begins its count of hops there.
        if found.origin is None and (found.replay_of is not None or REPLY in found.id):
            self.origins.add(found.place)
        return len(self.origins) + len(self._ids) > before

    def _leads_here(self, record: Any) -> bool:
        failed = False
        for name, value in record.headers:
            if name == ORIGIN and value is not None:
                return Origin.parse(value.decode(errors="replace")) in self.origins
            if name.startswith(CONNECT):
                failed = True
            elif self._replies and name == "ce_id" and self._answers(value):
                return True
        return failed and footprint(record).root in self.origins

    def _answers(self, id_: bytes | None) -> bool:
        return (
            id_ is not None and REPLY.encode() in id_ and id_.decode(errors="replace").rpartition(REPLY)[0] in self._ids
        )


async def follow(
    settings: KafkaSettings,
    deployment: Deployment,
    hits: Collection[Footprint],
    until: datetime | None,
    searched: Searched,
) -> Trail:
    """Everything that came of some records, and what they came of.

    Args:
        settings: how to reach Kafka.
        deployment: whose topics are read.
        hits: the records.
        until: up to when; None: to the ends of the topics.
        searched: is brought up to date.

    Raises:
        HubError: Kafka's.
    """
    replies = any(sink.reply for sink in deployment.sinks.values())
    trail = Trail((hit.root for hit in hits), replies=replies)
    found = {place_of(record): record for record in await read_at(settings, trail.origins)}
    trail.missing = trail.origins - found.keys()
    for record in found.values():
        trail.take(record)
    since = min([hit.at for hit in hits] + [each.at for each in trail.footprints.values()])
    topics = downstream(deployment, {root.topic for root in trail.origins} | {hit.place.topic for hit in hits})
    learned: datetime | None = since
    while learned is not None:
        # Again, from there on, where something was learned: partitions are read one beside the other.
        learned = await _pass(settings, topics, learned, until, trail, searched)
    return trail


async def _pass(
    settings: KafkaSettings,
    topics: Collection[str],
    since: datetime,
    until: datetime | None,
    trail: Trail,
    searched: Searched,
) -> datetime | None:
    """Reads once. Returns the earliest time at which something was learned."""
    learned: datetime | None = None
    async with Backlog(settings, topics, since=since, until=until) as backlog:
        searched.topics |= {each.topic for each in backlog.ends}
        async for batch in backlog.batches():
            searched.records += len(batch)
            for record in batch:
                if trail.take(record):
                    at = trail.footprints[place_of(record)].at
                    learned = at if learned is None else min(learned, at)
    return learned


def downstream(deployment: Deployment, topics: Iterable[str]) -> set[str]:
    """These topics, and all that what lies on them can reach: through units, their dead letters and their replays."""
    reached = set(topics)
    while True:
        touched = [unit for unit in deployment.units.values() if not reached.isdisjoint([*reads(unit), unit.dlq])]
        more = {topic for unit in touched for topic in (*writes(unit), unit.dlq)}
        more |= {unit.inbox for unit in touched if not isinstance(unit, SourceSpec)}
        if more <= reached:
            return reached
        reached |= more
