"""Shapes of JSON Schemas."""

import json
from pathlib import Path

import pytest

from hub.contracts.shape import DYN, INT, NEVER, STRING, Shape

GITHUB = sorted(Path("schemas/github").glob("*/v1.json"))


def of(**schema):
    return Shape.of_schema(schema)


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": "integer"}, {"int"}),
        ({"type": "number"}, {"int", "double"}),
        ({"type": ["string", "null"]}, {"string", "null_type"}),
        ({"type": "boolean", "nullable": True}, {"bool", "null_type"}),
        ({"const": 7}, {"int"}),
        ({"const": 7.5}, {"double"}),
        ({"enum": ["a", None, 1]}, {"string", "null_type", "int"}),
        ({"properties": {}}, {"map"}),
        ({"items": {}}, {"list"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null_type"}),
        ({"oneOf": [{"type": "array"}, {"type": "object"}]}, {"list", "map"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["string", "integer"]}]}, {"string"}),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, {"int"}),
        ({"type": "string", "minLength": 3, "pattern": "x"}, {"string"}),
        ({"pattern": "x"}, set()),
        ({}, set()),
        ({"type": "nonsense"}, set()),
        ({"not": {"type": "string"}}, set()),
        ({"anyOf": [{"type": "string"}, {}]}, set()),
        ({"$ref": "other.json"}, set()),
        ({"$ref": "#/$defs/none"}, set()),
    ],
)
def test_kinds(schema, kinds):
    """What the schema says of types, and what it leaves open."""
    assert Shape.of_schema(schema).kinds == kinds


def test_true_and_false_are_schemas():
    """Anything, and nothing."""
    assert Shape.of_schema(schema=True) is DYN
    assert Shape.of_schema(schema=False) is NEVER
    assert of(type="object", properties={"a": False}).fields["a"] is NEVER


def test_an_object_with_properties_is_closed_to_the_checker():
    """Unless it says that it isn't."""
    properties = {"a": {"type": "string"}}
    assert of(properties=properties).closed
    assert not of(properties=properties).sealed
    assert of(properties=properties, additionalProperties=False).sealed
    open_ = of(properties=properties, additionalProperties=True)
    assert not open_.closed
    assert open_.field("b") is DYN
    assert of(properties=properties, additionalProperties={"type": "integer"}).field("b") == INT
    assert of(properties=properties, patternProperties={"^x": {"type": "integer"}}).field("b") is DYN
    assert not of(type="object").closed
    assert of(type="object", additionalProperties=False).closed


def test_required_fields():
    """Those that are listed."""
    assert of(properties={"a": {}, "b": {}}, required=["a"]).required == {"a"}


def test_elements_of_tuples_are_any_of_them():
    """First ones and what follows."""
    assert of(prefixItems=[{"type": "string"}], items={"type": "integer"}).items.kinds == {"string", "int"}
    assert of(prefixItems=[{"type": "string"}]).items is DYN
    assert of(prefixItems=[{"type": "string"}], items=False).items == STRING


def test_all_of_joins_fields():
    """A base and what a schema adds, both closed: the whole is closed, with the fields of both."""
    base = {"properties": {"id": {"type": "integer"}}, "required": ["id"]}
    shape = of(allOf=[base, {"properties": {"name": {"type": "string"}}}])
    assert set(shape.fields) == {"id", "name"}
    assert shape.required == {"id"}
    assert shape.closed
    assert of(allOf=[base, {"required": ["id"]}]).closed
    assert not of(allOf=[base, {"additionalProperties": True, "properties": {"x": {}}}]).closed


def test_fields_that_two_schemas_name_are_of_both():
    """The narrower of the two."""
    shape = of(properties={"a": {"type": ["string", "null"]}}, allOf=[{"properties": {"a": {"type": "string"}}}])
    assert shape.fields["a"] == STRING


def test_what_stands_beside_alternatives_holds_for_each():
    """Common properties, and those of the variants."""
    shape = of(
        properties={"id": {"type": "integer"}, "kind": {"enum": ["a", "b"]}},
        required=["kind"],
        oneOf=[
            {"properties": {"kind": {"const": "a"}, "x": {"type": "string"}}},
            {"properties": {"kind": {"const": "b"}, "y": {"type": "string"}}},
        ],
    )
    assert [set(each.fields) for each in shape.variants] == [{"id", "kind", "x"}, {"id", "kind", "y"}]
    assert shape.discriminator == "kind"


def test_conditions_declare_fields():
    """What only `then` or a dependent schema names may be there."""
    shape = of(properties={"a": {}}, **{"if": {}, "then": {"properties": {"b": {"type": "string"}}}})
    assert shape.fields["b"] == STRING
    assert shape.closed
    assert "b" not in shape.required
    assert "c" in of(properties={"a": {}}, dependentSchemas={"a": {"properties": {"c": {}}}}).fields


def test_references_and_anchors():
    """Within the schema, with escapes; what stands beside a reference holds too."""
    shape = of(
        **{"$defs": {"a/b": {"type": "string"}, "c": {"$anchor": "here", "type": ["integer", "null"]}}},
        properties={
            "x": {"$ref": "#/$defs/a~1b"},
            "y": {"$ref": "#here"},
            "z": {"$ref": "#here", "type": "integer"},
            "self": {"$ref": "#"},
        },
    )
    assert shape.fields["x"] == STRING
    assert shape.fields["y"].kinds == {"int", "null_type"}
    assert shape.fields["z"] == INT
    assert shape.fields["self"].fields["self"] is shape.fields["self"]


def test_a_schema_defined_by_itself_says_nothing():
    """And ends."""
    assert Shape.of_schema({"$ref": "#"}) is DYN
    assert of(**{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}) is DYN


def test_recursion_through_fields_is_followed_as_far_as_asked():
    """A tree of any depth."""
    node = {"properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}, "v": {"type": "integer"}}}
    shape = of(**{"$defs": {"node": node}, "$ref": "#/$defs/node"})
    for _ in range(50):
        assert shape.fields["v"] == INT
        shape = shape.fields["next"]
    assert shape == shape.fields["next"]


def test_descriptions_are_kept():
    """For hover and completion, also beside a reference."""
    shape = of(**{"$defs": {"u": {"type": "string"}}}, properties={"a": {"$ref": "#/$defs/u", "description": "who"}})
    assert shape.fields["a"].description == "who"


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.parent.name)
def test_schemas_of_github_are_read_lazily(path):
    """All that is there has a shape, to any depth, and nothing is built before it is asked for."""
    shape = Shape.of_schema(json.loads(path.read_text()))
    seen: set[int] = set()
    waiting = [shape]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        assert each.kinds or each is DYN
        waiting.extend(each.fields.values())
        waiting.extend(filter(None, (each.items, each.values)))
    assert len(seen) < 3000
