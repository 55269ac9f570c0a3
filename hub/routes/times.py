"""Timestamps and durations: reading, writing, their ranges and their parts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from hub.routes.errors import Failure
from hub.routes.values import INT_MAX, INT_MIN, Duration, Timestamp, described

SECOND = 10**9
_DAY = 86_400 * SECOND
_CYCLE = 146_097  # days of 400 years, after which the calendar repeats
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = (date.min.toordinal() - _EPOCH) * _DAY
_LAST = (date.max.toordinal() + 1 - _EPOCH) * _DAY - 1

# RFC 3339 § 5.6, without the leap second, which no CEL knows.
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,40}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
_UNITS = {
    "h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 10**6,
    "us": 10**3, "µs": 10**3, "μs": 10**3, "ns": 1,
}  # fmt: skip
_NO_ZONE: Any = object()
"""Stands for a zone that isn't given; null is no zone."""
_OFFSET = re.compile(r"([+-]?)(\d\d?):(\d\d)", re.ASCII)


def timestamp_of(nanos: int) -> Timestamp:
    """A timestamp of nanoseconds since 1970, from the year 1 to 9999."""
    if _FIRST <= nanos <= _LAST:
        return Timestamp(nanos)
    raise Failure("the result is no time of the years 1 to 9999")


def duration_of(nanos: int) -> Duration:
    """A duration that fits into 64 bits of nanoseconds, about 292 years."""
    if INT_MIN <= nanos <= INT_MAX:
        return Duration(nanos)
    raise Failure("the result is a duration of more than 292 years")


def parse_timestamp(text: str) -> Timestamp:
    """Reads RFC 3339."""
    match = _RFC3339.fullmatch(text)
    if match:
        year, month, day, hour, minute, second = map(int, match.groups()[:6])
        fraction, sign, hours, minutes = match.groups()[6:]
        try:
            days = date(year, month, day).toordinal() - _EPOCH
        except ValueError:
            match = None
        else:
            offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
            if hour < 24 and minute < 60 and second < 60 and abs(offset) < 86_400 and int(minutes or 0) < 60:  # noqa: PLR2004
                seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
                return timestamp_of(seconds * SECOND + int((fraction or "0")[:9].ljust(9, "0")))
    raise Failure("expected a time by RFC 3339, e.g. 2026-11-20T10:02:11Z, got a string that isn't")


def timestamp_text(value: Timestamp) -> str:
    """RFC 3339 in UTC, with as many decimals as there are."""
    seconds, nanos = divmod(value.nanos, SECOND)
    days, seconds = divmod(seconds, 86_400)
    day = date.fromordinal(days + _EPOCH)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return (
        f"{day.year:04d}-{day.month:02d}-{day.day:02d}T"
        f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}Z"
    )


