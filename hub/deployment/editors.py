"""A JSON Schema of schema files, by which editors complete keys, explain them and underline what is wrong.

It is made of the models that `hub validate` checks files against, those of the installed connectors included. What it
can't know, such as whether a field exists in an event, is left to `hub validate`: it never refuses what that accepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from hub.deployment.model import SchemaFile
from hub.deployment.registry import Registry, UnknownUse
from hub.sdk import Connector
from hub.sdk.policies import BESIDE_WITH

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The version that YAML language servers know best."""

_INCLUDE = {
    "type": "object",
    "properties": {"$file": {"type": "string"}, "$ref": {"type": "string"}},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "description": "The content of another file: JSON, YAML or text.",
}
_REFERENCE = {
    "type": "string",
    "pattern": r"\$\{(env|file|exec):",
    "description": "Resolved when the unit starts: ${env:NAME}, ${env:NAME:-default}, ${file:PATH} or ${exec:COMMAND}.",
}
_EXPRESSION = {"type": "string", "pattern": "^= ", "description": "Computed from each event."}
_HERE = "#/definitions/"
_KINDS = {
    "ServiceSection": "service",
    "SourceSection": "source",
    "SinkSection": "sink",
    "LookupSection": "lookup",
}
_ABOUT = ("description", "default")
_CHILDREN = ("properties", "patternProperties")
_CHILD = ("items", "additionalProperties")
_BRANCHES = ("anyOf", "oneOf", "allOf")


def editor_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The JSON Schema of a schema file.

    Args:
        registry: whose connectors ``use:`` and ``with:`` are described by; all that are installed if not given. One
            that can't be imported is left out.
    """
    document: dict[str, Any] = SchemaFile.model_json_schema(by_alias=True, ref_template=_HERE + "{model}")
    definitions: dict[str, Any] = document.pop("$defs")
    definitions["include"], definitions["reference"], definitions["expression"] = _INCLUDE, _REFERENCE, _EXPRESSION
    _tidy(document)
    for each in definitions.values():
        _tidy(each)
    uses = _uses(registry or Registry())
    for name, kind in _KINDS.items():
        definitions[name] = _by_use(definitions[name], kind, uses, definitions)
    for section in document["properties"].values():
        _includable(section)
    for name, definition in definitions.items():
        if name.endswith("Section"):
            for value in definition["properties"].values():
                _includable(value)
    return {"$schema": DRAFT, "title": "Schema file of an integration hub", **document, "definitions": definitions}


def _uses(registry: Registry) -> dict[str, dict[str, tuple[str, type[BaseModel]]]]:
    """For each kind, what may stand under ``use:``, with what it is for and the model of its ``with:``."""
    found: dict[str, dict[str, tuple[str, type[BaseModel]]]] = {each: {} for each in _KINDS.values()}
    for name in registry.names:
        try:
            connector = registry.connector(name)
        except UnknownUse:
            continue
        if connector.service is not None:
            found["service"][name] = connector.title, connector.service
        found["source"] |= _variants(connector, connector.sources)
        found["sink"] |= _variants(connector, connector.sinks)
        found["lookup"] |= _variants(connector, connector.lookups)
    return found


def _variants(connector: Connector, offered: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, type[BaseModel]]]]:
    for kind, cls in offered.items():
        names = {f"{connector.name}.{kind}" if kind else connector.name}
        for use in names | ({connector.name} if len(offered) == 1 else set()):
            about = (cls.__doc__ or "").strip().partition("\n")[0]
            yield use, (f"{connector.title}: {about}" if about else connector.title, cls.config_type())


def _by_use(
    section: dict[str, Any],
    kind: str,
    uses: Mapping[str, Mapping[str, tuple[str, type[BaseModel]]]],
    definitions: dict[str, Any],
) -> dict[str, Any]:
    """The section, whose ``with:`` is that of the connector under ``use:``."""
    known = uses[kind]
    section["properties"]["use"] = {
        "anyOf": [{"const": use, "description": about} for use, (about, _) in sorted(known.items())]
        or [{"type": "string"}],
        "description": "The connector, and which of its kinds.",
    }
    section["allOf"] = []
    for use, (_, model) in sorted(known.items()):
        settings = _settings(model, f"{kind}.{use}", definitions)
        then: dict[str, Any] = {"properties": {"with": _unless_included(settings, empty=False)}}
        if kind == "service":
            own = settings.get("properties", {})
            then["properties"] |= {key: _unless_included(own.pop(key), empty=True) for key in BESIDE_WITH if key in own}
        if settings.get("required"):
            then["required"] = ["with"]
        condition = {"properties": {"use": {"const": use}}, "required": ["use"]}
        section["allOf"].append({"if": condition, "then": then})
    return section


def _settings(model: type[BaseModel], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A connector's model, whose values may be references and, where it says so, expressions."""
    schema = model.model_json_schema(by_alias=True, ref_template=f"{_HERE}{name}.{{model}}")
    for inner, each in schema.pop("$defs", {}).items():
        _tidy(each)
        definitions[f"{name}.{inner}"] = _loosened(each, mapped=False)
    _tidy(schema)
    _loosened(schema, mapped=False)
    return schema


