"""Which letter of a key is whose turn, in whatever order they are met, and what would hold a key for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations

import hypothesis.strategies as st
import pytest
from aiokafka import TopicPartition
from aiokafka.structs import RecordMetadata
from hypothesis import given

from hub.engine.dlq.deadletter import REPLAY_OF, Origin
from hub.engine.dlq.resolutions import Resolution
from hub.engine.sinks import parking as room
from hub.engine.sinks import strays
from hub.engine.sinks.letters import Held, Letters, Order
from hub.engine.sinks.parking import Parking, Way
from hub.kafka.settings import KafkaSettings
from hub.sdk.event import Header
from tests.unit.engine.sinks.stages import Record, Table

KEY = b"k"


def headers(replay_of: Origin | None = None) -> list[Header]:
    found: list[Header] = [("hub_unit", b"out"), ("__connect.errors.stage", b"write")]
    return found if replay_of is None else [*found, (REPLAY_OF, str(replay_of).encode())]


def letter(place: Origin, timestamp: int = 0, *, replay_of: Origin | None = None) -> Record:
    return Record(place, KEY, b"{}", headers(replay_of), timestamp)


class Ends:
    """A consumer that knows where partitions begin."""

    def __init__(self) -> None:
        self.beginnings: dict[TopicPartition, int] = {}

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: self.beginnings.get(each, 0) for each in partitions}


def parking(*, of: Parking | None = None) -> Parking:
    """One life; another one knows the same resolutions."""
    made = Parking(
        KafkaSettings(bootstrap_servers="localhost:1"), unit="out", dlq=["d"], resolutions="r", group="g", inbox="i"
    )
    made._table = Table() if of is None else of._table
    made._consumer = Ends()
    made._positions = {TopicPartition("d", number): 0 for number in range(2)}
    return made


async def replay(on: Parking, place: Origin, timestamp: int = 0, *, ended: bool = False, again: str = "") -> None:
    resolution = Resolution(
        kind="replayed", at=datetime.now(UTC), by="x", timestamp=timestamp, sequenced=True, ended=ended, again=again
    )
    await on._table.put(str(place).encode(), resolution.model_dump_json().encode())


async def ways(on: Parking, *places: Origin) -> list[Way]:
    return [await on.way(KEY, headers(place)) for place in places]


READ = [each for each in permutations(range(4)) if each.index(0) < each.index(1) and each.index(2) < each.index(3)]
"""Each partition is read in its order."""


@pytest.mark.parametrize("noted", [0, 1, 2])
@pytest.mark.parametrize("order", READ)
async def test_a_replay_that_failed_again_keeps_its_place_on_whatever_partition_it_lies(order, noted):
    """After a restart letters of several partitions are met in any order; how replays ended is seen at any time."""
    first, second = Origin("d", 1, 0), Origin("d", 1, 1)
    again, once_more = Origin("d", 0, 0), Origin("d", 0, 1)
    read = [
        letter(first, 10),
        letter(second, 11),
        letter(again, 20, replay_of=first),
        letter(once_more, 30, replay_of=again),
    ]
    life = parking()
    ends = [(first, 10, again), (again, 20, once_more)]
    for place, timestamp, following in ends[:noted]:
        await replay(life, place, timestamp, ended=True, again=str(following))
    for each in order:
        await life._read(read[each])
    for place, timestamp, following in ends[noted:]:
        await replay(life, place, timestamp, ended=True, again=str(following))
    await replay(life, once_more, 30)
    await replay(life, second, 11)
    assert await ways(life, second, once_more) == [Way.PARK, Way.OUT]
    assert await life.way(KEY, headers()) is Way.WAIT
    await life.delivered(KEY, headers(once_more))
    assert await ways(life, second) == [Way.OUT]
    await life.delivered(KEY, headers(second))
    assert await life.way(KEY, headers()) is Way.OUT
    assert life.held == Held()


async def test_another_workers_failure_of_a_replay_is_seen_when_its_letter_is_met():
    """What it noted comes later than the letter itself: the order is known by the letter's own header."""
    first, second, again = Origin("d", 1, 0), Origin("d", 1, 1), Origin("d", 0, 0)
    life = parking()
    await life._read(letter(again, 20, replay_of=first))
    await life._read(letter(first, 10))
    await life._read(letter(second, 11))
    await replay(life, first, 10, ended=True, again=str(again))
    await replay(life, again, 20)
    await replay(life, second, 11)
    assert await ways(life, second, again) == [Way.PARK, Way.OUT]


async def test_the_order_is_handed_on_although_the_first_letter_is_met_last():
    """Failed again twice; that the second took the first one's place was known before the root was met."""
    first, second = Origin("d", 1, 0), Origin("d", 1, 1)
    again, once_more = Origin("d", 0, 0), Origin("d", 0, 1)
    life = parking()
    await replay(life, again, 20, ended=True, again=str(once_more))
    await life._read(letter(again, 20, replay_of=first))
    await life._read(letter(once_more, 30, replay_of=again))
    await life._read(letter(first, 10))
    await life._read(letter(second, 11))
    await replay(life, first, 10)
    await replay(life, once_more, 30)
    await replay(life, second, 11)
    assert await ways(life, second) == [Way.PARK]
    await life.delivered(KEY, headers(first))
    assert await ways(life, second, once_more) == [Way.PARK, Way.OUT]


