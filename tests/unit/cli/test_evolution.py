"""`hub schemas check`: what changed between two versions of schemas, and what breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from hub.cli import app

DEPLOYMENT = """
deployment: shop
topics: { other: }
events:
  order.placed: { schema: { $ref: order.json } }
  order.told: { schema: { $ref: told.json } }
routes:
  tell:
    from: order.placed
    map: { type: order.told, data: { text: = data.customer.name } }
    to: [order.told, post]
  unharmed:
    from: order.placed
    where: data.number > 3
    to: other
sinks:
  post: { use: http, with: { url: "http://x/y", json: { text: = data.text + "!" } } }
"""
CUSTOMER = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "customer": CUSTOMER},
    "required": ["number", "customer"],
}
TOLD = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
RENAMED = {
    **ORDER,
    "properties": {
        **ORDER["properties"],
        "customer": {**CUSTOMER, "properties": {"nick": {"type": "string"}}, "required": ["nick"]},
    },
}


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["schemas", "check", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Makes a deployment with these schemas."""

    def shop(name: str, order: Any = ORDER, told: Any = TOLD, text: str = DEPLOYMENT) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        (directory / "hub.yaml").write_text(text)
        (directory / "order.json").write_bytes(orjson.dumps(order))
        (directory / "told.json").write_bytes(orjson.dumps(told))
        return directory

    return shop


def test_versions_that_are_compatible_are_fine(shop: Any) -> None:
    """An optional field was added; exit code 0, in both directions."""
    more = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
    old, new = shop("old"), shop("new", more)
    assert run(old, new, "--mode", "full") == (0, "2 schemas: 1 changed, 0 incompatible\n")
    code, output = run(old, new, "--strict")
    assert code == 1
    assert "/note" in output


def test_a_change_that_breaks_says_what_and_whom(shop: Any) -> None:
    """The path with the reason, the route that reads the field, and nothing that was wrong before."""
    old, new = shop("old"), shop("new", RENAMED)
    code, output = run(old, new, "--deployment", old)
    assert code == 1
    lines = [line.rstrip() for line in output.splitlines()]
    assert lines[:3] == [
        "order.placed  changed, incompatible",
        "  /customer/nick  backward: the new version requires it, the old version doesn't have it",
        "breaks",
    ]
    assert lines[3] == "  route tell"
    assert "hub.yaml:10:" in lines[4]
    assert "unharmed" not in output
    assert lines[-1] == "2 schemas: 1 changed, 1 incompatible · breaks 1 route"


def test_a_deployment_of_either_version_may_be_asked(shop: Any) -> None:
    """What counts are the two versions, not which one lies there now."""
    old, new = shop("old"), shop("new", RENAMED)
    assert run(old, new, "--deployment", old)[1] == run(old, new, "--deployment", new)[1]


def test_single_files_and_folders_are_compared_too(shop: Any, tmp_path: Path) -> None:
    """A file by itself, whatever its name; a folder by relative paths, with what is gone and what is new."""
    old, new = shop("old"), shop("new", RENAMED)
    (old / "order.json").rename(old / "order.v1.json")
    code, output = run(old / "order.v1.json", new / "order.json", "--deployment", new)
    assert code == 1
    assert "route tell" in output
    for directory, names in (("a", ["x/v1", "y/v1"]), ("b", ["y/v1", "z/v1"])):
        for name in names:
            path = tmp_path / directory / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(orjson.dumps(ORDER))
    code, output = run(tmp_path / "a", tmp_path / "b", "--json")
    found = json.loads(output)["schemas"]
    assert code == 1
    assert [(each["name"], each["status"], len(each["incompatibilities"])) for each in found] == [
        ("x/v1.json", "removed", 1),
        ("y/v1.json", "same", 0),
        ("z/v1.json", "added", 0),
    ]


def test_a_sink_s_expression_breaks_too(shop: Any) -> None:
    """By the contract of what a route sends to it."""
    numbered = {"type": "object", "properties": {"text": {"type": "integer"}}, "required": ["text"]}
    old, new = shop("old"), shop("new", told=numbered)
    code, output = run(old, new, "--deployment", old, "--json")
    document = json.loads(output)
    assert code == 1
    assert [(each["kind"], each["unit"], each["finding"]["code"]) for each in document["breaks"]] == [
        ("route", "tell", "route.contract"),
        ("sink", "post", "route.type"),
    ]
    assert document["mode"] == "backward"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nowhere", "nowhere"], "there is no nowhere"),
        (["empty", "empty"], "expected schema files"),
        (["broken.json", "broken.json"], "there is no type `objct`"),
        (["stray.json", "stray.json", "--deployment", "old"], "none of the schemas is a contract"),
    ],
)
def test_what_can_t_be_compared_is_invalid_input(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], message: str
) -> None:
    """Exit code 2, and what was expected."""
    shop("old")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text('{"type": "objct"}')
    (tmp_path / "stray.json").write_text('{"title": "stray"}')
    monkeypatch.chdir(tmp_path)
    code, output = run(*given)
    assert code == 2
    assert message in output


def test_a_deployment_whose_schemas_are_broken_says_where(shop: Any) -> None:
    """As `hub validate` does."""
    old, new = shop("old"), shop("new", {"type": "objct"})
    code, output = run(old, new)
    assert code == 2
    assert "order.json:1:" in output
