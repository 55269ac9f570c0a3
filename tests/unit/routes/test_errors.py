"""Errors at run time name the place and the type that came, and never a value."""

from __future__ import annotations

import contextlib
import gc

import orjson
import pytest

from hub.routes import EvaluationError, compile_expression, compile_route
from hub.sdk import Event
from hub.sdk.errors import Permanent
from hub.sdk.event import CHECKED
from tests.unit.routes.evaluation import event, failure


def test_an_error_says_the_part_the_problem_and_the_place() -> None:
    source = 'data.action == "opened" &&\n  data.pull_request.title.startsWith("x")'
    error = failure(source, {"action": "opened", "pull_request": None})
    assert isinstance(error, Permanent)
    assert str(error) == "data.pull_request.title: expected an object at `data.pull_request`, got null (2:3)"
    assert error.detail == "expected an object at `data.pull_request`, got null"
    assert (error.expression, error.line, error.column) == (source, 2, 3)
    assert source[error.start : error.end] == "data.pull_request.title"


def test_an_error_of_a_route_says_which_field() -> None:
    route = compile_route("data.on", {"subject": "= data.a", "data": {"list": ["x", {"y": "= data.b + 1"}]}})
    with pytest.raises(EvaluationError) as caught:
        route(event({"on": True, "a": "ok", "b": "text"}))
    assert caught.value.path == ("map", "data", "list", 1, "y")
    assert str(caught.value) == (
        "data.b + 1: `+` doesn't take a string and an int; write string(…) around what isn't one "
        "(map.data.list[1].y 1:3)"
    )
    with pytest.raises(EvaluationError, match=r"data.on: expected true or false, got a string \(where 1:1\)"):
        route(event({"on": "yes"}))


SECRET = "hunter2"


@pytest.mark.parametrize(
    "source",
    [
        "data.secret.x",
        "data.secret + 1",
        "-data.secret",
        "!data.secret",
        "data.secret ? 1 : 2",
        "data.secret < 1",
        "data.secret[0]",
        "data[data.secret]",
        "data.list[data.secret]",
        "{'a': 1}[data.secret]",
        "int(data.secret)",
        "uint(data.secret)",
        "double(data.secret)",
        "bool(data.secret)",
        "timestamp(data.secret)",
        "duration(data.secret)",
        "now.getHours(data.secret)",
        "data.secret.matches(data.secret + '(')",
        "'a'.matches(data.secret + '[')",
        "{data.secret: 1, data.secret: 2}",
        "data.secret.map(x, x)",
        "1 in data.secret",
        "size(1) + data.secret",
        "data.list.map(x, x.y)",
        "data.secret && true",
    ],
)
def test_an_error_never_holds_a_value(source: str) -> None:
    error = failure(source, {"secret": SECRET, "list": [SECRET]})
    assert SECRET not in str(error)
    assert SECRET not in repr(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_an_error_shows_a_long_expression_cut() -> None:
    error = failure("data.x." + "a" * 200, {"x": 1})
    assert len(str(error).partition(":")[0]) == 60
    assert error.expression == "data.x." + "a" * 200


def test_a_value_that_is_nested_too_deeply_is_an_error_of_its_event() -> None:
    # A payload that was checked by another version is read as it is: orjson reads 1024 levels, and comparing them is
    # more than Python's stack takes.
    deep = b'{"a":' + b"[" * 1000 + b"]" * 1000 + b',"b":' + b"[" * 1000 + b"]" * 1000 + b"}"
    made = Event.of({"id": "1", "source": "/", "type": "t"}, deep, [CHECKED])
    with pytest.raises(EvaluationError, match=r"data.a == data.b: the value is nested too deeply \(1:1\)"):
        compile_expression("data.a == data.b")(made)
    route = compile_route(None, {"data": {"x": "= data.a"}})
    with pytest.raises(EvaluationError, match="nested too deeply"):
        route(made)


def test_an_error_holds_no_frame_of_the_code_that_failed() -> None:
    expression = compile_expression("data.x.y == 1 || data.l.exists(e, e.x == 1)")
    for _ in range(3):
        with pytest.raises(EvaluationError):
            expression(event({"l": [1]}))
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(200):
            with contextlib.suppress(EvaluationError):
                expression(event({"l": [1]}))
        assert len(gc.get_objects()) - before < 200
    finally:
        gc.enable()


def test_the_fast_version_is_tried_again_for_each_event() -> None:
    expression = compile_expression("data.x.y")
    with pytest.raises(EvaluationError):
        expression(event({}))
    assert expression(event({"x": {"y": 1}})) == 1
    assert orjson.loads(event({"x": 1}).raw or b"") == {"x": 1}
