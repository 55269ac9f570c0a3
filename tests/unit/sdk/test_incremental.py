"""Incremental sources against a far side that commits late, shares ticks and shifts its pages, killed anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk import (
    Change,
    ConfigError,
    CursorOptions,
    EndOfInput,
    Event,
    IncrementalSource,
    NotConnected,
    Numbers,
    Permanent,
    SourceConfig,
    StreamsCursor,
    StreamsFailed,
    Texts,
    Times,
    Transient,
    UnitContext,
    Window,
)
from hub.sdk.failing import Failing

START = datetime(2026, 1, 1, tzinfo=UTC)
ROW = "shop.row"


@dataclass
class Row:
    """A version of a record: when it is dated, and when others begin to see it."""

    key: str
    version: int
    at: float
    visible: float
    gone: bool = False

    @property
    def id(self) -> str:
        return f"{self.key}@{self.version}"


@dataclass
class FarSide:
    """Rows by key; what is listed is each key's newest version that is visible."""

    now: float = 0.0
    versions: dict[str, list[Row]] = field(default_factory=dict)

    def write(self, key: str, late: float, *, gone: bool = False) -> None:
        before = self.versions.setdefault(key, [])
        visible = max(self.now + late, before[-1].visible if before else 0.0)
        before.append(Row(key, len(before) + 1, self.now, visible, gone))

    def listed(self) -> list[Row]:
        newest = []
        for versions in self.versions.values():
            seen = [each for each in versions if each.visible <= self.now]
            if seen:
                newest.append(seen[-1])
        return sorted(newest, key=lambda row: (row.at, row.key))


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def written(seconds: float) -> str:
    return moment(seconds).isoformat().replace("+00:00", "Z")


class Rows(IncrementalSource[SourceConfig]):
    """Reads the far side by offset, so that pages shift, or on from the last record."""

    events = {ROW: None}
    far: FarSide
    between: list = []  # done between two pages, one at a time
    size = 3

    async def now(self, stream: str) -> str | int | None:
        return self.values.write(moment(self.far.now))

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        offset, last = 0, (float("-inf"), "")
        while True:
            rows = [row for row in self.far.listed() if self.inside(row, window)]
            rows = [r for r in rows if (r.at, r.key) > last] if self.ordered else rows[offset:]
            page = rows[: self.size]
            if page:
                yield [self.change(row) for row in page]
            if len(rows) <= self.size:
                return
            offset, last = offset + self.size, (page[-1].at, page[-1].key)
            if self.between:
                self.between.pop(0)()

    def inside(self, row: Row, window: Window) -> bool:
        at = moment(row.at)
        rank = self.values.rank
        return (window.start is None or at >= rank(window.start)) and (window.end is None or at < rank(window.end))

    def change(self, row: Row) -> Change:
        event = (
            self.deleted(ROW, key=row.key, id=row.id)
            if row.gone
            else self.event(ROW, {"key": row.key}, id=row.id, partitionkey=row.key)
        )
        return Change(row.key, written(row.at), event)


def source(far: FarSide, *, ordered: bool = False, **options) -> Rows:
    made = Rows(SourceConfig(), UnitContext("rows", cursor=CursorOptions(**options)))
    made.far = far
    made.ordered = ordered
    made.between = []
    return made


async def poll(made: IncrementalSource, cursor: StreamsCursor) -> tuple[list[Event], StreamsCursor]:
    events: list[Event] = []
    async for batch in made.poll(cursor):
        events += batch.events
        cursor = StreamsCursor.model_validate_json(batch.cursor.model_dump_json())
    return events, cursor


HOLD, LOOK = 4, 10
keys = st.sampled_from("abcdefgh")
late = st.floats(0, HOLD + LOOK)
writes = st.tuples(st.just("write"), keys, late)
actions = st.one_of(
    writes,
    writes,
    st.tuples(st.just("delete"), keys, late),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.3, 1.0, 3.0, 20.0, 100.0])),
    st.tuples(
        st.just("poll"),
        st.none() | st.tuples(st.integers(0, 5), st.booleans()),  # killed after so many batches; the last one stored
        st.lists(writes | st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 5.0])), max_size=4),
    ),
)


