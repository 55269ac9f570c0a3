"""The way back of one dead letter: the record that replays it, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from hub.engine.dlq.deadletter import Origin, is_failure_header, replay_headers
from hub.engine.dlq.deadletters import Letter, Queue
from hub.engine.dlq.selection import given_up
from hub.kafka.publisher import Record, TooLarge
from hub.sdk.event import Header

MOST_REPLAYS = 3
"""A dead letter that was replayed so often isn't replayed again without force: it would go round for ever."""


class Refusal(NamedTuple):
    """Why a dead letter stays where it is.

    Attributes:
        place: where that is.
        why: ``looping``, ``too_large``, ``no_way`` or ``out_of_order``.
        text: for people.
    """

    place: Origin
    why: Literal["looping", "too_large", "no_way", "out_of_order"]
    text: str


@dataclass
class Outcome:
    """What became of one unit's selected dead letters.

    Attributes:
        unit, kind: whose they are.
        resolved: how many were replayed or discarded; of a rehearsal, how many would be.
        keys: their partition keys.
        oldest: when the first of them was given up.
        refusals: the others.
    """

    unit: str
    kind: str
    resolved: int = 0
    keys: set[bytes] = field(default_factory=set)
    oldest: datetime | None = None
    refusals: list[Refusal] = field(default_factory=list)

    def count(self, letter: Letter) -> None:
        """Adds a dead letter that was resolved."""
        self.resolved += 1
        if letter.key is not None:
            self.keys.add(letter.key)
        at = given_up(letter)
        self.oldest = at if self.oldest is None else min(self.oldest, at)


def way_back(queue: Queue | None, letter: Letter, limits: Mapping[str, int], *, force: bool) -> Record | Refusal:
    """The record that sends a dead letter back to its unit.

    Args:
        queue: the unit's; None where the deployment has no such unit.
        letter: what to send back.
        limits: topic → largest record in bytes.
        force: whether one that was replayed too often goes back all the same.
    """
    if queue is None:
        return Refusal(letter.place, "no_way", f"the deployment has no unit {letter.unit or 'that it names'}")
    target = queue.target(letter)
    if target is None:
        if letter.is_reply:
            return Refusal(letter.place, "no_way", f"{queue.kind} {queue.unit} has no topic for replies")
        what = f"the type {letter.event.type}" if letter.event else "what is no CloudEvent"
        return Refusal(letter.place, "no_way", f"{queue.kind} {queue.unit} publishes no events of {what}")
    if letter.failure.replays >= MOST_REPLAYS and not force:
        return Refusal(letter.place, "looping", f"replayed {letter.failure.replays} times, and it failed each time")
    record = Record(target, letter.key, letter.value, _headers(queue, letter))
    limit = limits.get(target)
    if limit is not None and record.size() > limit:
        return Refusal(letter.place, "too_large", str(TooLarge(target, record.size(), limit)))
    return record


def _headers(queue: Queue, letter: Letter) -> list[Header]:
    """With the failure, for the unit alone. A source's event and a sink's reply are for all, and go without."""
    if queue.inbox is not None and not letter.is_reply:
        return replay_headers(letter.headers, source=letter.place)
    return [header for header in letter.headers if not is_failure_header(header[0])]
