"""What subscribers get: models that take real payloads, and a document that is AsyncAPI."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema_rs
import orjson
import pytest
from pydantic import ValidationError

from hub.contracts import Contract
from hub.deployment import Deployment, load
from hub.sdk import EnvironmentProblem
from hub.testing.asyncapi import asyncapi_schema
from hub.workbench.asyncapi import document
from hub.workbench.export import export
from hub.workbench.models import modules

TEXT = """
deployment: shop
events:
  order.placed:
    topic: orders
    schema:
      title: An order
      type: object
      properties:
        number: { type: integer }
        placed_at: { type: string, format: date-time }
        url: { type: string, format: uri }
        from: { $ref: "#/$defs/customer" }
      required: [number]
      $defs:
        customer: { type: object, properties: { name: { type: string } }, required: [name] }
  order.shipped: { schema: { type: object } }
sources:
  github: { use: github.webhook, with: { path: /github, secret: x } }
routes:
  ship:
    from: order.placed
    map: { type: order.shipped, data: {} }
    to: [order.shipped, tell]
  pushes:
    from: github.push
    to: order.shipped
    map: { type: order.shipped, data: {} }
sinks:
  tell: { use: http, with: { url: "http://x/y" } }
"""


@pytest.fixture
def shop(tmp_path: Path) -> Deployment:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "hub.yaml").write_text(TEXT)
    return load(tmp_path / "shop")


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Any]:
    """Imports an exported package of models, and forgets it."""
    names: list[str] = []

    def load_models(directory: Path, name: str) -> ModuleType:
        (directory / "models").rename(directory / name)
        sys.path.insert(0, str(directory))
        names.append(name)
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(str(directory))

    yield load_models
    for module in [each for each in sys.modules if each.partition(".")[0] in names]:
        del sys.modules[module]


def test_an_export_is_files_that_can_be_used(shop: Deployment, tmp_path: Path, imported: Any) -> None:
    """Models of what is declared and read, schemas and document of everything; a second export replaces the first."""
    out = tmp_path / "out"
    written = export(shop, out)
    assert export(shop, out) == written
    assert all(each.is_file() for each in written)
    names = {each.relative_to(out).as_posix() for each in written}
    assert {"asyncapi.json", "schemas/order.placed.json", "schemas/github.star.json"} <= names
    assert {each for each in names if each.startswith("models/")} == {
        "models/__init__.py",
        "models/github_push.py",
        "models/order_placed.py",
        "models/order_shipped.py",
    }
    models = imported(out, "shop_models")
    order = models.OrderPlaced(number=1, from_={"name": "Ann"}, url="not^a^uri", placed_at="2026-11-21T10:00:00Z")
    assert order.from_.name == "Ann"
    assert models.MODELS["order.placed"] is models.OrderPlaced
    with pytest.raises(ValidationError):
        models.OrderPlaced(number="x")


def test_models_take_all_real_payloads(payloads: list[tuple[str, bytes]], tmp_path: Path, imported: Any) -> None:
    """Each of the 329, by the model of its event."""
    schemas = Path(__file__).parents[3] / "schemas" / "github"
    contracts = {
        f"github.{event}": Contract(f"github.{event}", orjson.loads((schemas / event / "v1.json").read_bytes()))
        for event in dict(payloads)
    }
    (tmp_path / "models").mkdir()
    for name, code in modules(contracts).items():
        (tmp_path / "models" / name).write_text(code)
    models = imported(tmp_path, "github_models").MODELS
    assert len(models) == len(contracts) == 58
    for event, body in payloads:
        read = models[f"github.{event}"].model_validate_json(body)
        # What a model has read, it writes again: no field was lost, or taken for another.
        written = orjson.loads(read.model_dump_json(by_alias=True, exclude_unset=True))
        assert written.keys() <= orjson.loads(body).keys()
        assert written.get("action") == orjson.loads(body).get("action")


def test_the_document_is_asyncapi_3(shop: Deployment) -> None:
    """By AsyncAPI's own schema, which refuses a document with a mistake."""
    schema = jsonschema_rs.Draft7Validator(asyncapi_schema(), offline=True)
    described = orjson.loads(orjson.dumps(document(shop)))
    assert [str(each)[:300] for each in schema.iter_errors(described)] == []
    described["operations"]["ship.receive.orders"]["action"] = "reads"
    assert not schema.is_valid(described)


def test_the_document_tells_who_sends_and_who_receives_what(shop: Deployment) -> None:
    """Topics with their messages, units as operations, and every reference leads somewhere."""
    described = document(shop)
    assert described["channels"]["orders"]["messages"] == {
        "order.placed": {"$ref": "#/components/messages/order.placed"}
    }
    assert described["operations"]["ship.receive.orders"]["action"] == "receive"
    assert described["operations"]["ship.send.order.shipped"]["action"] == "send"
    assert described["operations"]["github.send.github.push"]["messages"] == [
        {"$ref": "#/channels/github.push/messages/github.push"}
    ]
    assert described["components"]["messages"]["order.placed"]["title"] == "An order"
    assert "payload" not in described["components"]["messages"]["github.other"]
    assert "Dead letters of route ship" in described["channels"]["shop.ship.dlq"]["description"]
    assert not any(name.startswith("hub.") for name in described["channels"])
    for reference in _references(described):
        if reference.startswith("#/"):
            found: Any = described
            for step in reference.split("/")[1:]:
                found = found[step]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def test_modules_have_names_that_python_takes() -> None:
    """Whatever event types are called."""
    types = ["a.b", "a_b", "class", "1st.thing", "ünï.cödé", "CamelCase"]
    made = modules({each: Contract(each, {"type": "object", "properties": {"x": {}}}) for each in types})
    assert sorted(made) == [
        "__init__.py",
        "a_b.py",
        "a_b_2.py",
        "camelcase.py",
        "event_1st_thing.py",
        "event_class.py",
        "n_c_d.py",
    ]
    for name, code in made.items():
        compile(code, name, "exec")


def test_without_the_generator_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra of ours."""
    monkeypatch.setitem(sys.modules, "datamodel_code_generator", None)
    with pytest.raises(EnvironmentProblem, match="integration-hub\\[models\\]"):
        modules({"a": Contract("a", {})})
