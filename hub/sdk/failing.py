"""Streams of one source that fail while others go on."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import NamedTuple

from hub.sdk.errors import NotConnected, Permanent, Signal, Transient

LONGEST_WAIT = 60.0
"""Seconds that a failing stream is left alone at most, unless the far side asks for more."""


class StreamsFailed(Transient):
    """Some streams couldn't be read; the others were.

    Args:
        failures: what each of them said.
        streams: how many there are.
    """

    def __init__(self, failures: Mapping[str, Signal], streams: int) -> None:
        super().__init__(_text(failures, streams))
        self.failures = dict(failures)


class _Resting(NamedTuple):
    failure: Signal
    failures: int
    until: float


class Failing:
    """Which streams failed, and when each is to be tried again: after 1 s, and twice as long each time."""

    def __init__(self) -> None:
        self._resting: dict[str, _Resting] = {}

    def why_not(self, stream: str) -> Signal | None:
        """Why a stream isn't to be tried now; ``None`` if it is."""
        resting = self._resting.get(stream)
        return resting.failure if resting and resting.until > time.monotonic() else None

    def note(self, stream: str, failure: Signal) -> None:
        """It failed."""
        before = self._resting.get(stream)
        failures = 1 if before is None else before.failures + 1
        longest = min(2.0 ** min(failures - 1, 30), LONGEST_WAIT)
        wait = failure.retry_after or longest * random.uniform(0.5, 1)  # noqa: S311  nothing to guess
        self._resting[stream] = _Resting(failure, failures, time.monotonic() + wait)

    def forget(self, stream: str) -> None:
        """It works."""
        self._resting.pop(stream, None)

    def together(self, failures: Mapping[str, Signal], streams: int) -> Signal:
        """One signal for the failures of several streams; where all failed, all are to be tried again after it."""
        if len(failures) < streams:
            return StreamsFailed(failures, streams)
        self._resting.clear()
        signals = list(failures.values())
        if len(signals) == 1:
            return signals[0]
        waits = [each.retry_after for each in signals if each.retry_after is not None]
        kinds = (NotConnected, Transient)
        kind = next((kind for kind in kinds if any(isinstance(each, kind) for each in signals)), Permanent)
        return kind(_text(failures, streams), retry_after=max(waits, default=None))


def _text(failures: Mapping[str, Signal], streams: int) -> str:
    said = "; ".join(f"{name}: {signal}" for name, signal in failures.items())
    return f"{len(failures)} of {streams} streams can't be read: {said}"
