"""Values of cursors: what the far side writes, what the hub compares, and what requests say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.sdk import ConfigError, Permanent
from hub.sdk.values import Value, Values

Moment = int | str
"""A cursor's value as it is compared: a number, text, or a time as `canonical` writes it."""

_CANONICAL = "%Y-%m-%dT%H:%M:%S.%fZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The finest directive of a format says how far apart two of its times are at least.
_TICKS = (
    ("%f", timedelta(microseconds=1)),
    ("%S", timedelta(seconds=1)),
    ("%s", timedelta(seconds=1)),
    ("%T", timedelta(seconds=1)),
    ("%X", timedelta(seconds=1)),
    ("%c", timedelta(seconds=1)),
    ("%M", timedelta(minutes=1)),
    ("%H", timedelta(hours=1)),
    ("%I", timedelta(hours=1)),
)
_DAY = timedelta(days=1)
_NAMED = {
    "iso": timedelta(microseconds=1),
    "epoch": timedelta(seconds=1),
    "epoch_ms": timedelta(milliseconds=1),
}
NAMES = (*_NAMED, "integer", "text")
"""Forms that have a name."""


_IS_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


class Moments(Values):
    """What the streams of one source are ordered by, as `Form.read` gives it: times, numbers or text.

    Options such as ``cursor.step`` count for the streams whose kind they are of.

    Args:
        times: whether there are streams with times.
        numbers: whether there are streams with numbers.
        tick: the coarsest that the streams' times are.
    """

    def __init__(self, *, times: bool, numbers: bool, tick: timedelta = timedelta(0)) -> None:
        self._kinds = (*((timedelta,) if times else ()), *((int,) if numbers else ()))
        self._tick = tick
        self._name = " and ".join(each for each, given in (("times", times), ("numbers", numbers)) if given) or "texts"

    @property
    def distance(self) -> type | None:  # type: ignore[override]  # each source's own
        """What most options are of."""
        return self._kinds[0] if self._kinds else None

    @property
    def name(self) -> str:  # type: ignore[override]  # as above
        """For people."""
        return self._name

    def rank(self, value: Value) -> Any:
        """Itself: times are written so that their order as text is their order in time."""
        return normal(value)

    def moved(self, value: Value, by: Any) -> Value:
        """A time moved by a duration, a number by a number; others stay."""
        value = normal(value)
        if isinstance(value, int):
            return value + by if isinstance(by, int) else value
        if not isinstance(by, timedelta) or not _IS_CANONICAL.match(value):
            return value
        try:
            return canonical(time_of(value) + by)
        except OverflowError:
            return canonical(_EPOCH if by < timedelta(0) else datetime.max.replace(tzinfo=UTC))

    def middle(self, low: Value, high: Value) -> Value:
        """The mean of numbers or times; of others the upper one."""
        low, high = normal(low), normal(high)
        if isinstance(low, int) and isinstance(high, int):
            return (low + high) // 2
        if _IS_CANONICAL.match(str(low)) and _IS_CANONICAL.match(str(high)):
            first = time_of(str(low))
            return canonical(first + (time_of(str(high)) - first) / 2)
        return high

    def floor(self, value: Value) -> Value:
        """As it is compared."""
        return normal(value)

    def check(self, option: str, value: Any) -> None:
        """Whether an option fits the streams, or some of them; see `Values.check`."""
        if not isinstance(value, self._kinds):
            super().check(option, value)
        elif option == "step" and isinstance(value, timedelta) and timedelta(0) < value < self._tick:
            raise ConfigError(
                f"`cursor.step` can't be shorter than what the streams' times are told in, which is {self._tick}"
            )


def before(value: Value, other: Value) -> bool:
    """Whether a value comes before another of the same stream."""
    return value < other  # type: ignore[operator]  # both are numbers, or both text