class World:
    """A far side, a source that is killed and started again, and what it stored."""

    def __init__(self, **options) -> None:
        self.far = FarSide()
        self.options = options
        self.cursor = StreamsCursor()
        self.stored: list[str] = []

    def act(self, action: tuple) -> None:
        if action[0] == "wait":
            self.far.now += action[1]
        else:
            self.far.write(action[1], action[2], gone=action[0] == "delete")

    async def poll(self, kill: tuple[int, bool] | None = None, between: Sequence[tuple] = ()) -> None:
        made = source(self.far, **self.options)
        made.between = [lambda action=action: self.act(action) for action in between]
        batches = made.poll(self.cursor)
        number = 0
        async for batch in batches:
            if kill is not None and number == kill[0]:
                if kill[1]:
                    self.store(batch)
                await batches.aclose()
                return
            self.store(batch)
            number += 1

    def store(self, batch) -> None:
        self.stored += [event.id for event in batch.events]
        self.cursor = StreamsCursor.model_validate_json(batch.cursor.model_dump_json())

    async def settle(self) -> None:
        self.far.now += 3 * (HOLD + LOOK)
        await self.poll()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(actions, max_size=40),
    st.booleans(),
    st.none() | st.sampled_from([timedelta(seconds=1), timedelta(seconds=7), timedelta(minutes=1)]),
)
async def test_nothing_is_missed_and_nothing_comes_twice(steps, ordered, step):
    """Rows that commit late, equal times, pages that shift, pieces of any length, and kills between any two batches."""
    world = World(
        ordered=ordered,
        hold_back=timedelta(seconds=HOLD),
        lookback_window=timedelta(seconds=LOOK),
        step=step,
        start=written(0),
    )
    for action in steps:
        if action[0] == "poll":
            await world.poll(action[1], action[2])
        else:
            world.act(action)
    await world.settle()
    assert len(world.stored) == len(set(world.stored))
    final = {versions[-1].id for versions in world.far.versions.values()}
    assert final <= set(world.stored)
    for key in world.far.versions:  # versions of one record come in order
        mine = [int(each.partition("@")[2]) for each in world.stored if each.startswith(f"{key}@")]
        assert mine == sorted(mine)
    assert len(world.cursor.streams.get("", _NEW).seen) <= 64


@settings(max_examples=100, deadline=None)
@given(st.lists(actions, max_size=40), st.booleans(), st.integers(1, 4))
async def test_beyond_what_is_remembered_nothing_is_missed_either(steps, ordered, remember):
    """Whatever the bound: what is forgotten may be repeated, and is never lost."""
    world = World(
        ordered=ordered,
        hold_back=timedelta(seconds=HOLD),
        lookback_window=timedelta(seconds=LOOK),
        remember=remember,
    )
    for action in steps:
        if action[0] == "poll":
            await world.poll(action[1], action[2])
        else:
            world.act(action)
    await world.settle()
    assert {versions[-1].id for versions in world.far.versions.values()} <= set(world.stored)


punctual = st.one_of(
    st.tuples(st.sampled_from(["write", "write", "delete"]), keys, st.just(0.0)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 5.0])),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.lists(punctual, max_size=8), st.none() | st.integers(0, 4), st.lists(punctual, max_size=6)))
)
async def test_pages_that_shift_hide_nothing_where_there_is_no_overlap(polls):
    """Rows that move to another page while they are read are found by reading again, not by luck of the overlap."""
    world = World(hold_back=timedelta(0), lookback_window=timedelta(0))
    for before, kill, between in polls:
        for action in before:
            world.act(action)
        await world.poll(None if kill is None else (kill, True), between)
    await world.settle()
    assert len(world.stored) == len(set(world.stored))
    assert {versions[-1].id for versions in world.far.versions.values()} <= set(world.stored)


_NEW = StreamsCursor(streams={"": {}}).streams[""]


async def test_without_an_overlap_the_same_far_side_loses_rows():
    """The control: a row that is dated before the position and seen after it is gone for who doesn't look back."""
    for look, expected in ((timedelta(0), ["b@1"]), (timedelta(seconds=10), ["b@1", "a@1"])):
        world = World(hold_back=timedelta(0), lookback_window=look)
        world.act(("write", "a", 8.0))
        world.far.now += 3
        world.act(("write", "b", 0.0))
        world.far.now += 2
        await world.poll()
        world.far.now += 20
        await world.poll()
        assert world.stored == expected


