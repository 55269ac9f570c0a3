"""A schema made strict about fields: what it lists is all there may be, unless it says that there may be more.

Data that fit the strict form bring nothing new, which is one compiled look. Where they don't fit, either something is
new or something is wrong, and `hub.contracts.drift` finds out which: the strict form may be too strict, never too lax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.contracts.keywords import IN_PLACE, LISTS, MAPS, SCHEMA, resolve, walk

_FIELDS = ("properties", "patternProperties")
_OPEN = ("additionalProperties", "unevaluatedProperties")
_CONDITIONS = ("if", "not")
_COUNTING = ("oneOf", "maxContains")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The strict form of a schema whose references are all local."""
    return _Closing(schema).run()


def decides(schema: Mapping[str, Any]) -> bool:
    """Whether data that fit the strict form fit the schema as well: not where it counts what fits."""
    return not any(keyword in each for _, each in walk(schema) if isinstance(each, Mapping) for keyword in _COUNTING)


class _Closing:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def run(self) -> dict[str, Any]:
        made: dict[str, Any] = self._value(self._root)
        return made

    def _value(self, schema: Any) -> Any:
        """A schema that stands for a whole value: closed, if it lists fields."""
        made = self._parts(schema)
        if isinstance(made, dict) and self._lists(schema, set()) and not any(each in made for each in _OPEN):
            made["unevaluatedProperties"] = False
        return made

    def _parts(self, schema: Any) -> Any:
        """A schema that is one of several for the same value, which are closed together."""
        if not isinstance(schema, Mapping):
            return schema
        made = dict(schema)
        for keyword, value in schema.items():
            if keyword in _CONDITIONS:
                continue  # a stricter condition would let more through
            # Definitions are closed where they are referred to: there it is known what stands beside them.
            inner = self._parts if keyword in IN_PLACE or keyword in ("$defs", "definitions") else self._value
            if keyword in SCHEMA:
                made[keyword] = inner(value)
            elif keyword in LISTS:
                made[keyword] = [inner(each) for each in value]
            elif keyword in MAPS:
                made[keyword] = {name: inner(each) for name, each in value.items()}
        return made

    def _lists(self, schema: Any, seen: set[str]) -> bool:
        """Whether a schema, or one that applies to the same value, lists fields."""
        if not isinstance(schema, Mapping):
            return False
        if any(each in schema for each in _FIELDS):
            return True
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            if self._lists(resolve(self._root, reference), seen):
                return True
        inner = [each for keyword in IN_PLACE for each in _schemas(schema.get(keyword))]
        return any(self._lists(each, seen) for each in inner) or "$dynamicRef" in schema


def _schemas(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value, *value.values()]
    return []
