"""Optional values: fields that may be missing, and what is made of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.routes import EvaluationError, compile_mapping
from tests.unit.routes.evaluation import event, failure, value

DATA = {
    "user": {"name": "ann", "mail": None, "tags": ["a", "b"], "a-b": 7, "empty": ""},
    "list": [1, 2, 3],
    "none": None,
    "text": "abc",
    "zero": 0,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.?user.?name.value()", "ann"),
        ("data.?user.?missing.hasValue()", False),
        ("data.?missing.?name.hasValue()", False),
        ("data.?none.hasValue()", True),
        ("data.?user.?mail.value()", None),
        ("data.user.?`a-b`.value()", 7),
        ("data.?user.name.value()", "ann"),
        ("data.?user.missing.hasValue()", False),
        ("data.?missing.name.other.hasValue()", False),
        ("data.?user['name'].value()", "ann"),
        ("data.?user.tags[0].value()", "a"),
        ("data.?user.tags[9].hasValue()", False),
        ("data[?'user'].hasValue() && !data[?'x'].hasValue()", True),
        ("data.list[?2].value() + data.list[?3].orValue(10)", 13),
        ("data.list[?-1].hasValue() || data.list[?1.0].value() != 2", False),
        ("data[?data.none].hasValue()", False),
        ("{1: 'a'}[?1.0].value() + {true: 'b'}[?true].value()", "ab"),
        ("has(data.?user.name) && !has(data.?user.nothing) && !has(data.?nothing.name)", True),
        (
            "event.?subject.orValue('none') + event.?id.value() + event.?datacontenttype.value()",
            "none1application/json",
        ),
        ("event.?key.hasValue()", False),
        ("headers.?traceparent.orValue('')", "00-1"),
        ("env.?REGION.value()", "eu"),
    ],
)
def test_what_may_be_missing_is_read(source: str, expected: Any) -> None:
    assert value(source, DATA, {"REGION": "eu"}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("optional.none().orValue(1)", 1),
        ("optional.of(2).orValue(1 / 0)", 2),
        ("optional.of(2).orValue([1].map(x, x / 0)[0])", 2),
        ("optional.none().or(optional.of(3)).value()", 3),
        ("optional.of(2).or(optional.of(1 / 0)).value()", 2),
        ("data.?a.or(data.?b).or(data.?zero).value()", 0),
        ("data.?missing.orValue(data.list.filter(x, x > 1))", [2, 3]),
        ("data.list.map(x, data.list[?x].orValue(x * 10))", [2, 3, 30]),
        ("data.?text.optMap(t, t + t).value()", "abcabc"),
        ("data.?nothing.optMap(t, t / 0).hasValue()", False),
        ("data.?list.optMap(l, l.map(x, x + l[0])).value()", [2, 3, 4]),
        ("data.?user.optFlatMap(u, u.?name).value()", "ann"),
        ("data.?user.optFlatMap(u, u.?nothing).hasValue()", False),
        ("data.?list.optMap(data, data[0]).value() + data.list[1]", 3),
        ("optional.of(1) == optional.of(1.0) && optional.of(1) != optional.none() && optional.of(1) != 1", True),
        ("optional.none() == optional.none() && optional.of(null) != optional.none()", True),
        ("optional.of(0.0 / 0.0) == optional.of(0.0 / 0.0)", False),
        ("optional.none() in [optional.none()] && optional.of(2) in data.list.map(x, optional.of(x))", True),
        ("type(optional.none()) == optional_type && type(data.?text) == optional_type", True),
        ("optional.unwrap([data.?text, data.?nothing, optional.of(1)])", ["abc", 1]),
        ("[data.?text, data.?nothing].unwrapOpt()", ["abc"]),
        ("data.list.first().value() + data.list.last().value()", 4),
        ("[].first().hasValue() || [].last().hasValue()", False),
    ],
)
def test_what_is_made_of_an_optional_value(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    "empty",
    ["null", "false", "0", "0u", "0.0", "-0.0", "''", "b''", "[]", "{}", "duration('0s')", "timestamp(0)"],
)
def test_what_is_empty_is_none_to_of_non_zero_value(empty: str) -> None:
    assert value(f"optional.ofNonZeroValue({empty}).hasValue()") is False
    assert value(f"optional.of({empty}).hasValue()") is True


@pytest.mark.parametrize("full", ["true", "-1", "1u", "0.1", "' '", "b'0'", "[0]", "{1: 0}", "int", "optional.none()"])
def test_what_is_not_empty_is_kept_by_of_non_zero_value(full: str) -> None:
    assert value(f"optional.ofNonZeroValue({full}).hasValue()") is True


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[?data.?text, ?data.?nothing, 1]", ["abc", 1]),
        ("[?optional.none()]", []),
        ("{?'a': data.?text, ?'b': data.?nothing, 'c': 1}", {"a": "abc", "c": 1}),
        ("{?'a': optional.none(), 'a': 1}", {"a": 1}),
        ("{?1: optional.of('x')}[1]", "x"),
    ],
)
def test_parts_of_lists_and_maps_are_left_out(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("data.?nothing.value()",
         "the optional value at `data.?nothing` holds nothing; write `.orValue(…)` or test with `.hasValue()`"),
        ("data.?none.x", "expected an object at `data.?none`, got null"),
        ("data.?text.?x", "expected an object at `data.?text`, got a string"),
        ("data.none.?x", "expected an object at `data.none`, got null"),
        ("data.list.?x", "expected an object at `data.list`, got a list"),
        ("data.list[?'a']", "expected a whole number as index of the list at `data.list`, got a string"),
        ("data.text[?0]", "expected a list or an object at `data.text`, got a string"),
        ("has(data.?text.x)", "expected an object at `data.?text`, got a string"),
        ("data.text.orValue(1)",
         "orValue takes an optional value such as `a.?b`, got a string"),
        ("data.?nothing.or(1)", "or takes an optional value such as `a.?b`, got an int"),
        ("data.?text.optFlatMap(t, t)", "optFlatMap takes an optional value such as `a.?b`, got a string"),
        ("data.?text.optMap(t, t.x)", "expected an object at `t`, got a string"),
        ("[?data.text]", "expected an optional value in an element with a `?`, got a string"),
        ("{?'a': 1}", "expected an optional value in an entry with a `?`, got an int"),
        ("{?'a': data.?text, 'a': 1}", "the same key stands twice in the map"),
        ("data.?text + 'x'", "`+` doesn't take an optional value and a string"),
        ("data.?list.size()", "size takes a string, bytes, a list or an object, got an optional value"),
        ("data.?list.all(x, true)", "expected a list or an object at `data.?list`, got an optional value"),
        ("data.?text < 1", "expected two values that have an order, got an optional value and an int"),
        ("optional.unwrap([1])", "optional.unwrap takes an optional value such as `a.?b`, got an int"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_optional_value(source: str, detail: str) -> None:
    assert failure(source, DATA).detail.removesuffix("; test for null first") == detail


def test_an_optional_value_is_no_json() -> None:
    mapping = compile_mapping({"a": "= data.?text"})
    with pytest.raises(EvaluationError, match=r"JSON can't hold an optional value; write `.orValue\(…\)`"):
        mapping(event(DATA))
    full = compile_mapping({"a": "= {?'x': data.?text, ?'y': data.?nothing}", "b": "= [?data.?user.name]"})
    assert orjson.dumps(full(event(DATA))) == b'{"a":{"x":"abc"},"b":["ann"]}'
