"""How the schemas are derived: what is joined, what payloads correct, what is shared, and that they are as derived."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.github.contracts.__main__ import SCHEMAS, derived, main
from connectors.github.contracts.events import webhook_events
from connectors.github.contracts.layout import laid_out
from connectors.github.contracts.node import Slot, join
from connectors.github.contracts.openapi import Description, sentence
from connectors.github.contracts.payloads import correct, require
from connectors.github.contracts.schema import schema_of
from connectors.github.tests.test_schemas import found, schemas

NOTHING: dict[str, Any] = {"x-webhooks": {}, "paths": {}, "components": {"schemas": {}}}


def slot(schema: dict[str, Any], **components: Any) -> Slot:
    return Description({**NOTHING, "components": {"schemas": components}}).slot(schema)


def written(root: Slot) -> dict[str, Any]:
    schema = schema_of(root, identity="x", title="X")
    return {name: each for name, each in schema.items() if name not in ("$schema", "$id", "title")}


def thing(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT = {"type": "string"}


def test_the_files_are_as_derived() -> None:
    """Nobody has edited or added one by hand, and a second derivation changes nothing."""
    made: Counter[str] = Counter()
    files = derived(made)
    assert {path: text for path, text in files.items() if (SCHEMAS / path).read_text() != text} == {}
    assert set(files) == {*schemas().values(), *found()}
    assert made.total() > 100


def test_a_changed_and_a_missing_file_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --check by name and exit status; without it they are written."""
    files = {f"github/{name}/v1.json": f"{name}\n" for name in ("fork", "push", "star")}
    monkeypatch.setattr("connectors.github.contracts.__main__.derived", lambda _: files)
    monkeypatch.setattr("connectors.github.contracts.__main__.SCHEMAS", tmp_path)
    (tmp_path / "github/push").mkdir(parents=True)
    (tmp_path / "github/fork").mkdir(parents=True)
    (tmp_path / "github/push/v1.json").write_text("{}")
    (tmp_path / "github/fork/v1.json").write_text("fork\n")
    monkeypatch.setattr("sys.argv", ["contracts", "--check"])
    assert main() == 1
    told = capsys.readouterr().out.splitlines()[1:]
    assert told == ["would change schemas/github/push/v1.json", "would change schemas/github/star/v1.json"]
    monkeypatch.setattr("sys.argv", ["contracts"])
    assert main() == 0
    assert {path: (tmp_path / path).read_text() for path in files} == files
    monkeypatch.setattr("sys.argv", ["contracts", "--check"])
    assert main() == 0


def test_actions_become_one_object() -> None:
    """What all require is required, what only one has is optional, and actions are listed together."""
    one = slot(thing("action", "label", action={**TEXT, "enum": ["labeled"]}, label=TEXT))
    two = slot(
        thing("action", "label", "by", action={**TEXT, "enum": ["opened"]}, label={**TEXT, "nullable": True}, by=TEXT)
    )
    join(one, two)
    assert written(one) == {
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": ["labeled", "opened"]},
            "by": {"type": "string"},
            "label": {"type": ["string", "null"]},
        },
        "required": ["action", "label"],
    }


def test_a_free_action_is_not_listed() -> None:
    """Of a repository_dispatch, whoever sends it names the action; fields of few actions say which."""

    def webhook(name: str, action: str, **more: Any) -> dict[str, Any]:
        schema = thing("action", action={**TEXT, "enum": [action]}, **more)
        return {
            "post": {
                "summary": "It happened. Twice.",
                "x-github": {"subcategory": name},
                "requestBody": {"content": {"application/json": {"schema": schema}}},
            }
        }

    webhooks = {
        "a": webhook("repository-dispatch", "sample"),
        "b": webhook("issues", "opened"),
        "c": webhook("issues", "closed", reason=TEXT),
    }
    trees = webhook_events(Description({**NOTHING, "x-webhooks": webhooks}), [], Counter())
    assert list(trees) == ["issues", "repository_dispatch"]
    assert written(trees["repository_dispatch"])["properties"]["action"] == {"type": "string"}
    issues = written(trees["issues"])
    assert issues["description"] == "It happened"
    assert issues["properties"]["action"]["enum"] == ["closed", "opened"]
    assert issues["properties"]["reason"] == {"type": "string", "description": "With action closed"}


def test_payloads_are_right_where_they_differ() -> None:
    """A missing field isn't required, null is allowed, new types, texts and fields are taken in."""
    root = slot(
        thing(
            "a",
            "b",
            "c",
            a=TEXT,
            b={"type": "integer"},
            c={**TEXT, "enum": ["x"]},
            when_at=TEXT,
            inner=thing("d", d=TEXT),
        )
    )
    made: Counter[str] = Counter()
    payload = {"a": None, "b": "1", "c": "y", "when_at": "yesterday", "new": [{"e": 1}, {"f": None}], "inner": {}}
    correct(root, payload, made)
    assert written(root) == {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"type": ["integer", "string"]},
            "c": {"type": "string", "enum": ["x", "y"]},
            "inner": {"type": "object", "properties": {"d": {"type": "string"}}},
            "new": {"type": "array", "items": {"type": "object", "properties": {"e": {"type": "integer"}, "f": {}}}},
            "when_at": {"type": "string"},
        },
        "required": ["a", "b", "c"],
    }
    assert made == {"nullable": 1, "type": 1, "enum": 1, "format": 1, "property": 1, "required": 1}
    again: Counter[str] = Counter()
    correct(root, payload, again)
    assert +again == {}


