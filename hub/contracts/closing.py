"""A schema made strict about fields: what it lists is all there may be, unless it says that there may be more.

Data that fit the strict form bring nothing new, which is one compiled look. Where they don't fit, either something is
new or something is wrong, and `hub.contracts.drift` finds out which: the strict form may be too strict, never too lax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.contracts.keywords import ASSERTIONS, IN_PLACE, LISTS, MAPS, SCHEMA, resolve, subschemas, walk

_FIELDS = ("properties", "patternProperties")
_OPEN = ("additionalProperties", "unevaluatedProperties")
_CONDITIONS = ("if", "not")
_NOT_MONOTONE = ("oneOf", "maxContains", "not", "if")
_DEFINITIONS = ("$defs", "definitions")
_APPLYING = (SCHEMA | LISTS | MAPS) - {"$defs", "definitions"}
_TO_DEFINITION = 3  # parts of #/$defs/name


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The strict form of a schema whose references are all local."""
    return _Closing(schema).run()


def decides(schema: Mapping[str, Any]) -> bool:
    """Whether data that fit the strict form fit the schema as well: not where it forbids or counts what fits."""
    return not any(
        keyword in each for _, each in walk(schema) if isinstance(each, Mapping) for keyword in _NOT_MONOTONE
    )


class _Closing:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._joined: set[str] = set()
        self._note_joined(root, whole=True)

    def run(self) -> dict[str, Any]:
        made: dict[str, Any] = self._value(self._root)
        return made

    def _note_joined(self, schema: Any, *, whole: bool) -> None:
        """Notes the references whose schemas are joined with others for one value, and so can't be closed alone."""
        if not isinstance(schema, Mapping):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str) and not (whole and _alone(schema)):
            self._joined.add(reference)
        for path, inner in subschemas(schema):
            self._note_joined(inner, whole=path[0] not in IN_PLACE and path[0] not in _DEFINITIONS)

    def _value(self, schema: Any) -> Any:
        """A schema that stands for a whole value: closed, if it lists fields."""
        made = self._parts(schema)
        if not isinstance(made, dict) or any(each in made for each in _OPEN):
            return made
        if _simple(schema):
            if any(each in made for each in _FIELDS):
                made["additionalProperties"] = False
        elif not (_alone(schema) and self._closed_alone(schema["$ref"])) and self._lists(schema, set()):
            made["unevaluatedProperties"] = False  # ten times the cost, and the only way where several schemas apply
        return made

    def _closed_alone(self, reference: str) -> bool:
        """Whether what a reference means is closed where it is defined."""
        parts = reference.split("/")
        defined = reference == "#" or (len(parts) == _TO_DEFINITION and parts[1] in _DEFINITIONS)
        return defined and reference not in self._joined

    def _parts(self, schema: Any) -> Any:
        """A schema that is one of several for the same value, which are closed together."""
        if not isinstance(schema, Mapping):
            return schema
        made = dict(schema)
        for keyword, value in schema.items():
            if keyword in _CONDITIONS:
                continue  # a stricter condition would let more through
            inner = self._parts if keyword in IN_PLACE else self._value
            if keyword in _DEFINITIONS and isinstance(value, Mapping):
                made[keyword] = {name: self._definition(f"#/{keyword}/{name}", each) for name, each in value.items()}
            elif keyword in SCHEMA:
                made[keyword] = inner(value)
            elif keyword in LISTS:
                made[keyword] = [inner(each) for each in value]
            elif keyword in MAPS:
                made[keyword] = {name: inner(each) for name, each in value.items()}
        return made

    def _definition(self, reference: str, schema: Any) -> Any:
        """A definition that is joined with other schemas is closed where that is done: there it is known with which."""
        return self._value(schema) if self._closed_alone(reference) else self._parts(schema)

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


def _alone(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is a reference and nothing else."""
    return "$ref" in schema and not any(each in ASSERTIONS or each in _APPLYING for each in schema)


def _simple(schema: Mapping[str, Any]) -> bool:
    """Whether a schema alone says which fields its value has."""
    return not any(each in schema for each in (*IN_PLACE, "$ref", "$dynamicRef"))
