"""What the text of a literal stands for."""

from __future__ import annotations

import re
import sys

from hub.routes.values import UInt

_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\?\"'`])"
    r"|[xX](?P<x>[0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7][0-7]))"
)
_MAX_DIGITS = 20
_SURROGATES = range(0xD800, 0xE000)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class InvalidLiteral(ValueError):
    """A literal that stands for nothing, at ``start`` within its body."""

    def __init__(self, message: str, start: int, length: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.start = start
        self.length = length
        self.suggestion = suggestion


def number(match: re.Match[str]) -> int | UInt | float:
    """The value of a number; whether it fits into 64 bits is for the parser to say, which knows its sign."""
    if match["double"]:
        return float(match["double"])
    if match["hex"]:
        value = int(match["hex"], 16)
        return UInt(value) if match["hex_u"] else value
    # int() is quadratic and refuses very long text; what is longer never fits.
    digits = match["int"].lstrip("0") or "0"
    value = int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS
    return UInt(value) if match["u"] else value


def string(body: str, *, raw: bool, octets: bool) -> str | bytes:
    r"""The value of what stands between the quotes.

    Args:
        body: the text between the quotes.
        raw: whether a backslash is just a backslash.
        octets: whether it is a bytes literal: text gives its UTF-8, ``\xFF`` and ``\377`` give that byte.

    Raises:
        InvalidLiteral: an escape that isn't one.
    """
    if raw or "\\" not in body:
        parts: list[str | int] = [body]
    else:
        parts = _unescaped(body, octets=octets)
    for part in parts:
        if isinstance(part, str) and (lone := re.search("[\ud800-\udfff]", part)):
            raise InvalidLiteral("half of a surrogate pair is no character", max(body.find(lone[0]), 0), 1)
    if octets:
        return b"".join(bytes([part]) if isinstance(part, int) else part.encode() for part in parts)
    return "".join(chr(part) if isinstance(part, int) else part for part in parts)


def _unescaped(body: str, *, octets: bool) -> list[str | int]:
    r"""Pieces of text, and numbers for octets or code points that were written as ``\x…`` or octal."""
    parts: list[str | int] = []
    offset = 0
    while (backslash := body.find("\\", offset)) >= 0:
        parts.append(body[offset:backslash])
        match = _ESCAPE.match(body, backslash)
        if not match:
            raise InvalidLiteral(
                f"`{body[backslash : backslash + 2]}` is no escape",
                backslash,
                2,
                'write `\\\\` for a backslash, or a raw string r"…", e.g. for a regular expression',
            )
        parts.append(_escape(match, octets=octets))
        offset = match.end()
    return [*parts, body[offset:]]


def _escape(match: re.Match[str], *, octets: bool) -> str | int:
    if match["plain"]:
        return _PLAIN.get(match["plain"], match["plain"])
    if match["x"]:
        return int(match["x"], 16)
    if match["octal"]:
        return int(match["octal"], 8)
    if octets:
        raise InvalidLiteral(
            f"`{match[0]}` is not possible in bytes", match.start(), len(match[0]), "write the bytes as `\\x…`"
        )
    point = int(match["u"] or match["long"], 16)
    if point > sys.maxunicode or point in _SURROGATES:
        raise InvalidLiteral(f"`{match[0]}` is no Unicode character", match.start(), len(match[0]))
    return chr(point)
