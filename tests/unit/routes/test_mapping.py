"""Trees with expressions in them: what sinks get from events."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.routes import EvaluationError, ExpressionError, compile_mapping
from hub.sdk import Event
from tests.unit.routes.evaluation import event


def test_text_that_starts_with_the_mark_is_computed_and_all_else_stands_for_itself() -> None:
    mapping = compile_mapping(
        {
            "title": "= data.title",
            "static": "text",
            "=x": "=x",
            "equals": "=data.title",
            "numbers": [1, 2.5, True, None],
            "nested": {"list": ["= data.n + 1", ["= env.REGION"]]},
        },
        env={"REGION": "eu"},
    )
    assert mapping(event({"title": "T", "n": 1})) == {
        "title": "T",
        "static": "text",
        "=x": "=x",
        "equals": "=data.title",
        "numbers": [1, 2.5, True, None],
        "nested": {"list": [2, ["eu"]]},
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("= now", "2026-11-20T10:02:11Z"),
        ("= duration('3500ms')", "3.5s"),
        ("= b'\\xff\\x00'", "/wA="),
        ("= 7u", 7),
        ("= 18446744073709551615u", 18446744073709551615),
        ("= [now, {'d': duration('1s')}, 1u, b'']", ["2026-11-20T10:02:11Z", {"d": "1s"}, 1, ""]),
        ("= data", {"a": [1, {"b": None}]}),
        ("= data.a.map(x, x)", [1, {"b": None}]),
        ("= -0.0", -0.0),
        ("= null", None),
        ("= data.a == [1]", False),
    ],
)
def test_results_are_json(source: str, expected: Any) -> None:
    found = compile_mapping(source)(event({"a": [1, {"b": None}]}))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("= 0.0 / 0.0", "JSON has no NaN and no infinity"),
        ("= [data.x / 0.0]", "JSON has no NaN and no infinity"),
        ("= {'a': {1: 2}}", "JSON has only text as keys"),
        ("= int", "JSON can't hold a type"),
    ],
)
def test_what_json_can_not_hold_is_an_error(source: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        compile_mapping(source)(event({"x": 1.0}))


def test_results_share_nothing_with_the_event_or_with_each_other() -> None:
    mapping = compile_mapping({"whole": "= data", "list": "= data.l", "part": "= data.l + [1]", "own": {"x": []}})
    one = event({"l": [{"a": 1}]})
    first = mapping(one)
    first["whole"]["l"][0]["a"] = 2
    first["list"].append(3)
    first["part"][0]["a"] = 4
    first["own"]["x"].append(5)
    assert mapping(one) == {"whole": {"l": [{"a": 1}]}, "list": [{"a": 1}], "part": [{"a": 1}, 1], "own": {"x": []}}
    assert one.data == {"l": [{"a": 1}]}


def test_a_mapping_may_have_to_be_text() -> None:
    assert compile_mapping("= 'queue.' + data.x", text=True)(event({"x": "a"})) == "queue.a"
    assert compile_mapping("plain", text=True)(event()) == "plain"
    for data, problem in (
        (1, "expected text, got an int; write string"),
        (None, "expected text, got null"),
        ([], "got a list"),
    ):
        with pytest.raises(EvaluationError, match=problem):
            compile_mapping("= data", text=True)(event(data))


def test_all_mistakes_are_reported_at_once_with_their_paths() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_mapping({"a": "= data.x +", "b": ["ok", "= dta"], "c": {"d": "= len(data)"}, "e": "= data.x"})
    errors = [caught.value, *caught.value.others]
    assert [(error.path, error.code) for error in errors] == [
        (("a",), "route.syntax"),
        (("b", 1), "route.unknown_name"),
        (("c", "d"), "route.unknown_function"),
    ]
    assert str(errors[1]).startswith("b[1] 1:3: there is no `dta` here")


def test_places_are_offsets_into_the_text_as_it_was_written() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_mapping("=  data.x and true")
    error = caught.value
    assert error.source == "=  data.x and true"
    assert error.source[error.start : error.end] == "and"


def test_what_yaml_made_of_a_value_is_refused_where_json_has_none() -> None:
    with pytest.raises(
        ExpressionError, match="d 1:1: expected a value that JSON can hold, got date; write it in quotes"
    ):
        compile_mapping({"d": date(2026, 11, 20)})
    with pytest.raises(ExpressionError, match="expected text as key, got int; write it in quotes"):
        compile_mapping({"a": {1: "x"}})


def test_a_payload_that_is_no_json_can_be_mapped() -> None:
    binary = Event(type="t", source="/", data=b"\xff", datacontenttype="application/octet-stream")
    assert compile_mapping({"raw": "= data", "size": "= size(data)"})(binary) == {"raw": "/w==", "size": 1}
