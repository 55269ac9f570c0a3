"""What connectors take where their settings are computed from events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from hub.contracts import Shape
from hub.contracts.shape_text import described
from hub.deployment.fields import Location, mapped_at
from hub.routes.checker import Problem
from hub.routes.writer import Source

_KINDS: Mapping[Any, frozenset[str]] = {
    str: frozenset(("string",)),
    int: frozenset(("int", "uint")),
    float: frozenset(("double", "int", "uint")),
    bool: frozenset(("bool",)),
    dict: frozenset(("map",)),
    list: frozenset(("list",)),
    type(None): frozenset(("null_type",)),
}
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
}


@dataclass(frozen=True)
class Wanted:
    """The types that a setting takes.

    Attributes:
        kinds: by their names in the language.
        words: for people.
        key: of the setting.
    """

    kinds: frozenset[str]
    words: str
    key: str

    def problem(self, source: Source, given: Shape, *, strict: bool) -> Problem | None:
        """That an expression gives something else, or may do so; the latter is for strict checks."""
        tree, never = source.tree, not given.may_be(*self.kinds)
        if given.unknown or given.never or not (never or (strict and given.kinds - self.kinds)):
            return None
        message = f"expected {self.words} in `{self.key}`; this {'is' if never else 'may be'} {described(given)}"
        return Problem("error" if never else "warning", "sink.type", message, source, tree.start, tree.end)


def wanted_at(model: type[BaseModel], path: Location) -> Wanted | None:
    """What a connector takes at a place of its settings; nothing where that is anything, or too much to say."""
    types = mapped_at(model, path)
    if not types or any(each not in _KINDS for each in types):
        return None
    kinds = frozenset().union(*(_KINDS[each] for each in types))
    words = " or ".join(_WORDS[each] for each in types if each in _WORDS)
    key = next((str(step) for step in reversed(path) if isinstance(step, str)), "with")
    return Wanted(kinds, words, key)
