"""Paths to what ``set:`` and ``drop:`` change: ``subject``, ``extensions.team``, ``data.commits[].author``."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from hub.routes.errors import ExpressionError, did_you_mean
from hub.routes.scope import EXTENSION

ATTRIBUTES = {
    "type": "type", "source": "source", "subject": "subject", "id": "id", "time": "time", "key": "partitionkey",
}  # fmt: skip
"""Key in a schema file → CloudEvents attribute."""
MAX_STEPS = 64
"""Steps of a path; expressions don't nest deeper either."""
REQUIRED = frozenset(("type", "source", "id"))
"""Attributes that no event can do without."""
_RESERVED = frozenset((*ATTRIBUTES.values(), "specversion", "datacontenttype", "data"))
_STEP = re.compile(r'\.(?P<name>[A-Za-z_]\w*)|\["(?P<text>(?:[^"\\]|\\.)*)"\]|(?P<each>\[\])')
_ROOT = re.compile(r"[A-Za-z]\w*")
_FORM = 'a path such as `subject`, `extensions.team`, `data.user.name`, `data["a.b"]` or `data.commits[].author`'


class Each:
    """Stands in a path for every element of a list."""

    def __repr__(self) -> str:
        return "[]"


EACH: Final = Each()
FieldPath: TypeAlias = tuple[str | Each, ...]
"""Steps from a root: ``data``, or ``attributes`` and the attribute's name."""


def parse_path(text: str) -> FieldPath:
    """Reads a path.

    Returns:
        ``("data", …)`` for the payload and what is in it, ``("attributes", NAME)`` for an attribute.

    Raises:
        ExpressionError: it is none.
    """
    root = _ROOT.match(text)
    steps: list[str | Each] = []
    at = root.end() if root else 0
    while root and at < len(text):
        if len(steps) == MAX_STEPS:
            raise _error(text, f"expected at most {MAX_STEPS} steps", at, len(text))
        step = _STEP.match(text, at)
        if step is None:
            raise _error(text, f"expected {_FORM}", at, len(text))
        if step["each"]:
            steps.append(EACH)
        else:
            steps.append(step["name"] or re.sub(r"\\(.)", r"\1", step["text"] or ""))
        at = step.end()
    if root is None:
        raise _error(text, f"expected {_FORM}; got `{text[:60]}`", 0, len(text))
    if root[0] == "data":
        if steps and steps[-1] is EACH:
            raise _error(text, "a path ends with a field, not with every element of a list", at - 2, at)
        return ("data", *steps)
    return ("attributes", _attribute(text, root[0], steps))


def _attribute(text: str, root: str, steps: list[str | Each]) -> str:
    if root == "extensions":
        name = steps[0] if len(steps) == 1 else None
        if not isinstance(name, str):
            raise _error(text, "expected `extensions.` and one name", 0, len(text))
        check_extension(name, text)
        return name
    if root not in ATTRIBUTES:
        hint = did_you_mean(root, (*ATTRIBUTES, "data", "extensions"))
        message = f"expected {', '.join(ATTRIBUTES)}, `extensions.NAME` or `data.…`; got `{root}`"
        raise _error(text, message, 0, len(root), hint or f"a field of the payload is `data.{text}`")
    if steps:
        raise _error(text, f"`{root}` is text and has no fields", len(root), len(text))
    return ATTRIBUTES[root]


def check_extension(name: str, text: str) -> None:
    """Refuses a name that no extension can have.

    Args:
        name: of the extension.
        text: what the user wrote.

    Raises:
        ExpressionError: names are of lower-case letters and digits, and not those of other attributes.
    """
    start = max(text.rfind(name), 0)
    if not EXTENSION.fullmatch(name):
        message = f"expected a name of lower-case letters and digits, got `{name}`"
        raise _error(text, message, start, start + len(name), code="route.value")
    if name in _RESERVED:
        hint = "`key`" if name == "partitionkey" else f"`{name}`" if name in ATTRIBUTES else None
        hint = hint and f"write {hint} under `map`"
        raise _error(text, f"`{name}` is no extension", start, start + len(name), hint, code="route.value")


def path_name(path: FieldPath) -> str:
    """A path as users write it."""
    if path[0] == "attributes":
        name = str(path[1])
        known = {attribute: key for key, attribute in ATTRIBUTES.items()}
        return known.get(name) or f"extensions.{name}"
    text = "data"
    for step in path[1:]:
        if step is EACH:
            text += "[]"
        elif re.fullmatch(r"[A-Za-z_]\w*", str(step)):
            text += f".{step}"
        else:
            escaped = re.sub(r'(["\\])', r"\\\1", str(step))
            text += f'["{escaped}"]'
    return text


def _error(
    text: str, message: str, start: int, end: int, suggestion: str | None = None, *, code: str = "route.path"
) -> ExpressionError:
    return ExpressionError(code, message, source=text, start=start, end=end, suggestion=suggestion)
