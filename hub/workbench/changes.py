"""What differs between two events: fields by their paths, as ``drop:`` and ``set:`` of a route name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hub.routes.paths import ATTRIBUTES
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event
from hub.workbench.matching import MISSING

_NAMES = {attribute: name for name, attribute in ATTRIBUTES.items()}
_DEEPEST = 200  # levels to look down; deeper values are compared as a whole


class Change(NamedTuple):
    """A field that differs.

    Attributes:
        path: ``data.user.name``, ``subject``, ``extensions.tenant``; ``data.commits[].author`` for a field of several
            elements.
        before, after: its values; `MISSING` where there is none.
    """

    path: str
    before: Any
    after: Any


def changes(before: Event, after: Event) -> list[Change]:
    """The fields in which two events differ; values count, not how they are written."""
    found = [
        Change(_name(name), before.attributes.get(name, MISSING), after.attributes.get(name, MISSING))
        for name in dict.fromkeys((*before.attributes, *after.attributes))
        if before.attributes.get(name) != after.attributes.get(name)
    ]
    if before.raw != after.raw:
        found += _differing("data", payload(before), payload(after), 0)
    return found


def payload(event: Event) -> Any:
    """The payload as a value; its bytes where they are not of the content type; `MISSING` of a tombstone."""
    if event.raw is None:
        return MISSING
    try:
        return event.data
    except InvalidEvent:
        return event.raw


def _name(attribute: str) -> str:
    known = {"id", "source", "type", "time", "subject", "dataschema", "datacontenttype"}
    return attribute if attribute in known else _NAMES.get(attribute, f"extensions.{attribute}")


def _differing(path: str, before: Any, after: Any, depth: int) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict) and depth < _DEEPEST:
        for key in dict.fromkeys((*before, *after)):
            yield from _differing(f"{path}{_step(key)}", before.get(key, MISSING), after.get(key, MISSING), depth + 1)
    elif _elementwise(before, after) and depth < _DEEPEST:
        for first, second in zip(before, after, strict=True):
            yield from _differing(f"{path}[]", first, second, depth + 1)
    elif not _surely_same(before, after):
        yield Change(path, before, after)


def _surely_same(before: Any, after: Any) -> bool:
    """What is nested too deeply to be looked through counts as another: its bytes are."""
    try:
        return same(before, after)
    except RecursionError:
        return False


def _elementwise(before: Any, after: Any) -> bool:
    """Whether two lists are best told apart by their elements: they hold objects, and as many."""
    return (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
        and all(isinstance(each, dict) for each in (*before, *after))
    )


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f'["{key}"]'


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same; other than in Python, 1, 1.0 and true are three values."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(same, before, after))
    return bool(before == after)
