"""Cursor values: compared, moved and written as the far side writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import Numbers, Permanent, Texts, Times

moments = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  with timezones
times = st.sampled_from(
    [
        Times(),
        Times(resolution=timedelta(minutes=1)),
        Times(resolution=timedelta(milliseconds=1)),
        Times(resolution=timedelta(microseconds=1)),
        Times("epoch"),
        Times("epoch_ms", timedelta(milliseconds=1)),
        Times("%Y-%m-%d %H:%M:%S%z"),
        Times("%Y-%m-%d", timedelta(days=1)),
    ]
)


@given(times, moments)
def test_what_is_written_is_the_last_step_before_the_moment(values, moment):
    """It can be read again, and nothing of its tick lies before it."""
    written = values.rank(values.write(moment))
    assert written <= moment < written + values.resolution + timedelta(microseconds=1)
    assert values.floor(values.write(moment)) == values.write(moment)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (Times(), "2026-11-20T10:02:11Z"),
        (Times(resolution=timedelta(milliseconds=1)), "2026-11-20T10:02:11.750Z"),
        (Times(resolution=timedelta(hours=1)), "2026-11-20T10:00:00Z"),
        (Times("epoch"), 1795168931),
        (Times("epoch", timedelta(milliseconds=1)), 1795168931),
        (Times("epoch_ms", timedelta(milliseconds=250)), 1795168931750),
        (Times("%d.%m.%Y %H:%M"), "20.11.2026 10:02"),
    ],
)
def test_times_are_written_as_the_far_side_writes_them(values, expected):
    """Text with as many digits as the resolution has, or numbers since 1970."""
    assert values.write(datetime(2026, 11, 20, 10, 2, 11, 750_000, tzinfo=UTC)) == expected


def test_times_are_compared_as_moments():
    """Whatever their notation: fractions and offsets don't order as text does."""
    rank = Times().rank
    assert rank("2026-11-20T10:02:11Z") < rank("2026-11-20T10:02:11.5Z") < rank("2026-11-20T11:02:12+01:00")
    assert rank("2026-11-20T10:02:11") == rank("2026-11-20T10:02:11Z")


@pytest.mark.parametrize(
    ("values", "value"),
    [
        (Times(), "yesterday"),
        (Times(), 7),
        (Times("epoch"), "now"),
        (Times("epoch"), 10**30),
        (Numbers(), "7"),
        (Numbers(), True),
        (Texts(), 7),
    ],
)
def test_what_is_no_such_value_is_refused_without_showing_it(values, value):
    """The kind of what came is told, never the value."""
    with pytest.raises(Permanent, match="expected") as caught:
        values.rank(value)
    assert str(value) not in str(caught.value) or value is True


def test_a_time_can_be_moved_past_the_end_of_the_calendar():
    """As a long overlap before an early record would have it."""
    values = Times()
    assert values.moved("0001-01-01T00:00:01Z", -timedelta(days=10)) == "1970-01-01T00:00:00Z"
    assert values.moved("9999-12-31T23:00:00Z", timedelta(days=10)) == "9999-12-31T23:59:59Z"
