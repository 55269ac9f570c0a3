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


def source(far: FarSide, *, ordered: bool = False, resolution: float = 1.0, **options) -> Rows:
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


@settings(max_examples=300, deadline=None)
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


_NEW = StreamsCursor(streams={"": {}}).streams[""]
