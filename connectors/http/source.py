"""The HTTP source: lists of any API, told in a schema file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from connectors.http.lists import REMEMBER, Comparison, ListState, digest
from connectors.http.moments import Form, Moments, before, canonical, normal
from connectors.http.reading import Listing, Unchanged, range_values
from connectors.http.records import Records, merged, part
from connectors.http.streams import HttpSourceConfig, event_types
from hub.sdk import Batch, Change, Event, IncrementalSource, Permanent, Signal, StreamsCursor, UnitContext, Window
from hub.sdk.failing import Failing
from hub.sdk.values import Value

_BATCH = 500  # events of a list in one transaction
_REST = "the streams with `incremental`"

Parent = tuple[dict[str, Any], str]
"""What a request is for: the values of its placeholders, and a prefix for the keys of its records."""


class HttpCursor(StreamsCursor):
    """How far each stream was read.

    Attributes:
        lists: what the streams held that don't tell what is new.
    """

    lists: dict[str, ListState] = {}


class HttpSource(IncrementalSource[HttpSourceConfig]):
    """Lists of an API, of which each is asked for as the schema file says."""

    def __init__(self, config: HttpSourceConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._streams = {name: Records(self, name, config.merged(name)) for name in config.streams}
        self._types = dict.fromkeys(str(each.stream.type) for each in self._streams.values() if each.stream.publish)
        self._moments = _moments([each.form for each in self._streams.values() if each.stream.incremental])
        self._unchanged = Unchanged()
        self._failing_lists = Failing()
        # What was known of lists when their ETags were remembered: they say nothing to who knows something else.
        self._as_left: dict[str, ListState] = {}

    @classmethod
    def cursor_type(cls) -> type[HttpCursor]:
        """Positions, and what is known of lists."""
        return HttpCursor

    @classmethod
    def event_types(cls, settings: Mapping[str, Any]) -> Mapping[str, str | None]:
        """The types of the streams; their contracts, if any, are the user's."""
        return dict.fromkeys(event_types(settings))

    @property
    def declared(self) -> Mapping[str, str | None]:
        """The types of the streams."""
        return self._types

    @property
    def values(self) -> Moments:
        """Whatever the streams are ordered by."""
        return self._moments

    @property
    def far_side(self) -> str:
        """The service."""
        return f"HTTP, service {self.config.service}"

    async def poll(self, cursor: StreamsCursor) -> AsyncGenerator[Batch]:
        """Yields what is new, stream by stream; one that fails doesn't keep the others.

        Raises:
            Signal: of streams that failed, when all have had their turn.
        """
        lists = dict(cursor.lists) if isinstance(cursor, HttpCursor) else {}
        streams = cursor.streams
        failures: dict[str, Signal] = {}
        if self.streams():
            polling = cast("AsyncGenerator[Batch]", super().poll(StreamsCursor(streams=streams)))
            try:
                async with aclosing(polling) as batches:
                    async for batch in batches:
                        streams = cast("StreamsCursor", batch.cursor).streams
                        yield Batch(batch.events, HttpCursor(streams=streams, lists=lists))
            except Signal as signal:
                failures[_REST] = signal
        whole = [name for name, each in self._streams.items() if each.stream.publish and not each.stream.incremental]
        for name in whole:
            if failure := self._failing_lists.why_not(name):
                failures[name] = failure
                continue
            try:
                async with aclosing(self._compared(name, lists.get(name, ListState()))) as steps:
                    async for events, state in steps:
                        lists[name] = state
                        yield Batch(events, HttpCursor(streams=streams, lists=dict(lists)))
                self._failing_lists.forget(name)
            except Signal as signal:
                failures[name] = signal
                self._failing_lists.note(name, signal)
        if len(failures) == 1 and _REST in failures:
            raise failures[_REST]
        if failures:
            raise self._failing_lists.together(failures, len(whole) + bool(self.streams()))

    # Streams that tell what is new

    def streams(self) -> Sequence[str]:
        """Those with `incremental`."""
        return [name for name, each in self._streams.items() if each.stream.publish and each.stream.incremental]

    def is_ordered(self, stream: str) -> bool:
        """As the schema file says; lists of several parents, one after the other, are not."""
        settings = self._streams[stream].stream
        return settings.incremental is not None and settings.incremental.ordered and settings.for_each is None

    def shifts(self, stream: str) -> bool:
        """By the way in which its pages are asked for."""
        paginator = self._streams[stream].stream.paginator
        return paginator is not None and paginator.shifts and not self.is_ordered(stream)

    def beginning(self, stream: str) -> Value | None:
        """By `incremental.start`."""
        records = self._streams[stream]
        start = records.stream.incremental.start if records.stream.incremental is not None else None
        return None if start is None else records.form.read(start)

    async def now(self, stream: str) -> Value | None:
        """By this machine's clock, of streams with times."""
        return canonical(datetime.now(UTC)) if self._streams[stream].form.is_time else None

    async def read(self, stream: str, window: Window) -> AsyncGenerator[Sequence[Change]]:
        """Yields the records of a range, for one parent after the other."""
        records = self._streams[stream]
        incremental = records.stream.incremental
        assert incremental is not None
        start, end = (None if each is None else normal(each) for each in (window.start, window.end))
        if not all(each is None or records.form.takes(each) for each in (start, end)):
            said = f"expected a range of {records.form.described}, by which it is ordered; got another kind"
            raise Permanent(f"stream {stream}: {said}; other streams of the source may be meant")
        written = Form(incremental.parameter_format or incremental.format)
        values = range_values(written, start, end, exclusive=incremental.exclusive)

        def is_known(page: list[Any]) -> bool:
            return start is not None and bool(page) and all(before(records.at(each), start) for each in page)

        # What finds nothing behind the position will be asked again; anything else only if the cursor is moved back.
        position = None if start is None else self.values.moved(start, self._option("lookback_window"))
        enough = is_known if incremental.is_data_feed else None
        async with aclosing(self._parents(stream)) as parents:
            async for above, prefix in parents:
                asked = {**above, **values}
                listing = Listing(self.service, stream, records.stream, asked, self._unchanged, enough=enough)
                settled = True
                async with aclosing(listing.pages()) as pages:
                    async for page in pages:
                        changes = [records.change(each, above, prefix) for each in page]
                        settled = settled and not any(_is_news(each.at, position, end) for each in changes)
                        yield changes
                if settled:
                    self._unchanged.remember(listing.tag)

    # Streams that don't

    async def _compared(self, stream: str, state: ListState) -> AsyncGenerator[tuple[list[Event], ListState]]:
        """What has changed in a list, and what is known of it then."""
        records = self._streams[stream]
        settings = records.stream
        comparison = Comparison(state, self.context.cursor.remember or REMEMBER, f"stream {stream}")
        # That one of several lists is unchanged doesn't tell which records are gone.
        single = settings.for_each is None
        unchanged = self._unchanged if single and not state.missing and self._as_left.get(stream) == state else None
        events: list[Event] = []
        tag = None
        async with aclosing(self._parents(stream)) as parents:
            async for above, prefix in parents:
                listing = Listing(self.service, stream, settings, above, unchanged)
                async with aclosing(listing.pages()) as pages:
                    async for page in pages:
                        for each in page:
                            key = prefix + records.key(each)
                            if (version := comparison.take(key, digest(each))) is not None:
                                events.append(records.event(each, above, key, version))
                        if len(events) >= _BATCH:
                            yield events, comparison.state
                            events = []
                if listing.unchanged:
                    return
                tag = listing.tag
        events += [records.gone(key, version) for key, version in comparison.end(deletes=settings.deletes)]
        following = comparison.state
        if events or following != state:
            yield events, following
        if single:
            self._as_left[stream] = following
            self._unchanged.remember(tag)

    # Both

    async def _parents(self, stream: str) -> AsyncGenerator[Parent]:
        """What each request of a stream is for."""
        for_each = self._streams[stream].stream.for_each
        if for_each is None:
            yield {}, ""
            return
        for item in for_each.values:
            yield {"item": item}, f"{part(item)}/"
        if for_each.stream is None:
            return
        parent = self._streams[for_each.stream]
        everything = {"start": None, "end": None} if parent.stream.incremental else {}
        seen: set[str] = set()
        async with aclosing(self._parents(for_each.stream)) as above:
            async for values, prefix in above:
                listing = Listing(self.service, parent.name, parent.stream, {**values, **everything})
                async with aclosing(listing.pages()) as pages:
                    async for page in pages:
                        for each in page:
                            key = prefix + parent.key(each)
                            if key not in seen:  # pages may shift
                                seen.add(key)
                                yield {"parent": merged(each, parent.stream, values)}, f"{key}/"


def _is_news(at: Value, position: Value | None, end: Value | None) -> bool:
    """Whether a change lies behind the position, or is held back for another time."""
    return position is None or before(position, at) or (end is not None and not before(at, end))


def _moments(forms: list[Form]) -> Moments:
    return Moments(
        times=any(each.is_time for each in forms),
        numbers=any(each.name == "integer" for each in forms),
        tick=max((each.tick for each in forms if each.coarse), default=timedelta(0)),
    )
