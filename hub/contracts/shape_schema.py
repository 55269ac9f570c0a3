"""Shapes of JSON Schemas: what a schema says of the types of values, and nothing of their ranges.

Keywords of JSON Schema 2020-12 and what OpenAPI adds (``nullable``). What a schema says beyond types (``pattern``,
``minimum``, ``not``) is left out: the shape then admits more than the schema, never less. An object that lists its
properties and is silent about others is closed to the checker, since reading what no schema declares is mostly a slip
of the pen; ``additionalProperties: true`` says that it isn't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from hub.contracts.shape import DYN, MAP, NEVER, NULL, LazyFields, Shape
from hub.contracts.shape_constants import CONSTANT
from hub.contracts.shape_intersection import intersection
from hub.contracts.shape_union import MOST_CONSTANTS, union
from hub.contracts.shape_values import shape_of_value

_TYPES: dict[str, tuple[str, ...]] = {
    "null": ("null_type",),
    "boolean": ("bool",),
    "integer": ("int",),
    "number": ("int", "double"),
    "string": ("string",),
    "array": ("list",),
    "object": ("map",),
}
_OF_OBJECTS = ("properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "required")
_OF_ARRAYS = ("items", "prefixItems", "contains")


def shape_of_schema(schema: Mapping[str, Any] | bool) -> Shape:  # noqa: FBT001  true and false are schemas
    """The shape of what a schema admits. References are followed within the schema only."""
    return _Reader(schema).shape(schema)


class _Reader:
    """Builds the shapes of one schema, each part of it once.

    Args:
        root: the schema that references are relative to.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.known: dict[int, Shape] = {}
        self.open: set[int] = set()
        self.anchors: dict[str, Any] | None = None

    def shape(self, schema: Any) -> Shape:
        """The shape of a part of the schema."""
        if not isinstance(schema, Mapping):
            return NEVER if schema is False else DYN
        key = id(schema)  # the root keeps all its parts alive
        known = self.known.get(key)
        if known is not None:
            return known
        if key in self.open:  # a schema that is defined by itself says nothing
            return DYN
        self.open.add(key)
        try:
            shape = self._read(schema)
        finally:
            self.open.discard(key)
        description = schema.get("description") or schema.get("title")
        if description and shape is not NEVER and shape.description is None:
            shape = shape.changed(description=str(description))
        self.known[key] = shape
        return shape

    def later(self, schema: Any) -> Callable[[], Shape]:
        """The shape of a part of the schema, when it is needed."""
        return lambda: self.shape(schema)

    def _read(self, schema: Mapping[str, Any]) -> Shape:
        references = [schema[word] for word in ("$ref", "$dynamicRef") if isinstance(schema.get(word), str)]
        parts = [
            self._own(schema),
            *(self.shape(self.target(each)) for each in references),
            *map(self.shape, _list(schema.get("allOf"))),
            *(union(*choice) for choice in self._choices(schema)),
        ]
        shape = intersection(*parts)
        if schema.get("nullable") is True and shape.kinds and shape is not NEVER:
            return union(shape, NULL)
        return shape

    def _choices(self, schema: Mapping[str, Any]) -> Iterator[list[Shape]]:
        """For each choice that a schema leaves, what may be chosen."""
        for keyword in ("anyOf", "oneOf"):
            if options := _list(schema.get(keyword)):
                yield [self.shape(each) for each in options]
        implied = [schema[keyword] for keyword in ("then", "else") if keyword in schema]
        dependent = schema.get("dependentSchemas")
        conditions = [implied] if implied else []
        conditions += [[each] for each in dependent.values()] if isinstance(dependent, Mapping) else []
        for options in conditions:
            # Where the condition doesn't hold, all that is known is what stands beside it.
            yield [*map(self.shape, options), *([MAP] if len(options) == 1 else [])]

    def target(self, reference: str) -> Any:
        """What a reference within the schema means; nothing is known of any other."""
        if reference in ("#", ""):
            return self.root
        if not reference.startswith("#"):
            return self._by_anchor(reference)
        if not reference.startswith("#/"):
            return self._by_anchor(reference[1:])
        found = self.root
        for part in reference[2:].split("/"):
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and step in found:
                found = found[step]
            elif isinstance(found, Sequence) and not isinstance(found, str) and step.isdecimal():
                found = found[int(step)] if int(step) < len(found) else True
            else:
                return True
        return found

    def _by_anchor(self, name: str) -> Any:
        if self.anchors is None:
            self.anchors = {}
            waiting = [self.root]
            while waiting:
                each = waiting.pop()
                if isinstance(each, Mapping):
                    for keyword in ("$anchor", "$dynamicAnchor", "$id"):
                        if isinstance(each.get(keyword), str):
                            self.anchors.setdefault(each[keyword], each)
                    waiting.extend(each.values())
                elif isinstance(each, list | tuple):
                    waiting.extend(each)
        return self.anchors.get(name, True)

    def _own(self, schema: Mapping[str, Any]) -> Shape:
        """What the keywords say that stand in the schema itself."""
        kinds = _kinds(schema)
        shape = DYN
        if "map" in kinds or "list" in kinds:
            shape = Shape(
                kinds,
                format=_format(schema),
                **(self._object(schema) if "map" in kinds else {}),
                **(self._array(schema) if "list" in kinds else {}),
            )
        elif kinds:
            shape = Shape(kinds, format=_format(schema))
        if "const" in schema:
            return intersection(shape, shape_of_value(schema["const"]))
        if (options := _list(schema.get("enum"))) and len(options) <= MOST_CONSTANTS:
            return intersection(shape, _enumerated(options))
        return shape

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = [each for each in _list(schema.get("required")) if isinstance(each, str)]
        patterns = schema.get("patternProperties")
        patterns = list(patterns.values()) if isinstance(patterns, Mapping) else []
        further = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
        said = further is not None
        sealed = further is False and not patterns
        closed = sealed or (bool(properties) and not said and not patterns)
        values: Callable[[], Shape] | None = None
        if said and further is not False:
            values = lambda: union(self.shape(further), *map(self.shape, patterns))  # noqa: E731  built when asked for
        elif patterns:
            # Silence about other fields lets them be anything.
            values = lambda: union(*map(self.shape, patterns), *(() if said else (DYN,)))  # noqa: E731  as above
        return {
            "fields": LazyFields(properties, lambda name: self.shape(properties[name])),
            "required": required,
            "closed": closed,
            "sealed": sealed,
            "values": values,
        }

    def _array(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        items = schema.get("items")
        first = _list(schema.get("prefixItems"))
        if isinstance(items, list):  # before 2020-12, `items` was the list of the first elements
            first, items = items, schema.get("additionalItems")
        if not first and items is None:
            return {}
        if not first:
            return {"items": self.later(items)}
        rest = [DYN] if items is None else []
        return {"items": lambda: union(*map(self.shape, first), *rest, *([self.shape(items)] if not rest else []))}


def _kinds(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds that a schema names, or implies by speaking of objects or arrays alone."""
    named = schema.get("type")
    names = [named] if isinstance(named, str) else _list(named)
    if names:
        return tuple(kind for name in names for kind in _TYPES.get(name, ())) if set(names) <= _TYPES.keys() else ()
    if any(keyword in schema for keyword in _OF_OBJECTS):
        return ("map",)
    if any(keyword in schema for keyword in _OF_ARRAYS):
        return ("list",)
    return ()


def _format(schema: Mapping[str, Any]) -> str | None:
    found = schema.get("format")
    return found if isinstance(found, str) else None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _enumerated(options: list[Any]) -> Shape:
    if all(type(each) in CONSTANT for each in options):
        return Shape({CONSTANT[type(each)] for each in options}, enum=tuple(options))
    return union(*map(shape_of_value, options))
