"""What pamqp can't read of a message is read as something else, instead of ending the connection.

Whoever publishes may write a time of the year 57742 (microseconds, where AMQP has seconds), text that isn't UTF-8, a
header of a type that nobody knows, or tables in tables without end. pamqp takes that for a broken frame, or gives up,
and aiormq ends the connection; then the broker gives us the same message again, for ever, and all behind it waits. So
the functions in pamqp's public tables are replaced by these, which ask the former ones first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pamqp import decode

UNREADABLE = "unreadable"
"""Name of the one header of a message whose headers can't be read; it holds their bytes."""

_Decoder = Callable[[bytes], tuple[int, Any]]


@cache
def apply() -> None:
    """Replaces pamqp's functions, once."""
    methods: Any = decode.METHODS
    table: Any = decode.TABLE_MAPPING
    methods["timestamp"] = table[b"T"] = _time(methods["timestamp"])
    methods["shortstr"] = _short_string(methods["shortstr"])
    methods["table"] = _headers(methods["table"])


def _time(strict: _Decoder) -> _Decoder:
    """A time that no calendar has is none."""

    def decoded(value: bytes) -> tuple[int, Any]:
        try:
            return strict(value)
        except (ValueError, OverflowError, OSError):
            return 8, None

    return decoded


def _short_string(strict: _Decoder) -> _Decoder:
    """What isn't UTF-8 is replaced."""

    def decoded(value: bytes) -> tuple[int, Any]:
        try:
            return strict(value)
        except UnicodeDecodeError:
            length = value[0]
            return length + 1, value[1 : length + 1].decode(errors="replace")

    return decoded


def _headers(strict: _Decoder) -> _Decoder:
    """Headers of which one can't be read are kept as bytes, all together."""

    def decoded(value: bytes) -> tuple[int, Any]:
        try:
            return strict(value)
        except (ValueError, OverflowError, RecursionError):
            length = int.from_bytes(value[:4])
            return length + 4, {UNREADABLE: bytes(value[4 : length + 4])}

    return decoded
