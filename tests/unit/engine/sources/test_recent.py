"""What a source gave last, so that a far side which repeats it repeats nothing downstream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.engine.sources.recent import Recent
from hub.sdk import Event


def events(numbers: list[int], **attributes: str) -> list[Event]:
    return [Event(**{"type": "t", "source": "/s", "id": str(n), "data": n} | attributes) for n in numbers]


@given(st.integers(1, 20), st.lists(st.lists(st.integers(0, 30), max_size=10), max_size=20))
def test_it_knows_exactly_the_last_ones(limit, batches):
    """Also when it was stored and read between any two batches."""
    recent, known = Recent(limit), []
    for batch in batches:
        expected = []
        for number in batch:
            if number not in known:
                expected.append(number)
                known = [*known, number][-limit:]
        assert [event.data for event in recent.new(events(batch))] == expected
        recent = Recent(limit, recent.stored)
        assert len(recent) == len(known)


def test_without_a_limit_nothing_is_remembered():
    """As where nobody asked for it: it costs nothing and stores nothing."""
    recent = Recent(0, b"12345678")
    assert len(recent.new(events([1, 1]))) == 2
    assert recent.stored == b""


def test_another_type_or_source_is_another_event():
    """An id is unique within its source."""
    recent = Recent(10)
    assert len(recent.new([*events([1]), *events([1], source="/other"), *events([1], type="u")])) == 3


def test_a_smaller_limit_keeps_the_newest():
    """When the schema file was changed."""
    stored = Recent(10)
    stored.new(events([1, 2, 3]))
    recent = Recent(2, stored.stored)
    assert [event.data for event in recent.new(events([1, 2, 3]))] == [1, 2, 3]
    recent = Recent(2, stored.stored)
    assert recent.new(events([2, 3])) == []
