"""Cursors: where a polling source stands, as the source itself defines it.

A cursor is a frozen pydantic model; the hub stores it as JSON in Kafka, in one transaction with the events that lead up
to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr


class Cursor(BaseModel):
    """A position in a polled system. Its defaults are the position of a source that has never run.

    Fields may be added with a default; a stored cursor that doesn't fit stops the source with an error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def summary(self) -> str:
        """A few words or JSON, for people and for reports that are sent often: without what the source alone needs."""
        return self.model_dump_json()


@dataclass(frozen=True)
class CursorOptions:
    """What a schema file says of how a source reads; ``None`` leaves it to the connector.

    Attributes:
        start: where a source begins that has never run.
        hold_back: how long a change rests before it is read.
        lookback_window: how far before its position each poll reads again.
        step: the longest range that is asked for at once.
        remember: how many changes are remembered, so that reading them again repeats nothing.
    """

    start: int | str | None = None
    hold_back: timedelta | int | None = None
    lookback_window: timedelta | int | None = None
    step: timedelta | int | None = None
    remember: int | None = None


class TimeCursor(Cursor):
    """A position in records that are ordered by the time of their last change.

    Many records can change within the same tick, and a query by time includes its bound, so the time alone either
    repeats records or misses some. The cursor therefore remembers the versions of records it has seen at its own time.

    Attributes:
        since: time of the newest change seen, as the far side writes it; ``None`` before the first.
        at_since: ``key@version`` of all records seen with exactly that time.
    """

    since: str | None = None
    at_since: frozenset[str] = frozenset()

    _new: list[Any] = PrivateAttr(default_factory=list)

    @property
    def new(self) -> list[Any]:
        """The records that the last `seen` had not seen before."""
        return self._new

    def seen(self, records: Iterable[Mapping[str, Any]], *, key: str, by: str) -> Self:
        """The cursor after these records, with ``new`` holding those of them that are new.

        Args:
            records: as the far side gave them, each holding the fields ``key`` and ``by``.
            key: field with the record's identity.
            by: field with the time of its last change, in a form whose order as text is its order in time.
        """
        marks: dict[str, Mapping[str, Any]] = {}
        for record in records:
            mark = f"{record[key]}@{record[by]}"
            if (
                self.since is None
                or record[by] > self.since
                or (record[by] == self.since and mark not in self.at_since)
            ):
                marks.setdefault(mark, record)
        new = list(marks.values())
        since = max((record[by] for record in new), default=self.since)
        at_since = {mark for mark, record in marks.items() if record[by] == since}
        if since == self.since:
            at_since |= self.at_since
        following = type(self).model_validate({**self.model_dump(), "since": since, "at_since": frozenset(at_since)})
        following._new = new  # noqa: SLF001  the same class
        return following
