"""How far a partition is settled, and what its note remembers over a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.engine.reading.frontier import Frontier, Ranges, decode, encode

SETTLED = st.sets(st.integers(1, 400), max_size=200)


def ranges_of(offsets: set[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if ranges and ranges[-1][1] == offset:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return ranges


def taken(*offsets: int, settled: Ranges | None = None) -> Frontier:
    frontier = Frontier(settled)
    for offset in offsets:
        frontier.take(offset)
    return frontier


def test_the_position_is_the_lowest_open_offset():
    """And the one after the last, where all are settled; there is none before anything was read."""
    frontier = Frontier()
    assert frontier.position is None
    for offset in (5, 6, 9):
        assert frontier.take(offset)
    frontier.settle(6)
    assert frontier.position == 5
    frontier.settle(5)
    assert frontier.position == 9
    frontier.settle(9)
    assert frontier.position == 10


@given(SETTLED, st.integers(0, 10**12))
def test_a_note_with_room_says_exactly_what_is_settled(settled, position):
    """Whichever of the two ways is shorter, it reads back as it was."""
    ranges = ranges_of({position + each for each in settled})
    text, whole = encode(position, ranges, 3000)
    assert whole
    assert set(decode(f"partitions=3 start=1 {text} ledger={{}}", position)) == {position + each for each in settled}


@given(SETTLED, st.integers(0, 120))
def test_a_note_that_is_too_small_remembers_the_first_ones(settled, room):
    """It fits, it never says too much, and says so where it holds less than all."""
    text, whole = encode(0, ranges_of(settled), room)
    assert len(text) <= room
    found = set(decode(text, 0))
    assert found <= settled
    assert whole == (found == settled)
    assert not found or found == {each for each in settled if each <= max(found)}


def test_a_lone_gap_in_millions_takes_a_few_bytes():
    """A key that has been failing for long, beside others that go on."""
    text, whole = encode(10, [(11, 5_000_000)], 100)
    assert whole
    assert len(text) < 20


@pytest.mark.parametrize("note", ["", "partitions=3", "done=r", "done=x123", "done=b*", "xdone=rAQE", "done=rA"])
def test_a_note_that_says_nothing_is_no_harm(note):
    """What can't be read is read again."""
    assert list(decode(note, 7)) == []


@given(st.data())
def test_what_was_settled_is_not_taken_again_after_a_restart(data):
    """Life after life, each settling in its own order, an offset is taken until it is settled, and never after."""
    end, settled, position, note = 60, set(), 0, ""
    for _ in range(4):
        frontier = Frontier(decode(note, position))
        read = data.draw(st.integers(position, end))
        open_ = [offset for offset in range(position, read) if frontier.take(offset)]
        assert set(open_) == set(range(position, read)) - settled
        for offset in data.draw(st.lists(st.sampled_from(open_), unique=True)) if open_ else []:
            frontier.settle(offset)
            settled.add(offset)
        if frontier.position is not None:
            position, note = frontier.position, frontier.note(2000)
            assert frontier.whole
    assert set(range(position)) <= settled
    assert set(decode(note, position)) == {offset for offset in settled if offset > position}


def test_offsets_that_never_existed_are_no_gaps():
    """Transactions leave markers between records, and compaction leaves holes."""
    frontier = taken(0, 2, 4, 9)
    for offset in (2, 4, 9):
        frontier.settle(offset)
    assert list(decode(frontier.note(100), 0)) == [*range(1, 10)]


def test_what_is_remembered_and_not_read_again_yet_stays_remembered():
    """A commit soon after a restart forgets nothing."""
    frontier = taken(10, 11, settled=Ranges([(11, 13), (100, 200)]))
    frontier.settle(10)
    assert frontier.position == 13
    assert list(decode(frontier.note(100), 13)) == [*range(100, 200)]


def test_there_is_something_to_commit_until_it_is_committed():
    """What settles during a commit is left for the next one."""
    frontier = taken(1, 2)
    version = frontier.version
    frontier.settle(1)
    frontier.committed(version)
    assert frontier.dirty
    frontier.committed(frontier.version)
    assert not frontier.dirty