async def test_a_row_that_moves_to_a_page_that_was_read_is_not_missed():
    """The first row of the second page becomes the last of the first: a second reading finds it."""
    world = World(hold_back=timedelta(0), lookback_window=timedelta(0))
    for key in "abcdef":
        world.act(("write", key, 0.0))
        world.far.now += 2
    await world.poll(between=[("write", "a", 0.0)])
    assert sorted(world.stored) == [f"{key}@1" for key in "abcdef"]
    world.far.now += 5
    await world.poll()
    assert world.stored[-1] == "a@2"
    assert len(world.stored) == 7


async def test_rows_of_one_tick_are_told_apart_over_polls():
    """The tick of the position is read again, and what was given of it isn't given twice."""
    world = World(hold_back=timedelta(0), lookback_window=timedelta(0), ordered=True)
    for key in "abcdefgh":
        world.act(("write", key, 0.0))
    world.far.now = 1.5
    await world.poll(kill=(1, True))
    assert len(world.stored) == 6
    world.act(("write", "x", 0.0))
    world.far.now = 3
    await world.poll()
    await world.poll()
    assert sorted(world.stored) == sorted([f"{key}@1" for key in "abcdefghx"])


async def test_a_deletion_is_a_tombstone_with_the_key():
    """It has no value on Kafka, and the attributes of an event."""
    far = FarSide()
    far.write("a", 0.0)
    far.now = 2
    events, cursor = await poll(source(far), StreamsCursor())
    far.write("a", 0.0, gone=True)
    far.now = 4
    more, _ = await poll(source(far), cursor)
    message = more[0].to_kafka()
    assert [each.id for each in (*events, *more)] == ["a@1", "a@2"]
    assert (message.key, message.value) == (b"a", None)
    assert ("ce_type", ROW.encode()) in message.headers


async def test_more_than_can_be_remembered_is_repeated_and_said_and_never_lost(caplog):
    """Beyond the bound the oldest marks go: their rows come again, by the same ids."""
    far = FarSide()
    for number in range(12):
        far.write(f"k{number:02}", 0.0)
    far.now = 5
    options = {"lookback_window": timedelta(hours=1), "remember": 10}
    first, cursor = await poll(source(far, **options), StreamsCursor())
    assert len({each.id for each in first}) == len(first) == 12
    assert len(cursor.streams[""].seen[0][1]) <= 8 * 10 * 4 / 3 + 4
    far.write("new", 0.0)
    far.now = 10
    second, cursor = await poll(source(far, **options), cursor)
    assert {each.id for each in second} == {"k00@1", "k01@1", "new@1"}
    assert "more than 10 changes" in caplog.text


async def test_marks_leave_the_cursor_with_what_is_no_longer_read_again():
    """A cursor is as large as the overlap is full, and no larger."""
    far = FarSide()
    cursor = StreamsCursor()
    for number in range(200):
        far.write(f"k{number}", 0.0)
        far.now += 2
        _, cursor = await poll(source(far, lookback_window=timedelta(seconds=10)), cursor)
    assert sum(len(digests) for _, digests in cursor.streams[""].seen) <= 8 * 12


class Numbered(IncrementalSource[SourceConfig]):
    """Streams of numbered records; one of them may fail."""

    events = {ROW: None}
    values = Numbers()

    def __init__(self, rows: dict[str, list[int]], options: CursorOptions | None = None) -> None:
        super().__init__(SourceConfig(), UnitContext("numbers", cursor=options or CursorOptions()))
        self.rows = rows
        self.failures: dict[str, Exception] = {}
        self.asked: list[tuple[str, Window]] = []

    def streams(self) -> Sequence[str]:
        return list(self.rows)

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        self.asked.append((stream, window))
        for at in self.rows[stream]:
            yield [Change(str(at), at, self.event(ROW, {}, id=f"{stream}{at}"))]
            if stream in self.failures:
                raise self.failures[stream]


