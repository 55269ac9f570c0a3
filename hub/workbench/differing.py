"""In what two versions of a route differ: counts, fields, examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from hub.sdk.event import Event
from hub.workbench.changes import Change
from hub.workbench.deciding import Decision


class Kind(StrEnum):
    """In what a route differs on an event."""

    NEWLY_MATCH = "newly_match"
    NO_LONGER_MATCH = "no_longer_match"
    DIFFER = "differ"
    """Another event comes out, or another number of them."""
    ELSEWHERE = "go_elsewhere"
    NEWLY_FAIL = "newly_fail"
    NO_LONGER_FAIL = "no_longer_fail"


class Output(NamedTuple):
    """An event that comes out, and where it goes: topics, and sinks as ``sink NAME``."""

    event: Event
    targets: frozenset[str]


Result = tuple[Output, ...] | Exception | None
"""What a route makes of an event; None where it keeps it out or doesn't read it. Errors are those of an expression
or of a contract.
"""

EVENTS = "number of events"
"""Stands for a field where another number of events comes out."""
FIELDS = 500
"""Fields that are counted for a route; payloads may have keys without end."""
OTHERS = "other fields"
"""Stands for the fields beyond these."""


@dataclass(frozen=True)
class Example:
    """An event on which a route differs.

    Attributes:
        place: where it lies.
        at: when it was written.
        id, type: the event's.
        changes: fields of what comes out.
        targets: what came in addition and what is gone: ``+alerts``, ``-review.wanted``.
        error: the failure that is new, or that is gone.
        why: what kept the event out, of the version that does.
        unread: whether that version's route doesn't even read the topic.
    """

    place: str
    at: datetime
    id: str
    type: str
    changes: tuple[Change, ...] = ()
    targets: tuple[str, ...] = ()
    error: str = ""
    why: tuple[Decision, ...] = ()
    unread: bool = False


@dataclass
class RouteDifference:
    """How a route differs over all events.

    Attributes:
        name: its name; of a removed one, its former name.
        status: ``both``, ``new`` or ``removed``.
        former: the name that it had in the old version, where that is another.
        events: how many events of its topics were compared.
        matched: in how many of them something comes out, of the new version or, of a removed route, of the old one.
        failed: how many fail in both versions.
        unanswered: how many look something up for which no answer was given; what comes of them isn't compared.
        counts: events by kind; one may be of several.
        fields: of those that differ, how often each field does.
        targets: of those that go elsewhere, how often which.
        examples: the newest by kind.
    """

    name: str
    status: str = "both"
    former: str = ""
    events: int = 0
    matched: int = 0
    failed: int = 0
    unanswered: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    examples: dict[Kind, list[Example]] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether there is a difference, be it that the route is new or removed."""
        return self.status != "both" or bool(self.counts)


class Sample(NamedTuple):
    """An event to be compared.

    Attributes:
        topic: that it was read from.
        place: where it lies, for people.
        at: when it was written.
        event: the event.
    """

    topic: str
    place: str
    at: datetime
    event: Event
