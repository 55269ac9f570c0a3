"""A schema as the comparison of two schemas needs it: references followed, what applies to one value put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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


@dataclass(frozen=True)
class Part:
    """One schema by itself: what it says of an object's fields and an array's items.

    Attributes:
        fields: schemas by name.
        patterns: schemas by regular expression.
        additional: schema of fields that this part doesn't list; None where it says nothing.
        unevaluated: schema of fields that neither this part lists nor those that it consists of; likewise.
        seen: the names that these list.
        seen_patterns: the regular expressions that these list names by.
        prefix: schemas of the first items.
        items: schema of the others; None where nothing is said.
    """

    fields: Mapping[str, Any]
    patterns: Mapping[str, Any]
    additional: Any
    unevaluated: Any
    seen: frozenset[str]
    seen_patterns: frozenset[str]
    prefix: tuple[Any, ...]
    items: Any

    @classmethod
    def of(cls, schema: Mapping[str, Any], within: Iterable[Part]) -> Part:
        """What a schema says.

        Args:
            schema: the schema.
            within: the parts that it consists of.
        """
        fields, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        inner = list(within)
        everything = "additionalProperties" in schema or any(each.additional is not None for each in inner)
        return cls(
            fields,
            patterns,
            schema.get("additionalProperties"),
            None if everything else schema.get("unevaluatedProperties"),
            frozenset(fields).union(*(each.seen for each in inner)),
            frozenset(patterns).union(*(each.seen_patterns for each in inner)),
            tuple(schema.get("prefixItems", ())),
            schema.get("items"),
        )

    def listed(self, name: str) -> Iterator[Any]:
        """The schemas that this part lists for a field."""
        if name in self.fields:
            yield self.fields[name]
        for pattern, schema in self.patterns.items():
            if matches(pattern, name):
                yield schema

    def sees(self, name: str) -> bool:
        """Whether a field isn't one of those that ``unevaluated`` is about."""
        return name in self.seen or any(matches(each, name) for each in self.seen_patterns)


@dataclass
class View:
    """What a schema demands of a value, by kind of demand.

    Attributes:
        types: allowed ones; ``number`` includes ``integer``.
        constants: all allowed values; None where they aren't listed.
        parts: schemas that apply to it: which of an object's fields are further ones, each decides for itself.
        required: fields that must be there.
        bounds: by keyword.
        opaque: keywords that are compared as they stand; one value per part that has it.
        alternatives: for each ``anyOf`` and ``oneOf``, its schemas: one of each must apply.
    """

    types: frozenset[str] = frozenset(TYPES)
    constants: list[Any] | None = None
    parts: list[Part] = field(default_factory=list)
    required: set[str] = field(default_factory=set)
    bounds: dict[str, float] = field(default_factory=dict)
    opaque: dict[str, list[Any]] = field(default_factory=dict)
    alternatives: list[list[Any]] = field(default_factory=list)

    # Values

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

    # Fields

    @property
    def names(self) -> list[str]:
        """Fields that are listed."""
        return list(dict.fromkeys(name for part in self.parts for name in part.fields))

    @property
    def patterns(self) -> list[str]:
        """Regular expressions that names of fields are listed by."""
        return list(dict.fromkeys(pattern for part in self.parts for pattern in part.patterns))

    def lists(self, name: str) -> bool:
        """Whether a field is listed, by its name or by a pattern."""
        return any(True for part in self.parts for _ in part.listed(name))

    def of_field(self, name: str) -> list[Any]:
        """The schemas of a field, listed or not; all of them apply."""
        found: list[Any] = []
        for part in self.parts:
            own = list(part.listed(name))
            found += own
            if not own and part.additional is not None:
                found.append(part.additional)
            if part.unevaluated is not None and not part.sees(name):
                found.append(part.unevaluated)
        return found

    def of_pattern(self, pattern: str) -> list[Any]:
        """The schemas of fields whose names match a pattern, and are not listed by name."""
        found: list[Any] = []
        for part in self.parts:
            if pattern in part.patterns:
                found.append(part.patterns[pattern])
            elif part.additional is not None:
                found.append(part.additional)
            if part.unevaluated is not None and pattern not in part.seen_patterns:
                found.append(part.unevaluated)
        return found

    @property
    def further(self) -> list[Any]:
        """The schemas of fields that are not listed."""
        return [each for part in self.parts for each in (part.additional, part.unevaluated) if each is not None]

    @property
    def model(self) -> ContentModel:
        """What is said of further fields."""
        return "closed" if False in self.further else "open" if self.further else "silent"

    # Items

    @property
    def length(self) -> int:
        """How many items have a schema of their own."""
        return max((len(part.prefix) for part in self.parts), default=0)

    def of_item(self, index: int) -> list[Any]:
        """The schemas of an item; all of them apply."""
        found = [part.prefix[index] if index < len(part.prefix) else part.items for part in self.parts]
        return [each for each in found if each is not None]


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
    several = [each for each in schemas if each is not True and each != {}]
    if False in several:
        return False
    return {"allOf": several} if len(several) > 1 else several[0] if several else True


