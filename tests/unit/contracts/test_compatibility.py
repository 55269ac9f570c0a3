"""What changed between two versions of a schema, and who can no longer read whom."""

# ruff: noqa: E501  a change and what it breaks are read as one line

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.compatibility import Compatibility, compare
from hub.contracts.validation import Validator

OBJECT: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def fields(required: tuple[str, ...] = (), further: Any = None, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": list(required)}
    return schema if further is None else {**schema, "additionalProperties": further}


def told(old: Any, new: Any, mode: str = "backward", **more: Any) -> list[str]:
    return [str(each) for each in compare(old, new, Compatibility(mode), **more)]


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        # Fields, in objects that say nothing of further ones.
        (fields(a=TEXT), fields(a=TEXT, b=TEXT), [], []),
        (fields(a=TEXT, b=TEXT), fields(a=TEXT), [], []),
        (
            fields(a=TEXT),
            fields(("b",), a=TEXT, b=TEXT),
            ["/b: the new version requires it, the old version doesn't have it"],
            [],
        ),
        (fields(("a",), a=TEXT), fields(), [], ["/a: the old version requires it, the new version doesn't have it"]),
        (
            fields(a=TEXT),
            fields(("a",), a=TEXT),
            ["/a: the new version requires it, the old version may leave it out"],
            [],
        ),
        # Closed ones.
        (fields(further=False, a=TEXT), fields(further=False, a=TEXT, b=TEXT), [], ["/b: the old version doesn't allow it"]),
        (fields(a=TEXT), fields(further=False), ["/a: the new version doesn't allow it"], []),
        # Open ones.
        (fields(further=True), fields(further=False), ["/: the old version allows further fields, the new version doesn't"], []),
        (
            fields(further=True),
            fields(further=True, a=TEXT),
            ["/a: the new version says what it is; in the old version fields that aren't listed may be anything"],
            [],
        ),
        (fields(further=TEXT), fields(further=TEXT, a=TEXT), [], []),
        (fields(further=TEXT), fields(further=WHOLE), ["/*: the old version allows string, the new version integer"], ["/*: the new version allows integer, the old version string"]),
        # Types.
        (fields(a=WHOLE), fields(a={"type": "number"}), [], ["/a: the new version allows number, the old version integer"]),
        (fields(a={"type": ["string", "null"]}), fields(a=TEXT), ["/a: the old version allows null, the new version string"], []),
        (fields(a=TEXT), fields(a={"anyOf": [TEXT, {"type": "null"}]}), [], ["/a: the new version allows null, the old version string"]),
        (fields(a={}), fields(a=TEXT), ["/a: the old version allows anything, the new version string"], []),
        ({"type": "array", "items": {"type": ["integer", "string"]}}, {"type": "array", "items": WHOLE}, ["/*: the old version allows string, the new version integer"], []),
        # Constants.
        (fields(a={"enum": ["x", "y"]}), fields(a={"enum": ["x"]}), ['/a: the old version allows "y", the new version doesn\'t'], []),
        (fields(a=TEXT), fields(a={"enum": ["x"]}), ['/a: the new version allows only "x", the old version any string'], []),
        (fields(a={"const": "x"}), fields(a={"type": "string", "pattern": "^x"}), [], ['/a: the old version allows only "x", the new version any string']),
        (fields(a={"enum": ["x", "y"]}), fields(a={"type": "string", "pattern": "^x"}), ['/a: the old version allows "y", the new version doesn\'t'], ['/a: the old version allows only "x", "y", the new version any string']),
        (fields(a={"type": "boolean"}), fields(a={"enum": [True, False]}), [], []),
        # Bounds.
        (fields(a={"type": "string", "minLength": 1}), fields(a={"type": "string", "minLength": 3}), ["/a: the new version demands a `minLength` of 3, the old version 1"], []),
        (fields(a=WHOLE), fields(a={"type": "integer", "maximum": 9}), ["/a: the new version demands a `maximum` of 9, the old version nothing"], []),
        (fields(a={"type": "integer", "multipleOf": 10}), fields(a={"type": "integer", "multipleOf": 5}), [], ["/a: `multipleOf` differs, and nobody can tell whether all that the new version allows still fits"]),
        (fields(a=TEXT), fields(a={"type": "string", "format": "date-time"}), ["/a: the new version demands a `format`, the old version doesn't"], []),
        (fields(a=TEXT), fields(a={"type": "string", "format": "uri"}), [], []),
        (fields(a={**TEXT, "pattern": "^a"}), fields(a={**TEXT, "pattern": "^b"}), ["/a: `pattern` differs, and nobody can tell whether all that the old version allows still fits"], ["/a: `pattern` differs, and nobody can tell whether all that the new version allows still fits"]),
        # A bound on what isn't a number anyway.
        (fields(a=TEXT), fields(a={"type": "string", "minimum": 5}), [], []),
        # Words alone.
        ({**OBJECT, "title": "A"}, {**OBJECT, "description": "B"}, [], []),
    ],
)  # fmt: skip
def test_what_changes_break(old: Any, new: Any, backward: list[str], forward: list[str]) -> None:
    """Backward: the new version reads old data; forward: the old one reads new data; full: both."""
    assert told(old, new, "backward") == backward
    assert told(old, new, "forward") == forward
    assert sorted(told(old, new, "full")) == sorted(backward + forward)


