"""Shapes by themselves: unions, restrictions, texts, values."""

import pytest

from hub.contracts.shape import BOOL, DOUBLE, DYN, INT, NEVER, NULL, STRING, Shape
from hub.contracts.shape_accepts import accepts
from hub.contracts.shape_union import union

USER = Shape(("map",), fields={"login": STRING}, required=("login",), closed=True)
TEAM = Shape(("map",), fields={"slug": STRING}, required=("slug",), closed=True)
OPENED = Shape.of_schema(
    {"type": "object", "properties": {"kind": {"const": "opened"}, "by": {"type": "string"}}, "required": ["kind"]}
)
CLOSED = Shape.of_schema(
    {"type": "object", "properties": {"kind": {"const": "closed"}, "why": {"type": "string"}}, "required": ["kind"]}
)


def test_a_union_of_scalars_has_both_kinds():
    """A value is of one kind or the other."""
    assert union(STRING, NULL).kinds == {"string", "null_type"}


def test_a_union_with_the_unknown_is_unknown():
    """Where one alternative says nothing, nothing is known."""
    assert union(STRING, DYN) is DYN


def test_a_union_with_nothing_is_the_other():
    """The elements of an empty list don't widen those of another."""
    assert union(NEVER, STRING) is STRING
    assert union() is NEVER


def test_a_union_of_constants_lists_them_once():
    """Constants of both, and equal numbers once."""
    found = union(Shape.of_value("a"), Shape.of_value("b"), Shape.of_value("a"), NULL, BOOL)
    assert found.enum == ("a", "b", None, True, False)


def test_a_union_with_an_unlisted_kind_lists_nothing():
    """Text may be anything again."""
    assert union(Shape.of_value("a"), INT).enum is None


def test_a_union_of_maps_keeps_its_variants_and_what_they_share():
    """Fields of all are known; what only one has isn't required."""
    both = union(USER, TEAM)
    assert both.variants == (USER, TEAM)
    assert set(both.fields) == {"login", "slug"}
    assert both.required == set()
    assert both.closed


def test_a_field_that_only_an_open_variant_may_have_is_unknown():
    """An open map may have any field, of any type."""
    assert union(USER, Shape(("map",), fields={"slug": STRING})).fields["login"].unknown


def test_a_nullable_map_has_no_variants():
    """Null is a kind of its own, not an alternative of maps."""
    nullable = union(USER, NULL)
    assert nullable.variants == ()
    assert nullable.fields["login"] == STRING
    assert nullable.without("null_type") == USER


def test_variants_are_told_apart_by_their_constants():
    """The discriminator is the required field with constants of its own in each."""
    assert union(OPENED, CLOSED, NULL).discriminator == "kind"
    assert union(USER, TEAM).discriminator is None


def test_the_unknown_can_be_restricted():
    """A test of the type says something where nothing was known."""
    assert DYN.only(("string",)) == STRING
    assert DYN.without("null_type") is DYN
    assert STRING.only(("int",)) is NEVER


def test_restriction_keeps_the_constants_of_the_kinds_that_are_left():
    """An enum with null loses it."""
    assert Shape(("string", "null_type"), enum=("a", None)).without("null_type").enum == ("a",)


def test_true_is_not_one():
    """Python takes them for equal, the language doesn't."""
    assert union(Shape.of_value(value=True), Shape.of_value(1)).enum == (True, 1)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (DYN, "anything"),
        (NEVER, "nothing"),
        (union(STRING, NULL), "string or null"),
        (union(INT, DOUBLE, STRING), "int, double or string"),
        (Shape(("list",), items=USER), "list of {login: string}"),
        (Shape(("list",)), "list"),
        (Shape.of_value({"a": [1, 2]}), "{a: list of 1 | 2}"),
        (Shape(("map",), values=INT), "{string: int}"),
        (Shape(("map",), fields={"a": INT, "b": STRING}, required=("a",)), "{a: int, b?: string, …}"),
        (Shape(("string",), format="date-time"), "string (date-time)"),
        (Shape(("string",), enum=tuple("abcdefg")), '"a" | "b" | "c" | "d" | "e" | …'),
        (Shape(("optional_type",), items=INT), "optional int"),
    ],
)
def test_shapes_read_well(shape, text):
    """In a line, for people."""
    assert str(shape) == text


def test_a_text_of_a_recursive_shape_ends():
    """A tree of comments is told down to two levels."""
    schema = {
        "$defs": {"node": {"properties": {"children": {"items": {"$ref": "#/$defs/node"}}}}},
        "$ref": "#/$defs/node",
    }
    assert str(Shape.of_schema(schema)) == "{children?: list of object}"


def mismatches(wanted, given):
    return [str(each) for each in accepts(wanted, given)]


def test_a_shape_fits_itself():
    """Whatever it is."""
    for shape in (DYN, NEVER, STRING, USER, union(USER, TEAM, NULL), union(OPENED, CLOSED)):
        assert accepts(shape, shape) == []


def test_nothing_is_said_where_nothing_is_known():
    """The unknown fits everywhere, and everything fits where anything is wanted."""
    assert accepts(DYN, USER) == accepts(USER, DYN) == accepts(STRING, NEVER) == []


def test_another_type_doesnt_fit():
    """Nor does one that may be another."""
    assert mismatches(STRING, INT) == ["expected a string, got an int"]
    assert mismatches(STRING, union(STRING, NULL)) == ["expected a string, got may be a string or null"]
    assert not accepts(STRING, union(STRING, NULL))[0].certain


def test_an_int_fits_where_a_number_is_wanted():
    """And not the other way round."""
    number = Shape.of_schema({"type": "number"})
    assert accepts(number, INT) == []
    assert not accepts(INT, number)[0].certain


def test_a_missing_field_is_named_by_its_path():
    """Down through lists."""
    wanted = Shape(("map",), fields={"people": Shape(("list",), items=USER)}, required=("people",), closed=True)
    given = Shape(("map",), fields={"people": Shape(("list",), items=TEAM)}, required=("people",), closed=True)
    found = accepts(wanted, given)
    assert [(each.place, each.kind, each.certain) for each in found] == [("people[].login", "missing", True)]


def test_a_further_field_is_a_mismatch_only_where_it_is_forbidden():
    """A schema that is silent about further fields accepts them."""
    assert accepts(USER, Shape.of_value({"login": "a", "x": 1})) == []
    found = accepts(USER.changed(sealed=True), Shape.of_value({"login": "a", "x": 1}))
    assert [(each.place, each.kind) for each in found] == [("x", "unexpected")]


def test_a_constant_outside_of_the_enum_doesnt_fit():
    """A text that is unknown may fit; one that is known doesn't."""
    size = Shape(("string",), enum=("small", "large"))
    assert accepts(size, Shape.of_value("small")) == []
    assert [each.certain for each in accepts(size, Shape.of_value("huge"))] == [True]
    assert [each.certain for each in accepts(size, STRING)] == [False]


def test_a_variant_is_compared_with_the_one_that_it_means():
    """By the discriminator: a closed one without `why` isn't told that it lacks what an opened one has."""
    wanted = union(OPENED, CLOSED.changed(required=("kind", "why")))
    found = accepts(wanted, Shape.of_value({"kind": "closed"}))
    assert [(each.place, each.kind) for each in found] == [("why", "missing")]
