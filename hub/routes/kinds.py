"""What is known of a value's type before there is a value. Today it comes from literals and results of operators."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from hub.routes.values import CelType, Duration, Timestamp, UInt


class Kind(StrEnum):
    """A type of CEL; ``DYN`` where it will only be known at run time."""

    DYN = "dyn"
    NULL = "null_type"
    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    LIST = "list"
    MAP = "map"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    TYPE = "type"
    OPTIONAL = "optional_type"


NUMBERS = frozenset((Kind.INT, Kind.UINT, Kind.DOUBLE))
JSON_KINDS = frozenset((Kind.NULL, Kind.BOOL, Kind.INT, Kind.UINT, Kind.STRING))
"""Kinds all of whose values JSON can hold; a double may be NaN."""

CLASSES: dict[Kind, str] = {
    Kind.BOOL: "bool",
    Kind.INT: "int",
    Kind.UINT: "UInt",
    Kind.DOUBLE: "float",
    Kind.STRING: "str",
    Kind.BYTES: "bytes",
    Kind.LIST: "list",
    Kind.MAP: "dict",
    Kind.TIMESTAMP: "Timestamp",
    Kind.DURATION: "Duration",
    Kind.OPTIONAL: "Optional",
}
"""Name of the Python class whose instances are surely of a kind. A map may also be a `KeyedMap`."""

_OF: dict[type, Kind] = {
    type(None): Kind.NULL,
    bool: Kind.BOOL,
    int: Kind.INT,
    UInt: Kind.UINT,
    float: Kind.DOUBLE,
    str: Kind.STRING,
    bytes: Kind.BYTES,
    Timestamp: Kind.TIMESTAMP,
    Duration: Kind.DURATION,
    CelType: Kind.TYPE,
}


def kind_of(value: Any) -> Kind:
    """The kind of a constant."""
    return _OF[type(value)]
