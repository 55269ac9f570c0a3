"""Schema files that refer to each other become one schema, and what is wrong with them has a place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Contract
from hub.contracts.bundle import SchemaFiles
from hub.contracts.problem import InvalidSchema, SchemaProblem, locate

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes schema files and gives their directory."""

    def write(**files: Any) -> Path:
        for name, content in files.items():
            path = tmp_path / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path

    return write


def load(directory: Path, name: str = "main.json") -> dict[str, Any]:
    return SchemaFiles([directory.resolve()]).load(directory / name)


def wrong(directory: Path, name: str = "main.json") -> list[SchemaProblem]:
    with pytest.raises(InvalidSchema) as caught:
        load(directory, name)
    return list(caught.value.problems)


def test_what_other_files_hold_is_put_under_defs(write: Write) -> None:
    """By relative path, with and without a place in the file; references within those files come along."""
    directory = write(
        **{
            "push/v1": {
                "properties": {"user": {"$ref": "../common.json#/$defs/user"}, "repo": {"$ref": "../repo/v1.json"}}
            },
            "common": {
                "$defs": {
                    "user": {"type": "object", "properties": {"team": {"$ref": "#/$defs/team"}}},
                    "team": {"type": "object", "properties": {"lead": {"$ref": "#/$defs/user"}}},
                }
            },
            "repo/v1": {
                "$id": "https://x/y",
                "type": "object",
                "properties": {"owner": {"$ref": "../common.json#/$defs/user"}},
            },
        }
    )
    schema = load(directory, "push/v1.json")
    assert schema == {
        "properties": {"user": {"$ref": "#/$defs/user"}, "repo": {"$ref": "#/$defs/repo"}},
        "$defs": {
            "user": {"type": "object", "properties": {"team": {"$ref": "#/$defs/team"}}},
            "team": {"type": "object", "properties": {"lead": {"$ref": "#/$defs/user"}}},
            "repo": {"type": "object", "properties": {"owner": {"$ref": "#/$defs/user"}}},
        },
    }
    contract = Contract("push", schema)
    assert contract.check({"repo": {"owner": {"team": {"lead": 1}}}})[0].path == "/repo/owner/team/lead"


def test_names_don_t_clash(write: Write) -> None:
    """Two files may each have a `user`, and the schema itself a third."""
    directory = write(
        main={
            "$defs": {"user": {"type": "null"}},
            "prefixItems": [{"$ref": "#/$defs/user"}, {"$ref": "a.json#/$defs/user"}, {"$ref": "b.json#/$defs/user"}],
        },
        a={"$defs": {"user": {"type": "string"}}},
        b={"$defs": {"user": {"type": "integer"}}},
    )
    contract = Contract("main", load(directory))
    assert contract.check([None, "x", 1]) == []
    assert [each.path for each in contract.check([1, 1, "x"])] == ["/0", "/1", "/2"]


def test_files_may_refer_to_each_other_in_a_circle(write: Write) -> None:
    """Each is put in once."""
    directory = write(
        main={"properties": {"a": {"$ref": "a.json"}}}, a={"properties": {"b": {"$ref": "main.json"}}, "type": "object"}
    )
    schema = load(directory)
    assert schema["$defs"] == {"a": {"properties": {"b": {"$ref": "#"}}, "type": "object"}}
    assert Contract("main", schema).check({"a": {"b": {"a": 1}}})[0].path == "/a/b/a"


def test_anchors_are_found(write: Write) -> None:
    """In the schema's own file and in others."""
    directory = write(
        main={
            "prefixItems": [{"$ref": "#here"}, {"$ref": "a.json#there"}],
            "$defs": {"x": {"$anchor": "here", "type": "string"}},
        },
        a={"$defs": {"y": {"$anchor": "there", "type": "null"}}},
    )
    schema = load(directory)
    assert schema["prefixItems"] == [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}]


def test_a_field_named_like_a_keyword_is_a_field(write: Write) -> None:
    """`$ref`, `items` or `format` under `properties` are names, and values of `enum` and `default` are values."""
    directory = write(
        main={
            "properties": {"$ref": {"type": "string"}, "format": {"type": "string"}, "items": {"type": "array"}},
            "default": {"$ref": "nowhere.json"},
            "examples": [{"$ref": "#/nowhere"}],
        }
    )
    schema = load(directory)
    assert schema["default"] == {"$ref": "nowhere.json"}
    assert Contract("main", schema).check({"format": "uri", "items": [], "$ref": 1})[0].path == "/$ref"


