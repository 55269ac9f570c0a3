"""A schema as the comparison of two schemas needs it: references followed, what applies to one value put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hub.contracts.keywords import resolve
from hub.contracts.shape_constants import among
from hub.contracts.violation import json_type

ContentModel = Literal["closed", "open", "silent"]
"""What an object says of fields that it doesn't list: there are none, there may be some, or nothing."""

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
BOUNDS: Mapping[str, tuple[str, bool]] = {
    "minimum": ("number", True),
    "exclusiveMinimum": ("number", True),
    "maximum": ("number", False),
    "exclusiveMaximum": ("number", False),
    "minLength": ("string", True),
    "maxLength": ("string", False),
    "minItems": ("array", True),
    "maxItems": ("array", False),
    "minProperties": ("object", True),
    "maxProperties": ("object", False),
    "minContains": ("array", True),
    "maxContains": ("array", False),
}
"""Keyword → the type that it is about, and whether it is a lower bound."""
OPAQUE: Mapping[str, str | None] = {
    "pattern": "string",
    "format": "string",
    "multipleOf": "number",
    "uniqueItems": "array",
    "contains": "array",
    "unevaluatedItems": "array",
    "propertyNames": "object",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "not": None,
    "if": None,
    "then": None,
    "else": None,
    "$dynamicRef": None,
}
"""Keywords that are compared as they stand, and the type that they are about."""


@dataclass
class View:
    """What a schema demands of a value, by kind of demand.

    Attributes:
        types: allowed ones; ``number`` includes ``integer``.
        constants: all allowed values; None where they aren't listed.
        fields: schemas of fields that are listed; all of them apply.
        patterns: schemas of fields by regular expression.
        required: fields that must be there.
        model: what is said of further fields.
        further: schema of further fields, where the model is open.
        items: schema of the items behind `prefix`; None where nothing is said.
        prefix: schemas of the first items.
        bounds: by keyword.
        opaque: keywords that are compared as they stand.
        alternatives: for each ``anyOf`` and ``oneOf``, its schemas: one of each must apply.
    """

    types: frozenset[str] = frozenset(TYPES)
    constants: list[Any] | None = None
    fields: dict[str, list[Any]] = field(default_factory=dict)
    patterns: dict[str, list[Any]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    model: ContentModel = "silent"
    further: Any = True
    items: Any = None
    prefix: list[Any] = field(default_factory=list)
    bounds: dict[str, float] = field(default_factory=dict)
    opaque: dict[str, Any] = field(default_factory=dict)
    alternatives: list[list[Any]] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[str]:
        """The types that values really have."""
        if self.constants is None:
            return self.types
        kinds = {json_type(each) for each in self.constants}
        return self.types & (kinds | ({"number"} if "integer" in kinds else set()))

    @property
    def impossible(self) -> bool:
        """Whether no value fits."""
        return not self.types or self.constants == []

    def of_type(self, kind: str) -> View:
        """The same for values of one type."""
        return self._with(frozenset([kind]), lambda each: json_type(each) == kind)

    def without(self, kinds: frozenset[str]) -> View:
        """The same for values of other types."""
        return self._with(self.types - kinds, lambda each: json_type(each) not in kinds)

    def _with(self, types: frozenset[str], wanted: Callable[[Any], bool]) -> View:
        constants = None if self.constants is None else [each for each in self.constants if wanted(each)]
        return replace(self, types=types, constants=constants)


def view(schema: Any, root: Any) -> View:
    """The view of a schema.

    Args:
        schema: one of the schemas within ``root``; all references are local to that.
        root: the whole.
    """
    made = View()
    _take(made, schema, root, set())
    return made


def joined(schemas: Iterable[Any]) -> Any:
    """A schema that demands what all of these demand."""
    several = list(schemas)
    return several[0] if len(several) == 1 else {"allOf": several}


def narrowed(one: View, other: View, alternatives: list[list[Any]]) -> View:
    """What two views demand together.

    Args:
        one: a view, whose own alternatives are left out.
        other: one of these alternatives.
        alternatives: those that are left.
    """
    constants = one.constants
    if other.constants is not None:
        constants = [each for each in other.constants if constants is None or among(each, constants)]
    closed = "closed" in (one.model, other.model)
    model: ContentModel = "closed" if closed else "open" if "open" in (one.model, other.model) else "silent"
    return View(
        types=one.types & other.types,
        constants=constants,
        fields=_both(one.fields, other.fields),
        patterns=_both(one.patterns, other.patterns),
        required=one.required | other.required,
        model=model,
        further=one.further if one.model == "open" else other.further,
        items=other.items
        if one.items is None
        else one.items
        if other.items is None
        else joined([one.items, other.items]),
        prefix=other.prefix or one.prefix,
        bounds={**one.bounds, **other.bounds},
        opaque={**one.opaque, **other.opaque},
        alternatives=[*alternatives, *other.alternatives],
    )


def _both(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [*one.get(name, ()), *other.get(name, ())] for name in {**one, **other}}


def _take(made: View, schema: Any, root: Any, seen: set[str]) -> None:
    """Adds what a schema demands."""
    if schema is False:
        made.types = frozenset()
    if not isinstance(schema, Mapping):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        _take(made, resolve(root, reference), root, seen | {reference})
    for each in schema.get("allOf", ()):
        _take(made, each, root, seen)
    made.alternatives += [list(schema[keyword]) for keyword in ("anyOf", "oneOf") if keyword in schema]
    _take_values(made, schema)
    _take_fields(made, schema)
    _take_items(made, schema)
    made.opaque |= {keyword: schema[keyword] for keyword in OPAQUE.keys() & schema.keys()}


def _take_values(made: View, schema: Mapping[str, Any]) -> None:
    if "type" in schema:
        named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        made.types &= frozenset([*named, *(["integer"] if "number" in named else [])])
    if "enum" in schema or "const" in schema:
        constants = [schema["const"]] if "const" in schema else list(schema["enum"])
        made.constants = (
            constants if made.constants is None else [each for each in made.constants if among(each, constants)]
        )
    for keyword in BOUNDS.keys() & schema.keys():
        lower = BOUNDS[keyword][1]
        known = made.bounds.get(keyword, schema[keyword])
        made.bounds[keyword] = max(known, schema[keyword]) if lower else min(known, schema[keyword])


def _take_fields(made: View, schema: Mapping[str, Any]) -> None:
    for name, each in schema.get("properties", {}).items():
        made.fields.setdefault(name, []).append(each)
    for name, each in schema.get("patternProperties", {}).items():
        made.patterns.setdefault(name, []).append(each)
    made.required.update(schema.get("required", ()))
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword not in schema:
            continue
        further = schema[keyword]
        if further is False:
            made.model = "closed"
        elif made.model != "closed":
            made.further = further if made.model == "silent" else joined([made.further, further])
            made.model = "open"


def _take_items(made: View, schema: Mapping[str, Any]) -> None:
    for index, each in enumerate(schema.get("prefixItems", ())):
        if index < len(made.prefix):
            made.prefix[index] = joined([made.prefix[index], each])
        else:
            made.prefix.append(each)
    if "items" in schema:
        made.items = schema["items"] if made.items is None else joined([made.items, schema["items"]])
