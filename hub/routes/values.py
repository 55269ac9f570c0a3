"""CEL's values as Python objects.

``null``, ``bool``, ``int``, ``double``, ``string``, ``bytes``, ``list`` and ``map`` are Python's own types as JSON
gives them, told apart by their exact class, since to Python ``True`` is an ``int``. What Python doesn't have is here:
unsigned integers, times with nanoseconds, types as values, and maps whose keys aren't all strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import total_ordering
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


class UInt(int):
    """CEL's ``uint``: equal to an ``int`` of the same value, and another type."""

    __slots__ = ()


@total_ordering
class _Nanoseconds:
    """A number of nanoseconds that compares only with its own kind."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.nanos == self.nanos

    def __lt__(self, other: Any) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.nanos < other.nanos)

    def __hash__(self) -> int:
        return hash((type(self), self.nanos))


class Timestamp(_Nanoseconds):
    """A point in time: nanoseconds since 1970-01-01T00:00:00Z, from the year 1 to 9999."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Timestamp({self.nanos})"


class Duration(_Nanoseconds):
    """A length of time in nanoseconds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Duration({self.nanos})"


class CelType:
    """A type as a value, e.g. what ``type(1)`` gives. There is one object per type."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"CelType({self.name!r})"


class Optional:
    """A value that may be missing, e.g. what ``data.?name`` gives. Where it is, ``held`` is `NOTHING`."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __repr__(self) -> str:
        return "Optional()" if self.held is NOTHING else f"Optional({self.held!r})"


NOTHING: Any = object()
NONE = Optional(NOTHING)
"""What ``optional.none()`` gives; there is no other without a value."""


class KeyedMap(dict[Any, Any]):
    """A map with keys beside strings. Boolean keys are stored as `TRUE` and `FALSE`, as Python takes True for 1."""

    __slots__ = ()


class _BooleanKey:
    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:  # noqa: FBT001  it is the value
        self.value = value


TRUE, FALSE = _BooleanKey(True), _BooleanKey(False)  # noqa: FBT003  they are the values


def stored_key(key: Any) -> Any:
    """A key of a `KeyedMap` as it is stored; a number finds its equal of another type, as CEL wants."""
    return (TRUE if key else FALSE) if type(key) is bool else key


def keys(value: dict[Any, Any]) -> Iterator[Any]:
    """The keys of a map as values of the language."""
    if type(value) is KeyedMap:
        return (key.value if type(key) is _BooleanKey else key for key in value)
    return iter(value)


TYPES: dict[type, CelType] = {
    type(None): CelType("null_type"),
    bool: CelType("bool"),
    int: CelType("int"),
    UInt: CelType("uint"),
    float: CelType("double"),
    str: CelType("string"),
    bytes: CelType("bytes"),
    list: CelType("list"),
    dict: CelType("map"),
    Timestamp: CelType("google.protobuf.Timestamp"),
    Duration: CelType("google.protobuf.Duration"),
    CelType: CelType("type"),
    Optional: CelType("optional_type"),
    IPv4Address: CelType("net.IP"),
    IPv4Interface: CelType("net.CIDR"),
}
TYPES |= {KeyedMap: TYPES[dict], IPv6Address: TYPES[IPv4Address], IPv6Interface: TYPES[IPv4Interface]}
TYPE_NAMES = {each.name: each for each in TYPES.values()}

_WORDS = {
    type(None): "null",
    bool: "a bool",
    int: "an int",
    UInt: "a uint",
    float: "a double",
    str: "a string",
    bytes: "bytes",
    list: "a list",
    dict: "an object",
    KeyedMap: "an object",
    Timestamp: "a timestamp",
    Duration: "a duration",
    CelType: "a type",
    Optional: "an optional value",
    IPv4Address: "an IP address",
    IPv6Address: "an IP address",
    IPv4Interface: "a CIDR block",
    IPv6Interface: "a CIDR block",
}


def described(value: Any) -> str:
    """The type of a value for people; never the value."""
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        return "an integer that doesn't fit into 64 bits"
    return _WORDS.get(type(value), "a value of an unknown type")
