"""Points in time on a command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from hub.cli.moment import clock, moment


@pytest.mark.parametrize(
    ("text", "ago"), [("2h", timedelta(hours=2)), ("7d", timedelta(days=7)), ("1h30m", timedelta(minutes=90))]
)
def test_a_duration_is_so_long_ago(text, ago):
    """From now."""
    assert abs(datetime.now(UTC) - ago - moment(text)) < timedelta(seconds=5)


def test_a_time_with_its_zone_is_taken_as_it_is():
    """RFC 3339."""
    assert moment("2026-11-20T10:00:00Z") == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert moment("2026-11-20T10:00:00+02:00") == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_without_a_zone_it_is_local():
    """As people think of it."""
    assert moment("2026-11-20T10:00") == datetime(2026, 11, 20, 10).astimezone()
    assert moment("2026-11-20") == datetime(2026, 11, 20).astimezone()


def test_a_time_of_day_is_today_s():
    """With or without seconds."""
    today = datetime.now().astimezone()
    assert moment("11:52") == today.replace(hour=11, minute=52, second=0, microsecond=0)
    assert moment("23:59:58") == today.replace(hour=23, minute=59, second=58, microsecond=0)


@pytest.mark.parametrize("text", ["noon", "", "25:00", "2026-13-01", "2 h", "-2h", "11:5"])
def test_anything_else_is_refused_with_what_was_expected(text):
    """And with what came."""
    with pytest.raises(typer.BadParameter, match=r"expected a time such as .* or how long ago"):
        moment(text)


def test_a_clock_shows_the_day_only_where_it_is_another_one():
    """Seconds for today, minutes for the past."""
    now = datetime(2026, 11, 21, 18, 0, tzinfo=UTC).astimezone()
    assert clock(now.replace(hour=11, minute=52, second=10), now) == "11:52:10"
    assert clock(now.replace(hour=11, minute=52) - timedelta(days=3), now).endswith("11-18 11:52")
