"""CEL's extension ``regex``, by RE2 as ``matches``: what a pattern finds in a text, and what takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from hub.routes.arguments import sized, texts, whole
from hub.routes.errors import Failure
from hub.routes.strings import pattern
from hub.routes.values import NONE, Optional

# What stands for a part of the match in a replacement; a backslash for itself is doubled.
_REFERENCE = re.compile(r"\\(.?)", re.DOTALL)


def _found(target: Any, expression: Any, function: str) -> tuple[Any, int]:
    """The pattern, and which group of its matches counts: the only one, or all of the match."""
    texts(function, target, expression)
    compiled = pattern(expression)
    if compiled.groups > 1:
        raise Failure(f"{function} takes a regular expression with at most one group; write `(?:…)` for the others")
    return compiled, compiled.groups


def extracted(target: Any, expression: Any) -> Optional:
    """``regex.extract(text, pattern)``: the first match, or its group; none where there is none or it is empty."""
    compiled, group = _found(target, expression, "regex.extract")
    match = compiled.search(target)
    if match is None or (group and not match[group]):
        return NONE
    return Optional(match[group])


def all_extracted(target: Any, expression: Any) -> list[str]:
    """``regex.extractAll(text, pattern)``: all matches, or their groups that aren't empty."""
    compiled, group = _found(target, expression, "regex.extractAll")
    return [match[group] for match in compiled.finditer(target) if match[group] or not group]


def substituted(target: Any, expression: Any, replacement: Any, limit: Any = -1) -> str:
    r"""``regex.replace(text, pattern, replacement, limit)``: ``\1`` in the replacement is what the first group has."""
    texts("regex.replace", target, expression, replacement)
    compiled = pattern(expression)
    write = _writer(replacement, compiled.groups)
    limit = whole(limit, "regex.replace")
    parts: list[str] = []
    offset = size = 0
    for match in islice(compiled.finditer(target), None if limit < 0 else limit):
        parts += (target[offset : match.start()], write(match))
        size += len(parts[-1])
        sized(size)
        offset = match.end()
    return "".join((*parts, target[offset:]))


def _writer(replacement: str, groups: int) -> Callable[[Any], str]:
    """Writes a replacement for a match."""
    for reference in _REFERENCE.finditer(replacement):
        mark = reference[1]
        if mark != "\\" and not (mark.isascii() and mark.isdigit() and int(mark) <= groups):
            raise Failure("regex.replace takes a replacement in which `\\1` to `\\9` are groups of the pattern")
    return lambda match: _REFERENCE.sub(
        lambda mark: "\\" if mark[1] == "\\" else match[int(mark[1])] or "", replacement
    )
