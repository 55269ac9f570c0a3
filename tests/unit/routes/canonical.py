"""Values and versions of compiled expressions in a form in which tests can compare them."""

from __future__ import annotations

import math
from typing import Any

from hub.routes.unit import Careful
from hub.routes.values import NONE, TYPES, CelType, Duration, KeyedMap, Optional, Timestamp, UInt


def canonical(value: Any) -> Any:  # noqa: PLR0911  one for each type
    """A value of ours in a form that can be compared; times in microseconds, as the binding cuts them."""
    kind = type(value)
    if kind is list:
        return ("list", *map(canonical, value))
    if kind is dict or kind is KeyedMap:
        keys = ((getattr(key, "value", key), each) for key, each in value.items())
        return ("map", frozenset((repr(int(key) if type(key) is UInt else key), canonical(each)) for key, each in keys))
    if kind is Timestamp or kind is Duration:
        return ("timestamp" if kind is Timestamp else "duration", value.nanos // 1000)
    if kind is CelType:
        return ("type", value.name)
    if kind is float:
        return ("double", "nan" if math.isnan(value) else repr(value))
    if kind is Optional:
        return ("optional",) if value is NONE else ("optional", canonical(value.held))
    if value is None:
        return ("null",)
    return (TYPES[kind].name, int(value) if kind is UInt else value)


def careful(expression: Any) -> Any:
    """The careful version of an expression that was compiled."""
    found = expression._function.__globals__["careful"]
    assert isinstance(found, Careful)
    return found
