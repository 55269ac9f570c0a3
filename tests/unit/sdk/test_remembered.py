"""The marks of a stream: bounded, exact within the bound, and gone with what is no longer read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.remembered import GROUPS, SIZE, Remembered, count, mark


def made(groups=(), limit=1000) -> Remembered:
    return Remembered(groups, lambda value: value, limit)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 5)), max_size=200), st.integers(0, 1000))
def test_what_lies_at_or_behind_the_bound_is_never_forgotten(adds, before):
    """Groups are merged and stored in between; what is older may stay a little longer."""
    remembered, digests = made(), {}
    for number, (at, size) in enumerate(adds):
        digests |= {mark(f"{number}", f"{each}"): at for each in range(size)}
        remembered.add(at, [mark(f"{number}", f"{each}") for each in range(size)])
        assert len(remembered.groups()) <= GROUPS
    remembered.forget(before)
    again = made(remembered.groups())
    for digest, at in digests.items():
        if at >= before:
            assert digest in remembered
            assert digest in again


@given(st.lists(st.integers(0, 100), max_size=100), st.integers(1, 30))
def test_beyond_the_limit_the_oldest_go_from_what_is_stored(values, limit):
    """What this run has seen stays known to it."""
    remembered = made(limit=limit)
    for number, at in enumerate(values):
        remembered.add(at, [mark(str(number))])
        assert count(remembered.groups()) == len(remembered) == min(number + 1, limit)
    assert all(mark(str(number)) in remembered for number in range(len(values)))
    assert remembered.forgotten == max(0, len(values) - limit)
    kept = made(remembered.groups())
    newest = sorted(range(len(values)), key=lambda number: values[number])[-limit:]
    if len(values) <= GROUPS:
        assert {values[n] for n in range(len(values)) if mark(str(n)) in kept} == {values[n] for n in newest}


def test_what_is_no_longer_read_again_leaves_the_memory_also_beyond_the_limit():
    """A long range that is read in steps takes no more memory than one of them."""
    remembered = made(limit=10)
    for step in range(20):
        digests = [mark(str(step), str(each)) for each in range(100)]
        remembered.add(step, digests)
        assert all(each in remembered for each in digests)
        remembered.forget(step)
        assert len(remembered._known) == 100
    remembered.forget(20)
    assert (len(remembered._known), remembered._beyond) == (0, [])


def test_a_mark_takes_eleven_bytes_of_a_cursor():
    """Whatever the records' own keys and values are like."""
    remembered = made(limit=20_000)
    for number in range(200):
        remembered.add(number, [mark("a" * 50, str(number * 100 + each)) for each in range(100)])
    stored = sum(len(digests) for _, digests in remembered.groups())
    assert stored < 20_000 * (SIZE * 4 / 3 + 0.05)


def test_parts_of_a_mark_do_not_run_together():
    """Another key and value that read the same side by side are another change."""
    assert mark("a", "bc") != mark("ab", "c")
    assert mark("\ud800") != mark("?")
