"""New fields are told from wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts import Contract
from hub.contracts.drift import MOST_FIELDS, Drift, Novelty

USER = {"type": "object", "properties": {"login": {"type": "string"}}, "required": ["login"]}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "user": {"$ref": "#/$defs/user"},
        "users": {"type": "array", "items": {"$ref": "#/$defs/user"}},
        "labels": {"type": "object", "additionalProperties": {"$ref": "#/$defs/user"}},
        "anything": {"type": "object"},
        "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        "maybe": {"anyOf": [{"$ref": "#/$defs/user"}, {"type": "null"}]},
        "both": {"allOf": [{"$ref": "#/$defs/user"}, {"properties": {"age": {"type": "integer"}}}]},
    },
    "$defs": {"user": USER},
}
OCTOCAT = {"login": "octocat"}


def drift(data: Any, schema: dict[str, Any] = SCHEMA) -> tuple[list[str], list[tuple[str, str]]]:
    violations, novelties = Contract("x", schema).drift(data)
    return [each.path for each in violations], [tuple(each) for each in novelties]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"n": 1, "user": OCTOCAT, "maybe": None, "both": {"login": "x", "age": 3}}, []),
        ({"later": [1]}, [("/later", "array")]),
        ({"user": {"login": "x", "id": 7}}, [("/user/id", "integer")]),
        ({"users": [OCTOCAT, {"login": "x", "id": 7}, {"login": "y", "id": 8}]}, [("/users/*/id", "integer")]),
        ({"labels": {"any": {"login": "x", "id": None}}}, [("/labels/any/id", "null")]),
        ({"anything": {"a": 1}, "open": {"b": 1}}, []),
        ({"closed": {"b": 1.5}}, [("/closed/b", "number")]),
        ({"maybe": {"login": "x", "new": {"deep": 1}}}, [("/maybe/new", "object")]),
        ({"both": {"login": "x", "new": True}}, [("/both/new", "boolean")]),
    ],
)
def test_new_fields_are_named_with_their_types(data: Any, expected: list[tuple[str, str]]) -> None:
    """Also where the schema forbids further fields in so many words; never where it allows them."""
    assert drift(data) == ([], expected)


@pytest.mark.parametrize(
    ("data", "violations", "new"),
    [
        ({"n": "x", "later": 1}, ["/n"], [("/later", "integer")]),
        ({"user": {"id": 1}}, ["/user/login"], [("/user/id", "integer")]),
        ({"maybe": {"login": 1, "id": 2}}, ["/maybe/login"], [("/maybe/id", "integer")]),
        ([], [""], []),
    ],
)
def test_wrong_types_of_known_fields_are_violations_all_the_same(
    data: Any, violations: list[str], new: list[tuple[str, str]]
) -> None:
    """Evolving is about new fields alone."""
    assert drift(data) == (violations, new)


def test_alternatives_with_closed_objects_may_gain_fields() -> None:
    """The alternative that is otherwise right takes the new field."""
    schema = {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": "a"}},
                "required": ["kind"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"kind": {"const": "b"}},
                "required": ["kind"],
                "additionalProperties": False,
            },
        ]
    }
    assert drift({"kind": "b", "new": 1}, schema) == ([], [("/new", "integer")])
    assert drift({"kind": "c", "new": 1}, schema) == ([""], [("/new", "integer")])


def test_what_fits_two_of_one_is_a_violation_although_the_strict_form_would_choose() -> None:
    """Closing alternatives may leave one of two that fit; the contract itself has the last word."""
    schema = {
        "oneOf": [
            {"properties": {"o": {"type": "object", "properties": {"a": {}}}}},
            {"properties": {"o": {"type": "object", "properties": {"b": {}}}}},
        ]
    }
    assert drift({"o": {"a": 1}}, schema)[0] == [""]


def test_conditions_stay_as_they_are() -> None:
    """A stricter `not` or `if` would let through what the contract forbids."""
    schema = {
        "properties": {"a": {}, "b": {}},
        "not": {"properties": {"a": {"type": "object", "properties": {"x": {}}}}},
    }
    assert drift({"a": {"y": 1}}, schema)[0] == [""]


def test_what_is_forbidden_by_reference_stays_forbidden() -> None:
    """The definition is closed where it describes a value, and that must not loosen where it forbids one."""
    thing = {"type": "object", "properties": {"o": {"type": "object", "properties": {"x": {}}}}, "required": ["o"]}
    schema = {
        "properties": {"a": {"$ref": "#/$defs/thing"}, "b": {"not": {"$ref": "#/$defs/thing"}}},
        "$defs": {"thing": thing},
    }
    assert drift({"a": {"o": {"y": 1}}}, schema) == ([], [("/a/o/y", "integer")])
    assert drift({"b": {"o": {"y": 1}}}, schema)[0] == ["/b"]


def test_a_definition_may_stand_alone_here_and_be_joined_there() -> None:
    """Alone it is closed by itself, joined together with the others."""
    schema = {
        "properties": {
            "alone": {"$ref": "#/$defs/user", "description": "x"},
            "joined": {"allOf": [{"$ref": "#/$defs/user"}, {"properties": {"age": {}}}]},
        },
        "$defs": {"user": USER},
    }
    assert drift({"alone": {"login": "x", "age": 1}, "joined": {"login": "x", "age": 1}}, schema) == (
        [],
        [("/alone/age", "integer")],
    )


def test_a_recursive_schema_is_followed_all_the_way() -> None:
    """New fields deep down are found."""
    tree: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert drift({"next": {"next": {"new": 1}}}, tree) == ([], [("/next/next/new", "integer")])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SCHEMA["properties"], "login", "x"]), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_drift_and_check_agree(data: Any) -> None:
    """What breaks the contract breaks it in both; without new fields both say the same."""
    contract = Contract("x", SCHEMA)
    checked = contract.check(data)
    violations, novelties = contract.drift(data)
    if not novelties:
        assert violations == checked
    assert {each.path for each in violations} <= {each.path for each in checked}


def test_a_unit_s_drift_tells_each_new_field_once() -> None:
    """And again when a value of another type comes."""
    drift = Drift()
    at = datetime(2026, 11, 21, tzinfo=UTC)
    assert [each.path for each in drift.note([Novelty("/a", "string")], at)] == ["/a"]
    assert drift.note([Novelty("/a", "string")]) == []
    (wider,) = drift.note([Novelty("/a", "null")])
    assert (wider.type, wider.events, wider.first_seen) == ("string|null", 3, at)
    assert drift.fields == [wider]


def test_a_drift_doesn_t_grow_without_bounds() -> None:
    """Keys may be anything; so many are listed, the rest is counted."""
    drift = Drift()
    drift.note(Novelty(f"/{number}", "integer") for number in range(MOST_FIELDS + 5))
    assert (len(drift.fields), drift.more) == (MOST_FIELDS, 5)


def test_real_payloads_are_taken_as_they_are(payloads: list[tuple[str, bytes]]) -> None:
    """A contract of one example's shape sees nothing new in it, and the rest of the examples never raise."""
    pushes = [orjson.loads(body) for event, body in payloads if event == "push"]
    schema = {"type": "object", "properties": {name: {} for name in pushes[0]}}
    assert drift(pushes[0], schema) == ([], [])
    for each in pushes:
        assert drift(each, schema)[0] == []