def parse_duration(text: str) -> Duration:
    """Reads ``1h30m``, ``-1.5s``, ``0``: hours to nanoseconds, as Go writes them."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return Duration(0)
    if not body or len(body) > 100 or _PART.sub("", body):  # noqa: PLR2004  longer than any that fits
        raise Failure("expected a duration, e.g. 1h30m, 1.5s or 250ms, got a string that isn't")
    nanos = 0
    for number, unit in _PART.findall(body):
        whole, _, fraction = number.partition(".")
        scale = _UNITS[unit]
        nanos += int(whole or "0") * scale + int(fraction or "0") * scale // 10 ** len(fraction)
    return duration_of(-nanos if text[0] == "-" else nanos)


def duration_text(value: Duration) -> str:
    """Seconds with an ``s``, e.g. ``3.5s``."""
    seconds, nanos = divmod(abs(value.nanos), SECOND)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{'-' if value.nanos < 0 else ''}{seconds}{fraction}s"


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if match := _OFFSET.fullmatch(name):
        minutes = int(match[2]) * 60 + int(match[3])
        if int(match[3]) < 60 and minutes < 24 * 60:  # noqa: PLR2004
            return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    elif name == "UTC":
        return UTC
    else:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # no such zone, no such name, or a directory
            pass
    raise Failure("expected a time zone, e.g. Europe/Berlin or +02:00, got a string that names none")


def _local_seconds(value: Timestamp, zone: Any) -> int:
    """Seconds since 1970 on the clock of a zone."""
    seconds = value.nanos // SECOND
    if zone is _NO_ZONE:
        return seconds
    if type(zone) is not str:
        raise Failure(f"expected a time zone as text, got {described(zone)}")
    # The zone's offset is asked a day inside of the range, as datetime can't step over its ends.
    inside = min(max(seconds, _FIRST // SECOND + 172_800), _LAST // SECOND - 172_800)
    offset = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=inside)).astimezone(_zone(zone)).utcoffset()
    return seconds + round(offset.total_seconds()) if offset else seconds


def _local_day(value: Timestamp, zone: Any) -> tuple[date, int]:
    """The day on the clock of a zone, and the years to add to it: a zone may show the year 0 or 10000."""
    ordinal = _local_seconds(value, zone) // 86_400 + _EPOCH
    if ordinal < 1:
        return date.fromordinal(ordinal + _CYCLE), -400
    if ordinal > date.max.toordinal():
        return date.fromordinal(ordinal - _CYCLE), 400
    return date.fromordinal(ordinal), 0


def _timestamp(value: Any, function: str) -> Timestamp:
    if type(value) is Timestamp:
        return value
    hint = "; write timestamp(…) around it" if type(value) is str else ""
    raise Failure(f"{function} takes a timestamp, got {described(value)}{hint}")


def get_full_year(value: Any, zone: Any = _NO_ZONE) -> int:
    """The year."""
    day, years = _local_day(_timestamp(value, "getFullYear"), zone)
    return day.year + years


def get_month(value: Any, zone: Any = _NO_ZONE) -> int:
    """The month, 0 for January."""
    return _local_day(_timestamp(value, "getMonth"), zone)[0].month - 1


def get_date(value: Any, zone: Any = _NO_ZONE) -> int:
    """The day of the month, from 1."""
    return _local_day(_timestamp(value, "getDate"), zone)[0].day


def get_day_of_month(value: Any, zone: Any = _NO_ZONE) -> int:
    """The day of the month, from 0."""
    return _local_day(_timestamp(value, "getDayOfMonth"), zone)[0].day - 1


def get_day_of_week(value: Any, zone: Any = _NO_ZONE) -> int:
    """The day of the week, 0 for Sunday."""
    return _local_day(_timestamp(value, "getDayOfWeek"), zone)[0].isoweekday() % 7


def get_day_of_year(value: Any, zone: Any = _NO_ZONE) -> int:
    """The day of the year, from 0."""
    return _local_day(_timestamp(value, "getDayOfYear"), zone)[0].timetuple().tm_yday - 1


def _part(value: Any, zone: Any, function: str, seconds: int, modulo: int) -> int:
    """A unit of the clock of a timestamp, or a duration as a whole in that unit."""
    if type(value) is Duration and zone is _NO_ZONE:
        whole = abs(value.nanos) // (seconds * SECOND)
        return -whole if value.nanos < 0 else whole
    return _local_seconds(_timestamp(value, function), zone) // seconds % modulo


def get_hours(value: Any, zone: Any = _NO_ZONE) -> int:
    """The hour of the day; of a duration, its whole hours."""
    return _part(value, zone, "getHours", 3600, 24)


def get_minutes(value: Any, zone: Any = _NO_ZONE) -> int:
    """The minute of the hour; of a duration, its whole minutes."""
    return _part(value, zone, "getMinutes", 60, 60)


def get_seconds(value: Any, zone: Any = _NO_ZONE) -> int:
    """The second of the minute; of a duration, its whole seconds."""
    return _part(value, zone, "getSeconds", 1, 60)


def get_milliseconds(value: Any, zone: Any = _NO_ZONE) -> int:
    """The milliseconds within the second, of both."""
    if type(value) is Duration and zone is _NO_ZONE:
        millis = abs(value.nanos) // 10**6 % 1000
        return -millis if value.nanos < 0 else millis
    _local_seconds(_timestamp(value, "getMilliseconds"), zone)
    return _timestamp(value, "getMilliseconds").nanos // 10**6 % 1000
