"""The checker's promise: what it finds nothing wrong with fails by its values at most, never by their types."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts import DYN, Shape
from hub.contracts.shape_constants import among
from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.routes.checker import check_source
from hub.routes.parser import parse
from hub.routes.syntax import Expr, Node
from hub.routes.writer import Source
from hub.sdk import Event
from tests.differential.expressions import data as payloads
from tests.differential.expressions import expressions
from tests.unit.routes.checker.generated import Expressions, conforming, schema

EXAMPLES = int(os.environ.get("HUB_CHECKER_EXAMPLES", "400"))
OF_VALUES = (
    "division by zero",
    "doesn't fit into",
    "has no element of this index",
    "expected text that holds",
    "the same key stands twice",
)
"""What a value may be wrong by whose type is right."""
OF_TEXTS = (
    "expected a time",
    "expected a duration",
    "expected bytes that are UTF-8",
    "expected a regular expression",
    "the result is",
    "which has none",
    "isn't negative",
    "takes a place within",
    "takes an end",
    "takes a start and an end within",
    "takes base64",
    "takes JSON",
    "expected an IP address",
    "expected a CIDR block",
    "holds nothing",
    "takes a list with at least one number",
    "format:",
)
"""Likewise, of text that must be something more, and of times."""


def event(data):
    """An event with data that came as JSON."""
    return Event.of({"id": "1", "source": "/t", "type": "t"}, orjson.dumps(data))


def run(seed):
    """A random schema, an expression on it and its check; with data of the schema if the check found nothing."""
    random = Random(seed)
    of = schema(random, 3)
    text = Expressions(random, of).any(4)
    try:
        checked = check_source(Source(text, parse(text)), {"data": Shape.of_schema(of)}, strict=True)
    except ExpressionError:  # nested too deeply
        return None
    return of, text, checked, [conforming(random, of) for _ in range(6)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**48))
def test_what_passes_in_strict_mode_has_no_error_of_types(seed):
    """For any schema, nullable and optional fields and variants included, and all data that conform to it."""
    made = run(seed)
    if made is None or made[2].problems:
        return
    _, text, checked, samples = made
    expression = compile_expression(text)
    for data in samples:
        value = outcome(expression, event(data))
        if isinstance(value, EvaluationError):
            reasons = [each for each in OF_VALUES if each in str(value)]
            assert reasons, (text, data, str(value))
            continue
        assert holds(checked.shape, value), (text, str(checked.shape), value)


@settings(max_examples=EXAMPLES, deadline=None)
@given(expressions, payloads)
def test_it_holds_for_all_of_the_language(text, payload):
    """For the expressions that are compared with the reference, on payloads whose every value is known."""
    checked = check_source(Source(text, parse(text)), {"data": Shape.of_value(payload)}, strict=True)
    try:
        expression = compile_expression(text)
    except ExpressionError:
        return
    if checked.problems or any(shape.unknown for _, shape in checked.types):
        return
    value = outcome(expression, event(payload))
    if isinstance(value, EvaluationError):
        assert any(each in str(value) for each in (*OF_VALUES, *OF_TEXTS)), (text, payload, str(value))
    else:
        assert holds(checked.shape, value), (text, str(checked.shape), value)


def outcome(expression, given):
    """The value of an expression, or the error that it has instead."""
    try:
        return expression(given)
    except EvaluationError as error:
        return error


def test_enough_of_what_is_generated_passes():
    """The test above would prove nothing if the checker refused all that comes."""
    passed = sum(made is not None and not made[2].problems for made in map(run, range(300)))
    assert passed > 40


def holds(shape, value, depth=4):  # noqa: PLR0911  one for each form
    """Whether a value is of a shape."""
    if not shape.kinds or not depth:
        return True
    kinds = {
        type(None): "null_type",
        bool: "bool",
        int: "int",
        float: "double",
        str: "string",
        list: "list",
        dict: "map",
    }
    kind = kinds.get(type(value))
    if kind is None:
        return True
    if kind not in shape.kinds:
        return False
    if shape.enum is not None and kind not in ("list", "map"):
        return among(value, shape.enum)  # as the language compares: 2.0 is where 2 is
    if kind == "list" and shape.items is not None:
        return all(holds(shape.items, each, depth - 1) for each in value)
    if kind == "map":
        there = shape.required <= value.keys()
        known = all(name in shape.fields or not shape.closed for name in value)
        return (
            there
            and known
            and all(holds(shape.fields[name], value[name], depth - 1) for name in value if name in shape.fields)
        )
    return True


def nested(form, depth, inner):
    """A form within itself."""
    for _ in range(depth):
        inner = form.replace("@", inner)
    return inner


@pytest.mark.parametrize(
    "text",
    [
        nested("(@ ? data.a : data.b)", 60, "data.c"),
        nested("(data.a ? @ : data.b)", 60, "data.c"),
        nested("((@ && data.a) || data.b)", 30, "data.c"),
        nested("((data.a || @) && data.b)", 30, "data.c"),
        nested("!(@)", 60, "data.c"),
        nested("((@) == true)", 30, "data.a && data.b"),
        nested("data.x.map(y, @)", 7, "y"),
        nested("cel.bind(v, @, v && v)", 30, "data.c"),
        " && ".join(f"data.f{n} == {n}" for n in range(500)),
        " || ".join(f'data.kind == "{n}"' for n in range(400)),
        "data.kind in [" + ", ".join(f'"{n}"' for n in range(900)) + "] && data.kind != null",
        "data" + ".a" * 180,
        "[" * 60 + "]" * 60,
        " + ".join(["data.a"] * 190),
    ],
    ids=lambda text: text[:24],
)
def test_no_expression_takes_long(text):
    """However its tests are nested: with a schema that knows all of it, and with one that knows nothing."""
    tree = parse(text)
    fields = {**{f"f{n}": {"type": "integer"} for n in range(500)}, "kind": {"enum": [str(n) for n in range(900)]}}
    booleans = {name: {"type": ["boolean", "null"]} for name in "abc"}
    known = Shape.of_schema({"properties": {**fields, **booleans, "x": {"items": {"$ref": "#"}}}})
    for shape in (known, DYN):
        start = time.process_time()
        check_source(Source(text, tree), {"data": shape}, strict=True)
        assert time.process_time() - start < 1


@dataclass(frozen=True, slots=True)
class Strange(Node):
    """A form that this checker has never seen."""

    operand: Expr


def test_a_form_of_the_language_that_is_new_is_unknown():
    """Its parts are looked at; nothing is said of itself."""
    inner = parse("data.titel")
    checked = check_source(Source("data.titel", Strange(0, 10, inner)), {"data": Shape.of_value({"title": 1})})
    assert checked.shape is DYN
    assert [each.code for each in checked.problems] == ["route.unknown_field"]
