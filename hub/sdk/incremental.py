"""Incremental sources: records that bear a cursor value, read range by range, with nothing missed and nothing twice.

The author says how a range is read. The rest is here, and the same for all: a range ends a while ago (`hold_back`),
begins before the position (`lookback_window`), is cut into pieces (`step`), and what was given before is known by its
mark.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from hub.sdk.config import SourceConfig
from hub.sdk.errors import ConfigError, EndOfInput, Permanent, Signal
from hub.sdk.failing import Failing
from hub.sdk.progress import Change, StreamsCursor, StreamState, Window
from hub.sdk.ranges import Plan, Ranges, Step
from hub.sdk.source import Batch, PollingSource
from hub.sdk.unit import UnitContext
from hub.sdk.values import Distance, Times, Value, Values

C = TypeVar("C", bound=SourceConfig)

TIMES = Times()
"""Cursor values of a source that says nothing: RFC 3339 times, in whole seconds."""
LOOKBACK = timedelta(minutes=1)
"""How far before its position a source of times reads again, where nobody says otherwise."""
REMEMBER = 20_000
"""Changes that a stream's cursor remembers at most, where nobody says otherwise: 220 kB."""


class IncrementalSource(PollingSource[C, StreamsCursor], Generic[C]):
    """A source of records that bear a cursor value: the time or the number of their last change.

    Class attributes:
        values: what the cursor values are: `Times` (in whole seconds, if not given), `Numbers` or `Texts`. A property
            where the configuration decides.
        hold_back: how long a change rests before it is read, where the schema file doesn't say. For far sides where a
            change becomes visible later than it is dated.
        lookback_window: how far before its position each poll reads again, where the schema file doesn't say; a
            duration for times (a minute, if not given), a number for numbers. What becomes visible late by less than
            both together isn't missed.
        step: the longest range to ask for at once, where the schema file doesn't say.
        ordered: whether pages come in the order of the cursor values and don't shift, as those that go on from the last
            record do (keyset pagination). Then the position moves with each page. Else a range of several pages is read
            again until a reading finds nothing new, so that a record which moved between pages isn't missed.
    """

    hold_back: ClassVar[Distance] = timedelta(0)
    lookback_window: ClassVar[Distance | None] = None
    step: ClassVar[Distance | None] = None
    ordered: bool = False

    def __init__(self, config: C, context: UnitContext) -> None:
        super().__init__(config, context)
        self._failing = Failing()
        self._ended: set[str] = set()
        self._told = False

    # What the author writes

    @property
    def values(self) -> Values:
        """What the cursor values are: to be replaced by an attribute of the class, such as ``values = Numbers()``."""
        return TIMES

    def streams(self) -> Sequence[str]:
        """Names of the streams: lists of records that are read independently of each other."""
        return ("",)

    @abstractmethod
    def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the changes of a range, page by page; an asynchronous generator.

        What lies outside of the range is left out by the caller, so that a far side that can't be asked for an end, or
        not exactly, is no problem. Within a page the order means nothing; between pages see ``ordered``. When it fails,
        what it has given by then is stored.

        Args:
            stream: one of `streams`.
            window: from ``start`` on, and before ``end``; either may be missing.
        """
        raise NotImplementedError

    def is_ordered(self, stream: str) -> bool:
        """Whether a stream is ``ordered``, where that differs from stream to stream."""
        del stream
        return self.ordered

    def shifts(self, stream: str) -> bool:
        """Whether records of a stream may move between its pages while they are read: then several are read again."""
        return not self.is_ordered(stream)

    def beginning(self, stream: str) -> Value | None:
        """Where a stream begins that was never read, if the schema file doesn't say; ``None`` for all that there is."""
        del stream
        return None

    async def now(self, stream: str) -> Value | None:
        """The cursor value of this moment; ``None`` where that can't be told. By this machine's clock, if times."""
        del stream
        return self.values.now()

    # What is made of it

    async def poll(self, cursor: StreamsCursor) -> AsyncIterator[Batch]:
        """Yields what is new, stream by stream. One that fails is left alone for a while, and the others go on.

        Raises:
            StreamsFailed: some streams failed, the others were read.
            Signal: all failed; `EndOfInput` where all have ended.
        """
        self.check()
        streams = [stream for stream in self.streams() if stream not in self._ended]
        failures: dict[str, Signal] = {}
        bugs: list[Exception] = []
        for stream in streams:
            if failure := self._failing.why_not(stream):
                failures[stream] = failure
                continue
            try:
                async with aclosing(self._new(stream, cursor.streams.get(stream, StreamState()))) as steps:
                    async for events, state in steps:
                        cursor = cursor.following(stream, state)
                        yield Batch(events, cursor)
                self._failing.forget(stream)
            except EndOfInput:
                self._ended.add(stream)
            except Signal as signal:
                failures[stream] = signal
                self._failing.note(stream, signal)
            except Exception as error:  # noqa: BLE001  raised below, when the other streams have had their turn
                bugs.append(error)
        self._conclude(failures, bugs, sum(stream not in self._ended for stream in streams))

    def _conclude(self, failures: dict[str, Signal], bugs: list[Exception], streams: int) -> None:
        if bugs:
            raise bugs[0]
        if failures:
            raise self._failing.together(failures, streams)
        if not streams:
            raise EndOfInput("all streams have ended")

    async def backfill(
        self,
        cursor: StreamsCursor,
        start: Value,
        end: Value,
        step: Distance | None = None,
        streams: Sequence[str] | None = None,
    ) -> AsyncIterator[Batch]:
        """Yields what a range holds, piece by piece, each batch with the cursor of the backfill alone.

        Args:
            cursor: where the backfill stands: at first one without streams. Those that have come to ``end`` are done.
            start: first cursor value.
            end: the one behind the last.
            step: the longest range to ask for at once; the source's own if not given.
            streams: those to read; all if not given.

        Raises:
            Signal: a stream failed; those before it have been read.
        """
        self.check()
        self.values.check("step", step)
        for stream in self.streams() if streams is None else streams:
            state = cursor.streams.get(stream, StreamState())
            at = start if state.position is None else self.values.floor(state.position)
            if state.position is not None and self.values.rank(state.position) >= self.values.rank(end):
                continue
            plan = Plan(at, end, step or self._option("step"), None, closed=True)
            with suppress(EndOfInput):  # of this stream; others may have more
                async with aclosing(self._steps(stream, state, plan)) as steps:
                    async for events, following in steps:
                        cursor = cursor.following(stream, following)
                        yield Batch(events, cursor)

    def check(self) -> None:
        """Whether the options fit the kind of cursor values.

        Raises:
            ConfigError: one doesn't.
        """
        for name in ("hold_back", "lookback_window", "step"):
            self.values.check(name, self._option(name))
        start = self.context.cursor.start
        if start is not None:
            try:
                self.values.rank(start)
            except Permanent as refusal:
                raise ConfigError(f"`cursor.start` is none of the source's cursor values: {refusal}") from None

    def _option(self, name: str) -> Any:
        given = getattr(self.context.cursor, name)
        if given is None:
            given = getattr(self, name)
        if given is None and name == "lookback_window" and self.values.distance is timedelta:
            return LOOKBACK
        return given

    async def _new(self, stream: str, state: StreamState) -> AsyncGenerator[Step]:
        """What has come since the stream was read last, and what had come late."""
        values, options, overlap = self.values, self.context.cursor, self._option("lookback_window")
        if state.position is None:
            start = self.beginning(stream) if options.start is None else options.start
        else:
            start = values.moved(state.position, -overlap) if overlap else values.floor(state.position)
        end = await self.now(stream)
        hold_back = self._option("hold_back")
        if end is None and hold_back and not isinstance(hold_back, timedelta):
            raise ConfigError(
                "`cursor.hold_back` can't be used: there is nothing to hold back from, as the source can't tell the "
                "number of this moment; `cursor.lookback_window` reads again what comes late"
            )
        if end is not None and hold_back:
            end = values.moved(end, -hold_back)
        if start is not None and end is not None and values.rank(end) <= values.rank(start):
            return
        async with aclosing(self._steps(stream, state, Plan(start, end, self._option("step"), overlap))) as steps:
            async for each in steps:
                yield each

    async def _steps(self, stream: str, state: StreamState, plan: Plan) -> AsyncGenerator[Step]:
        limit = self.context.cursor.remember or self.remember or REMEMBER
        ranges = Ranges(
            lambda window: self.read(stream, window),
            self.values,
            ordered=self.is_ordered(stream),
            shifting=self.shifts(stream),
            limit=limit,
        )
        try:
            async with aclosing(ranges.pieces(state, plan)) as pieces:
                async for each in pieces:
                    yield each
        finally:
            if ranges.forgotten and not self._told:
                self._told = True
                self.log.warning(
                    "%s: there are more than %d changes in what is read again; the oldest are forgotten, and may "
                    "be repeated with the same ids. A shorter cursor.lookback_window or cursor.step avoids that, or a "
                    "larger cursor.remember",
                    self.name,
                    limit,
                )
