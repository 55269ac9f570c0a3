"""What is too much, and what no JSON should hold: refused before it runs where that can be seen, else an error."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from hub.routes import EvaluationError, ExpressionError, compile_expression, compile_mapping
from hub.routes.costs import MAX_LOOPS, MAX_STEPS
from hub.routes.functions import FUNCTIONS
from hub.sdk import Event
from tests.unit.routes.canonical import careful
from tests.unit.routes.evaluation import event, failure, value


def refused(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    return caught.value


@pytest.mark.parametrize(
    "source",
    [
        "[1].map(x, " * 9 + "x" + ")" * 9,
        "[1].all(x, true || " * 9 + "true" + ")" * 9,
        "[1].transformList(i, x, " * 9 + "x" + ")" * 9,
        "[1].map(x, [1].exists(y, [1].filter(z, " * 3 + "true" + ").size() == 1))" * 3,
    ],
)
def test_macros_inside_of_each_other_are_limited(source: str) -> None:
    error = refused(source)
    assert (error.code, error.message) == (
        "route.too_costly",
        f"expected at most {MAX_LOOPS} macros inside of each other",
    )
    assert error.suggestion == "split it over several fields"


@pytest.mark.parametrize(
    "source",
    [
        "cel.bind(a, data.s + data.s, " + "cel.bind(a, a + a, " * 10 + "a" + ")" * 11,
        "cel.bind(a, 'x', " + "cel.bind(a, a + a, " * 10 + "a" + ")" * 11,
        "[data.s]" + ".map(x, [x, x])" * 10,
        "[[]]" + ".map(x, {'a': x, 'b': x})" * 10,
        "optional.of(data)" + ".optMap(x, [x, x])" * 10,
        "cel.bind(a, [1 + 1], " + "cel.bind(a, [a, a], " * 10 + "size(a)" + ")" * 11,
        "[data.s]" + ".map(x, true ? [x, x, 1] : [])" * 10,
    ],
)
def test_doubling_again_and_again_is_refused(source: str) -> None:
    error = refused(source)
    assert error.code == "route.too_costly"
    assert error.message == "expected at most 1,000 copies of the same part of the data in one value"


@pytest.mark.parametrize(
    "source",
    [
        "data.?a.orValue(" * 60 + "1" + ")" * 60,
        "optional.of(" * 60 + "data" + ").?a.orValue(1)" * 60,
        "data" + ".?a.orValue({})" * 60,
    ],
)
def test_each_part_is_compiled_once(source: str) -> None:
    """A nest of defaults takes no longer than its length tells."""
    before = time.process_time()
    compile_expression(source)
    assert time.process_time() - before < 2


def test_what_people_write_is_no_doubling() -> None:
    commit = "{'id': c.id, 'url': c.url, 'by': c.author.name, 'mail': c.author.email, 'text': c.message}"
    assert compile_expression(f"data.commits.map(c, {commit})" + ".map(c, c)" * 20)
    assert compile_expression("cel.bind(a, data.a, cel.bind(b, a.x + a.y, b == a.z || a.q + b == 'x' ? a.r : a.s))")
    assert compile_expression(
        "data.a.map(x, data.b.filter(y, y.id == x.id && x.n > y.n).map(y, [x.id, y.name, x.name]))"
    )


MANY = {"list": list(range(2000)), "texts": [str(n) for n in range(200_000)], "long": "ab" * 200_000}


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("data.list.all(x, data.list.all(y, true))", "data.list.all(y, true)"),
        ("data.list.map(x, data.list.filter(y, y == x).size())", "data.list.filter(y, y == x)"),
        ("data.list.exists(i, x, data.list.exists(j, y, false))", "data.list.exists(j, y, false)"),
        ("data.texts.all(x, x in data.texts)", "x in data.texts"),
        ("data.texts.exists(x, data.long.contains('c'))", "data.long.contains('c')"),
        ("data.texts.exists(x, data.long.matches('c$'))", "data.long.matches('c$')"),
        ("data.texts.map(x, hash(data))", "hash(data)"),
        ("lists.range(2000000).map(x, x)", "lists.range(2000000).map(x, x)"),
    ],
)
def test_an_evaluation_has_a_budget_of_steps(source: str, part: str) -> None:
    started = time.monotonic()
    error = failure(source, MANY)
    assert error.detail == (
        f"this takes more than {MAX_STEPS:,} steps; narrow the list with `filter` first, or split the event"
    )
    assert error.expression[error.start : error.end] == part
    assert time.monotonic() - started < 20  # seconds; without the budget hours


def test_the_budget_is_each_evaluation_s_own() -> None:
    expression = compile_expression("data.list.all(x, data.list.all(y, y < 600 || y >= 0))")
    given = event({"list": list(range(900))})
    assert [expression(given) for _ in range(3)] == [True, True, True]
    assert careful(expression)(given, None) is True


def test_the_budget_is_enough_for_a_large_event() -> None:
    assert value("data.texts.filter(x, x.endsWith('99')).map(x, int(x)).size()", MANY) == 2000
    assert value("data.texts.exists(x, x in ['199999'])", MANY) is True
    assert value("data.list.filter(x, data.list.slice(0, 400).exists(y, y == x)).size()", MANY) == 400


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("lists.range(20000000)", "the result has more than 16,777,216 characters or elements"),
        (f"data.long.replace('a', '{'x' * 90}')", "the result has more than 16,777,216 characters or elements"),
        ("data.texts.map(x, data.long.substring(0, 200)).join()",
         "the result has more than 16,777,216 characters or elements"),
        ("lists.range(20000).map(x, '%1000f').join().replace('%1000f', '%.1000f').format(lists.range(20000))",
         "the result has more than 16,777,216 characters or elements"),
    ],
)  # fmt: skip
def test_what_is_made_has_a_limit(source: str, detail: str) -> None:
    assert failure(source, MANY).detail == detail


def test_a_result_that_repeats_the_data_has_a_limit() -> None:
    for source in ("data.texts.map(x, data.long)", "data.list.map(x, data.list)"):
        with pytest.raises(EvaluationError, match=r"the result has more than 1,000,000 parts; split the event"):
            compile_mapping({"a": f"= {source}"})(event(MANY))
    assert len(compile_mapping("= data.texts.map(x, {'a': x})")(event(MANY))) == 200_000


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"])
def test_no_regular_expression_takes_long(pattern: str) -> None:
    started = time.monotonic()
    for text in ("a" * 50_000 + "!", "x" * 50_000):
        assert value(f"data.matches('{pattern}')", text) in (True, False)
        assert value("data[0].matches(data[1])", [text, pattern]) in (True, False)
    assert time.monotonic() - started < 5  # seconds; a backtracking engine takes years


def test_a_regular_expression_that_needs_too_much_memory_is_refused() -> None:
    assert refused("data.matches('((a{100}){100}){100}')").code == "route.regular_expression"
    assert (
        "expected a regular expression that RE2 can read" in failure("'a'.matches(data)", "((a{100}){100}){100}").detail
    )


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("data.big + 1", "the result doesn't fit into an int of 64 bits"),
        ("int(data.big)", "the result doesn't fit into an int of 64 bits"),
        ("-data.big", "the result doesn't fit into an int of 64 bits"),
        ("timestamp(data.big)", "the result is no time of the years 1 to 9999"),
        ("data.list[data.big]", "the list at `data.list` has no element of this index; test with size(…)"),
        ("lists.range(data.big)", "the result has more than 16,777,216 characters or elements"),
        ("math.bitAnd(data.big, 1)", "math.bitAnd takes ints or uints, got an integer that doesn't fit into 64 bits"),
        ("math.bitShiftLeft(1, data.big)", None),
        ("'%d'.format([data.big])", None),
    ],
)
def test_an_integer_beyond_64_bits(source: str, detail: str | None) -> None:
    data = {"big": 2**63 + 5, "list": [1]}
    if detail is None:
        assert value(source, data) is not None
    else:
        assert failure(source, data).detail == detail


def test_numbers_that_json_does_not_have_never_leave() -> None:
    for source in (
        "0.0 / 0.0",
        "1.0 / 0.0",
        "[-1.0 / 0.0]",
        "{'a': 0.0 / 0.0}",
        "double('nan')",
        "data.d * 1e308 * 10.0",
    ):
        with pytest.raises(EvaluationError, match="JSON has no NaN and no infinity; test the double before"):
            compile_mapping({"a": f"= {source}"})(event({"d": 9.0}))


@pytest.mark.parametrize(
    "source",
    [
        "bytes(x)",
        "hash(x)",
        "x.matches('a')",
        "uuid5('dns', x)",
        "parseJson(x)",
        "toJson(x)",
        "redact(x)",
        "base64.decode(x)",
    ],
)
def test_half_a_surrogate_pair_is_an_error(source: str) -> None:
    expression = compile_expression(source, variables=("x",))
    with pytest.raises(EvaluationError) as caught:
        expression(event(), {"x": "a\ud800b"})
    assert caught.value.detail.startswith((
        "expected text, got a string that holds half of a surrogate pair", "expected a value that JSON can hold",
        "parseJson takes JSON", "base64.decode takes base64",
    ))  # fmt: skip


def test_half_a_surrogate_pair_does_no_harm_where_it_stays() -> None:
    expression = compile_expression(
        "x.size() == 3 && x + 'c' != x && strings.quote(x) == '\"a\ufffdb\"'", variables=("x",)
    )
    assert expression(event(), {"x": "a\ud800b"}) is True


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_fails_but_by_an_error_without_values(name: str) -> None:
    function = FUNCTIONS[name]
    kinds: list[Any] = ["hunter2", 7, 2**64 - 1, 1.5, True, None, ["hunter2"], {"hunter2": "hunter2"}, []]
    for count in function.free:
        if count <= 4:
            check_calls(f"{name}({', '.join(['data.x', 'data.y', 'data.x', 'data.x'][:count])})", kinds)
    for count in function.member:
        check_calls(f"data.x.{name}({', '.join(['data.y', 'data.x'][:count])})", kinds)


def check_calls(source: str, kinds: list[Any]) -> None:
    expression = compile_expression(source, tables={"t": {"k": 1}})
    for x in kinds:
        for y in kinds:
            given = Event.of({"id": "1", "source": "/", "type": "t"}, orjson.dumps({"x": x, "y": y}))
            text = outcome(expression, given)
            assert "hunter2" not in text, source
            assert "can't be computed" not in text, (source, x, y)


def outcome(expression: Any, given: Event) -> str:
    try:
        expression(given)
    except EvaluationError as error:
        return str(error)
    return ""
