"""The schemas say what the payloads hold: real ones, the project's own, and what the API lists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.github import connector
from connectors.github.tests.reading import World

SCHEMAS = Path(__file__).parents[3] / "schemas"
KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z"
# What the schemas use of JSON Schema 2020-12.
KEYWORDS = {
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "format",
    "properties",
    "required",
    "items",
    "anyOf",
}


def violations(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Where a value isn't as its schema says; for the keywords that the schemas use."""
    unknown = schema.keys() - KEYWORDS
    assert not unknown, unknown
    if "$ref" in schema:
        yield from violations(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
    if "anyOf" in schema and all(any(True for _ in violations(value, each, root)) for each in schema["anyOf"]):
        yield f"{path}: none of {len(schema['anyOf'])} choices"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, KINDS[kind]) and (kind != "integer" or value is not True) for kind in kinds):
        yield f"{path}: {type(value).__name__}, expected {kinds}"
    elif schema.get("format") == "date-time" and isinstance(value, str) and not re.match(TIME, value):
        yield f"{path}: no time"
    else:
        yield from inner(value, schema, root, path)


def inner(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    """The same for what an object or array holds."""
    if isinstance(value, dict):
        yield from (f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value)
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from violations(value[name], each, root, f"{path}.{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from violations(each, schema.get("items", {}), root, f"{path}[{index}]")


def schemas() -> dict[str, str]:
    return {
        event_type: schema
        for source in connector.sources.values()
        for event_type, schema in source.events.items()
        if schema is not None
    }


def load(schema: str) -> dict[str, Any]:
    document = json.loads((SCHEMAS / schema).read_text())
    assert isinstance(document, dict)
    return document


def test_every_schema_that_a_source_names_is_there_and_none_is_left_over() -> None:
    """One file per event type, of the dialect that we check with."""
    named = {SCHEMAS / schema for schema in schemas().values()}
    assert named == set((SCHEMAS / "github").rglob("*.json"))
    for schema in schemas().values():
        assert load(schema)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_required_fields_are_described() -> None:
    """Nothing is required that the schema doesn't describe."""

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
            for each in schema.values():
                look(each)

    for schema in schemas().values():
        look(load(schema))


def test_the_checker_finds_what_is_wrong() -> None:
    """Otherwise the tests below would prove nothing."""
    schema = load("github/push/v1.json")
    wrong = {
        "ref": 1,
        "commits": [{"id": "x"}],
        "head_commit": "x",
        "created": "true",
        "repository": {"updated_at": "x"},
    }
    found = list(violations(wrong, schema, schema))
    assert "$.ref: int, expected ['string']" in found
    assert "$.commits[0].message: missing" in found
    assert "$.head_commit: none of 2 choices" in found
    assert "$.created: str, expected ['boolean']" in found
    assert "$.repository.updated_at: no time" in found
    assert "$.after: missing" in found


def test_real_payloads_fit_their_schemas(payloads: list[tuple[str, bytes]]) -> None:
    """All of GitHub's published examples of these events."""
    checked = 0
    for event, body in payloads:
        if schema_file := schemas().get(f"github.{event}"):
            schema = load(schema_file)
            assert list(violations(json.loads(body), schema, schema)) == [], event
            checked += 1
    assert checked > 80


@pytest.mark.parametrize("kind", ["issues", "pulls", "commits", "releases"])
async def test_polled_records_fit_their_schemas(world: World, kind: str) -> None:
    """As the API lists them."""
    asset = {"id": 1, "name": "hub.tar.gz", "label": None, "size": 10, "updated_at": "2026-11-21T00:00:00Z"}
    world.repository.open_issue("issue")
    world.repository.open_pull("pull")
    world.repository.commit("commit")
    world.repository.release("v1", assets=[asset])
    world.clock.move(60)
    (event,) = await world.reader(kind).poll()
    schema = load(schemas()[event.type])
    assert list(violations(event.data, schema, schema)) == []
