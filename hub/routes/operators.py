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
    TYPES,
    UINT_MAX,
    CelType,
    Duration,
    KeyedMap,
    Timestamp,
    UInt,
    described,
    keys,
    stored_key,
)

_NUMBERS = frozenset((int, UInt, float))
_MAPS = frozenset((dict, KeyedMap))
_ORDERED = frozenset((str, bytes, bool, Timestamp, Duration))
_MISSING: Any = object()


# Relations


def equals(left: Any, right: Any) -> bool:
    """``==``: numbers on one line, lists and maps by their elements, all else only within its type."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS:
        return other in _NUMBERS and _compared(left, right, operator.eq)
    if kind is list:
        return other is list and len(left) == len(right) and all(map(equals, left, right))
    if kind in _MAPS:
        return (
            other in _MAPS
            and len(left) == len(right)
            and all(key in right and equals(value, right[key]) for key, value in left.items())
        )
    return kind is other and bool(left == right)


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


def is_in(element: Any, container: Any) -> bool:
    """``in``: an element of a list, or a key of a map."""
    kind = type(container)
    if kind is list:
        return any(equals(element, each) for each in container)
    if kind in _MAPS:
        return _lookup(container, element) is not _MISSING
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


# Access


def _lookup(container: dict[Any, Any], key: Any) -> Any:
    kind = type(key)
    if kind in (str, int, UInt, bool) or (kind is float and key == key):  # noqa: PLR0124  NaN is no key
        return container.get(stored_key(key), _MISSING)
    raise Failure(f"expected a string, a bool or a number as key, got {described(key)}")


def select(container: Any, field: str) -> Any:
    """``container.field``."""
    if type(container) not in _MAPS:
        raise Failure(f"expected an object{{at}}, got {described(container)}")
    value = container.get(field, _MISSING)
    if value is _MISSING:
        raise Failure(f"the object{{at}} has no field `{field}`; test with has(…) where it may be missing")
    return value


def has_field(container: Any, field: str) -> bool:
    """``has(container.field)``."""
    if type(container) not in _MAPS:
        raise Failure(f"expected an object{{at}}, got {described(container)}")
    return field in container


def index(container: Any, key: Any) -> Any:
    """``container[key]``."""
    kind = type(container)
    if kind is list:
        return _element(container, key)
    if kind in _MAPS:
        value = _lookup(container, key)
        if value is _MISSING:
            raise Failure("the object{at} has no such key; test with `key in object` where it may be missing")
        return value
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def _element(container: list[Any], key: Any) -> Any:
    kind = type(key)
    if kind is float and key.is_integer():
        key = int(key)
    elif kind is not int and kind is not UInt:
        raise Failure(f"expected a whole number as index of the list{{at}}, got {described(key)}")
    if not 0 <= key < len(container):
        raise Failure("the list{at} has no element of this index; test with size(…)")
    return container[key]


def elements(container: Any) -> Any:
    """What a macro goes through: the elements of a list, or the keys of a map."""
    kind = type(container)
    if kind is list:
        return container
    if kind in _MAPS:
        return list(keys(container))
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def make_map(*pairs: Any) -> dict[Any, Any]:
    """A map literal: keys and values in turn."""
    made: dict[Any, Any] = {}
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        kind = type(key)
        if kind is not str:
            if kind not in (int, UInt, bool):
                raise Failure(f"expected a string, a bool or a whole number as key, got {described(key)}")
            if type(made) is dict:
                made = KeyedMap(made)
        stored = stored_key(key)
        if stored in made:
            raise Failure("the same key stands twice in the map")
        made[stored] = value
    return made


def type_of(value: Any) -> CelType:
    """``type(value)``."""
    return TYPES[type(value)]
