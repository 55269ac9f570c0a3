"""What happened to an event at one unit: a node of the tree that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hub.engine.dlq.deadletter import Origin


class Outcome(StrEnum):
    """How a hop ended."""

    RECEIVED = "received"
    """It was published, by a source or by another program."""
    DELIVERED = "delivered"
    FILTERED = "filtered"
    DEAD_LETTERED = "dead-lettered"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ANSWERED = "answered"
    """The far side's answer was published."""
    RETRYING = "retrying"
    IN_FLIGHT = "in flight"
    """It waits on its topic, or is being handled."""
    NOT_READ = "not read"
    """It lies before the place where the unit began to read."""
    UNKNOWN = "unknown"
    """The unit has passed it by, and nothing tells what came of it."""


@dataclass
class Hop:
    """One node.

    Attributes:
        kind: ``source``, ``route``, ``sink``; empty where no unit of the deployment did it.
        unit: its name.
        outcome: how it ended.
        detail: why, or what is awaited.
        place: the record that came of it.
        at: when that was written.
        id, type: of that record's event.
        hops: what happened to that record.
    """

    kind: str
    unit: str
    outcome: Outcome
    detail: str = ""
    place: Origin | None = None
    at: datetime | None = None
    id: str = ""
    type: str = ""
    hops: list[Hop] = field(default_factory=list)

    def walk(self) -> Iterator[Hop]:
        """This hop and all behind it."""
        yield self
        for each in self.hops:
            yield from each.walk()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        place = self.place
        return {
            "kind": self.kind,
            "unit": self.unit,
            "outcome": self.outcome,
            "detail": self.detail,
            "topic": place.topic if place else None,
            "partition": place.partition if place else None,
            "offset": place.offset if place else None,
            "at": self.at,
            "id": self.id,
            "type": self.type,
            "hops": [each.to_json() for each in self.hops],
        }
