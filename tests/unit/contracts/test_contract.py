"""Contracts check data and name what breaks them, by path and type."""

from __future__ import annotations

from typing import Any

import pytest

from hub.contracts import Contract, Mode

PULL: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "state": {"enum": ["open", "closed"]},
        "merged_at": {"type": ["string", "null"], "format": "date-time"},
        "user": {"$ref": "#/$defs/user"},
        "labels": {"type": "array", "items": {"type": "string", "minLength": 2}, "maxItems": 3},
        "assignee": {"anyOf": [{"$ref": "#/$defs/user"}, {"type": "null"}]},
        "size": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "url": {"type": "string", "format": "uri"},
    },
    "required": ["number", "user"],
    "additionalProperties": False,
    "$defs": {
        "user": {
            "type": "object",
            "properties": {"login": {"type": "string"}, "a/b": {"type": "string"}},
            "required": ["login"],
        }
    },
}
GOOD: dict[str, Any] = {"number": 1, "user": {"login": "octocat"}}


def broken(data: Any, schema: dict[str, Any] = PULL) -> list[str]:
    return [str(each) for each in Contract("pull", schema).check(data)]


def test_data_that_keep_a_contract_break_nothing() -> None:
    """Nothing is listed."""
    assert broken({**GOOD, "assignee": None, "labels": ["bug"], "merged_at": "2026-11-21T10:00:00Z"}) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"number": "secret-7"}, "/number: expected integer, got string"),
        ({"number": 0}, "/number: expected a number of at least 1, got an integer"),
        ({"user": {"login": None}}, "/user/login: expected string, got null"),
        ({"user": {}}, "/user/login: expected a value, got nothing"),
        ({"user": {"login": "x", "a/b": 1}}, "/user/a~1b: expected string, got integer"),
        ({"state": "secret"}, '/state: expected one of "open", "closed", got a string'),
        ({"merged_at": "secret"}, "/merged_at: expected text of the form date-time, got a string"),
        ({"merged_at": 3}, "/merged_at: expected string or null, got integer"),
        ({"labels": ["bug", "x"]}, "/labels/1: expected text of at least 2 characters, got a string"),
        ({"labels": ["aa", "bb", "cc", "dd"]}, "/labels: expected at most 3 items, got an array"),
        ({"size": [1]}, "/size: expected integer or string, got array"),
        ({"assignee": {"login": 5}}, "/assignee/login: expected string, got integer"),
        ({"secret": 1}, "/secret: expected no field that the contract doesn't have, got one"),
    ],
)
def test_a_violation_names_path_and_types_and_no_value(more: dict[str, Any], expected: str) -> None:
    """The failing path, what was expected, and the type that came."""
    assert broken({**GOOD, **more}) == [expected]


def test_the_whole_data_may_be_of_the_wrong_type() -> None:
    """The path of the whole is shown as a slash."""
    assert broken([]) == ["/: expected object, got array"]


def test_a_url_that_only_rfc_3986_minds_is_no_violation() -> None:
    """GitHub sends such; the format is a description."""
    assert broken({**GOOD, "url": "https://github.com/a/b/compare/d70c^...000"}) == []


def test_keywords_of_2020_12_are_kept() -> None:
    """Those that validators of older drafts pass over in silence."""
    assert broken({"a": 1, "b": 2}, {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}) == [
        "/b: expected no field that the contract doesn't have, got one"
    ]
    assert broken([1, 2], {"prefixItems": [{"type": "string"}], "items": False}) == [
        "/0: expected string, got integer",
        "/1: expected nothing, got an integer",
    ]
    assert broken({"a": 1}, {"dependentRequired": {"a": ["b"]}}) == ["/b: expected a value, got nothing"]
    tree = {
        "$defs": {
            "node": {
                "$dynamicAnchor": "node",
                "properties": {"next": {"$dynamicRef": "#node"}, "n": {"type": "integer"}},
            }
        },
        "$ref": "#/$defs/node",
    }
    assert broken({"next": {"next": {"n": "x"}}}, tree) == ["/next/next/n: expected integer, got string"]


def test_of_alternatives_the_nearest_one_is_explained() -> None:
    """The one whose mark fits, not each of them."""
    schema = {
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"]},
            {"properties": {"kind": {"const": "b"}, "t": {"type": "string"}}, "required": ["kind", "t"]},
        ]
    }
    assert broken({"kind": "b", "t": 1}, schema) == ["/t: expected string, got integer"]
    assert broken({"kind": "c"}, schema) == [
        "/: expected what one of 2 alternatives allows, got an object that none does"
    ]
    both = {"oneOf": [{"type": "integer"}, {"type": "number"}]}
    assert broken(1, both) == ["/: expected what exactly one of 2 alternatives allows, got an integer"]


def test_a_pattern_can_not_hold_up_the_hub() -> None:
    """Backtracking is bounded: what can't be decided within the bound breaks the contract."""
    (found,) = broken("a" * 5000 + "!", {"pattern": r"^(a|aa)+(?=$)"})
    assert found.startswith("/: expected")


def test_directions_have_modes_of_their_own() -> None:
    """A declared contract is enforced where events are made, and trusted where they are read."""
    contract = Contract("pull", PULL, "hub.yaml")
    assert (contract.mode("produce"), contract.mode("consume")) == (Mode.ENFORCE, Mode.TRUST)
    assert not contract.mode("consume").checks
    assert contract.mode("produce").checks


def test_a_schema_is_read_when_it_is_needed() -> None:
    """And only once."""
    asked: list[int] = []

    def read() -> dict[str, Any]:
        asked.append(1)
        return PULL

    contract = Contract("pull", read)
    assert asked == []
    contract.check(GOOD)
    contract.check({})
    assert asked == [1]