def normal(value: Value) -> Moment:
    """A value from elsewhere, such as a command line, in the form in which it is compared.

    Raises:
        Permanent: it is no cursor value.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Permanent(f"expected a time, a number or text as cursor value; got {type(value).__name__}")
    if isinstance(value, int) or _IS_CANONICAL.match(value) or not value[:4].isdigit():
        return value
    try:
        return canonical(_aware(datetime.fromisoformat(value)))
    except ValueError:
        return value


def canonical(time: datetime) -> str:
    """A time in the form in which the order as text is the order in time."""
    return time.astimezone(UTC).strftime(_CANONICAL)


def time_of(moment: str) -> datetime:
    """The time that `canonical` wrote."""
    return datetime.fromisoformat(moment)


class Form:
    """How an API writes the values of a cursor.

    Args:
        name: one of `NAMES`, or a format of `datetime.strptime`.

    Raises:
        ValueError: says what was expected.
    """

    __slots__ = ("name", "tick")

    def __init__(self, name: str) -> None:
        self.name = name
        self.tick = _NAMED.get(name) or next((tick for word, tick in _TICKS if word in name), _DAY)
        if name not in NAMES:
            if "%" not in name:
                raise ValueError(f"expected {', '.join(NAMES)}, or a format such as %Y-%m-%d; got {name!r:.40}")
            try:
                datetime.strptime(_EPOCH.strftime(name), name)  # noqa: DTZ007  a test of the format
            except ValueError as error:
                raise ValueError(f"expected a format that tells a time, such as %Y-%m-%d; {error}") from None

    @property
    def is_time(self) -> bool:
        """Whether its values are times."""
        return self.name not in ("integer", "text")

    @property
    def coarse(self) -> bool:
        """Whether two changes that people make one after the other may have the same value."""
        return self.is_time and self.tick >= timedelta(minutes=1)

    def read(self, value: Any) -> Moment:
        """The value of a record for comparison.

        Raises:
            ValueError: it isn't of this form; says the kind of what came, not the value.
        """
        try:
            if self.name == "integer":
                return _whole(value)
            if self.name == "text":
                return _words(value)
            return canonical(self._time(value))
        except (ValueError, OverflowError, TypeError, OSError):
            raise ValueError(f"expected {self.described}; got {type(value).__name__} of another form") from None

    def takes(self, moment: Moment) -> bool:
        """Whether a value from elsewhere is of the kind of these."""
        if isinstance(moment, int):
            return self.name == "integer"
        return self.name == "text" or (self.is_time and _IS_CANONICAL.match(moment) is not None)

    def start(self, moment: Moment, *, exclusive: bool = False) -> str:
        """What a request says where its records are to begin.

        Args:
            moment: that is to be the first.
            exclusive: whether the API leaves out those at that very moment.
        """
        if isinstance(moment, int):
            return str(moment - 1 if exclusive else moment)
        if not self.is_time:
            return moment
        time = time_of(moment)
        written = self._written(time)
        if exclusive and self._time(written) >= time:
            written = self._written(time - self.tick)
        return written

    def end(self, moment: Moment) -> str:
        """What a request says where its records are to end: not before the moment, whatever the form can tell."""
        if isinstance(moment, int) or not self.is_time:
            return str(moment)
        time = time_of(moment)
        written = self._written(time)
        return written if self._time(written) >= time else self._written(time + self.tick)

    @property
    def described(self) -> str:
        """For people."""
        named = {
            "iso": "a time in ISO 8601",
            "epoch": "seconds since 1970",
            "epoch_ms": "milliseconds since 1970",
            "integer": "a whole number",
            "text": "text",
        }
        return named.get(self.name, f"a time of the form {self.name}")

    def _time(self, value: Any) -> datetime:
        if self.name == "iso":
            return _aware(datetime.fromisoformat(_words(value)))
        if self.name == "epoch":
            return _EPOCH + timedelta(seconds=float(_number(value)))
        if self.name == "epoch_ms":
            return _EPOCH + timedelta(milliseconds=float(_number(value)))
        return _aware(datetime.strptime(_words(value), self.name))  # noqa: DTZ007  UTC where the form has no zone

    def _written(self, time: datetime) -> str:
        if self.name == "iso":
            return time.strftime("%Y-%m-%dT%H:%M:%SZ" if not time.microsecond else _CANONICAL)
        if self.name == "epoch":
            return str((time - _EPOCH) // timedelta(seconds=1))
        if self.name == "epoch_ms":
            return str((time - _EPOCH) // timedelta(milliseconds=1))
        return time.strftime(self.name)


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError  # noqa: TRY004  one kind of error for all that is of another form
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError  # noqa: TRY004  as above
    return int(value)
