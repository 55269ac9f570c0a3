"""The reference: Google's implementation in C++, through its Python binding."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel

from hub.routes.unit import Careful
from hub.routes.values import NONE, TYPES, CelType, Duration, KeyedMap, Optional, Timestamp, UInt

ERROR = ("error",)
_ENV = cel.NewEnv(variables={"data": cel.Type.DYN})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TYPE_NAMES = {"NULL": "null_type", "TIMESTAMP": "google.protobuf.Timestamp", "DURATION": "google.protobuf.Duration"}


def reference(source: str, data: Any) -> Any:
    """What the reference makes of an expression, in the form of `canonical`."""
    try:
        value = _ENV.compile(source, disable_check=True).eval(data={"data": data})
    except RuntimeError:
        return ERROR
    return _theirs(value)


def _theirs(value: Any) -> Any:  # noqa: PLR0911  one for each type
    name = value.type().name().partition("<")[0]
    plain = value.value()
    match name:
        case "ERROR":
            return ERROR
        case "LIST":
            return ("list", *map(_theirs, plain))
        case "MAP":
            return ("map", frozenset((repr(key), _theirs(each)) for key, each in plain.items()))
        case "TIMESTAMP":
            return ("timestamp", (plain - _EPOCH) // _MICROSECOND)
        case "DURATION":
            return ("duration", plain // _MICROSECOND)
        case "TYPE":
            type_name = plain.name().partition("<")[0]
            return ("type", _TYPE_NAMES.get(type_name, type_name.lower()))
        case "DOUBLE":
            return ("double", "nan" if math.isnan(plain) else repr(plain))
        case "BYTES":
            return ("bytes", bytes(plain))
        case "NULL":
            return ("null",)
    return (name.lower(), plain)


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
