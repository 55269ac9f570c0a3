"""Optional values: what may be missing is a value of its own, and says so in its type."""

from __future__ import annotations

from typing import Any

from hub.routes.access import inserted
from hub.routes.arguments import elements_of, optional
from hub.routes.errors import Failure
from hub.routes.values import NONE, NOTHING, Duration, KeyedMap, Optional, Timestamp, UInt, described

_ZERO: dict[type, Any] = {
    type(None): None, bool: False, int: 0, UInt: 0, float: 0.0, str: "", bytes: b"", list: [], dict: {}, KeyedMap: {},
    Timestamp: Timestamp(0), Duration: Duration(0),
}  # fmt: skip


def optional_of(value: Any) -> Optional:
    """``optional.of(value)``."""
    return Optional(value)


def optional_none() -> Optional:
    """``optional.none()``."""
    return NONE


def optional_of_non_zero(value: Any) -> Optional:
    """``optional.ofNonZeroValue(value)``: none of null, false, 0, and of what is empty."""
    kind = type(value)
    return NONE if kind in _ZERO and value == _ZERO[kind] else Optional(value)


def has_value(value: Any) -> bool:
    """``optional.hasValue()``."""
    return optional(value, "hasValue").held is not NOTHING


def is_full(value: Any, function: str) -> bool:
    """Whether the optional value that a function takes holds something."""
    return optional(value, function).held is not NOTHING


def value_of(value: Any) -> Any:
    """``optional.value()``."""
    held = optional(value, "value").held
    if held is NOTHING:
        raise Failure("the optional value{at} holds nothing; write `.orValue(…)` or test with `.hasValue()`")
    return held


def alternative(value: Any) -> Optional:
    """What stands in ``.or(…)``, or comes out of ``.optFlatMap(…)``: an optional value."""
    return optional(value, "or")


def flat(value: Any) -> Optional:
    """What comes out of ``.optFlatMap(…)``."""
    return optional(value, "optFlatMap")


def unwrapped(values: Any) -> list[Any]:
    """``optional.unwrap(list)``: what the optional values of a list hold."""
    found = [optional(each, "optional.unwrap").held for each in elements_of(values, "optional.unwrap")]
    return [each for each in found if each is not NOTHING]


def first(values: Any) -> Optional:
    """``list.first()``."""
    found = elements_of(values, "first")
    return Optional(found[0]) if found else NONE


def last(values: Any) -> Optional:
    """``list.last()``."""
    found = elements_of(values, "last")
    return Optional(found[-1]) if found else NONE


def sparse_list(optionals: frozenset[int], *elements: Any) -> list[Any]:
    """A list of which some elements are optional: these are left out where they hold nothing."""
    made: list[Any] = []
    for index, element in enumerate(elements):
        if index not in optionals:
            made.append(element)
        elif (held := _held(element, "element")) is not NOTHING:
            made.append(held)
    return made


def sparse_map(optionals: frozenset[int], *pairs: Any) -> dict[Any, Any]:
    """A map of which some entries are optional. Keys and values in turn."""
    made: dict[Any, Any] = {}
    for index, (key, value) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
        held = _held(value, "entry") if index in optionals else value
        if held is not NOTHING:
            made = inserted(made, key, held)
    return made


def _held(value: Any, place: str) -> Any:
    if type(value) is Optional:
        return value.held
    raise Failure(f"expected an optional value in an {place} with a `?`, got {described(value)}")