def _loosened(schema: Any, *, mapped: bool) -> Any:
    """The schema with references in place of values, which are checked when they are known."""
    if not isinstance(schema, dict):
        return schema
    mapped = schema.pop("x-mapped", mapped)
    if "$ref" in schema or not schema.keys() - set(_ABOUT):
        return schema
    for key in _CHILDREN:
        if key in schema:
            schema[key] = {name: _loosened(each, mapped=mapped) for name, each in schema[key].items()}
    for key in _CHILD:
        if key in schema:
            schema[key] = _loosened(schema[key], mapped=mapped)
    for key in _BRANCHES:
        if key in schema:
            schema[key] = [_loosened(each, mapped=mapped) for each in schema[key]]
    if _takes_any_text(schema):
        return schema
    about = {key: schema.pop(key) for key in _ABOUT if key in schema}
    others = [{"$ref": _HERE + "reference"}, *([{"$ref": _HERE + "expression"}] if mapped else [])]
    return {"anyOf": [schema, *others], **about}


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    """Whether text that is a reference fits as it is, or can't stand there at all."""
    if schema.get("type") == "string":
        return not schema.keys() & {"pattern", "format", "enum", "const", "minLength"}
    return schema.get("type") in ("object", "array", "null") or any(key in schema for key in _BRANCHES)


def _includable(value: dict[str, Any]) -> None:
    """Lets another file, or nothing, stand in place of a value that isn't a scalar."""
    if value.get("type") != "object" and "$ref" not in value:
        return
    about = {key: value.pop(key) for key in _ABOUT if key in value}
    inner = dict(value)
    entries = inner.get("additionalProperties")
    if isinstance(entries, dict) and entries:
        topic = str(entries.get("$ref")).endswith("TopicSection")
        inner["additionalProperties"] = _unless_included(entries, empty=topic)
    value.clear()
    value.update({**_unless_included(inner, empty=True), **about})


def _unless_included(schema: dict[str, Any], *, empty: bool) -> dict[str, Any]:
    # A condition rather than an alternative: editors then underline the key that is wrong, not the whole section.
    include = {"$ref": _HERE + "include"}
    return {"if": {"anyOf": [include, {"type": "null"}]} if empty else include, "else": schema}


def _tidy(schema: Any) -> None:
    """Takes out what only repeats: titles made of names, and defaults that are sections themselves."""
    match schema:
        case dict():
            if isinstance(schema.get("title"), str):
                del schema["title"]
            if isinstance(schema.get("default"), dict | list) or schema.get("default", ...) is None:
                del schema["default"]
            if isinstance(schema.get("description"), str):
                schema["description"] = schema["description"].replace("``", "`")
            for key, each in schema.items():
                # What a mapping of fields has under `title` or `default` is a field.
                _tidy(list(each.values()) if key in _CHILDREN else each)
        case list():
            for each in schema:
                _tidy(each)
