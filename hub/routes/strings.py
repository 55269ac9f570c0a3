"""CEL's functions on text, and ``size``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

from hub.routes.errors import Failure
from hub.routes.values import KeyedMap, described

_SIZED = frozenset((str, bytes, list, dict, KeyedMap))


def size(value: Any) -> int:
    """``size(value)``: code points, bytes, elements or entries."""
    if type(value) in _SIZED:
        return len(value)
    raise Failure(f"size takes a string, bytes, a list or an object, got {described(value)}")


def _check(function: str, text: Any, argument: Any) -> None:
    if type(text) is not str:
        raise Failure(f"{function} takes a string, got {described(text)}")
    if type(argument) is not str:
        raise Failure(f"{function} takes a string as argument, got {described(argument)}")


def contains(text: Any, part: Any) -> bool:
    """``text.contains(part)``."""
    _check("contains", text, part)
    return part in text


def starts_with(text: Any, prefix: Any) -> bool:
    """``text.startsWith(prefix)``."""
    _check("startsWith", text, prefix)
    return bool(text.startswith(prefix))


def ends_with(text: Any, suffix: Any) -> bool:
    """``text.endsWith(suffix)``."""
    _check("endsWith", text, suffix)
    return bool(text.endswith(suffix))


@lru_cache(maxsize=64)  # RE2 may use up to 8 MB for each
def pattern(text: str) -> Any:
    """A compiled regular expression, by RE2: linear in time, whatever the pattern.

    Raises:
        Failure: RE2 can't read it; says what it is about, in RE2's words.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Failure(f"expected a regular expression that RE2 can read: {reason.partition(':')[0]}") from None


def pattern_problem(text: str) -> tuple[str, str | None]:
    """What of a pattern RE2 can't read, and what to do instead; for patterns that stand in a schema file.

    Returns:
        The part, to be put behind the message of `pattern`, and a suggestion.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        part = reason.partition(": ")[2]
        hint = next((hint for start, hint in _MISSING_IN_RE2.items() if re.match(start, part)), None)
        return f" `{part}`" if part and part != text else "", hint
    return "", None


_MISSING_IN_RE2 = {
    r"\\[1-9]": "RE2, which is linear in time, has no references to groups",
    r"\(\?<?[=!]": "RE2, which is linear in time, has no look-around; combine two patterns by `&&` and `!`",
    r"\(\?>|[*+?}]\+": "RE2 never goes back, so leave out what keeps it from that",
    r"\\Z": r"write `$` or `\z`",
}
"""Beginning of what RE2 can't read → what to do."""


def matches(text: Any, expression: Any) -> bool:
    """``text.matches(expression)``: whether the expression is found anywhere in the text."""
    _check("matches", text, expression)
    return pattern(expression).search(text) is not None
