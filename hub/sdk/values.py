"""Cursor values: what orders the changes of a stream, and how to reckon with it.

A far side orders its records by the time of their last change, by a number that grows, or by text such as a ULID. What
a source gets is what the far side writes; `Values` says how that is compared, moved and written.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hub.sdk.errors import ConfigError, Permanent

Value = int | str
"""A cursor value as the far side writes it."""
Distance = timedelta | int
"""How far two values are apart: a duration between times, a number between numbers."""

_WHOLE = re.compile(r"-?\d{1,30}\Z")
_EPOCHS = {"epoch": 1, "epoch_ms": 1000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Values(ABC):
    """One kind of cursor values."""

    distance: ClassVar[type | None] = None
    """What a `Distance` of them is; ``None`` where there is none."""
    name: ClassVar[str]
    """For people."""

    @abstractmethod
    def rank(self, value: Value) -> Any:
        """What the value is compared by.

        Raises:
            Permanent: it is no value of this kind.
        """

    @abstractmethod
    def moved(self, value: Value, by: Any) -> Value:
        """The value that lies so far behind it (or before, if negative)."""

    @abstractmethod
    def middle(self, low: Value, high: Value) -> Value:
        """A value about halfway between two."""

    def floor(self, value: Value) -> Value:
        """The first value of its tick, from which on a request can ask."""
        return value

    def now(self) -> Value | None:
        """The value that a change of this moment has; ``None`` where that can't be told."""
        return None

    def parse(self, text: str) -> Value:
        """A value that a person has written, as the far side writes it: a whole number is one, all else is text.

        Raises:
            ConfigError: it is no value of this kind.
        """
        return self.floor(int(text) if _WHOLE.match(text) else text)

    def check(self, option: str, value: Distance | None) -> None:
        """Whether an option that is a distance fits.

        Raises:
            ConfigError: it doesn't.
        """
        if value is None or not value or (self.distance is not None and isinstance(value, self.distance)):
            return
        expected = {timedelta: "a duration such as 30s", int: "a number"}.get(self.distance or object)
        raise ConfigError(
            f"`cursor.{option}` can't be used: the source's cursor values are {self.name}, "
            + (f"so it must be {expected}" if expected else "which have no distance")
        )


class Times(Values):
    """Times, as text or as seconds since 1970.

    Args:
        form: ``rfc3339`` (``2026-11-20T10:02:11Z``), ``epoch`` (seconds), ``epoch_ms``, or a pattern of `strftime`,
            whose times are UTC where it has no ``%z``.
        resolution: the finest step that a request by time can ask for; what is asked for lies on such a step, so that
            no tick is read in parts. Records may tell their times more finely.
    """

    distance = timedelta
    name = "times"

    def __init__(self, form: str = "rfc3339", resolution: timedelta = timedelta(seconds=1)) -> None:
        if resolution <= timedelta(0):
            raise ValueError("the resolution must be longer than nothing")
        self.form = form
        self.resolution = resolution

    def rank(self, value: Value) -> datetime:
        """The moment, in UTC."""
        try:
            return self._read(value)
        except (ValueError, TypeError, OverflowError):
            raise Permanent(
                f"expected a time as cursor value, in the form {self.form}; got {_kind(value)} that is none"
            ) from None

    def _read(self, value: Value) -> datetime:
        if self.form in _EPOCHS:
            return _EPOCH + timedelta(seconds=1) * float(value) / _EPOCHS[self.form]
        if not isinstance(value, str):
            raise TypeError
        moment = datetime.fromisoformat(value) if self.form == "rfc3339" else datetime.strptime(value, self.form)  # noqa: DTZ007  below
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def write(self, moment: datetime) -> Value:
        """A moment as the far side writes it; at the last step of the resolution before it."""
        moment = moment.astimezone(UTC)
        moment -= (moment - _EPOCH) % self.resolution
        if self.form in _EPOCHS:
            return (moment - _EPOCH) // (timedelta(seconds=1) / _EPOCHS[self.form])
        if self.form != "rfc3339":
            return moment.strftime(self.form)
        digits = "seconds" if not self.resolution % timedelta(seconds=1) else "milliseconds"
        if self.resolution % timedelta(milliseconds=1):
            digits = "microseconds"
        return moment.replace(tzinfo=None).isoformat(timespec=digits) + "Z"

    def moved(self, value: Value, by: timedelta) -> Value:
        """Later by so much, at a step of the resolution."""
        try:
            return self.write(self.rank(value) + by)
        except OverflowError:
            return self.write(_EPOCH if by < timedelta(0) else datetime.max.replace(tzinfo=UTC))

    def middle(self, low: Value, high: Value) -> Value:
        """Halfway, at a step of the resolution."""
        first = self.rank(low)
        return self.write(first + (self.rank(high) - first) / 2)

    def parse(self, text: str) -> Value:
        """A time in ISO 8601, such as ``2026-11-20T10:00:00Z`` or ``2026-11-20``; UTC where it has no zone."""
        if self.form in _EPOCHS and _WHOLE.match(text):
            return self.floor(int(text))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ConfigError(f"expected a time such as 2026-11-20T10:00:00Z or 2026-11-20; got {text!r:.60}") from None
        return self.write(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)

    def floor(self, value: Value) -> Value:
        """At a step of the resolution."""
        return self.write(self.rank(value))

    def now(self) -> Value:
        """By this machine's clock."""
        return self.write(datetime.now(UTC))


class Numbers(Values):
    """Whole numbers that grow: a sequence, a revision, an offset."""

    distance = int
    name = "numbers"

    def rank(self, value: Value) -> int:
        """Itself."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise Permanent(f"expected a whole number as cursor value; got {_kind(value)}")
        return value

    def parse(self, text: str) -> Value:
        """A whole number."""
        if not _WHOLE.match(text):
            raise ConfigError(f"expected a whole number; got {text!r:.60}")
        return int(text)

    def moved(self, value: Value, by: int) -> Value:
        """The sum."""
        return self.rank(value) + by

    def middle(self, low: Value, high: Value) -> Value:
        """The mean, rounded down."""
        return (self.rank(low) + self.rank(high)) // 2


class Texts(Values):
    """Text whose order is its order by code points, such as ULIDs; it can't be reckoned with."""

    name = "texts"

    def rank(self, value: Value) -> str:
        """Itself."""
        if not isinstance(value, str):
            raise Permanent(f"expected text as cursor value; got {_kind(value)}")
        return value

    def parse(self, text: str) -> Value:
        """Itself."""
        return text

    def moved(self, value: Value, by: Any) -> Value:
        """Only by nothing."""
        assert not by, "checked when the source was made"
        return value

    def middle(self, low: Value, high: Value) -> Value:
        """There is none: the upper one, so that nothing is divided."""
        del low
        return high


def _kind(value: Any) -> str:
    return {str: "text", int: "a number", bool: "a truth value"}.get(type(value), type(value).__name__)
