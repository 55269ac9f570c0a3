"""The names that an expression sees."""

from __future__ import annotations

from typing import Any

import pytest

from hub.routes import EvaluationError, compile_expression, compile_predicate
from hub.sdk import Event
from tests.unit.routes.evaluation import event, failure, value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.id", "1"),
        ("event.type + ' from ' + event.source", "thing.happened from /tests"),
        ("event.time", "2026-11-20T10:02:11Z"),
        ("event.datacontenttype", "application/json"),
        ("event.subject", "a/b"),
        ("event.key + event.partitionkey + key", "kkk"),
        ("event.dataschema", "urn:x"),
        ("event.myextension", "mine"),
        ("event['myextension'] + event['key']", "minek"),
        ("has(event.id) && has(event.datacontenttype) && has(event.subject) && has(event.key)", True),
        ("has(event.other)", False),
        ("'other' in event", False),
        ("event.exists(name, name == 'subject')", True),
        ("headers.traceparent", "00-1"),
        ("headers['hub_x']", "y"),
        ("has(headers.tracestate)", False),
        ("headers.size()", 2),
        ("env.REGION + '-1'", "eu-1"),
        ("has(env.REGION) && 'REGION' in env && env.size() == 1", True),
        ("now.getFullYear()", 2026),
        ("data.n + 1", 2),
    ],
)
def test_a_name(source: str, expected: Any) -> None:
    attributes = {"subject": "a/b", "partitionkey": "k", "dataschema": "urn:x", "myextension": "mine"}
    assert value(source, {"n": 1}, {"REGION": "eu"}, **attributes) == expected


@pytest.mark.parametrize("name", ["subject", "key", "partitionkey", "dataschema", "other"])
def test_an_attribute_that_the_event_lacks_is_an_error(name: str) -> None:
    assert value(f"has(event.{name})") is False
    assert "has no field" in failure(f"event.{name}").detail


def test_an_event_without_key_and_time() -> None:
    bare = Event.of({"id": "1", "source": "/", "type": "t"}, b"1")
    assert compile_expression("key")(bare) is None
    assert compile_expression("key == null && !has(event.time) && event.size() == 4")(bare) is True
    with pytest.raises(EvaluationError, match="`now` is the event's time, and this event has none"):
        compile_expression("now")(bare)


def test_the_payload_is_read_only_where_it_is_needed() -> None:
    broken = Event.of({"id": "1", "source": "/", "type": "t"}, b"{")
    assert compile_predicate("event.type == 'u' && data.x == 1")(broken) is False
    assert compile_predicate("event.type == 't' || data.x == 1")(broken) is True
    assert compile_predicate("data.x == 1 || event.type == 't'")(broken) is True
    with pytest.raises(EvaluationError, match="expected JSON; got "):
        compile_predicate("data.x == 1")(broken)


def test_data_that_is_no_json_is_text_or_bytes() -> None:
    text = Event(type="t", source="/", data="hello", datacontenttype="text/plain")
    assert compile_expression("data + '!'")(text) == "hello!"
    binary = Event(type="t", source="/", data=b"\x00", datacontenttype="application/octet-stream")
    assert compile_expression("data == b'\\x00' && type(data) == bytes")(binary) is True
    tombstone = Event(type="t", source="/", data=None)
    assert compile_expression("data == null")(tombstone) is True


def test_a_header_that_comes_twice_counts_with_its_last_value() -> None:
    twice = Event(type="t", source="/", headers=[("h", b"1"), ("h", b"\xff2")])
    assert compile_expression("headers.h")(twice) == "\ufffd2"


def test_further_variables_are_given_at_each_call() -> None:
    predicate = compile_predicate("error.status == 403 && data.n > 0", variables=("error",))
    assert predicate(event({"n": 1}), {"error": {"status": 403}}) is True
    assert predicate(event({"n": 1}), {"error": {"status": 500}}) is False
    with pytest.raises(EvaluationError, match=r"expected an object at `error`, got null"):
        predicate(event({"n": 1}), {"error": None})


def test_a_variable_with_dots_is_found_before_its_parts() -> None:
    expression = compile_expression("a.b.c + a.b['c'] + .a.b.c", variables=("a", "a.b", "a.b.c"))
    assert expression(event(), {"a": {"b": {"c": "1"}}, "a.b": {"c": "2"}, "a.b.c": "3"}) == "323"


def test_an_expression_knows_whether_it_is_constant() -> None:
    for source in ("1 + 2", "env.A + 'x'", "[1].map(event, event)"):
        assert compile_expression(source, env={"A": "a"}).constant, source
    for source in ("data", "event.id", "now", "key", "headers", "has(event.subject)", "[1].map(x, data)"):
        assert not compile_expression(source).constant, source
    assert compile_expression("1 + 2").source == "1 + 2"
    assert repr(compile_expression("1 + 2")) == "Expression('1 + 2')"


def test_a_predicate_gives_a_bool_or_an_error() -> None:
    assert compile_predicate("data")(event(data=True)) is True
    for data, came in ((1, "an int"), ("true", "a string"), (None, "null")):
        with pytest.raises(EvaluationError, match=f"data: expected true or false, got {came}"):
            compile_predicate("data")(event(data))
    with pytest.raises(EvaluationError, match="expected true or false, got a string"):
        compile_predicate("'true'")(event())