def narrowed(one: View, other: View, alternatives: list[list[Any]]) -> View:
    """What a writer's view and one of its alternatives demand together, or less.

    Args:
        one: a view, whose own alternatives are left out.
        other: one of these alternatives.
        alternatives: those that are left.
    """
    parts = [*one.parts, *other.parts]
    everything = any(part.additional is not None for part in parts)
    seen = frozenset[str]().union(*(part.seen for part in parts))
    patterns = frozenset[str]().union(*(part.seen_patterns for part in parts))
    if any(part.unevaluated is not None for part in parts):
        # An alternative's fields are seen by what the alternative is a part of.
        parts = [
            replace(part, unevaluated=None if everything else part.unevaluated, seen=seen, seen_patterns=patterns)
            for part in parts
        ]
    made = View(types=one.types & other.types, parts=parts, required=one.required | other.required)
    made.alternatives = [*alternatives, *other.alternatives]
    for each in (one, other):
        _restrict(made, each.constants, each.bounds, each.opaque)
    return made


def matches(pattern: str, name: str) -> bool:
    """Whether a name matches a regular expression; a search, as JSON Schema has it."""
    import re2  # noqa: PLC0415  few schemas have patterns for fields

    try:
        return re2.search(pattern, name) is not None
    except re2.error:
        return False


def _take(made: View, schema: Any, root: Any, seen: set[str]) -> None:
    """Adds what a schema demands."""
    if schema is False:
        made.types = frozenset()
    if not isinstance(schema, Mapping):
        return
    before = len(made.parts)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        _take(made, resolve(root, reference), root, seen | {reference})
    for each in schema.get("allOf", ()):
        _take(made, each, root, seen)
    made.alternatives += [list(schema[keyword]) for keyword in ("anyOf", "oneOf") if keyword in schema]
    if "type" in schema:
        named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        made.types &= frozenset([*named, *(["integer"] if "number" in named else [])])
    made.parts.append(Part.of(schema, made.parts[before:]))
    made.required.update(schema.get("required", ()))
    constants = [schema["const"]] if "const" in schema else schema.get("enum")
    bounds = {each: schema[each] for each in BOUNDS.keys() & schema.keys()}
    _restrict(made, constants, bounds, {each: [schema[each]] for each in OPAQUE.keys() & schema.keys()})


def _restrict(
    made: View, constants: list[Any] | None, bounds: Mapping[str, float], opaque: Mapping[str, list[Any]]
) -> None:
    if constants is not None:
        made.constants = [each for each in constants if made.constants is None or among(each, made.constants)]
    for keyword, limit in bounds.items():
        known = made.bounds.get(keyword, limit)
        made.bounds[keyword] = max(known, limit) if BOUNDS[keyword][1] else min(known, limit)
    for keyword, values in opaque.items():
        made.opaque[keyword] = [*made.opaque.get(keyword, ()), *values]
