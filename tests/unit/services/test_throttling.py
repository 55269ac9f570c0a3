"""What an answer asks of our patience."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.services.throttling import LONGEST, pause_asked

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
NOON = 1795262400


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Sat, 21 Nov 2026 12:02:00 GMT", "date": DATE}, 120),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT", "date": DATE}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "999999999999"}, LONGEST),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON + 90), "date": DATE}, 91),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON - 90), "date": DATE}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "999999999999"}, LONGEST),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "45"}, 45),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "45"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "45", "retry-after": "3"}, 3),
    ],
)
def test_waits_are_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, dates and points in time, by the far side's own clock."""
    assert pause_asked(headers) == seconds


DATES = st.sampled_from([DATE, DATE.replace("2026", "9" * 25), DATE.replace("2026", "0")])
HEADERS = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "date")
NUMBERS = st.integers().map(str) | st.floats().map(str)


@given(st.dictionaries(st.sampled_from(HEADERS), st.text() | NUMBERS | st.just("0") | DATES))
def test_no_answer_makes_us_fail_or_wait_for_ever(headers: dict[str, str]) -> None:
    """Whatever stands in its headers."""
    wait = pause_asked(headers)
    assert wait is None or 0 <= wait <= LONGEST
