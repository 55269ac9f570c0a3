"""The reference: Google's implementation in C++, through its Python binding."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

ERROR = ("error",)
UNREADABLE = ("unreadable",)
"""A value with an optional value in it, which the binding can't hand over."""
_EXTENSIONS = [
    ext_bindings.ExtBindings(), ext_encoders.ExtEncoders(), ext_math.ExtMath(), ext_optional.ExtOptional(),
    ext_strings.ExtStrings(),
]  # fmt: skip
_ENV = cel.NewEnv(variables={"data": cel.Type.DYN}, extensions=_EXTENSIONS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TYPE_NAMES = {"NULL": "null_type", "TIMESTAMP": "google.protobuf.Timestamp", "DURATION": "google.protobuf.Duration"}


def reference(source: str, data: Any) -> Any:
    """What the reference makes of an expression, in the form of `canonical`."""
    try:
        value = _ENV.compile(source, disable_check=True).eval(data={"data": data})
    except RuntimeError:
        return ERROR
    try:
        return _theirs(value)
    except TypeError:
        return UNREADABLE


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
