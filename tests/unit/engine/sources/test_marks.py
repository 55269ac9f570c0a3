"""Marks of deliveries: known for a time, up to a number, in little memory."""

from __future__ import annotations

import gc
import hashlib
import random
import tracemalloc
from datetime import timedelta

import pytest

from hub.engine.sources.marks import PORTIONS, SIZE, Marks

DAY = 86_400_000
WEEK = timedelta(days=7)


class Clock:
    """A time that stands still until it is moved; milliseconds."""

    now = 100 * DAY

    def __call__(self) -> float:
        return self.now / 1000


def mark(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=SIZE).digest()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_was_added_is_known_and_nothing_else(clock):
    """Ten thousand of them; of as many others none."""
    marks = Marks(20_000, WEEK, clock=clock)
    for number in range(10_000):
        marks.add(mark(number), clock.now)
    assert len(marks) == 10_000
    assert all(mark(number) in marks for number in range(10_000))
    assert not any(mark(number) in marks for number in range(10_000, 20_000))
    assert marks.window is None


def test_bytes_across_two_marks_are_no_mark(clock):
    """Marks lie one behind the other, and what begins in one and ends in the next was never added."""
    marks = Marks(1000, WEEK, clock=clock)
    first, second = b"a" * SIZE, b"a" * 8 + b"b" * 8
    marks.add(first, clock.now)
    marks.add(second, clock.now)
    assert first in marks
    assert second in marks
    assert b"a" * 15 + b"b" not in marks
    assert b"a" * 4 + b"b" * 8 + b"c" * 4 not in marks


def test_a_week_later_they_are_forgotten(clock):
    """Not a moment before; and half a day later they are gone, so that memory is free again."""
    marks = Marks(10_000, WEEK, clock=clock)
    began = clock.now
    for hour in range(48):
        marks.add(mark(hour), began + hour * DAY // 24)
    clock.now = began + 7 * DAY
    marks.tidy()
    assert all(mark(hour) in marks for hour in range(48))
    clock.now = began + 8 * DAY
    marks.tidy()
    assert all(mark(hour) in marks for hour in range(24, 48))
    assert not any(mark(hour) in marks for hour in range(12))
    clock.now = began + 10 * DAY
    marks.tidy()
    assert len(marks) == 0
    assert (marks.window, marks.forgotten) == (None, 0)


def test_too_many_push_out_the_oldest_and_it_is_told(clock):
    """The bound holds, the newest stay, and how far back they go is known until that is a week again."""
    bound = 3200
    marks = Marks(bound, WEEK, clock=clock)
    for number in range(10_000):
        clock.now += 1000
        marks.add(mark(number), clock.now)
        assert len(marks) <= bound
    kept = bound - bound // PORTIONS
    assert all(mark(number) in marks for number in range(10_000 - kept, 10_000))
    assert not any(mark(number) in marks for number in range(10_000 - bound - 1))
    assert marks.forgotten == 10_000 - len(marks)
    assert marks.window is not None
    assert kept <= marks.window.total_seconds() <= bound
    clock.now += 7 * DAY
    marks.tidy()
    assert marks.window is None


def test_random_ways_end_as_a_plain_set_would(clock):
    """Where the bound isn't reached: also with clocks of several machines, which differ."""
    chance = random.Random(5)
    marks, plain = Marks(100_000, WEEK, clock=clock), set()
    for _ in range(5000):
        clock.now += chance.randrange(60_000)
        each = mark(chance.randrange(3000))
        assert (each in marks) == (each in plain)
        marks.add(each, clock.now + chance.randrange(-5000, 5000))
        plain.add(each)
        marks.tidy()


def test_a_mark_takes_little_memory():
    """Twenty-two bytes, where Python's own sets and tables take a hundred to three hundred."""
    clock, bound = Clock(), 200_000
    given = [mark(number) for number in range(bound)]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        marks = Marks(bound, WEEK, clock=clock)
        for each in given:
            marks.add(each, clock.now)
        taken = (tracemalloc.get_traced_memory()[0] - before) / bound
    finally:
        tracemalloc.stop()
    assert len(marks) == bound
    assert 16 <= taken < 24, taken
