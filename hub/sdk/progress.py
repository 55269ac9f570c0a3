"""How far a stream has been read: the part of a cursor that belongs to one stream, and what moves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.sdk.cursor import Cursor
from hub.sdk.errors import Permanent
from hub.sdk.event import Event
from hub.sdk.remembered import Group, Remembered, mark
from hub.sdk.values import Value, Values


@dataclass(frozen=True)
class Change:
    """One version of one record, or its deletion.

    Attributes:
        key: the record's identity within its stream.
        at: its cursor value, as the far side writes it.
        event: what to publish, or a tombstone (`Source.deleted`). Its id must be the same whenever this change is read
            again, such as ``key@version``.
    """

    key: str
    at: Value
    event: Event

    @property
    def mark(self) -> bytes:
        """What it is known by."""
        kind = "deleted" if self.event.raw is None else "changed"
        return mark(self.key, str(self.at), self.event.type, self.event.id, kind)


@dataclass(frozen=True)
class Window:
    """A range of cursor values, as the far side writes them.

    Attributes:
        start: the first value that belongs to it; ``None`` where it has no beginning.
        end: the first value that doesn't belong to it any more; ``None`` where it has no end.
    """

    start: Value | None = None
    end: Value | None = None


class StreamState(Cursor):
    """How far a stream has been read.

    Attributes:
        position: everything before it has been read, and of its own tick what is remembered; ``None`` at first.
        seen: marks of what was given lately, see `hub.sdk.remembered`.
    """

    position: Value | None = None
    seen: tuple[Group, ...] = ()


class StreamsCursor(Cursor):
    """How far each stream of an incremental source has been read; where there is one alone, it is called ``""``."""

    streams: dict[str, StreamState] = {}

    def summary(self) -> str:
        """The positions alone."""
        return json.dumps({name or "position": state.position for name, state in self.streams.items()})

    def following(self, stream: str, state: StreamState) -> StreamsCursor:
        """The same but for one stream."""
        return StreamsCursor(streams={**self.streams, stream: state})


class Progress:
    """A stream while it is read.

    Args:
        state: as stored.
        values: what orders it.
        limit: marks to store at most.
    """

    def __init__(self, state: StreamState, values: Values, limit: int) -> None:
        self._values = values
        self._remembered = Remembered(state.seen, values.rank, limit)
        self.position = state.position
        self.newest: Value | None = None
        """Newest value read since the last `settle`."""

    @property
    def forgotten(self) -> int:
        """Marks that had to be dropped since the start."""
        return self._remembered.forgotten

    @property
    def state(self) -> StreamState:
        """To be stored."""
        return StreamState(position=self.position, seen=self._remembered.groups())

    def take(self, page: Iterable[Change], window: Window, ceiling: Value | None) -> list[Change]:
        """Those of a page that belong to the window and weren't given before, in order; they are remembered.

        Args:
            page: in any order.
            window: what was asked for.
            ceiling: the newest value that counts, where the window has no end.

        Raises:
            Permanent: cursor values that can't be compared with the window's.
        """
        rank = self._values.rank
        try:
            ranked = self._within(page, window, ceiling)
        except TypeError:
            raise Permanent(
                "the records' cursor values are of another kind than the range that was asked for, such as numbers "
                "where it was one of times"
            ) from None
        if ranked and (self.newest is None or ranked[-1][0] > rank(self.newest)):
            self.newest = ranked[-1][1].at
        new: dict[bytes, Change] = {}
        for _, change in ranked:
            if (digest := change.mark) not in self._remembered:
                new.setdefault(digest, change)
        if new:
            self._remembered.add(next(reversed(new.values())).at, new)
        return list(new.values())

    def _within(self, page: Iterable[Change], window: Window, ceiling: Value | None) -> list[tuple[Any, Change]]:
        """The changes that belong to the window, in order."""
        rank = self._values.rank
        low, high, top = (None if each is None else rank(each) for each in (window.start, window.end, ceiling))
        ranked: list[tuple[Any, Change]] = []
        for change in page:
            at = rank(change.at)
            if (low is None or at >= low) and (high is None or at < high) and (top is None or at <= top):
                ranked.append((at, change))
        ranked.sort(key=lambda each: each[0])
        return ranked

    def reach(self, value: Value | None) -> bool:
        """Moves the position on to a value; never back. Whether it moved."""
        if value is None or (
            self.position is not None and self._values.rank(value) <= self._values.rank(self.position)
        ):
            return False
        self.position = value
        return True

    def settle(self, overlap: Any) -> None:
        """What was asked for has been read: the next range begins."""
        self.newest = None
        self.trim(overlap)

    def trim(self, overlap: Any) -> None:
        """Drops the marks of what lies before the position by more than the overlap: it won't be read again."""
        if self.position is not None:
            values = self._values
            self._remembered.forget(values.moved(self.position, -overlap) if overlap else values.floor(self.position))
