"""How long a polling source rests between two polls."""

from __future__ import annotations

from typing import Any

from hub.deployment.polled import LEAST_EVERY, EverySection
from hub.sdk.source import PollingSource

HELD = 1.0
"""Seconds from which on a poll counts as one that the far side held (long polling)."""


class Pace:
    """The rest after each poll: fixed, or one that doubles while nothing comes.

    Args:
        least: seconds after a poll that brought something.
        most: seconds that the rest grows to.
        long_poll: whether the far side holds a request until there is something. Then a poll that took long needs no
            rest, and one that was answered at once and brought nothing does: the far side doesn't hold it after all.
    """

    def __init__(self, least: float, most: float, *, long_poll: bool = False) -> None:
        self._least = least
        self._most = most
        self._long_poll = long_poll
        self.rest = least
        """Seconds of the last rest."""

    def __str__(self) -> str:
        bounds = dict.fromkeys(f"{seconds:g} s" for seconds in (self._least, self._most))
        return f"every {' to '.join(bounds)}"

    def begin(self) -> None:
        """A source that starts takes up no earlier rest."""
        self.rest = self._least

    def after(self, *, brought: bool, seconds: float, asked: float = 0.0) -> float:
        """Seconds to rest after a poll.

        Args:
            brought: whether anything new came.
            seconds: how long it took.
            asked: the rest that the far side wants at least.
        """
        if brought or (self._long_poll and seconds >= HELD):
            self.rest = self._least
        else:
            self.rest = min(self._most, 2 * self.rest)
        return max(self.rest, asked)


def pace_of(every: EverySection | None, cls: type[PollingSource[Any, Any]]) -> Pace:
    """The pace of a source: as the schema file says, or its connector, whose far side may give it by holding requests.

    Args:
        every: of the schema file; None where it doesn't say.
        cls: the source's class.
    """
    most = max(LEAST_EVERY, every.max if every else cls.every).total_seconds()
    if every is not None:
        least = max(LEAST_EVERY, every.min).total_seconds()
    else:
        least = LEAST_EVERY.total_seconds() if cls.long_poll else most
    return Pace(least, most, long_poll=cls.long_poll)
