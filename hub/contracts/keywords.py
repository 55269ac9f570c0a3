"""Where the schemas within a JSON Schema are, by its keywords (2020-12: core § 10, validation § 6 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMA = frozenset(
    {
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "items",
        "unevaluatedItems",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "contentSchema",
    }
)
"""Keywords whose value is a schema."""
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""
MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose value is a mapping of names to schemas; ``definitions`` is the ``$defs`` of older drafts."""
IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"})
"""Keywords whose schemas apply to the same value."""
ASSERTIONS = frozenset(
    {
        "type",
        "enum",
        "const",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxContains",
        "minContains",
        "maxProperties",
        "minProperties",
        "required",
        "dependentRequired",
        "format",
    }
)
"""Keywords that demand something of a value by themselves."""
_CORE = frozenset(
    {"$schema", "$id", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$comment", "discriminator"}
)
_ANNOTATIONS = frozenset(
    {
        "title",
        "description",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
        "examples",
        "example",
        "contentEncoding",
        "contentMediaType",
    }
)
KNOWN = SCHEMA | LISTS | MAPS | ASSERTIONS | _CORE | _ANNOTATIONS
"""Every keyword that means something here; others are annotations of somebody's own."""

Path = tuple[str | int, ...]


def subschemas(schema: Any) -> Iterator[tuple[Path, Any]]:
    """The schemas directly within a schema, each with its path from there."""
    if not isinstance(schema, Mapping):
        return
    for keyword, value in schema.items():
        if keyword in SCHEMA:
            yield (keyword,), value
        elif keyword in LISTS and isinstance(value, list):
            for index, each in enumerate(value):
                yield (keyword, index), each
        elif keyword in MAPS and isinstance(value, Mapping):
            for name, each in value.items():
                yield (keyword, name), each


def walk(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """A schema and all schemas within it, each with its path; values that aren't schemas are left out."""
    pending = [(path, schema)]
    while pending:
        at, each = pending.pop()
        yield at, each
        pending += reversed([((*at, *step), inner) for step, inner in subschemas(each)])


def transform(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of a schema in which every schema that is a mapping has gone through ``change``, the inner ones first."""
    if not isinstance(schema, Mapping):
        return schema
    copy = dict(schema)
    for keyword, value in schema.items():
        if keyword in SCHEMA:
            copy[keyword] = transform(value, change)
        elif keyword in LISTS and isinstance(value, list):
            copy[keyword] = [transform(each, change) for each in value]
        elif keyword in MAPS and isinstance(value, Mapping):
            copy[keyword] = {name: transform(each, change) for name, each in value.items()}
    return change(copy)


def resolve(root: Any, reference: str) -> Any:
    """What a local reference (``#``, ``#/$defs/x``) means.

    Raises:
        LookupError: it leads nowhere.
    """
    found = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) and name.isdecimal() else found[name]
    return found