@pytest.mark.parametrize(
    ("schema", "code", "at", "message"),
    [
        ({"type": "objct"}, "event.schema", ("type",), "there is no type `objct`; did you mean `object`?"),
        (
            {"properties": {"a": {"type": ["string", "nul"]}}},
            "event.schema",
            ("properties", "a", "type", 1),
            "there is no type `nul`; did you mean `null`?",
        ),
        ({"required": "a"}, "event.schema", ("required",), "`required`: expected array, got string"),
        ({"pattern": "("}, "event.schema", ("pattern",), "`pattern`: expected text of the form regex, got a string"),
        ({"items": [{}]}, "event.schema", ("items",), "`items`: expected boolean or object, got array"),
        ([], "event.schema", (), "`schema`: expected boolean or object, got array"),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            "event.schema",
            ("$schema",),
            "expected JSON Schema 2020-12; got `http://json-schema.org/draft-07/schema#`",
        ),
        (
            {"$ref": "#/$defs/x"},
            "event.reference",
            ("$ref",),
            "`#/$defs/x` leads nowhere: this schema has no such place",
        ),
        (
            {"$ref": "#/$defs/usr", "$defs": {"user": {}}},
            "event.reference",
            ("$ref",),
            "`#/$defs/usr` leads nowhere: did you mean `#/$defs/user`?",
        ),
        ({"$ref": "https://x/y"}, "event.reference", ("$ref",), "`https://x/y` is a URL, and nothing is fetched"),
        ({"$ref": "a.json#/b"}, "event.reference", ("$ref",), "`a.json#/b` leads nowhere: `a.json` has no such place"),
        ({"$ref": "a.json#/n"}, "event.schema", ("n",), "`schema`: expected boolean or object, got integer"),
        (
            {"properties": {"a": {"$id": "x"}}},
            "event.schema",
            ("properties", "a", "$id"),
            "`$id` within a schema changes what its references mean",
        ),
    ],
)
def test_what_is_wrong_with_a_schema_has_a_place(
    write: Write, schema: Any, code: str, at: tuple[str, ...], message: str
) -> None:
    """The path within its file, and what was expected."""
    (found,) = wrong(write(main=schema, a={"n": 1}))
    assert (found.code, found.at, found.message) == (code, at, message)


def test_files_that_can_t_be_read_are_told_where_they_are_referred_to(write: Write) -> None:
    """Missing, outside of the folder, no JSON."""
    directory = write(
        main={"properties": {"a": {"$ref": "b.json"}, "c": {"$ref": "../../etc/passwd"}, "d": {"$ref": "bad.json"}}},
        bad='{"a": }',
    )
    missing, outside, bad = wrong(directory)
    assert (missing.code, missing.at) == ("include.missing", ("properties", "a", "$ref"))
    assert (outside.code, outside.at) == ("include.outside", ("properties", "c", "$ref"))
    assert (bad.code, bad.file, bad.offset) == ("include.json", directory.resolve() / "bad.json", 6)


def test_what_looks_wrong_is_a_warning(write: Write) -> None:
    """A misspelt keyword does nothing, and nobody would know."""
    directory = write(main={"propertis": {}, "x-own": 1, "wholly-other": 2, "items": {"nullable": True}})
    schema, found = SchemaFiles([directory.resolve()]).examine(json.loads((directory / "main.json").read_text()))
    assert schema
    assert [(each.severity, each.at) for each in found] == [
        ("warning", ("propertis",)),
        ("warning", ("items", "nullable")),
    ]
    assert found[0].fix == "properties"


def test_places_are_found_in_a_file_s_text() -> None:
    """A key where there is one, else the value."""
    text = '{\n  "a": [1, {"b\\"c": "x"}],\n  "d": {}\n}'

    def at(*path: str | int) -> str:
        start, end = locate(text, path)
        return text[start:end]

    assert at("a") == '"a"'
    assert at("a", 0) == "1"
    assert at("a", 1) == '{"b\\"c": "x"}'
    assert at("a", "1", 'b"c') == '"b\\"c"'
    assert at("d", "missing") == '"d"'
    assert at("missing") == "{"
    assert at() == text


def test_each_misspelt_type_is_told(write: Write) -> None:
    """Also of a field that is itself called `type`, and beside other mistakes."""
    found = wrong(write(main={"properties": {"type": {"type": ["strng", "nul"], "minimum": "x"}}}))
    assert [each.at for each in found] == [
        ("properties", "type", "type", 0),
        ("properties", "type", "type", 1),
        ("properties", "type", "minimum"),
    ]
