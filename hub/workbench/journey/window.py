"""The time in which a search looks, and what was searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIRST = timedelta(minutes=10)
_WIDER = 6  # each slice reaches so many times further back than the one before


@dataclass(frozen=True)
class Window:
    """A span of time.

    Attributes:
        since: its beginning.
        until: its end; None: whatever lies there when the search begins.
    """

    since: datetime
    until: datetime | None = None

    @classmethod
    def last(cls, length: timedelta) -> Window:
        """The time before now."""
        return cls(datetime.now(UTC) - length)

    @classmethod
    def around(cls, moment: datetime, length: timedelta) -> Window:
        """The time around a moment, half of it before."""
        return cls(moment - length / 2, moment + length / 2)

    def slices(self) -> Iterator[Window]:
        """Parts of it, the newest first and the shortest first: people ask for what has just happened."""
        end = self.until or datetime.now(UTC)
        until, length = self.until, _FIRST
        while end - length > self.since:
            yield Window(end - length, until)
            until, length = end - length, length * _WIDER
        yield Window(self.since, until)


@dataclass
class Searched:
    """What a search has looked at.

    Attributes:
        topics: names.
        records: how many.
        since: how far back it looked.
        seconds: how long it took.
    """

    topics: set[str]
    since: datetime
    records: int = 0
    seconds: float = 0.0
