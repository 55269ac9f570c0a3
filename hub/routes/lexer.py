"""Cuts the source of an expression into tokens, by the lexis of CEL's language definition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from hub.routes.errors import ExpressionError
from hub.routes.literals import InvalidLiteral, number, string
from hub.routes.words import FOREIGN_SIGNS

MAX_SOURCE = 10_000  # bytes of UTF-8


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the source.

    ``kind`` is ``number``, ``string``, ``name``, ``quoted`` (a name in backticks), ``end``, or the operator itself;
    ``value`` is what a literal stands for, or a name.
    """

    kind: str
    start: int
    end: int
    value: Any = None


_SKIP = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)+")
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_QUOTED = re.compile(r"`([a-zA-Z0-9_.\-/ ]+)`")
_NUMBER = re.compile(
    r"(?P<hex>0x[0-9a-fA-F]+)(?P<hex_u>[uU])?"
    r"|(?P<double>[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)"
    r"|(?P<int>[0-9]+)(?P<u>[uU])?"
)
_STRING = re.compile(r"(?P<prefix>[bB]?[rR]?)(?P<quote>\"\"\"|'''|\"|')")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}]")

# Those that start like an operator which is right by itself.
_LONGER = ("===", "!==", "<>", "->", "**", "??")


def tokens(source: str, offset: int = 0) -> list[Token]:
    """The tokens of a source from an offset on, the last of the kind ``end``.

    Raises:
        ExpressionError: a character that starts no token, a literal that is none, or a source that is too long.
    """
    size = len(source.encode(errors="replace"))
    if size > MAX_SOURCE:
        raise ExpressionError(
            "route.too_long",
            f"expected at most {MAX_SOURCE:,} bytes; this expression has {size:,}",
            source=source,
            start=0,
            end=0,
        )
    found: list[Token] = []
    while True:
        if skipped := _SKIP.match(source, offset):
            offset = skipped.end()
        if offset == len(source):
            return [*found, Token("end", offset, offset)]
        token = _token(source, offset)
        found.append(token)
        offset = token.end


def _token(source: str, offset: int) -> Token:
    if match := _STRING.match(source, offset):
        return _string(source, match)
    if match := _NAME.match(source, offset):
        return Token("name", offset, match.end(), match[0])
    if match := _NUMBER.match(source, offset):
        return _number(source, match)
    if match := _QUOTED.match(source, offset):
        return Token("quoted", offset, match.end(), match[1])
    for text in _LONGER:
        if source.startswith(text, offset):
            raise _unexpected(source, offset, text, FOREIGN_SIGNS[text])
    if match := _OPERATOR.match(source, offset):
        return Token(match[0], offset, match.end(), match[0])
    for text, suggestion in FOREIGN_SIGNS.items():
        if source.startswith(text, offset):
            raise _unexpected(source, offset, text, suggestion)
    raise _unexpected(source, offset, source[offset], None)


def _unexpected(source: str, offset: int, text: str, suggestion: str | None) -> ExpressionError:
    shown = f"`{text}`" if text.isprintable() else f"the character U+{ord(text):04X}"
    return ExpressionError(
        "route.syntax",
        f"{shown} has no meaning here",
        source=source,
        start=offset,
        end=offset + len(text),
        suggestion=suggestion,
    )


def _number(source: str, match: re.Match[str]) -> Token:
    after = _NAME.match(source, match.end())
    if after:
        raise ExpressionError(
            "route.syntax",
            f"expected an operator between the number `{match[0]}` and `{after[0]}`",
            source=source,
            start=match.start(),
            end=after.end(),
            suggestion='a name can\'t start with a digit; a key that does is read as `data["1st"]`',
        )
    # The sign of a literal belongs to it (-9223372036854775808), so the range is checked by the parser.
    return Token("number", match.start(), match.end(), number(match))


def _string(source: str, match: re.Match[str]) -> Token:
    quote, prefix = match["quote"], match["prefix"].lower()
    raw = "r" in prefix
    offset = match.end()
    while True:
        if offset >= len(source) or (len(quote) == 1 and source[offset] in "\r\n"):
            _unterminated(source, match)
        if source.startswith(quote, offset):
            break
        offset += 2 if source[offset] == "\\" and not raw else 1
    body = source[match.end() : offset]
    try:
        value = string(body, raw=raw, octets="b" in prefix)
    except InvalidLiteral as error:
        start = match.end() + error.start
        raise ExpressionError(
            "route.syntax",
            str(error),
            source=source,
            start=start,
            end=start + error.length,
            suggestion=error.suggestion,
        ) from None
    return Token("string", match.start(), offset + len(quote), value)


def _unterminated(source: str, match: re.Match[str]) -> NoReturn:
    quote = match["quote"]
    line_end = source.find("\n", match.end())
    raise ExpressionError(
        "route.syntax",
        f"this string is never closed; expected {quote}",
        source=source,
        start=match.start(),
        end=len(source) if line_end < 0 or len(quote) > 1 else line_end,
        suggestion=None if len(quote) > 1 or line_end < 0 else f"a string over several lines stands in {quote * 3}",
    )
