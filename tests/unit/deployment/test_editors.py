"""The JSON Schema that editors check schema files by: lets in what is right, and underlines what is misspelt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from hub.deployment import Registry, check
from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.editors import DRAFT, editor_schema
from hub.deployment.finding import Findings
from hub.deployment.nodes import data
from tests.unit.deployment.conftest import CONNECTORS

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = sorted((ROOT / "schemas" / "examples").glob("*/*.yaml"))
INSTALLED = jsonschema_rs.validator_for(editor_schema())
OURS = jsonschema_rs.validator_for(editor_schema(Registry(CONNECTORS)))


def complaints(text: str, validator: Any = OURS) -> list[str]:
    root = compose(Document("hub.yaml", text), Findings())
    assert root is not None
    return [".".join(map(str, each.instance_path)) for each in validator.iter_errors(data(root))]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda each: each.parent.name)
def test_the_examples_are_right(path: Path) -> None:
    """What `hub validate` takes, an editor doesn't underline."""
    assert complaints(path.read_text(), INSTALLED) == []


def test_the_schema_is_one() -> None:
    """It is valid by its own meta-schema, and nothing in it refers to what isn't there."""
    schema = editor_schema()
    assert schema["$schema"] == DRAFT
    assert jsonschema_rs.meta.is_valid(schema)
    assert "x-mapped" not in str(schema)
    assert "$defs" not in str(schema)


SOURCE = "sources: {{ a: {{ use: {use}, with: {settings} }} }}"
SINK = "sinks: {{ a: {{ use: {use}, with: {settings} }} }}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "routes:\nsinks: {}",
        "topics: { a: , b: { retention: 7d, max_message: 1000 } }",
        "routes: { r: { from: a, where: true, to: b } }",
        'routes: { r: { from: [a], where: x, to: [b, { choose: "= data.t", of: [c, d] }] } }',
        "routes: { $file: routes.yaml }",
        "routes: { r: { $ref: route.yaml } }",
        "events: { e: { schema: { $ref: e.json } } }",
        "tables: { t: { $file: t.json } }",
        SOURCE.format(use="github.webhook", settings='{ path: /x, secret: "${env:S}" }'),
        SOURCE.format(use="github.issues", settings='{ repository: "${env:REPO}" }'),
        SINK.format(use="rabbitmq", settings='{ url: x, exchange: { name: e }, priority: "${env:P:-3}" }'),
        SINK.format(use="http", settings='{ url: "= data.url", hops: = data.n, json: { a: = data.b } }'),
        SINK.format(use="http", settings="{ $file: settings.yaml }"),
    ],
)
def test_what_is_right_is_let_in(text: str) -> None:
    """References and expressions in place of values, includes, empty sections, short forms."""
    assert complaints(text or "deployment: d") == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("routs: {}", ""),
        ("deployment: My Hub", "deployment"),
        ("routes: { r: { frm: a, to: b } }", "routes.r"),
        ("routes: { r: { from: a, to: b, on_error: { retry: { max_retries: 1 } } } }", "routes.r.on_error"),
        ("sources: { a: { use: github.issues, on_error: { retry: {} } } }", "sources.a"),
        ("sinks: { a: { use: http, on_error: { retry: { max_retries: -1 } } } }", "sinks.a"),
        ("topics: { a: { partitions: none } }", "topics.a"),
        (SOURCE.format(use="githbu", settings="{}"), "sources.a.use"),
        (SOURCE.format(use="github.webhook", settings="{ path: /x }"), "sources.a.with"),
        (SOURCE.format(use="github.webhook", settings="{ pth: /x, secret: x }"), "sources.a.with"),
        (SOURCE.format(use="rabbitmq", settings="{}"), "sources.a.use"),
        (SINK.format(use="rabbitmq", settings="{ url: x, exchange: e, priority: = data.n }"), "sinks.a.with"),
        (SINK.format(use="http", settings="{ url: x, hops: many }"), "sinks.a.with"),
        ("sources: { a: { use: github.webhook } }", "sources.a"),
        ("services: { a: { use: rabbitmq } }", "services.a.use"),
    ],
)
def test_what_is_wrong_is_underlined(text: str, place: str) -> None:
    """Misspelt keys, values of another type, unknown connectors, and settings that belong to another one."""
    found = complaints(text)
    assert found
    assert all(each.startswith(place) for each in found)


def test_it_never_complains_where_validation_does_not(write: Callable[..., Path]) -> None:
    """Of all golden files, those that an editor underlines are a subset of those with findings of form."""
    underlined = 0
    for path in sorted(GOLDEN.glob("*/*.yaml")):
        findings = Findings()
        root = compose(Document(path.name, path.read_text()), findings)
        if root is None or findings.errors or data(root) is None:
            continue
        if list(OURS.iter_errors(data(root))):
            underlined += 1
            found = {each.code.partition(".")[0] for each in check(path.parent, registry=Registry(CONNECTORS)).findings}
            assert found & {"schema", "section", "config", "connector", "deployment", "test"}, path
    assert underlined > 5


def test_a_connector_that_cannot_be_imported_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken package doesn't take completion away from all others."""
    registry = Registry(CONNECTORS)
    monkeypatch.setattr(Registry, "names", property(lambda _: ["github", "gone", "http", "rabbitmq"]))
    uses = editor_schema(registry)["definitions"]["SourceSection"]["properties"]["use"]["anyOf"]
    assert [each["const"] for each in uses] == ["github.issues", "github.webhook"]
