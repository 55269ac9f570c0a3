"""Limits of one process: when the next request may go."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from hub.sdk.policies import Limit

BURST = 100
"""A token bucket's size, if not given, is `count` divided by this: so that no interval holds over 1 % too many."""


class Gate(Protocol):
    """One limit, or one limit of one user. Times are those of `time.monotonic`, in seconds."""

    spacing: float
    """Seconds between two requests at the limit's own pace, to foretell how long a queue takes."""

    def earliest(self, now: float) -> float:
        """When the next request may go: now, or later."""
        ...

    def take(self, now: float) -> None:
        """Counts a request that goes now."""
        ...


class TokenBucket:
    """Spreads requests: a bucket of `burst` tokens that fills at the rate of the limit.

    Kept as a single time, the one at which the bucket would be full again, by the generic cell rate algorithm
    (ITU-T I.371, annex A: the virtual scheduling algorithm).
    """

    __slots__ = ("_free_at", "_full_at", "_tolerance", "spacing")

    def __init__(self, limit: Limit) -> None:
        self.spacing = limit.interval.total_seconds() / limit.count
        # A billionth of slack, lest rounding makes a waiter come back for nothing.
        self._tolerance = self.spacing * (burst_of(limit) - 1) + 1e-9
        self._full_at = 0.0
        self._free_at = 0.0

    def earliest(self, now: float) -> float:
        """When the bucket holds a token."""
        at = self._free_at
        return at if at > now else now  # noqa: FURB136  max() takes four times as long

    def take(self, now: float) -> None:
        """Takes a token."""
        full = self._full_at
        self._full_at = full = max(now, full) + self.spacing
        self._free_at = full - self._tolerance


class SlidingWindow:
    """Lets `count` requests through in any stretch of `interval`, exactly: it remembers when each of them went."""

    __slots__ = ("_count", "_interval", "_went", "spacing")

    def __init__(self, limit: Limit) -> None:
        self._interval = limit.interval.total_seconds()
        self._count = limit.count
        self._went: deque[float] = deque(maxlen=limit.count)
        self.spacing = self._interval / limit.count

    def earliest(self, now: float) -> float:
        """When the oldest of the last `count` requests has left the window."""
        if len(self._went) < self._count:
            return now
        at = self._went[0] + self._interval
        return max(now, at)

    def take(self, now: float) -> None:
        """Remembers the request."""
        self._went.append(now)


def burst_of(limit: Limit) -> int:
    """The size of a limit's token bucket."""
    return limit.burst or max(1, limit.count // BURST)


def gate(limit: Limit) -> TokenBucket | SlidingWindow:
    """The gate that keeps a limit."""
    return SlidingWindow(limit) if limit.algorithm == "sliding_window" else TokenBucket(limit)
