"""Answers of look-ups, and those that are kept for a while."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from hub.sdk.errors import Signal
from hub.sdk.event import Event, header_name

DEGRADED = "hubdegraded"
"""Extension of events that were made without the answer of the far side itself: ``stale`` or ``fallback``."""


class Known(NamedTuple):
    """What is known of a key.

    Attributes:
        data: a JSON value; None where the far side has nothing.
        marks: extensions for the events that are made of it.
    """

    data: Any
    marks: Mapping[str, str] = {}


class Refusal(NamedTuple):
    """Why there is no answer, and never will be.

    Attributes:
        error: the far side's word.
        attempts: how often it was asked.
    """

    error: Signal
    attempts: int


Answer: TypeAlias = Known | Refusal


class Answers:
    """Answers that are kept, by their keys; of those beyond a number the ones that weren't wanted for longest go.

    Args:
        ttl: seconds for which an answer counts; 0 keeps none.
        stale: further seconds for which it may stand in where none can be had.
        size: how many are kept.
    """

    def __init__(self, ttl: float = 0.0, stale: float = 0.0, size: int = 0) -> None:
        self._ttl = ttl
        self._stale = stale
        self._size = size
        self._kept: OrderedDict[bytes, tuple[float, Known]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: bytes) -> Known | None:
        """The answer of a key, if there is one that counts."""
        return self._find(key, 0.0)

    def stale(self, key: bytes) -> Known | None:
        """The answer of a key, if there is one that may stand in; marked as old."""
        found = self._find(key, self._stale)
        return None if found is None else Known(found.data, {**found.marks, DEGRADED: "stale"})

    def _find(self, key: bytes, more: float) -> Known | None:
        entry = self._kept.get(key)
        if entry is None:
            return None
        age = time.monotonic() - entry[0]
        if age > self._ttl + self._stale:
            del self._kept[key]
            return None
        if age > self._ttl + more:
            return None
        self._kept.move_to_end(key)
        return entry[1]

    def keep(self, key: bytes, answer: Known) -> None:
        """Keeps an answer of the far side. One that it gave in place of a better one isn't kept."""
        if self._ttl <= 0 or DEGRADED in answer.marks:
            return
        self._kept[key] = (time.monotonic(), answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def marked(
    outcome: Sequence[tuple[Event, tuple[str, ...]]], marks: Mapping[str, str]
) -> Sequence[tuple[Event, tuple[str, ...]]]:
    """What was made, marked as made of answers that weren't the far side's own."""
    return [(_marked(made, marks), targets) for made, targets in outcome] if marks else outcome


def _marked(made: Event, marks: Mapping[str, str]) -> Event:
    if DEGRADED in marks:
        marks = {**marks, DEGRADED: graver(made.attributes.get(DEGRADED), marks[DEGRADED])}
    added = tuple((header_name(name), value.encode()) for name, value in marks.items())
    return made.derived(made.raw, frozenset(name for name, _ in added), added)


def graver(one: str | None, other: str) -> str:
    """Of two marks of degradation the one that stays: a fallback is further from the truth than an old answer."""
    return "fallback" if one == "fallback" else other
