"""Reading a stream range by range: pieces, the pages in them, and what of these is new."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, cast

from hub.sdk.errors import ConfigError, Permanent
from hub.sdk.event import Event
from hub.sdk.progress import Change, Progress, StreamState, Window
from hub.sdk.values import Distance, Value, Values

_READINGS = 100  # of one range, in search of what had shifted


class Plan(NamedTuple):
    """What is to be read of a stream.

    Attributes:
        start: first value; ``None`` for all that there is.
        end: the value behind the last; ``None`` where it can't be told.
        step: longest range to ask for at once.
        overlap: how far before its position the stream will be read again.
        closed: whether the stream is read up to ``end`` for good, as in a backfill; else it will go on from the newest
            change found, as clocks differ.
    """

    start: Value | None
    end: Value | None
    step: Distance | None
    overlap: Any
    closed: bool = False


Step = tuple[list[Event], StreamState]
"""New events, and how far the stream has been read with them."""


class Ranges:
    """Reads ranges of a stream.

    Args:
        read: gives the pages of a range.
        values: what orders the changes.
        ordered: whether pages come in that order.
        shifting: whether records may move between pages while these are read: then several pages are read again, until
            a reading finds nothing new, and the position moves only then.
        limit: marks that a stream stores at most.
    """

    def __init__(
        self,
        read: Callable[[Window], AsyncIterator[Sequence[Change]]],
        values: Values,
        *,
        ordered: bool,
        shifting: bool,
        limit: int,
    ) -> None:
        self._read = read
        self._values = values
        self._ordered = ordered
        self._shifting = shifting
        self._limit = limit
        self.forgotten = 0
        """Marks that had to be dropped for want of room."""

    async def pieces(self, state: StreamState, plan: Plan) -> AsyncGenerator[Step]:
        """Yields what a plan brings, page by page, and each time the stream's state after it.

        Raises:
            Signal: the far side's.
            Permanent: changes that look like new ones each time they are read, or that have no cursor value.
        """
        progress = Progress(state, self._values, self._limit)
        stored = state
        start = plan.start
        while True:
            end, last = self._piece(start, plan)
            # Each page waits for the next one, so that the last of a piece moves the position with it.
            page: list[Event] | None = None
            try:
                async with aclosing(self._range(Window(start, end), progress, plan.overlap)) as pages:
                    async for following in pages:
                        if page is not None:
                            yield page, stored
                        page, stored = following, progress.state
            except Exception:
                if page is not None:
                    yield page, stored
                raise
            # The last piece ends now, by whatever clock: only what was found in it tells how far the far side is.
            progress.reach(progress.newest if last and not plan.closed else end)
            progress.settle(plan.overlap)
            self.forgotten = progress.forgotten
            if page is not None or progress.state != stored:
                stored = progress.state
                yield page or [], stored
            if last:
                return
            start = end

    def _piece(self, start: Value | None, plan: Plan) -> tuple[Value | None, bool]:
        """Where the piece ends that begins here, and whether it is the last one.

        The last two share what is left, so that each piece but the last ends well before now.
        """
        if start is None or plan.end is None or not plan.step:
            return plan.end, True
        rank, moved = self._values.rank, self._values.moved
        end = moved(start, plan.step)
        if rank(end) <= rank(start):
            raise ConfigError(f"`cursor.step` is finer than the source's cursor values, which are {self._values.name}")
        if rank(end) >= rank(plan.end):
            return plan.end, True
        if not plan.closed and rank(moved(end, plan.step)) > rank(plan.end):
            half = self._values.middle(start, plan.end)
            end = half if rank(start) < rank(half) else end
        return end, False

    async def _range(self, window: Window, progress: Progress, overlap: Any) -> AsyncGenerator[list[Event]]:
        """The new events of one range, page by page; the progress has taken in each page when it is given.

        Pages that may shift are read again until a reading finds nothing new.
        """
        ceiling: Value | None = None
        for _ in range(_READINGS):
            pages = new = 0
            rising = self._ordered and not self._shifting  # what a reading missed must stay ahead of the position
            async with aclosing(cast("AsyncGenerator[Sequence[Change]]", self._read(window))) as reading:
                async for page in reading:
                    pages += 1
                    rising = rising and self._rises(progress.newest, page)
                    changes = progress.take(page, window, ceiling)
                    new += len(changes)
                    moved = rising and progress.reach(progress.newest)
                    if moved:
                        progress.trim(overlap)
                    if changes or moved:
                        yield [each.event for each in changes]
                    if self._ordered and self._past(page, window):
                        break
            if not self._shifting or pages <= 1 or not new:
                return
            if window.end is None:
                ceiling = progress.newest
        raise Permanent(
            f"one range was read {_READINGS} times, and each time it held changes that it hadn't before: their keys, "
            "cursor values or ids seem to change with every reading"
        )

    def _rises(self, before: Value | None, page: Sequence[Change]) -> bool:
        """Whether a page begins no earlier than the one before it ended; whoever calls pages ordered may err."""
        if before is None or not page:
            return True
        return bool(min(self._values.rank(each.at) for each in page) >= self._values.rank(before))

    def _past(self, page: Sequence[Change], window: Window) -> bool:
        """Whether all of a page lies behind the range: so does all that follows."""
        if window.end is None or not page:
            return False
        end = self._values.rank(window.end)
        return all(self._values.rank(each.at) >= end for each in page)
