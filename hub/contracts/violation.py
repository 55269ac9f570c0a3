"""What breaks a contract: where, what was expected, and the type that came. Never a value of the event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hub.sdk.errors import Permanent

_SHOWN = 3  # violations that the message of a dead letter spells out

_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
}


class Violation(NamedTuple):
    """One thing that breaks a contract.

    Attributes:
        path: JSON Pointer (RFC 6901) to the value, e.g. ``/pull_request/user/login``; empty for the whole of the data.
        message: what was expected there, and the type of what came.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.message}"


class ContractViolation(Permanent):
    """An event that breaks the contract of its type, where that is enforced: dead-lettered with the stage ``contract``.

    Args:
        event_type: the event's type.
        violations: at least one.
    """

    def __init__(self, event_type: str, violations: Sequence[Violation]) -> None:
        self.event_type = event_type
        self.violations = tuple(violations)
        shown = "; ".join(map(str, self.violations[:_SHOWN]))
        more = f"; and {len(self.violations) - _SHOWN} more" if len(self.violations) > _SHOWN else ""
        super().__init__(f"{shown}{more} (contract of {event_type})")


def json_type(value: Any) -> str:
    """The JSON type of a value, for messages."""
    for each in type(value).__mro__:
        if each in _TYPES:
            return _TYPES[each]
    return type(value).__name__


def pointer(path: Iterable[str | int], longest: int | None = None) -> str:
    """A path as JSON Pointer (RFC 6901).

    Args:
        path: keys and indices.
        longest: cuts longer keys, where an event may have brought them.
    """
    return "".join(f"/{_key(str(each), longest)}" for each in path)


def _key(key: str, longest: int | None) -> str:
    key = key if longest is None or len(key) <= longest else f"{key[:longest]}…"
    return key.replace("~", "~0").replace("/", "~1")
