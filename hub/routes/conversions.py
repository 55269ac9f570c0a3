"""CEL's conversions between its types: ``int``, ``uint``, ``double``, ``bool``, ``string``, ``bytes`` and times."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

from hub.routes.errors import Failure
from hub.routes.operators import checked_int, checked_uint
from hub.routes.times import SECOND, duration_text, parse_duration, parse_timestamp, timestamp_of, timestamp_text
from hub.routes.values import INT_MAX, INT_MIN, UINT_MAX, Duration, Timestamp, UInt, described

_INT = re.compile(r"[+-]?[0-9]{1,40}")
_UINT = re.compile(r"[0-9]{1,40}")
_DOUBLE = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf(?:inity)?|nan)", re.IGNORECASE
)
# The words that Go's strconv.ParseBool takes, which CEL's implementations share.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
# Above, JSON's numbers are written with an exponent, as ECMAScript does.
_PLAIN_BELOW = 1e21


def _impossible(target: str, value: Any) -> Failure:
    if type(value) is str:
        return Failure(f"expected text that holds {target}, got a string that doesn't")
    return Failure(f"{target} can't be made of {described(value)}")


def to_int(value: Any) -> int:
    """``int(value)``: a double is cut towards zero, a timestamp gives the seconds since 1970."""
    kind = type(value)
    if kind is int or kind is UInt:
        return checked_int(int(value))
    if kind is float:
        # Both ends are left out, since they aren't told from their neighbours as doubles.
        if INT_MIN < value < INT_MAX:
            return int(value)
        raise Failure("the double doesn't fit into an int of 64 bits")
    if kind is str and _INT.fullmatch(value):
        return checked_int(int(value))
    if kind is Timestamp:
        return int(value.nanos // SECOND)
    raise _impossible("an int", value)


def to_uint(value: Any) -> UInt:
    """``uint(value)``."""
    kind = type(value)
    if kind is int or kind is UInt:
        return checked_uint(int(value))
    if kind is float:
        if 0 <= value < UINT_MAX:
            return UInt(value)
        raise Failure("the double doesn't fit into a uint of 64 bits")
    if kind is str and _UINT.fullmatch(value):
        return checked_uint(int(value))
    raise _impossible("a uint", value)


def to_double(value: Any) -> float:
    """``double(value)``."""
    kind = type(value)
    if kind is float or kind is int or kind is UInt:
        return float(value)
    if kind is str and _DOUBLE.fullmatch(value):
        return float(value)
    raise _impossible("a double", value)


def to_bool(value: Any) -> bool:
    """``bool(value)``."""
    if type(value) is bool:
        return value
    if type(value) is str and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise _impossible("a bool", value)


def to_string(value: Any) -> str:
    """``string(value)``."""
    convert = _TEXTS.get(type(value))
    if convert is None:
        raise _impossible("a string", value)
    return convert(value)


def _bytes_text(value: bytes) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise Failure("expected bytes that are UTF-8") from None


def double_text(value: float) -> str:
    """The shortest text that reads as the same double; whole numbers without a point."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "-Infinity" if value < 0 else "Infinity"
    if value.is_integer() and abs(value) < _PLAIN_BELOW:
        return f"{value:.0f}"
    return repr(value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    UInt: int.__repr__,
    float: double_text,
    bool: lambda value: "true" if value else "false",
    bytes: _bytes_text,
    Timestamp: timestamp_text,
    Duration: duration_text,
    **dict.fromkeys((IPv4Address, IPv6Address, IPv4Interface, IPv6Interface), str),
}


def to_bytes(value: Any) -> bytes:
    """``bytes(value)``: text gives its UTF-8."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode()
    raise _impossible("bytes", value)


def to_timestamp(value: Any) -> Timestamp:
    """``timestamp(value)``: of RFC 3339 text, or of seconds since 1970."""
    kind = type(value)
    if kind is Timestamp:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return parse_timestamp(value)
    if kind is int:
        return timestamp_of(value * SECOND)
    raise _impossible("a timestamp", value)


def to_duration(value: Any) -> Duration:
    """``duration(value)``: of text such as ``1h30m``."""
    if type(value) is Duration:
        return value
    if type(value) is str:
        return parse_duration(value)
    raise _impossible("a duration", value)


def to_dyn(value: Any) -> Any:
    """``dyn(value)``: the value itself."""
    return value
