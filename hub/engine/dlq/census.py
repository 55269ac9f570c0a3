"""How many dead letters there are, of which units, since when and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from hub.engine.dlq.deadletters import Letter, Queue
from hub.engine.dlq.selection import given_up

# What differs between two failures of the same kind: numbers and identifiers.
_VARYING = re.compile(r"\b[0-9a-f]{8,}(-[0-9a-f]{4,})*\b|\d+", re.IGNORECASE)
_LONGEST = 80


class Cause(NamedTuple):
    """Failures that are alike.

    Attributes:
        error: class of the root cause.
        status: the far side's status, if it gave one.
        text: the message; with ``…`` for numbers and identifiers in which they differ.
        times: how many dead letters have it.
    """

    error: str
    status: int | None
    text: str
    times: int


@dataclass
class Census:
    """The dead letters of one unit.

    Attributes:
        unit, kind: whose; without a kind where the deployment has no such unit.
        open: how many are not resolved.
        resolved: how many were ``replayed`` and ``discarded``.
        since, until: when the first and the last of those that are open was given up.
    """

    unit: str
    kind: str = ""
    open: int = 0
    resolved: Counter[str] = field(default_factory=Counter)
    since: datetime | None = None
    until: datetime | None = None
    _texts: dict[tuple[str, int | None, str], tuple[str, int]] = field(default_factory=dict, repr=False)

    def add(self, letter: Letter) -> None:
        """Counts a dead letter."""
        if letter.resolution is not None:
            self.resolved[letter.resolution.kind] += 1
            return
        self.open += 1
        at = given_up(letter)
        self.since = min(self.since or at, at)
        self.until = max(self.until or at, at)
        whole = (letter.failure.cause.splitlines() or [""])[0].strip() or letter.failure.error
        # Masked before it is cut: what varies in length would move the place of the cut.
        text, masked = _cut(whole), _cut(_VARYING.sub("…", whole))
        alike = (letter.failure.error, letter.failure.status, masked)
        first, count = self._texts.get(alike, (text, 0))
        self._texts[alike] = (first if first == text else masked, count + 1)

    @property
    def causes(self) -> list[Cause]:
        """Why, the most frequent first."""
        found = [Cause(error, status, *counted) for (error, status, _), counted in self._texts.items()]
        return sorted(found, key=lambda cause: -cause.times)

    def to_json(self) -> Mapping[str, Any]:
        """For programs."""
        return {
            "unit": self.unit,
            "kind": self.kind,
            "open": self.open,
            "replayed": self.resolved["replayed"],
            "discarded": self.resolved["discarded"],
            "since": self.since,
            "until": self.until,
            "causes": [cause._asdict() for cause in self.causes],
        }


def _cut(text: str) -> str:
    """No more than `_LONGEST` characters: cut behind a word, unless that word is most of it."""
    if len(text) <= _LONGEST:
        return text
    space = text.rfind(" ", 0, _LONGEST)
    return text[: space if space > _LONGEST // 2 else _LONGEST - 1].rstrip(" ,;:…") + "…"


def census(queues: Iterable[Queue]) -> dict[str, Census]:
    """An empty census of each unit, by its name."""
    return {queue.unit: Census(queue.unit, queue.kind) for queue in queues}
