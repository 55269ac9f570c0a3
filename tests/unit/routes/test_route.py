"""Routes: predicate, attributes and data in one function."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.routes import EvaluationError, ExpressionError, compile_route
from hub.sdk import Event
from tests.unit.routes.evaluation import ATTRIBUTES, event


def test_a_route_without_a_map_forwards_the_event_itself() -> None:
    one = event({"n": 1})
    assert compile_route(None, {})(one) is one
    assert compile_route("data.n == 1", {})(one) is one
    assert compile_route("data.n == 2", {})(one) is None


def test_a_payload_that_is_not_mapped_keeps_its_bytes() -> None:
    raw = b'{ "n" : 1.0 , "n": 18446744073709551616 }'
    one = Event.of(
        {**ATTRIBUTES, "dataschema": "urn:x", "datacontenttype": "application/vnd.x+json"}, raw, [("h", b"1")]
    )
    made = compile_route("event.id == '1'", {"type": "renamed"})(one)
    assert made is not None
    assert made.raw == raw
    assert made.headers == (("h", b"1"),)
    assert dict(made.attributes) == {**one.attributes, "type": "renamed"}
    assert one.type == "thing.happened"


def test_attributes_are_fixed_or_computed() -> None:
    route = compile_route(
        None,
        {
            "type": "review.wanted",
            "source": "= '/from' + event.source",
            "subject": "= data.repository",
            "id": "= event.id + '/x'",
            "time": "= data.at",
            "key": "= data.repository",
            "extensions": {"tenant": "acme", "origin": "= event.source"},
        },
    )
    made = route(event({"repository": "a/b", "at": "2020-01-01T00:00:00+01:00"}, partitionkey="old"))
    assert made is not None
    assert dict(made.attributes) == {
        "id": "1/x",
        "source": "/from/tests",
        "type": "review.wanted",
        "time": "2020-01-01T00:00:00+01:00",
        "subject": "a/b",
        "partitionkey": "a/b",
        "tenant": "acme",
        "origin": "/tests",
    }


def test_a_timestamp_may_be_the_time() -> None:
    made = compile_route(None, {"time": "= now + duration('1h')"})(event())
    assert made is not None
    assert made.time == "2026-11-20T11:02:11Z"


def test_mapped_data_is_json_and_has_no_schema_of_the_old_data() -> None:
    route = compile_route(None, {"data": {"at": "= now", "list": "= data.l.map(x, x * 2u)", "all": "= data"}})
    made = route(event({"l": []}, dataschema="urn:x", datacontenttype="application/vnd.x+json"))
    assert made is not None
    assert made.data == {"at": "2026-11-20T10:02:11Z", "list": [], "all": {"l": []}}
    assert made.datacontenttype == "application/json"
    assert "dataschema" not in made.attributes
    kept = compile_route(None, {"data": 1, "extensions": {"dataschema": "urn:y"}})(event())
    assert kept is not None
    assert kept.raw == b"1"


def test_data_may_be_one_expression_a_constant_or_nothing() -> None:
    one = event({"x": {"y": [1, 2.5, None]}})
    for section, raw in (
        ("= data.x", b'{"y":[1,2.5,null]}'),
        ("= null", b"null"),
        ({"a": ["b", 1]}, b'{"a":["b",1]}'),
        (None, None),
        (False, b"false"),
    ):
        made = compile_route(None, {"data": section})(one)
        assert made is not None
        assert made.raw == raw


def test_the_new_event_shares_nothing_with_the_old() -> None:
    one = event({"x": [1]})
    made = compile_route(None, {"data": "= data"})(one)
    assert made is not None
    made.data["x"].append(2)
    assert one.data == {"x": [1]}
    assert made.raw == b'{"x":[1]}'


def test_a_number_beyond_64_bits_is_forwarded_where_json_has_it() -> None:
    made = compile_route(None, {"data": {"n": "= data.n"}})(event({"n": 2**64 - 1}))
    assert made is not None
    assert made.raw == b'{"n":18446744073709551615}'


@pytest.mark.parametrize(
    ("section", "data", "problem"),
    [
        ({"subject": "= data"}, 5, "expected text, got an int; write string"),
        ({"subject": "= data"}, None, "expected text, got null"),
        ({"subject": "= data"}, "", "expected text that isn't empty"),
        ({"key": "= data"}, "", "expected text that isn't empty"),
        ({"id": "= data"}, "a\x00b", "expected text without control characters"),
        ({"extensions": {"x": "= data"}}, {}, "expected text, got an object"),
        ({"time": "= data"}, "yesterday", "expected a time by RFC 3339"),
        ({"time": "= data"}, 5, "expected text, got an int"),
        ({"source": "= data"}, "a b", "expected a URI-reference without blanks"),
        ({"subject": "= now"}, None, "expected text, got a timestamp; write string"),
        ({"data": {"x": "= data / 0.0"}}, 1.0, "JSON has no NaN"),
        ({"data": "= {1: 2}"}, None, "JSON has only text as keys"),
    ],
)
def test_a_mapping_without_a_result_is_an_error(section: dict[str, Any], data: Any, problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        compile_route(None, section)(event(data))


def test_text_that_only_looks_odd_is_fine() -> None:
    made = compile_route(None, {"subject": "= data"})(event("a\u00a0b"))
    assert made is not None
    assert made.subject == "a\u00a0b"


@pytest.mark.parametrize(
    ("where", "data", "passes"),
    [
        ("data.a == 1 && data.b == 2", {"a": 1, "b": 2}, True),
        ("data.a == 1 && data.b == 2", {"a": 2}, False),
        ("data.b == 2 && data.a == 1", {"a": 2}, False),
        ("(data.b == 2 || data.a == 2) && (data.c == 1 || data.a > 1)", {"a": 2}, True),
        ("data.flag", {"flag": False}, False),
        ("!has(data.flag)", {}, True),
        ("true", {}, True),
    ],
)
def test_where(where: str, data: Any, passes: Any) -> None:
    route = compile_route(where, {"data": {"x": "= data.a"}} if "a" in data else {})
    assert (route(event(data)) is not None) is passes


def test_what_is_wrong_with_a_route_is_reported_at_once() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_route(
            "dta.x",
            {
                "type": "",
                "time": "noon",
                "subject": "= 1 +",
                "data": {"x": "= foo()"},
                "extensions": {"Bad-Name": "x", "partitionkey": "x", "data": "= data"},
            },
        )
    found = {".".join(map(str, error.path)): str(error) for error in (caught.value, *caught.value.others)}
    assert sorted(found) == sorted(
        ["where", "map.type", "map.time", "map.subject", "map.data.x", "map.extensions.Bad-Name",
         "map.extensions.partitionkey", "map.extensions.data"]
    )  # fmt: skip
    assert "expected text that isn't empty" in found["map.type"]
    assert "expected a time by RFC 3339" in found["map.time"]
    assert "write `key` under `map`" in found["map.extensions.partitionkey"]


def test_where_has_no_mark() -> None:
    with pytest.raises(
        ExpressionError, match=r"`where` is always an expression, so it has no `= ` before it; write where: data\.x"
    ):
        compile_route("= data.x", {})


def test_the_same_path_is_read_once_and_still_right() -> None:
    route = compile_route(
        "data.pr.user.login != 'bot' && data.pr.draft == false",
        {
            "subject": "= data.pr.user.login",
            "data": {
                "a": "= data.pr.title",
                "b": "= data.pr.draft ? data.pr.user.name : data.pr.user.login",
                "c": "= data.pr.labels.filter(l, l.name != data.pr.title).map(l, l.name + data.pr.user.login)",
                "d": "= has(data.pr.user.name) ? data.pr.user.name : 'nobody'",
                "e": "= data.pr.labels.exists(l, l.name == 'bug' && l.name != data.pr.title) || data.pr.urgent",
            },
        },
        name="reviews",
    )
    pr = {
        "user": {"login": "ann"},
        "draft": False,
        "title": "T",
        "labels": [{"name": "bug"}, {"name": "T"}],
        "urgent": True,
    }
    made = route(event({"pr": pr}))
    assert made is not None
    assert orjson.loads(made.raw or b"") == {"a": "T", "b": "ann", "c": ["bugann"], "d": "nobody", "e": True}
    assert route.__name__ == "reviews"