async def test_a_stream_that_fails_keeps_neither_its_own_state_from_being_stored_nor_the_others():
    """All streams are tried; the error names those that failed; they are left alone for a while."""
    made = Numbered({"a": [1, 2], "b": [1, 2], "c": [1, 2]})
    made.failures = {"b": Permanent("403 no", status=403)}
    stored: list[str] = []
    cursor = StreamsCursor()
    with pytest.raises(StreamsFailed, match="1 of 3 streams can't be read: b: 403 no"):  # noqa: PT012  what was stored
        async for batch in made.poll(cursor):
            stored += [event.id for event in batch.events]
            cursor = batch.cursor
    assert stored == ["a1", "a2", "b1", "c1", "c2"]
    assert {name: state.position for name, state in cursor.streams.items()} == {"a": 2, "b": None, "c": 2}
    made.asked.clear()
    with pytest.raises(StreamsFailed):
        [batch async for batch in made.poll(cursor)]
    assert [stream for stream, _ in made.asked] == ["a", "c"]
    fresh = Numbered(made.rows)
    events, _ = await poll(fresh, cursor)
    assert [event.id for event in events] == ["b2"]


@pytest.mark.parametrize(
    ("failures", "kind"),
    [
        ([Permanent("x"), Permanent("y")], Permanent),
        ([NotConnected("x", retry_after=7.0), Permanent("y")], NotConnected),
        ([Transient("x"), Permanent("y")], Transient),
        ([EndOfInput(""), EndOfInput("")], EndOfInput),
        ([ValueError("a bug"), Transient("y")], ValueError),
    ],
)
async def test_where_all_streams_fail_one_error_says_so(failures, kind):
    """Its kind is that which leaves most hope; a bug of the connector stays one."""
    made = Numbered({"a": [1], "b": [1]})
    made.failures = dict(zip("ab", failures, strict=True))
    with pytest.raises(kind) as caught:
        [batch async for batch in made.poll(StreamsCursor())]
    if kind is NotConnected:
        assert caught.value.retry_after == 7.0


async def test_a_stream_that_has_ended_is_not_read_again():
    """The others go on, and the source ends with the last of them."""
    made = Numbered({"a": [1], "b": [1]})
    made.failures = {"a": EndOfInput("")}
    _, cursor = await poll(made, StreamsCursor())
    made.asked.clear()
    await poll(made, cursor)
    assert [stream for stream, _ in made.asked] == ["b"]


async def test_numbers_go_on_from_the_newest_and_look_back_by_a_number():
    """There is no clock: the range has no end."""
    made = Numbered({"": [5, 9, 7]}, CursorOptions(lookback_window=4))
    events, cursor = await poll(made, StreamsCursor())
    assert [event.id for event in events] == ["5", "9", "7"]
    made.rows[""] += [6, 4, 10]
    events, cursor = await poll(made, cursor)
    assert [event.id for event in events] == ["6", "10"]  # 4 lies before 9 - 4
    assert made.asked[-1] == ("", Window(5, None))
    assert cursor.summary() == '{"position": 10}'


async def test_changes_that_look_new_each_time_are_an_error_and_no_endless_loop():
    """As an author's mistake would have it: ids that change with every reading."""

    class Random(Numbered):
        async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
            self.asked.append((stream, window))
            for at in (1, 2):
                yield [Change("k", at, self.event(ROW, {}, id=f"{len(self.asked)}"))]

    with pytest.raises(Permanent, match="change with every reading"):
        [batch async for batch in Random({"": []}).poll(StreamsCursor())]


async def test_pages_that_are_called_ordered_and_are_not_lose_nothing():
    """The position stops where the order breaks, until the range has been read."""
    made = Numbered({"": [1, 5, 3, 9]})
    made.ordered = True
    states = [batch.cursor.streams[""].position async for batch in made.poll(StreamsCursor())]
    assert states == [1, 5, 5, 9]


async def test_a_range_of_another_kind_is_refused():
    """As where a source has streams of times and of numbers, and is asked for a range of times."""

    class Mixed(Numbered):
        values = type("Any", (Numbers,), {"rank": lambda _, value: value})()

    with pytest.raises(Permanent, match="of another kind than the range"):
        [batch async for batch in Mixed({"": [1]}).backfill(StreamsCursor(), written(0), written(5))]