def test_what_no_payload_lacks_is_required_where_some_description_says_so() -> None:
    """Not from one payload, and not what a description doesn't list."""
    one = slot(thing("a", a=TEXT, b=TEXT, c=TEXT, d=TEXT))
    join(one, slot(thing("a", "b", "c", "d", "e", a=TEXT, b=TEXT, c=TEXT, d=TEXT, e=TEXT)))
    payload = {"a": "", "b": "", "c": "", "d": "", "e": ""}
    for _ in range(4):
        correct(one, payload, Counter())
    require(one)
    assert one.node.required == {"a"}
    correct(one, {"a": "", "b": "", "c": "", "e": ""}, Counter())
    require(one)
    assert one.node.required == {"a", "b", "c"}


def test_maps_stay_maps() -> None:
    """Keys that users chose are not listed, and the values of a typed map are corrected together."""
    free = {"type": "object", "additionalProperties": True}
    root = slot(thing(bare={"type": "object"}, free=free, typed={"type": "object", "additionalProperties": TEXT}))
    correct(root, {"bare": {"x": 1}, "free": {"x": 1}, "typed": {"x": None}}, Counter())
    assert written(root)["properties"] == {
        "bare": {"type": "object", "additionalProperties": True},
        "free": {"type": "object", "additionalProperties": True},
        "typed": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    }


def test_what_github_says_elsewhere_is_followed() -> None:
    """References, allOf, oneOf and times; what holds itself comes to an end as a map."""
    team = thing("id", id={"type": "integer"}, parent={"$ref": "#/components/schemas/team"})
    root = slot(
        {
            "allOf": [
                thing("a", a=TEXT, team={"$ref": "#/components/schemas/team"}),
                thing(
                    "b", a={**TEXT, "enum": ["x"]}, b={"oneOf": [{"type": "integer"}, TEXT]}, made_at={"nullable": True}
                ),
            ]
        },
        team=team,
    )
    assert written(root) == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "enum": ["x"]},
            "b": {"type": ["integer", "string"]},
            "made_at": {"type": ["string", "null"], "format": "date-time"},
            "team": {
                "type": "object",
                "properties": {"id": {"type": "integer"}, "parent": {"type": "object", "additionalProperties": True}},
                "required": ["id"],
            },
        },
        "required": ["a", "b"],
    }


def test_objects_that_are_alike_are_written_once() -> None:
    """With null where a place allows it, and the name that GitHub gives them; others stay apart."""
    names = ("id", "login", "url", "type", "name")
    user = {**thing(*names, **dict.fromkeys(names, TEXT)), "title": "User"}
    other = {**thing(**{name: {"type": "integer"} for name in names}), "title": "User"}
    root = written(slot(thing(a=user, b={**user, "nullable": True}, c={"type": "array", "items": user}, d=other)))
    reference = {"$ref": "#/$defs/user"}
    assert root["properties"]["a"] == reference
    assert root["properties"]["b"] == {"anyOf": [reference, {"type": "null"}]}
    assert root["properties"]["c"] == {"type": "array", "items": reference}
    assert root["properties"]["d"]["properties"]["id"] == {"type": "integer"}
    assert list(root["$defs"]) == ["user"]
    assert root["$defs"]["user"]["required"] == sorted(names)


def test_a_choice_of_objects_is_not_taken_for_one_of_them() -> None:
    """A user or a team: all fields are optional there, and users elsewhere keep theirs."""
    names = ("id", "login", "url", "type", "avatar")
    user = {**thing(*names, **dict.fromkeys(names, TEXT)), "title": "User"}
    team = {**thing("id", "slug", **dict.fromkeys(("id", "slug"), TEXT)), "title": "Team"}
    root = written(slot(thing(a=user, b=user, either={"oneOf": [user, team]})))
    assert root["$defs"]["user"]["required"] == sorted(names)
    assert root["properties"]["either"]["required"] == ["id"]
    assert set(root["properties"]["either"]["properties"]) == {*names, "slug"}


def test_descriptions_are_one_short_sentence() -> None:
    """Without links, and rather none than half of one."""
    assert sentence("The [pull request](https://x/y) that **was** opened. More.") == "The pull request that was opened"
    assert sentence("word " * 50) == ""
    assert sentence("") == ""


def test_the_layout_is_json_within_its_width() -> None:
    """Short members on one line, long lists filled; texts with spaces stay whole."""
    document = {"a": {"b": 1}, "enum": [f"too {number} heated" for number in range(20)] + [None], "c": [], "d": {}}
    text = laid_out(document)
    assert json.loads(text) == document
    assert '  "a": { "b": 1 },' in text.splitlines()
    assert max(map(len, text.splitlines())) <= 120
    assert text.endswith("}\n")