async def test_on_one_partition_the_offset_decides_not_the_clock():
    """Two workers wrote them, the second with a clock that is behind."""
    first, second = Origin("d", 1, 0), Origin("d", 1, 1)
    life = parking()
    await life._read(letter(first, 5000))
    await life._read(letter(second, 1000))
    await replay(life, first, 5000)
    await replay(life, second, 1000)
    assert await ways(life, second, first) == [Way.PARK, Way.OUT]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), min_size=1, max_size=12))
def test_clocks_that_disagree_make_no_circle(written):
    """However timestamps jump: there is one order, it is that of the offsets on each partition, and one is first."""
    letters = Letters()
    offsets: dict[int, int] = {}
    for partition, timestamp in written:
        offset = offsets[partition] = offsets.get(partition, -1) + 1
        letters.add(KEY, Origin("d", partition, offset), timestamp, None)
    orders: list[Order] = [each.order for each in letters.of(KEY).values()]
    line = sorted(orders)
    for index, one in enumerate(line):
        for other in line[index + 1 :]:
            assert one.before(other)
            assert not other.before(one)


async def test_a_letter_that_retention_has_deleted_holds_its_key_no_longer(caplog):
    """Nobody can replay or discard it any more; that is counted and said. One that is resolved is no loss."""
    gone, left = Origin("d", 0, 0), Origin("d", 0, 5)
    life = parking()
    await life._read(letter(gone))
    assert await life.way(KEY, headers()) is Way.PARK
    life._consumer.beginnings[TopicPartition("d", 0)] = 5
    await life._look_for_deleted()
    assert await life.way(KEY, headers()) is Way.OUT
    assert life.held.deleted == 1
    assert "retention deleted 1 dead letters" in caplog.text
    assert "retention deleted 1" in str(life.held)
    await life._read(letter(left))
    await replay(life, left, ended=True)
    life._consumer.beginnings[TopicPartition("d", 0)] = 6
    await life._look_for_deleted()
    assert (life.held.deleted, life.held.keys) == (1, 0)


async def test_one_whose_resolution_was_tidied_away_while_it_was_held_goes_with_it():
    """A worker that met no event of the key since still holds the letter, and nothing says any more that it is over."""
    place, again = Origin("d", 0, 0), Origin("d", 1, 0)
    life = parking()
    await life._read(letter(place))
    await replay(life, place, ended=True, again=str(again))
    life._consumer.beginnings = {TopicPartition("d", 0): 1, TopicPartition("d", 1): 1}
    del life._table.entries[str(place).encode()]
    await life._look_for_deleted()
    assert await life.way(KEY, headers()) is Way.OUT
    assert life.held.keys == 0


async def test_a_letter_that_is_deleted_does_not_come_back_by_a_note_about_it():
    """Its replay failed again, and lies where retention has been since: nothing holds the key."""
    place, again = Origin("d", 0, 5), Origin("d", 1, 0)
    life = parking()
    life._consumer.beginnings[TopicPartition("d", 1)] = 1
    await life._look_for_deleted()
    await life._read(letter(place))
    await replay(life, place, ended=True, again=str(again))
    assert await life.way(KEY, headers()) is Way.OUT


async def test_resolved_letters_are_let_go_of_though_no_event_of_their_key_comes():
    """What is shown as held is held."""
    life = parking()
    await life._read(letter(Origin("d", 0, 0)))
    assert life.held.keys == 1
    await replay(life, Origin("d", 0, 0), ended=True)
    await life._look_for_deleted()
    assert life.held.keys == 0


async def test_a_key_whose_replay_somebody_else_consumed_goes_on(monkeypatch, caplog):
    """Its end was never noted, for the sink kept no order then. As long as it is on the inbox it is waited for."""
    place, coming = Origin("d", 0, 0), {Origin("d", 0, 0)}

    async def inbox(*_: object, **__: object) -> set[Origin]:
        return coming

    monkeypatch.setattr(strays, "on_their_way", inbox)
    monkeypatch.setattr(room, "STRAY_AFTER", 0.0)
    life = parking()
    await life._read(letter(place))
    await replay(life, place)
    assert await life.way(KEY, headers()) is Way.WAIT
    assert (life.held.keys, life.held.waiting) == (1, 1)
    assert "1 of them wait for replays" in str(life.held)
    await life._look_for_strays()
    assert await life.way(KEY, headers()) is Way.WAIT
    coming.clear()
    await life._look_for_strays()
    assert await life.way(KEY, headers()) is Way.OUT
    assert life.held == Held(strays=1)
    assert "is not on i any more" in caplog.text
    after = parking(of=life)
    await after._read(letter(place))
    assert await after.way(KEY, headers()) is Way.OUT


async def test_a_replay_that_is_noted_while_the_inbox_is_looked_through_is_no_stray(monkeypatch):
    """It failed again meanwhile: the letter that took its place goes on holding the key."""
    place, again = Origin("d", 0, 0), Origin("d", 0, 1)
    life = parking()

    async def inbox(*_: object, **__: object) -> set[Origin]:
        written = RecordMetadata("d", 0, TopicPartition("d", 0), 1, 1, 0, 0)
        await life.buried(KEY, headers(place), written)
        return set()

    monkeypatch.setattr(strays, "on_their_way", inbox)
    monkeypatch.setattr(room, "STRAY_AFTER", 0.0)
    await life._read(letter(place))
    await replay(life, place)
    assert await life.way(KEY, headers()) is Way.WAIT
    await life._look_for_strays()
    assert await life.way(KEY, headers()) is Way.PARK
    assert life.held.strays == 0
    assert list(life._letters.of(KEY)) == [again]
