"""CEL's extension ``math``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hub.routes.arguments import number, whole
from hub.routes.errors import Failure
from hub.routes.operators import checked_int, greater, less
from hub.routes.values import INT_MAX, UINT_MAX, UInt, described

_BITS = 64


def greatest(*values: Any) -> Any:
    """``math.greatest(a, b, …)``, or of a list; of equal ones the first."""
    return _chosen("math.greatest", values, greater)


def least(*values: Any) -> Any:
    """``math.least(a, b, …)``, or of a list."""
    return _chosen("math.least", values, less)


def _chosen(function: str, values: tuple[Any, ...], better: Callable[[Any, Any], bool]) -> Any:
    candidates: Any = values[0] if len(values) == 1 and type(values[0]) is list else values
    if not candidates:
        raise Failure(f"{function} takes a list with at least one number, got an empty one")
    chosen = number(candidates[0], function)
    for value in candidates[1:]:
        if better(number(value, function), chosen):
            chosen = value
    return chosen


def _double(value: Any, function: str) -> float:
    if type(value) is float:
        return value
    raise Failure(f"{function} takes a double, got {described(value)}")


def _rounded(value: Any, function: str, rounding: Callable[[float], int]) -> float:
    double = _double(value, function)
    # A zero keeps the sign of what was rounded to it, by IEEE 754.
    return math.copysign(float(rounding(double)), double) if math.isfinite(double) else double


def ceiling(value: Any) -> float:
    """``math.ceil(double)``."""
    return _rounded(value, "math.ceil", math.ceil)


def floor(value: Any) -> float:
    """``math.floor(double)``."""
    return _rounded(value, "math.floor", math.floor)


def truncated(value: Any) -> float:
    """``math.trunc(double)``."""
    return _rounded(value, "math.trunc", math.trunc)


def rounded(value: Any) -> float:
    """``math.round(double)``: halves away from zero."""
    return _rounded(value, "math.round", _half_away)


def _half_away(value: float) -> int:
    whole_part = math.floor(abs(value))
    return int(math.copysign(whole_part + (abs(value) - whole_part >= 0.5), value))  # noqa: PLR2004  a half


def absolute(value: Any) -> Any:
    """``math.abs(number)``."""
    found = number(value, "math.abs")
    return value if type(found) is UInt else abs(found) if type(found) is float else checked_int(abs(int(found)))


def sign(value: Any) -> Any:
    """``math.sign(number)``: -1, 0 or 1 of the same type."""
    found = number(value, "math.sign")
    if type(found) is float:
        return math.copysign(1.0, found) if found < 0 or found > 0 else abs(found)
    unit = (found > 0) - (found < 0)
    return UInt(unit) if type(found) is UInt else unit


def square_root(value: Any) -> float:
    """``math.sqrt(number)``: NaN of a negative one."""
    found = float(number(value, "math.sqrt"))
    return math.nan if found < 0 else math.sqrt(found)


def is_nan(value: Any) -> bool:
    """``math.isNaN(double)``."""
    return math.isnan(_double(value, "math.isNaN"))


def is_infinite(value: Any) -> bool:
    """``math.isInf(double)``."""
    return math.isinf(_double(value, "math.isInf"))


def is_finite(value: Any) -> bool:
    """``math.isFinite(double)``."""
    return math.isfinite(_double(value, "math.isFinite"))


def _bits(value: Any, function: str) -> int:
    if type(value) is UInt or (type(value) is int and -INT_MAX - 1 <= value <= INT_MAX):
        return int(value)
    raise Failure(f"{function} takes ints or uints, got {described(value)}")


def _pair(left: Any, right: Any, function: str) -> tuple[int, int]:
    if type(left) is not type(right):
        raise Failure(f"{function} takes two ints or two uints, got {described(left)} and {described(right)}")
    return _bits(left, function), _bits(right, function)


def _like(value: Any, result: int) -> Any:
    """The lowest 64 bits as a number of the same type."""
    result &= UINT_MAX
    if type(value) is UInt:
        return UInt(result)
    return result - 2**_BITS if result > INT_MAX else result


def bits_and(left: Any, right: Any) -> Any:
    """``math.bitAnd(a, b)``."""
    first, second = _pair(left, right, "math.bitAnd")
    return _like(left, first & second)


def bits_or(left: Any, right: Any) -> Any:
    """``math.bitOr(a, b)``."""
    first, second = _pair(left, right, "math.bitOr")
    return _like(left, first | second)


def bits_xor(left: Any, right: Any) -> Any:
    """``math.bitXor(a, b)``."""
    first, second = _pair(left, right, "math.bitXor")
    return _like(left, first ^ second)


def bits_not(value: Any) -> Any:
    """``math.bitNot(a)``."""
    return _like(value, ~_bits(value, "math.bitNot"))


def _shift(count: Any, function: str) -> int:
    found = whole(count, function)
    if found < 0:
        raise Failure(f"{function} takes a number of bits that isn't negative")
    return min(found, _BITS)


def shifted_left(value: Any, count: Any) -> Any:
    """``math.bitShiftLeft(a, count)``."""
    return _like(value, _bits(value, "math.bitShiftLeft") << _shift(count, "math.bitShiftLeft"))


def shifted_right(value: Any, count: Any) -> Any:
    """``math.bitShiftRight(a, count)``: zeros come in from the left, of an int too."""
    return _like(value, (_bits(value, "math.bitShiftRight") & UINT_MAX) >> _shift(count, "math.bitShiftRight"))
