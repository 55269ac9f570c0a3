"""Timestamps and durations: their text, their range, their parts."""

from __future__ import annotations

import pytest

from hub.routes.values import Duration, Timestamp
from tests.unit.routes.evaluation import failure, value


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-20T10:02:11Z", "2026-11-20T10:02:11Z"),
        ("2026-11-20t10:02:11z", "2026-11-20T10:02:11Z"),
        ("2026-11-20T10:02:11.5+02:00", "2026-11-20T08:02:11.5Z"),
        ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
        ("2024-02-29T00:00:00-00:30", "2024-02-29T00:30:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ("2026-11-20T10:02:11.1234567899Z", "2026-11-20T10:02:11.123456789Z"),
    ],
)
def test_a_timestamp_is_read_and_written_by_rfc_3339(text: str, same: str) -> None:
    assert value("string(timestamp(data))", text) == same


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-20", "2026-11-20 10:02:11Z", "2026-11-20T10:02:11", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
     "2026-11-20T24:00:00Z", "2026-11-20T10:02:60Z", "2026-11-20T10:60:11Z", "2026-11-20T10:02:11+24:00",
     "2026-11-20T10:02:11+01:60", "0000-01-01T00:00:00Z", "٢٠٢٦-11-20T10:02:11Z", "2026-11-20T10:02:11Z "],
)  # fmt: skip
def test_what_is_no_timestamp_is_an_error(text: str) -> None:
    assert "expected a time by RFC 3339" in failure("timestamp(data)", text).detail


def test_a_timestamp_stays_in_the_years_1_to_9999() -> None:
    assert value("timestamp(-62135596800)") == value("timestamp('0001-01-01T00:00:00Z')")
    for source in ("timestamp(-62135596801)", "timestamp(253402300800)", "timestamp('0001-01-01T00:00:00+00:01')"):
        assert "years 1 to 9999" in failure(source).detail


@pytest.mark.parametrize(
    ("text", "nanos", "same"),
    [
        ("1h30m", 5400 * 10**9, "5400s"),
        ("-1.5s", -1_500_000_000, "-1.5s"),
        ("+250ms", 250_000_000, "0.25s"),
        ("0", 0, "0s"),
        ("-0", 0, "0s"),
        (".5s", 500_000_000, "0.5s"),
        ("1.s", 10**9, "1s"),
        ("1us1µs1μs1ns", 3001, "0.000003001s"),
        ("0.1ns", 0, "0s"),
        ("1m1ms", 60_001_000_000, "60.001s"),
        ("2562047h47m16.854775807s", 2**63 - 1, "9223372036.854775807s"),
        ("-2562047h47m16.854775808s", -(2**63), "-9223372036.854775808s"),
    ],
)
def test_a_duration_is_read_in_units_and_written_in_seconds(text: str, nanos: int, same: str) -> None:
    assert value("duration(data)", text) == Duration(nanos)
    assert value("string(duration(data))", text) == same


@pytest.mark.parametrize("text", ["", "1", "s", "1d", "1 s", "1h-1m", "--1s", "1e3s", ".s", "1h 30m", "\u0661s", "-"])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    assert "expected a duration" in failure("duration(data)", text).detail


def test_a_duration_is_at_most_292_years() -> None:
    assert "292 years" in failure("duration('2562047h47m16.854775808s')").detail
    assert "expected a duration" in failure("duration(data)", "9" * 5000 + "h").detail


@pytest.mark.parametrize(
    ("accessor", "utc", "berlin"),
    [
        ("getFullYear", 2026, 2027),
        ("getMonth", 11, 0),
        ("getDate", 31, 1),
        ("getDayOfMonth", 30, 0),
        ("getDayOfWeek", 4, 5),
        ("getDayOfYear", 364, 0),
        ("getHours", 23, 0),
        ("getMinutes", 30, 30),
        ("getSeconds", 15, 15),
        ("getMilliseconds", 250, 250),
    ],
)
def test_the_parts_of_a_timestamp(accessor: str, utc: int, berlin: int) -> None:
    data = "2026-12-31T23:30:15.250999Z"
    assert value(f"timestamp(data).{accessor}()", data) == utc
    for zone in ("UTC", "+00:00", "0:00", "Africa/Abidjan"):
        assert value(f"timestamp(data).{accessor}('{zone}')", data) == utc
    for zone in ("Europe/Berlin", "+01:00", "01:00", "+1:00"):
        assert value(f"timestamp(data).{accessor}('{zone}')", data) == berlin


def test_a_zone_counts_at_the_ends_of_time_and_before_1970() -> None:
    assert value("timestamp('1969-07-20T20:17:40.75Z').getHours()") == 20
    assert value("timestamp('1969-07-20T20:17:40.75Z').getMilliseconds()") == 750
    assert value("timestamp('1969-12-31T23:59:59.5Z').getSeconds()") == 59
    assert value("timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00')") == 0
    assert value("timestamp('0001-01-01T00:00:00Z').getDate('-01:00')") == 31
    assert value("timestamp('9999-12-31T23:59:59Z').getFullYear('+01:00')") == 10000
    assert value("timestamp('9999-12-31T23:59:59Z').getDayOfWeek('+01:00')") == 6
    assert value("timestamp('2026-07-01T00:00:00Z').getHours('America/New_York')") == 20
    assert value("timestamp('2026-01-01T00:00:00Z').getHours('America/New_York')") == 19


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "+25:00", "+01:60", "Europe", "1"]
)
def test_a_zone_that_there_is_not_is_an_error(zone: str) -> None:
    detail = failure("timestamp(0).getHours(data)", zone).detail
    assert detail == "expected a time zone, e.g. Europe/Berlin or +02:00, got a string that names none"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("duration('-3h59m').getHours()", -3),
        ("duration('90m').getMinutes()", 90),
        ("duration('-90.7s').getSeconds()", -90),
        ("duration('1.234s').getMilliseconds()", 234),
        ("duration('-1.234s').getMilliseconds()", -234),
    ],
)
def test_the_parts_of_a_duration_are_cut_towards_zero(source: str, expected: int) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("event.time.getHours()", "getHours takes a timestamp, got a string; write timestamp(…) around it"),
        ("duration('1s').getFullYear()", "getFullYear takes a timestamp, got a duration"),
        ("duration('1s').getHours('UTC')", "getHours takes a timestamp, got a duration"),
        ("now.getDate(1)", "expected a time zone as text, got an int"),
        ("data.getMonth()", "getMonth takes a timestamp, got null"),
    ],
)
def test_parts_of_what_is_no_time_are_an_error(source: str, detail: str) -> None:
    assert failure(source).detail == detail


def test_times_are_values_of_their_own() -> None:
    assert Timestamp(1) != Duration(1)
    assert len({Timestamp(1), Timestamp(1), Duration(1)}) == 2
    assert value("timestamp(1) == 1 || duration('1s') == 1 || timestamp(0) == null") is False
