"""Places in JSON documents: ``data.orders``, ``items.0.id``, ``groups.*.members``, ``feed["@odata.nextLink"]``.

A dot leads into a mapping, a number to an item of a list, ``*`` to every item of a list or value of a mapping. A key
that holds a dot or another sign stands in brackets and quotes. A ``$`` in front, as JSONPath has it, means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

EACH: Final = object()
"""The step ``*``."""
MISSING: Final = object()
"""What stands where a path leads nowhere; ``None`` is a null in the document."""

_STEP = re.compile(
    r"""\.?(?:(?P<name>[^.\[\]"'*\s]+)|(?P<each>\*)|\[(?:(?P<index>\d+|\*)|"(?P<double>[^"]+)"|'(?P<single>[^']+)')\])"""
)
_FORM = 'expected a path such as data.orders, items.*.order or feed["next.link"]'


class JsonPath:
    """A place, or several.

    Args:
        text: as it is written; empty for the whole document.

    Raises:
        ValueError: says the form that was expected.
    """

    __slots__ = ("steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = tuple(_steps(text))

    def all(self, document: Any) -> list[Any]:
        """What stands at all places that it means."""
        found = [document]
        for step in self.steps:
            found = [below for each in found for below in _below(each, step)]
        return found

    def one(self, document: Any) -> Any:
        """What stands at the first of them; `MISSING` where nothing does."""
        return next(iter(self.all(document)), MISSING)

    @property
    def several(self) -> bool:
        """Whether it may mean more than one place."""
        return EACH in self.steps

    def __repr__(self) -> str:
        return f"JsonPath({self.text!r})"


def is_path(text: str) -> str:
    """The text, if it is a path.

    Raises:
        ValueError: says the form that was expected.
    """
    JsonPath(text)
    return text


def put(document: dict[str, Any], path: JsonPath, value: Any) -> None:
    """Sets what stands at a path through mappings, which are made where there are none."""
    *above, last = path.steps
    for step in above:
        inner = document.get(str(step))
        document[str(step)] = inner = dict(inner) if isinstance(inner, dict) else {}
        document = inner
    document[str(last)] = value


def _steps(text: str) -> Iterator[Any]:
    rest = text.removeprefix("$")
    if rest.startswith(".") and rest == text:
        raise ValueError(f"{_FORM}; got {text!r:.60}")
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None or (at and match["name"] and rest[at] != "."):
            raise ValueError(f"{_FORM}; got {text!r:.60}")
        at = match.end()
        if match["each"] or match["index"] == "*":
            yield EACH
        else:
            yield match["name"] or match["index"] or match["double"] or match["single"]


def _below(value: Any, step: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if step is EACH:
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list):
        if step is EACH:
            yield from value
        elif step.isdecimal() and int(step) < len(value):
            yield value[int(step)]
