"""The meaning of CEL's operators: the reference for what the generated code does inline.

Each function raises `Failure` where CEL has no overload or no result. ``{at}`` in a message becomes the source of the
operand.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from hub.routes.errors import Failure
from hub.routes.times import duration_of, timestamp_of
from hub.routes.values import (
    INT_MAX,
    INT_MIN,
    NOTHING,
    TYPES,
    UINT_MAX,
    CelType,
    Duration,
    KeyedMap,
    Optional,
    Timestamp,
    UInt,
    described,
    stored_key,
)

_NUMBERS = frozenset((int, UInt, float))
MAPS = frozenset((dict, KeyedMap))
_ORDERED = frozenset((str, bytes, bool, Timestamp, Duration))


# Relations


def equals(left: Any, right: Any) -> bool:
    """``==``: numbers on one line, lists and maps by their elements, all else only within its type."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS:
        return other in _NUMBERS and _compared(left, right, operator.eq)
    if kind is list:
        return other is list and len(left) == len(right) and all(map(equals, left, right))
    if kind in MAPS:
        return (
            other in MAPS
            and len(left) == len(right)
            and all(key in right and equals(value, right[key]) for key, value in left.items())
        )
    if kind is Optional:
        return other is Optional and _equal_optionals(left.held, right.held)
    return kind is other and bool(left == right)


def _equal_optionals(left: Any, right: Any) -> bool:
    if left is NOTHING or right is NOTHING:
        return left is right
    return equals(left, right)


def differs(left: Any, right: Any) -> bool:
    """``!=``."""
    return not equals(left, right)


def _compared(left: Any, right: Any, relation: Callable[[Any, Any], Any]) -> bool:
    """A relation of two numbers: a whole number is compared with a double as a double, as all of CEL's makes do."""
    if type(left) is float or type(right) is float:
        left, right = float(left), float(right)
    return bool(relation(left, right))


def _ordered(left: Any, right: Any, relation: Callable[[Any, Any], Any]) -> bool:
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        return _compared(left, right, relation)
    if kind is other and kind in _ORDERED:
        return bool(relation(left, right))
    raise Failure(f"expected two values that have an order, got {described(left)} and {described(right)}")


def less(left: Any, right: Any) -> bool:
    """``<``."""
    return _ordered(left, right, operator.lt)


def less_or_equal(left: Any, right: Any) -> bool:
    """``<=``."""
    return _ordered(left, right, operator.le)


def greater(left: Any, right: Any) -> bool:
    """``>``."""
    return _ordered(left, right, operator.gt)


def greater_or_equal(left: Any, right: Any) -> bool:
    """``>=``."""
    return _ordered(left, right, operator.ge)


def is_key(key: Any) -> bool:
    """Whether a value can be a key of a map."""
    kind = type(key)
    return kind in (str, int, UInt, bool) or (kind is float and key == key)  # noqa: PLR0124  NaN is no key


def value_at(container: dict[Any, Any], key: Any) -> Any:
    """The value of a key of a map, or `NOTHING`."""
    if is_key(key):
        return container.get(stored_key(key), NOTHING)
    raise Failure(f"expected a string, a bool or a number as key, got {described(key)}")


def is_in(element: Any, container: Any) -> bool:
    """``in``: an element of a list, or a key of a map."""
    kind = type(container)
    if kind is list:
        return any(equals(element, each) for each in container)
    if kind in MAPS:
        return value_at(container, element) is not NOTHING
    raise Failure(f"expected a list or an object on the right of `in`, got {described(container)}")


# Arithmetic


def checked_int(value: int) -> int:
    """An int that fits into 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise Failure("the result doesn't fit into an int of 64 bits")


def checked_uint(value: int) -> UInt:
    """A uint that fits into 64 bits."""
    if 0 <= value <= UINT_MAX:
        return UInt(value)
    raise Failure("the result doesn't fit into a uint of 64 bits")


def _no_overload(sign: str, left: Any, right: Any) -> Failure:
    hint = ""
    kinds = {type(left), type(right)}
    if sign == "+" and str in kinds and kinds & {int, float, UInt, bool}:
        hint = "; write string(…) around what isn't one"
    elif len(kinds) > 1 and kinds <= _NUMBERS:
        hint = "; write int(…), uint(…) or double(…) around one of them"
    elif type(None) in kinds:
        hint = "; test for null first"
    return Failure(f"`{sign}` doesn't take {described(left)} and {described(right)}{hint}")


def add(left: Any, right: Any) -> Any:
    """``+``: numbers of one type, text, bytes, lists, times and durations."""
    kind, other = type(left), type(right)
    if kind is other:
        if kind is int:
            return checked_int(left + right)
        if kind is UInt:
            return checked_uint(int(left) + int(right))
        if kind in (str, float, bytes, list):
            return left + right
        if kind is Duration:
            return duration_of(left.nanos + right.nanos)
    elif kind is Timestamp and other is Duration or kind is Duration and other is Timestamp:  # noqa: RUF021  reads as pairs
        return timestamp_of(left.nanos + right.nanos)
    raise _no_overload("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """``-``: numbers of one type, times and durations."""
    kind, other = type(left), type(right)
    if kind is other:
        if kind is int:
            return checked_int(left - right)
        if kind is float:
            return left - right
        if kind is UInt:
            return checked_uint(int(left) - int(right))
        if kind is Duration or kind is Timestamp:
            return duration_of(left.nanos - right.nanos)
    elif kind is Timestamp and other is Duration:
        return timestamp_of(left.nanos - right.nanos)
    raise _no_overload("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """``*``: numbers of one type."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return checked_int(left * right)
        if kind is float:
            return left * right
        if kind is UInt:
            return checked_uint(int(left) * int(right))
    raise _no_overload("*", left, right)


def divide(left: Any, right: Any) -> Any:
    """``/``: numbers of one type; whole numbers are cut towards zero, doubles follow IEEE 754."""
    kind = type(left)
    if kind is type(right):
        if kind is float:
            return _divide_doubles(left, right)
        if kind is int or kind is UInt:
            if right == 0:
                raise Failure("division by zero")
            quotient = abs(int(left)) // abs(int(right))
            if kind is UInt:
                return UInt(quotient)
            return checked_int(quotient if (left < 0) == (right < 0) else -quotient)
    raise _no_overload("/", left, right)


def _divide_doubles(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def remainder(left: Any, right: Any) -> Any:
    """``%``: whole numbers of one type; the sign is that of the left one."""
    kind = type(left)
    if kind is type(right) and (kind is int or kind is UInt):
        if right == 0:
            raise Failure("division by zero")
        rest = abs(int(left)) % abs(int(right))
        if kind is UInt:
            return UInt(rest)
        if left == INT_MIN and right == -1:
            raise Failure("the result doesn't fit into an int of 64 bits")
        return -rest if left < 0 else rest
    raise _no_overload("%", left, right)


def negate(value: Any) -> Any:
    """``-``: of an int or a double."""
    if type(value) is int:
        return checked_int(-value)
    if type(value) is float:
        return -value
    raise Failure(f"`-` takes an int or a double, got {described(value)}")


# Logic


def boolean(value: Any) -> bool:
    """A value that must be true or false."""
    if value is True or value is False:
        return bool(value)
    raise Failure(f"expected true or false, got {described(value)}")


def invert(value: Any) -> bool:
    """``!``."""
    return not boolean(value)


# Types


def type_of(value: Any) -> CelType:
    """``type(value)``."""
    return TYPES[type(value)]
