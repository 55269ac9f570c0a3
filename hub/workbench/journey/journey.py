"""From an id to the tree of all that happened to its event."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from hub.deployment import Deployment
from hub.deployment.specs import reads, writes
from hub.engine.dlq.deadletter import Origin
from hub.engine.dlq.resolutions import Resolution, Resolutions
from hub.kafka.settings import KafkaSettings
from hub.workbench.journey.finding import find
from hub.workbench.journey.following import Trail, follow
from hub.workbench.journey.hop import Hop
from hub.workbench.journey.kinship import Judge
from hub.workbench.journey.standing import look
from hub.workbench.journey.tree import Trees
from hub.workbench.journey.window import Searched, Window


@dataclass(frozen=True)
class Journey:
    """What is known of the way of an event.

    Attributes:
        hops: a tree for each time that it was published; none if it wasn't found.
        ids: of the events that were found, as they were asked for.
        searched: where.
        cut: whether there was more than is told.
    """

    hops: list[Hop]
    ids: frozenset[str]
    searched: Searched
    cut: bool = False
    missing: frozenset[Origin] = field(default=frozenset())

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        searched = self.searched
        return {
            "hops": [each.to_json() for each in self.hops],
            "complete": not self.cut,
            "searched": {
                "topics": sorted(searched.topics),
                "records": searched.records,
                "since": searched.since,
                "seconds": round(searched.seconds, 3),
            },
        }


async def trace(settings: KafkaSettings, deployment: Deployment, wanted: str, window: Window, judge: Judge) -> Journey:
    """Looks for an event in a running deployment, and for what came of it.

    Reads only: joins no group, commits nothing, makes no topic.

    Args:
        settings: how to reach Kafka.
        deployment: whose topics and units.
        wanted: the event's id or its beginning, or a place, ``topic-partition@offset``.
        window: where to look for it; what came of it is looked for from there on to the window's end.
        judge: asks a route why it kept an event out.

    Raises:
        ConfigError: several events are meant.
        HubError: Kafka's.
    """
    began = time.monotonic()
    searched = Searched(set(), window.since)
    hits = await find(settings, topics_of(deployment), wanted, window, searched)
    hops: list[Hop] = []
    trail = Trail(())
    if hits:
        trail = await follow(settings, deployment, hits, window.until, searched)
        inputs = {each.place.topic for each in trail.footprints.values()}
        units = [unit.name for unit in deployment.units.values() if not inputs.isdisjoint(reads(unit))]
        standing = await look(settings, deployment, units)
        hops = Trees(deployment, trail, standing, await _resolved(settings, deployment, trail), judge).build()
    searched.seconds = time.monotonic() - began
    ids = frozenset(hit.id for hit in hits)
    return Journey(hops, ids, searched, trail.cut, frozenset(trail.missing))


def topics_of(deployment: Deployment) -> list[str]:
    """Every topic on which an event of the deployment may lie."""
    units = deployment.units.values()
    every = [topic for unit in units for topic in (*reads(unit), *writes(unit), unit.dlq)]
    return list(dict.fromkeys([*deployment.topics, *every]))


async def _resolved(settings: KafkaSettings, deployment: Deployment, trail: Trail) -> dict[Origin, Resolution]:
    resolutions = Resolutions(settings, deployment.name)
    await resolutions.refresh()
    try:
        found = ((each.place, resolutions.of(each.record)) for each in trail.footprints.values() if each.record)
        return {place: resolution for place, resolution in found if resolution is not None}
    finally:
        await resolutions.stop()
