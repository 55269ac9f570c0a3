"""CEL's extensions ``lists`` and ``sets``: functions on whole lists."""

from __future__ import annotations

import math
from typing import Any

from hub.routes.arguments import elements_of, sized, whole
from hub.routes.errors import Failure
from hub.routes.values import (
    NONE,
    NOTHING,
    Duration,
    KeyedMap,
    Optional,
    Timestamp,
    UInt,
    described,
    keys,
    stored_key,
)

_NUMBERS = frozenset((int, UInt, float))
_ORDERED = frozenset((str, bytes, bool, Timestamp, Duration))


def sliced(target: Any, start: Any, end: Any) -> list[Any]:
    """``list.slice(start, end)``."""
    found = elements_of(target, "slice")
    start, end = whole(start, "slice"), whole(end, "slice")
    if 0 <= start <= end <= len(found):
        return found[start:end]
    raise Failure("slice takes a start and an end within the list{at}, the end not before the start")


def flattened(target: Any, depth: Any = 1) -> list[Any]:
    """``list.flatten(depth)``: lists within the list give their elements, down to a depth."""
    found = elements_of(target, "flatten")
    depth = whole(depth, "flatten")
    if depth < 0:
        raise Failure("flatten takes a depth that isn't negative")
    while depth and any(type(each) is list for each in found):
        made: list[Any] = []
        for each in found:
            if type(each) is list:
                made += each
            else:
                made.append(each)
            sized(len(made))
        found, depth = made, depth - 1
    return found


def number_range(count: Any) -> list[int]:
    """``lists.range(count)``: 0 to ``count`` - 1."""
    found = max(whole(count, "lists.range"), 0)
    sized(found)
    return list(range(found))


def identity(value: Any) -> Any:
    """What can be hashed and is the same for values that are equal in the language; of numbers, the exact value."""
    kind = type(value)
    if kind is float and math.isnan(value):
        return object()
    if kind is list:
        return (list, *map(identity, value))
    if kind is dict or kind is KeyedMap:
        return (dict, frozenset((identity(key), identity(value[stored_key(key)])) for key in keys(value)))
    if kind is Optional:
        return (Optional, NOTHING if value is NONE else identity(value.held))
    return (bool, value) if kind is bool else value


def distinct(target: Any) -> list[Any]:
    """``list.distinct()``: of equal elements the first."""
    seen: dict[Any, Any] = {}
    for each in elements_of(target, "distinct"):
        seen.setdefault(identity(each), each)
    return list(seen.values())


def ordered(target: Any) -> list[Any]:
    """``list.sort()``: elements of one type, or numbers."""
    return ordered_by(target, elements_of(target, "sort"), "sort")


def ordered_by(target: Any, by: list[Any], function: str = "sortBy") -> list[Any]:
    """``list.sortBy(x, key)``: elements in the order of their keys; those with equal keys keep theirs."""
    found = elements_of(target, function)
    kinds = set(map(type, by))
    if len(kinds) > 1 and not kinds <= _NUMBERS:
        raise Failure(f"{function} takes values of one type, got {' and '.join(sorted(_words(by)))}")
    if not kinds <= _NUMBERS | _ORDERED:
        raise Failure(f"{function} takes values that have an order, got {described(by[0])}")
    return [found[place] for place in sorted(range(len(by)), key=by.__getitem__)]


def _words(values: list[Any]) -> set[str]:
    return {described(each) for each in values}


def _identities(function: str, *lists: Any) -> list[set[Any]]:
    return [set(map(identity, elements_of(each, function))) for each in lists]


def set_contains(values: Any, others: Any) -> bool:
    """``sets.contains(list, others)``: whether all the others are in the list."""
    found, wanted = _identities("sets.contains", values, others)
    return wanted <= found


def set_equivalent(values: Any, others: Any) -> bool:
    """``sets.equivalent(list, others)``: whether each has all of the other."""
    found, wanted = _identities("sets.equivalent", values, others)
    return wanted == found


def set_intersects(values: Any, others: Any) -> bool:
    """``sets.intersects(list, others)``: whether any is in both."""
    found, wanted = _identities("sets.intersects", values, others)
    return not wanted.isdisjoint(found)