async def test_a_stream_that_failed_is_tried_again_after_a_while(monkeypatch):
    """After a second, and twice as long each time, or when the far side asks for it."""
    now = 0.0
    monkeypatch.setattr("hub.sdk.failing.time.monotonic", lambda: now)
    failing, waits = Failing(), []
    for _ in range(8):
        failing.note("a", Transient("x"))
        began = now
        while failing.why_not("a"):
            now += 0.01
        waits.append(now - began)
    assert all(0.5 * 2**n <= wait <= 2**n + 0.02 for n, wait in enumerate(waits[:6]))
    assert all(30 <= wait <= 60.02 for wait in waits[6:])
    failing.note("a", Transient("x", retry_after=7.0))
    now += 6.9
    assert failing.why_not("a")
    now += 0.2
    assert failing.why_not("a") is None
    failing.forget("a")
    failing.note("a", Transient("x"))
    now += 1.1
    assert failing.why_not("a") is None


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (Numbers(), {"hold_back": timedelta(seconds=5)}, "hold_back.*numbers, so it must be a number"),
        (Times(), {"step": 5}, "step.*times, so it must be a duration such as 30s"),
        (Texts(), {"lookback_window": 5}, "lookback_window.*texts, which have no distance"),
        (Times(), {"start": "soon"}, "cursor.start"),
        (Times(resolution=timedelta(hours=1)), {"step": timedelta(minutes=1), "start": written(0)}, "finer"),
    ],
)
async def test_options_that_do_not_fit_the_cursor_values_are_refused(values, options, message):
    """With what would fit."""

    class Other(Numbered):
        pass

    Other.values = values
    with pytest.raises(ConfigError, match=message):
        await poll(Other({"": []}, CursorOptions(**options)), StreamsCursor())


async def test_numbers_can_not_be_held_back_from_a_moment_that_has_none():
    """It would look like a safeguard, and be none."""
    with pytest.raises(ConfigError, match=r"`cursor.hold_back` can't be used.*lookback_window"):
        await poll(Numbered({"": [5]}, CursorOptions(hold_back=100)), StreamsCursor())


async def test_a_backfill_reads_its_range_piece_by_piece_and_goes_on_where_it_was():
    """Its cursor is its own, and a finished one reads nothing more."""
    made = Numbered({"a": list(range(100)), "b": list(range(100))})
    cursor, ids = StreamsCursor(), []
    batches = made.backfill(cursor, 10, 40, 10)
    async for batch in batches:
        ids += [event.id for event in batch.events]
        cursor = batch.cursor
        if len(ids) == 45:
            await batches.aclose()
            break
    made.asked.clear()
    async for batch in made.backfill(StreamsCursor.model_validate_json(cursor.model_dump_json()), 10, 40, 10):
        ids += [event.id for event in batch.events]
        cursor = batch.cursor
    assert sorted(ids) == sorted([f"{stream}{n}" for stream in "ab" for n in range(10, 40)])
    assert {stream for stream, _ in made.asked} == {"b"}
    assert {window.end for _, window in made.asked} == {30, 40}
    assert [batch async for batch in made.backfill(cursor, 10, 40, 10)] == []


async def test_a_stream_that_has_ended_keeps_no_backfill_from_the_others():
    """What it gave is kept."""
    made = Numbered({"a": [1, 2], "b": [1, 2]})
    made.failures = {"a": EndOfInput("")}
    batches = [batch async for batch in made.backfill(StreamsCursor(), 0, 10)]
    assert [event.id for batch in batches for event in batch.events] == ["a1", "b1", "b2"]


async def test_a_long_way_is_asked_for_in_pieces_that_end_well_before_now():
    """Each piece but the last ends half a step before now at least, so that clocks that differ lose nothing."""
    made = Numbered({"": []}, CursorOptions(step=10, start=0))

    async def now(_: str) -> int:
        return 35

    made.now = now
    _, cursor = await poll(made, StreamsCursor())
    assert [(window.start, window.end) for _, window in made.asked] == [(0, 10), (10, 20), (20, 27), (27, 35)]
    assert cursor.streams[""].position == 27
