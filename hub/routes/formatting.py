"""CEL's ``text.format(list)``: the clauses ``%s %d %f %e %b %o %x %X %%``, by the extension's definition."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hub.routes.arguments import elements_of, sized, text
from hub.routes.conversions import double_text
from hub.routes.errors import Failure
from hub.routes.times import duration_text, timestamp_text
from hub.routes.values import CelType, Duration, KeyedMap, Timestamp, UInt, described, keys

MAX_PRECISION = 1000
_DEFAULT_PRECISION = 6
_CLAUSE = re.compile(r"%(?:%|(?:\.(?P<precision>[0-9]*))?(?P<verb>.)?)", re.DOTALL)
# What UTF-8 decoders replace one by one; the definition wants one mark for all that stand together.
_MARKS = re.compile("(?:\ufffd)+")


def formatted(target: Any, arguments: Any) -> str:
    """``text.format(arguments)``. Arguments without a clause are ignored."""
    template = text(target, "format")
    values = iter(elements_of(arguments, "format", " as argument"))
    parts: list[str] = []
    offset = size = 0
    for match in _CLAUSE.finditer(template):
        parts.append(template[offset : match.start()])
        parts.append("%" if match[0] == "%%" else _clause(match, values))
        size += len(parts[-1]) + len(parts[-2])
        sized(size)
        offset = match.end()
    return "".join((*parts, template[offset:]))


def _clause(match: re.Match[str], values: Any) -> str:
    verb, precision = match["verb"], match["precision"]
    if verb is None:
        raise Failure("format: the text ends within a clause; write `%%` for a percent sign")
    if verb not in _VERBS:
        raise Failure("format: expected a clause of %s, %d, %f, %e, %b, %o, %x, %X or %%, got another")
    if precision is not None and (not precision or len(precision) > len(str(MAX_PRECISION))):
        raise Failure(f"format: expected a precision of 0 to {MAX_PRECISION} after `%.`")
    digits = _DEFAULT_PRECISION if precision is None else int(precision)
    if digits > MAX_PRECISION:
        raise Failure(f"format: expected a precision of 0 to {MAX_PRECISION} after `%.`")
    try:
        value = next(values)
    except StopIteration:
        raise Failure("format: there are more clauses in the text than values in the list") from None
    return _VERBS[verb](value, digits)


def _refuse(verb: str, wanted: str, value: Any) -> Failure:
    return Failure(f"format: %{verb} takes {wanted}, got {described(value)}")


def _special(value: float) -> str | None:
    return None if math.isfinite(value) else double_text(value)


def _plain(value: float) -> str:
    """All significant digits of a double, without an exponent."""
    return _special(value) or format(Decimal(double_text(value)), "f")


def _decimal(value: Any, _digits: int) -> str:
    kind = type(value)
    if kind is int or kind is UInt:
        return int.__repr__(value)
    if kind is float:
        return _plain(value)
    raise _refuse("d", "a number", value)


def _real(verb: str) -> Callable[[Any, int], str]:
    def write(value: Any, digits: int) -> str:
        if type(value) not in (int, UInt, float):
            raise _refuse(verb, "a number", value)
        return _special(float(value)) or f"{float(value):.{digits}{verb}}"

    return write


def _whole(verb: str, *, bools: bool = False) -> Callable[[Any, int], str]:
    def write(value: Any, _digits: int) -> str:
        kind = type(value)
        if kind is int or kind is UInt or (bools and kind is bool):
            return format(int(value), verb)
        raise _refuse(verb, "a whole number" + (" or a bool" if bools else ""), value)

    return write


def _hex(verb: str) -> Callable[[Any, int], str]:
    def write(value: Any, _digits: int) -> str:
        kind = type(value)
        if kind is int or kind is UInt:
            return format(int(value), verb)
        if kind is str or kind is bytes:
            octets = value.encode(errors="replace") if kind is str else value
            return octets.hex().upper() if verb == "X" else octets.hex()  # type: ignore[no-any-return]
        raise _refuse(verb, "a whole number, a string or bytes", value)

    return write


def shown(value: Any, _digits: int = 0) -> str:
    """What ``%s`` makes of a value."""
    kind = type(value)
    if kind is list:
        return "[" + ", ".join(map(shown, value)) + "]"
    if kind is dict or kind is KeyedMap:
        entries = sorted((shown(key), shown(each)) for key, each in zip(keys(value), value.values(), strict=True))
        return "{" + ", ".join(f"{key}: {each}" for key, each in entries) + "}"
    write = _TEXTS.get(kind)
    if write is None:
        raise _refuse("s", "anything but an optional value", value)
    return write(value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "null",  # noqa: ARG005  there is only one
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    UInt: int.__repr__,
    float: _plain,
    str: str,
    bytes: lambda value: _MARKS.sub("\ufffd", value.decode(errors="replace")),
    Timestamp: timestamp_text,
    Duration: duration_text,
    CelType: lambda value: value.name,
}
_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": shown,
    "d": _decimal,
    "f": _real("f"),
    "e": _real("e"),
    "b": _whole("b", bools=True),
    "o": _whole("o"),
    "x": _hex("x"),
    "X": _hex("X"),
}
