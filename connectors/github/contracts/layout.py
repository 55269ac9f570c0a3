"""JSON that people can read and compare: what fits into a line stands in one, and every member else has its own."""

from __future__ import annotations

import json
import textwrap
from typing import Any

WIDTH = 120


def laid_out(document: Any) -> str:
    """The document as text, ending with a line break."""
    return _lines(document, 0, 0) + "\n"


def _lines(value: Any, indent: int, used: int) -> str:
    """A value as it stands after so many characters of its line, whose own indentation is given."""
    short = _inline(value)
    if used + len(short) < WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner, end = "\n" + " " * (indent + 2), "\n" + " " * indent
    if isinstance(value, dict):
        members = []
        for name, each in value.items():
            before = f"{json.dumps(name)}: "
            members.append(before + _lines(each, indent + 2, indent + 2 + len(before)))
        return "{" + inner + ("," + inner).join(members) + end + "}"
    if all(isinstance(each, str | None) for each in value):
        words = textwrap.wrap(
            ", ".join(json.dumps(each).replace(" ", "\0") for each in value),
            WIDTH - indent - 2,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return "[" + inner + inner.join(words).replace("\0", " ") + end + "]"
    return "[" + inner + ("," + inner).join(_lines(each, indent + 2, indent + 2) for each in value) + end + "]"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        members = ", ".join(f"{json.dumps(name)}: {_inline(each)}" for name, each in value.items())
        return f"{{ {members} }}" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