def test_strict_is_as_confluents_registry() -> None:
    """An object that says nothing of further fields may have any: a field added to it may have been anything before."""
    assert told(fields(a=TEXT), fields(a=TEXT, b=TEXT), strict=True) == [
        "/b: the new version says what it is; in the old version fields that aren't listed may be anything"
    ]
    assert told(fields(a=TEXT, b=TEXT), fields(a=TEXT), strict=True) == []
    assert told(fields(a=TEXT), fields(further=False, a=TEXT), strict=True) == [
        "/: the old version allows further fields, the new version doesn't"
    ]


def test_references_are_followed() -> None:
    """Also where a definition moved, and where it leads back to itself."""
    old = {
        "properties": {"u": {"$ref": "#/$defs/user"}},
        "$defs": {"user": fields(a=TEXT, boss={"$ref": "#/$defs/user"})},
    }
    same = {
        "properties": {"u": {"$ref": "#/$defs/person"}},
        "$defs": {"person": fields(a=TEXT, boss={"$ref": "#/$defs/person"})},
    }
    other = {
        "properties": {"u": {"$ref": "#/$defs/user"}},
        "$defs": {"user": fields(a=WHOLE, boss={"$ref": "#/$defs/user"})},
    }
    assert told(old, same, "full") == []
    assert told(old, other) == ["/u/a: the old version allows string, the new version integer"]


def test_alternatives_are_compared_one_by_one() -> None:
    """The one that comes nearest is explained."""
    cat = fields(("kind",), kind={"const": "cat"}, lives=WHOLE)
    dog = fields(("kind",), kind={"const": "dog"}, tricks=TEXT)
    better_dog = fields(("kind",), kind={"const": "dog"}, tricks=WHOLE)
    assert told({"oneOf": [cat, dog]}, {"oneOf": [dog, cat]}, "full") == []
    assert told(cat, {"oneOf": [cat, dog]}) == []
    assert told({"oneOf": [cat, dog]}, {"oneOf": [cat, better_dog]}) == [
        "/tricks: the old version allows string, the new version integer"
    ]
    assert told({"oneOf": [cat, dog]}, cat) == ['/kind: the old version allows "dog", the new version doesn\'t']


def test_what_stands_in_parts_is_put_together() -> None:
    """`allOf` is the same as one schema."""
    parts = {"allOf": [fields(a=TEXT), fields(("b",), b=WHOLE)]}
    whole = fields(("b",), a=TEXT, b=WHOLE)
    assert told(parts, whole, "full") == []


def test_patterns_of_names() -> None:
    """Fields by regular expression are compared by their expression."""
    old = {"type": "object", "patternProperties": {"^x-": TEXT}, "additionalProperties": False}
    assert told(old, {**old, "patternProperties": {"^x-": WHOLE}}) == [
        "/<^x->: the old version allows string, the new version integer"
    ]
    assert told(old, {**old, "patternProperties": {}}) == ["/<^x->: the new version doesn't allow it"]
    assert told(fields(further=False, **{"x-a": TEXT}), old) == []


