"""Shapes as people read them: ``string or null``, ``list of {name: string, …}``."""

from __future__ import annotations

import json
from typing import Any

from hub.contracts.shape import KINDS, NEVER, Shape

_MOST_FIELDS = 4
_MOST_CONSTANTS = 5
_MOST_TEXT = 24
_WORDS = {
    "null_type": "null", "map": "object", "optional_type": "optional", "net.IP": "IP address", "net.CIDR": "CIDR block",
}  # fmt: skip
_SENTENCE = {
    "null_type": "null", "bool": "a bool", "int": "an int", "uint": "a uint", "double": "a double",
    "string": "a string", "bytes": "bytes", "list": "a list", "map": "an object", "timestamp": "a timestamp",
    "duration": "a duration", "type": "a type", "optional_type": "an optional", "net.IP": "an IP address",
    "net.CIDR": "a CIDR block",
}  # fmt: skip
_FORMATS = {
    "date-time": "a string with a time (date-time)",
    "date": "a string with a date",
    "time": "a string with a time of day",
    "uri": "a string with a URI",
    "email": "a string with an e-mail address",
    "uuid": "a string with a UUID",
}


def short(shape: Shape, depth: int = 2) -> str:
    """A shape in a few words of one line."""
    if shape is NEVER:
        return "nothing"
    if not shape.kinds:
        return "anything"
    if shape.enum is not None:
        return _listed(shape.enum)
    return _joined([_kind(shape, kind, depth) for kind in _ordered(shape.kinds)])


def described(shape: Shape) -> str:
    """What a value is, to stand in a sentence: ``a string or null``."""
    if shape is NEVER:
        return "nothing"
    if not shape.kinds:
        return "anything"
    words = [
        _FORMATS[shape.format] if kind == "string" and shape.format in _FORMATS else _SENTENCE.get(kind, kind)
        for kind in _ordered(shape.kinds)
    ]
    return _joined(words)


def constant_text(value: Any) -> str:
    """A constant as an expression writes it, cut where it is long."""
    if isinstance(value, bytes):
        return "bytes"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _listed(values: tuple[Any, ...]) -> str:
    texts = [constant_text(each) for each in values[:_MOST_CONSTANTS]]
    if len(values) > _MOST_CONSTANTS:
        texts.append("…")
    return " | ".join(texts)


def _ordered(kinds: frozenset[str]) -> list[str]:
    """Kinds in a fixed order, null last."""
    known = [kind for kind in KINDS if kind in kinds and kind != "null_type"]
    return [*known, *(["null_type"] if "null_type" in kinds else [])]


def _joined(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _kind(shape: Shape, kind: str, depth: int) -> str:
    if kind == "string" and shape.format:
        return f"string ({shape.format})"
    if kind == "list" and shape.items and shape.items.kinds and shape.items is not NEVER:
        return f"list of {short(shape.items, depth - 1)}"
    if kind == "optional_type" and shape.items and shape.items.kinds:
        return f"optional {short(shape.items, depth - 1)}"
    if kind == "map" and (shape.fields or shape.values) and depth > 0:
        return _fields(shape, depth)
    return _WORDS.get(kind, kind)


def _fields(shape: Shape, depth: int) -> str:
    names = list(shape.fields)
    texts = []
    for name in names[:_MOST_FIELDS]:
        mark = "" if name in shape.required else "?"
        texts.append(f"{name}{mark}: {short(shape.fields[name], depth - 2)}")
    if len(names) > _MOST_FIELDS or (not shape.closed and names):
        texts.append("…")
    if not names and shape.values:
        texts.append(f"string: {short(shape.values, depth - 2)}")
    return "{" + ", ".join(texts) + "}"
