"""How long a source rests between two polls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.engine.sources.pace import HELD, Pace


def test_a_fixed_one_stays():
    """Whatever comes."""
    pace = Pace(30, 30)
    assert [pace.after(brought=brought, seconds=0.1) for brought in (True, False, False)] == [30, 30, 30]
    assert str(pace) == "every 30 s"


def test_one_that_adapts_doubles_while_nothing_comes():
    """Up to its most, and begins anew with the first event."""
    pace = Pace(5, 60)
    rests = [pace.after(brought=brought, seconds=0.1) for brought in (True, *[False] * 5, True, False)]
    assert rests == [5, 10, 20, 40, 60, 60, 5, 10]
    assert str(pace) == "every 5 s to 60 s"
    pace.begin()
    assert pace.rest == 5


def test_a_request_that_was_held_is_followed_at_once():
    """One that was answered at once with nothing wasn't held: then it slows down rather than ask without end."""
    pace = Pace(0.01, 30, long_poll=True)
    assert pace.after(brought=False, seconds=HELD) == 0.01
    assert pace.after(brought=False, seconds=0.001) == 0.02
    assert pace.after(brought=False, seconds=0.001) == 0.04
    assert pace.after(brought=False, seconds=25) == 0.01


@given(st.floats(0.01, 100), st.floats(0, 1000), st.lists(st.tuples(st.booleans(), st.floats(0, 100))))
def test_it_never_rests_less_than_was_asked_for(least, asked, polls):
    """The far side's own wish counts, and only for the poll that it was told to."""
    pace = Pace(least, least * 8)
    for brought, seconds in polls:
        assert pace.after(brought=brought, seconds=seconds, asked=asked) == max(asked, pace.rest)
        assert least <= pace.rest <= 8 * least
