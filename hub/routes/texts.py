"""CEL's extension ``strings``: places, pieces and cases of text. All places count code points."""

from __future__ import annotations

from typing import Any

from hub.routes.arguments import elements_of, sized, text, texts, whole
from hub.routes.errors import Failure

# What CEL's implementations take for white space: Unicode's White_Space. Python's strip() also takes U+001C to U+001F.
_BLANKS = "".join(map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
                            0x205F, 0x3000)))  # fmt: skip
_END: Any = object()
"""Stands for an end that isn't given; null is none."""
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWERED = str.maketrans(_UPPER, _UPPER.lower())
_UPPERED = str.maketrans(_UPPER.lower(), _UPPER)
_ESCAPES = str.maketrans({
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
    '"': '\\"',
})  # fmt: skip


def _place(value: Any, limit: int, function: str) -> int:
    place = whole(value, function)
    if 0 <= place <= limit:
        return place
    raise Failure(f"{function} takes a place within the string{{at}}, from 0 to its size")


def char_at(target: Any, place: Any) -> str:
    """``text.charAt(place)``: empty right behind the end."""
    found = text(target, "charAt")
    place = _place(place, len(found), "charAt")
    return found[place : place + 1]


def index_of(target: Any, part: Any, start: Any = 0) -> int:
    """``text.indexOf(part, start)``: the first place from ``start`` on, or -1."""
    texts("indexOf", target, part)
    return target.find(part, _place(start, len(target), "indexOf"))  # type: ignore[no-any-return]


def last_index_of(target: Any, part: Any, end: Any = _END) -> int:
    """``text.lastIndexOf(part, end)``: the last place up to ``end``, or -1."""
    texts("lastIndexOf", target, part)
    if end is _END:
        return target.rfind(part)  # type: ignore[no-any-return]
    return target.rfind(part, 0, _place(end, len(target), "lastIndexOf") + len(part))  # type: ignore[no-any-return]


def lower_ascii(target: Any) -> str:
    """``text.lowerAscii()``: other letters than A to Z stay."""
    return text(target, "lowerAscii").translate(_LOWERED)


def upper_ascii(target: Any) -> str:
    """``text.upperAscii()``."""
    return text(target, "upperAscii").translate(_UPPERED)


def replaced(target: Any, old: Any, new: Any, limit: Any = -1) -> str:
    """``text.replace(old, new, limit)``: the first ``limit`` ones; all, if it is negative."""
    texts("replace", target, old, new)
    limit = max(whole(limit, "replace"), -1)
    if len(new) > len(old):
        count = target.count(old)
        sized(len(target) + (count if limit < 0 else min(limit, count)) * (len(new) - len(old)))
    return target.replace(old, new, limit)  # type: ignore[no-any-return]


def pieces(target: Any, separator: Any, limit: Any = -1) -> list[str]:
    """``text.split(separator, limit)``: at most ``limit`` pieces, the last with the rest; all, if it is negative."""
    texts("split", target, separator)
    limit = whole(limit, "split")
    if limit == 0:
        return []
    if separator:
        return target.split(separator, limit - 1 if limit > 0 else -1)  # type: ignore[no-any-return]
    if limit < 0 or limit >= len(target):
        return list(target) or [""]
    return [*target[: limit - 1], target[limit - 1 :]]


def substring(target: Any, start: Any, end: Any = _END) -> str:
    """``text.substring(start, end)``."""
    found = text(target, "substring")
    end = len(found) if end is _END else _place(end, len(found), "substring")
    start = _place(start, len(found), "substring")
    if start > end:
        raise Failure("substring takes an end that isn't before the start")
    return found[start:end]


def trimmed(target: Any) -> str:
    """``text.trim()``: without Unicode's white space at both ends."""
    return text(target, "trim").strip(_BLANKS)


def reversed_of(target: Any) -> Any:
    """``text.reverse()`` and ``list.reverse()``."""
    if type(target) is list or type(target) is str:
        return target[::-1]
    return text(target, "reverse", " or a list")


def joined(target: Any, separator: Any = "") -> str:
    """``list.join(separator)``."""
    parts = elements_of(target, "join")
    text(separator, "join", " as argument")
    for part in parts:
        text(part, "join", " in each element")
    sized(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)  # type: ignore[no-any-return]


def quoted(target: Any) -> str:
    """``strings.quote(text)``: as a literal of CEL; half of a surrogate pair becomes U+FFFD."""
    found = text(target, "strings.quote").translate(_ESCAPES)
    return '"' + found.encode("utf-16", "surrogatepass").decode("utf-16", "replace") + '"'
