"""Constants of the language that JSON can hold, and when two of them are equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CONSTANT: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
}
"""Kinds of constants by their class in Python."""


def equal(left: Any, right: Any) -> bool:
    """Whether two constants are equal: numbers by value, ``true`` is not 1."""
    if type(left) is type(right) and type(left) in CONSTANT:
        return bool(left == right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return bool(left == right)


def among(value: Any, values: Iterable[Any]) -> bool:
    """Whether a constant is one of several."""
    if type(value) is str:
        return value in values  # nothing but text is equal to text
    return any(equal(value, each) for each in values)
