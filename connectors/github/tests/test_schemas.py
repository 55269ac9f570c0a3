"""The schemas say what the payloads hold: real ones, the project's own, and what the API lists."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.github import connector
from connectors.github.event_types import DELIVERIES
from connectors.github.tests.hosting import ASSET
from connectors.github.tests.reading import World
from hub.contracts import Contract, Shape
from hub.contracts.bundle import SchemaFiles

SCHEMAS = Path(__file__).parents[3] / "schemas"
LARGEST = 60_000  # bytes of a schema


def schemas() -> dict[str, str]:
    return {
        event_type: schema
        for unit in (*connector.sources.values(), *connector.sinks.values())
        for event_type, schema in unit.events.items()
        if schema is not None
    }


def found() -> set[str]:
    """Schemas of what look-ups find."""
    return {str(each.schema) for each in connector.lookups.values()}


def contract(event_type: str) -> Contract:
    files = SchemaFiles([SCHEMAS])
    return Contract(event_type, files.load(SCHEMAS / schemas()[event_type]))


@pytest.fixture(scope="module", name="contracts")
def _contracts() -> dict[str, Contract]:
    return {event_type: contract(event_type) for event_type in schemas()}


def parts(schema: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, the ones under ``$defs`` too."""
    yield path, schema
    for keyword in ("properties", "$defs"):
        for name, each in schema.get(keyword, {}).items():
            yield from parts(each, f"{path}.{name}")
    for index, each in enumerate(schema.get("anyOf", ())):
        yield from parts(each, f"{path}/{index}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from parts(schema[keyword], f"{path}[]")


def test_every_event_has_a_schema_and_none_is_left_over() -> None:
    """One file per event type; only of kinds of events that nobody knows yet there is none."""
    assert schemas().keys() >= {f"github.{name}" for name in DELIVERIES}
    named = {*schemas().values(), *found()}
    assert {SCHEMAS / schema for schema in named} == set((SCHEMAS / "github").rglob("*.json"))


@pytest.mark.parametrize("event_type", schemas())
def test_a_schema_is_sound(event_type: str) -> None:
    """Valid as the hub reads schemas, named, titled, small, and nothing is required that it doesn't describe."""
    path = SCHEMAS / schemas()[event_type]
    document, found = SchemaFiles([SCHEMAS]).examine(orjson.loads(path.read_bytes()), path)
    assert found == []
    name = path.parent.name
    assert json.loads(path.read_text())["$id"] == f"urn:hub:github:{name}:v1"
    assert document["title"]
    assert path.stat().st_size < LARGEST
    for place, each in parts(document):
        assert set(each.get("required", ())) <= each.get("properties", {}).keys(), place
        if each.get("type") == "object" and "properties" not in each:
            assert "additionalProperties" in each, place


def test_real_payloads_keep_their_contracts(payloads: list[tuple[str, bytes]], contracts: dict[str, Contract]) -> None:
    """All of GitHub's 329 published examples, of 58 event types."""
    broken = {
        f"{event} {index}": contracts[f"github.{event}"].check(orjson.loads(body))
        for index, (event, body) in enumerate(payloads)
    }
    assert {name: found for name, found in broken.items() if found} == {}
    assert len(broken) == 329


def test_a_contract_finds_what_is_wrong(payloads: list[tuple[str, bytes]], contracts: dict[str, Contract]) -> None:
    """Otherwise the test above would prove nothing: of each event's payload three fields are broken in turn."""
    tried = 0
    for event, body in dict(payloads).items():
        payload, of = orjson.loads(body), contracts[f"github.{event}"]
        for name in of.schema.get("required", ())[:3]:
            missing = {key: each for key, each in payload.items() if key != name}
            assert not of.fits(missing), f"{event} without {name}"
            assert not of.fits({**payload, name: [[]]}), f"{event} with a list of lists as {name}"
            tried += 2
        if "action" in of.schema["properties"] and event != "repository_dispatch":
            assert not of.fits({**payload, "action": "exploded"}), event
            tried += 1
    assert tried > 300


def test_what_is_new_breaks_no_contract(payloads: list[tuple[str, bytes]], contracts: dict[str, Contract]) -> None:
    """GitHub adds fields whenever it likes; at any depth."""

    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            # A map's values may be of one type; texts are what those of GitHub hold.
            return {**{name: grown(each) for name, each in value.items()}, "hub_new_field": "new"}
        return [grown(each) for each in value] if isinstance(value, list) else value

    for event, body in dict(payloads).items():
        assert contracts[f"github.{event}"].check(grown(orjson.loads(body))) == [], event


def test_times_are_times_and_actions_are_listed(contracts: dict[str, Contract]) -> None:
    """What the checker of expressions lives on."""
    of = contracts["github.pull_request"]
    shape = of.shape
    assert isinstance(shape, Shape)
    assert {"opened", "closed", "synchronize", "ready_for_review"} <= set(shape.fields["action"].enum or ())
    pull = shape.fields["pull_request"]
    assert pull.fields["created_at"].format == "date-time"
    assert pull.fields["merged_at"].kinds == {"string", "null_type"}
    assert pull.fields["merged_by"].fields["login"].kinds == {"string"}
    assert pull.fields["labels"].items.fields["name"].kinds == {"string"}  # type: ignore[union-attr]  it is an array
    assert pull.closed
    assert contracts["github.repository_dispatch"].shape.fields["action"].enum is None
    assert not contracts["github.repository_dispatch"].shape.fields["client_payload"].closed
    assert "repository" not in contracts["github.installation"].shape.required


def test_a_contract_judges_what_was_parsed_and_leaves_it(contracts: dict[str, Contract]) -> None:
    """Data are shared by all who read an event."""
    data = {"ref": 1, "commits": [{"id": "x"}]}
    before = copy.deepcopy(data)
    found = {violation.path for violation in contracts["github.push"].check(data)}
    assert "/ref" in found
    assert data == before


@pytest.mark.parametrize("kind", ["issues", "pulls", "commits", "releases"])
async def test_polled_records_keep_their_contracts(world: World, contracts: dict[str, Contract], kind: str) -> None:
    """As the API lists them."""
    world.repository.open_issue("issue")
    world.repository.open_pull("pull")
    world.repository.commit("commit")
    world.repository.release("v1", assets=[ASSET])
    world.clock.move(60)
    (event,) = await world.reader(kind).poll()
    assert contracts[event.type].check(event.data) == []