def test_what_is_left_over_is_left_over_from_what_a_schema_consists_of() -> None:
    """`unevaluatedProperties` sees the fields of its own parts, and not those of a schema beside it."""
    parts = {"allOf": [fields(a=TEXT)], "unevaluatedProperties": False}
    beside = {"allOf": [fields(a=TEXT), {"unevaluatedProperties": False}]}
    assert told(fields(further=False, a=TEXT), parts, "full") == []
    assert told(fields(further=False, a=TEXT), beside) == ["/a: the new version doesn't allow it"]
    everything = {"additionalProperties": TEXT, "unevaluatedProperties": False}
    assert told({"type": "object", **everything}, fields(further=TEXT), "full", strict=True) == []


SCALARS = st.sampled_from(
    [{}, True, {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "null"}, {"type": ["string", "null"]},
     {"enum": ["x", 1]}, {"const": "x"}, {"const": None}, {"enum": [True, False]}, {"type": "boolean"},
     {"type": "string", "minLength": 1}, {"type": "string", "maxLength": 1}, {"type": "string", "pattern": "^x"},
     {"minimum": 1}, {"type": "integer", "maximum": 0}, {"type": "number", "multipleOf": 0.5}, {"multipleOf": 1},
     {"not": {"type": "string"}}, False]
)  # fmt: skip


def _objects(inner: Any) -> Any:
    return st.builds(
        lambda properties, required, further, patterns: {
            "properties": properties,
            "required": sorted(required),
            **({} if further is None else {"additionalProperties": further}),
            **({"patternProperties": patterns} if patterns else {}),
        },
        st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
        st.sets(st.sampled_from("abx"), max_size=2),
        st.none() | inner,
        st.dictionaries(st.sampled_from(["^x", "^a"]), inner, max_size=1),
    ).flatmap(lambda schema: st.sampled_from([schema, {**schema, "type": "object"}]))


def _arrays(inner: Any) -> Any:
    return st.builds(
        lambda items, prefix, bound: {
            "type": "array",
            **({} if items is None else {"items": items}),
            **({"prefixItems": prefix} if prefix else {}),
            **bound,
        },
        st.none() | inner,
        st.lists(inner, max_size=2),
        st.sampled_from([{}, {"minItems": 1}, {"maxItems": 1}, {"uniqueItems": True}]),
    )


def _schemas(*, leftovers: bool) -> Any:
    """Schemas of many kinds; with `unevaluatedProperties` or without."""
    return st.recursive(
        SCALARS,
        lambda inner: (
            _objects(inner)
            | _arrays(inner)
            | st.builds(lambda several: {"anyOf": several}, st.lists(inner, min_size=1, max_size=3))
            | st.builds(lambda several: {"allOf": several}, st.lists(inner, min_size=1, max_size=2))
            | _objects(inner).map(lambda schema: {**schema, **({"unevaluatedProperties": False} if leftovers else {})})
        ),
        max_leaves=8,
    )


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 0.5, -3, 1.0, "", "x", "xy", "yy"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x", "xx", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(_schemas(leftovers=True), _schemas(leftovers=True), st.lists(VALUES, min_size=5, max_size=25))
def test_what_is_called_compatible_is(old: Any, new: Any, values: list[Any]) -> None:
    """No value that fits the old version may break the new one, if nothing was found (taken strictly)."""
    old, new = {"allOf": [old]}, {"allOf": [new]}
    if compare(old, new, strict=True):
        return
    before, after = Validator(old), Validator(new)
    for value in values:
        assert not before.fits(value) or after.fits(value), value


@settings(max_examples=200, deadline=None)
@given(_schemas(leftovers=False))
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    """Whatever it says; of left-over fields among alternatives it may say too much for us to tell."""
    same = {"$defs": {"it": schema}, "$ref": "#/$defs/it"}
    assert compare({"allOf": [schema]}, same, Compatibility.FULL) == []
