"""Checks of what functions are given: CEL's functions take values of some types and no others."""

from __future__ import annotations

from typing import Any

from hub.routes.errors import Failure
from hub.routes.values import Optional, UInt, described

MAX_SIZE = 16 * 2**20
"""Code points or elements of what an expression may make. Without it, a few doublings would fill the memory."""


def text(value: Any, function: str, place: str = "") -> str:
    """A string. ``place`` says which argument it is, if it isn't the target."""
    if type(value) is str:
        return value
    raise Failure(f"{function} takes a string{place}, got {described(value)}")


def texts(function: str, target: Any, *arguments: Any) -> None:
    """A target and arguments that are all strings."""
    text(target, function)
    for argument in arguments:
        text(argument, function, " as argument")


def whole(value: Any, function: str) -> int:
    """An int as argument."""
    if type(value) is int:
        return value
    raise Failure(f"{function} takes an int as argument, got {described(value)}")


def elements_of(value: Any, function: str, place: str = "") -> list[Any]:
    """A list."""
    if type(value) is list:
        return value
    raise Failure(f"{function} takes a list{place}, got {described(value)}")


def number(value: Any, function: str) -> int | float:
    """An int, a uint or a double."""
    if type(value) in (int, float, UInt):
        return value  # type: ignore[no-any-return]  # one of them
    raise Failure(f"{function} takes numbers, got {described(value)}")


def optional(value: Any, function: str) -> Optional:
    """An optional value."""
    if type(value) is Optional:
        return value
    raise Failure(f"{function} takes an optional value such as `a.?b`, got {described(value)}")


def sized(size: int) -> None:
    """Refuses to make what is too large."""
    if size > MAX_SIZE:
        raise Failure(f"the result has more than {MAX_SIZE:,} characters or elements")
