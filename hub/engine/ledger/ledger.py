"""The ledger: what became of every event that a unit took in.

Counted in input events, so that a fan-out or a split is one, and received = delivered + filtered + dead-lettered +
in flight. What waits on the input topics (lag) is in flight. Refused requests were never taken in and stand outside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict


class Totals(BaseModel):
    """A ledger at one moment, with lag counted in."""

    model_config = ConfigDict(frozen=True)

    received: int = 0
    delivered: int = 0
    filtered: dict[str, int] = {}
    """By reason: ``where``, ``duplicate``."""
    dead_lettered: dict[str, int] = {}
    """By error class."""
    replayed: int = 0
    """How many of ``received`` came back from a dead letter queue."""
    refused: dict[str, int] = {}
    """Requests by reason; not part of ``received``."""
    retries: int = 0
    in_flight: int = 0
    lag: int = 0
    """How many of ``in_flight`` wait on the input topics."""

    @property
    def balanced(self) -> bool:
        """Whether nothing is unaccounted for."""
        return self.received == (
            self.delivered + sum(self.filtered.values()) + sum(self.dead_lettered.values()) + self.in_flight
        )

    @classmethod
    def sum(cls, each: Iterable[Totals]) -> Self:
        """All of them together."""
        filtered: Counter[str] = Counter()
        dead_lettered: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for totals in each:
            filtered.update(totals.filtered)
            dead_lettered.update(totals.dead_lettered)
            refused.update(totals.refused)
            for name in ("received", "delivered", "replayed", "retries", "in_flight", "lag"):
                numbers[name] += getattr(totals, name)
        return cls(filtered=dict(filtered), dead_lettered=dict(dead_lettered), refused=dict(refused), **numbers)


class Durations:
    """How long events took, as a histogram.

    Attributes:
        counts: by bucket of `BOUNDS`; the last one is for all above.
        sum: of all, in seconds.
    """

    BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
    """Upper bounds in seconds: Prometheus' usual ones, and longer ones for what waits out an outage."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, events: int = 1) -> None:
        """Counts so many events that took so long."""
        self.counts[bisect_left(self.BOUNDS, seconds)] += events
        self.sum += seconds * events


class Ledger:
    """A unit's counters since it started.

    Attributes:
        taken: what was taken in and not given back.
        durations: from taking events in to the acknowledgement of their effect.
    """

    __slots__ = ("dead_lettered", "delivered", "durations", "filtered", "refused", "replayed", "retries", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.delivered = 0
        self.filtered: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.replayed = 0
        self.retries = 0
        self.durations = Durations()

    @property
    def under_way(self) -> int:
        """Events taken in whose fate is open."""
        return self.taken - self.delivered - self.filtered.total() - self.dead_lettered.total()

    def totals(self, lag: int = 0) -> Totals:
        """A snapshot, with ``lag`` events that wait on the input topics counted in."""
        return Totals(
            received=self.taken + lag,
            delivered=self.delivered,
            filtered=dict(self.filtered),
            dead_lettered=dict(self.dead_lettered),
            replayed=self.replayed,
            refused=dict(self.refused),
            retries=self.retries,
            in_flight=self.under_way + lag,
            lag=lag,
        )
