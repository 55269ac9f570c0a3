"""What expressions mean, where Python or habit would say otherwise. Both versions of the code are asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hub.routes.values import Duration, Timestamp, UInt
from tests.unit.routes.evaluation import failure, value

DATA = {
    "one": 1, "two": 2.0, "text": "ÿb", "yes": True, "none": None, "list": [1, "a", None, [2]], "big": 2**63 - 1,
    "object": {"a": 1, "b": {"c": "d"}}, "people": [{"name": "ann", "age": 30}, {"name": "bob", "age": 7}, {"age": 1}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true == 1", False),
        ("data.yes == data.one", False),
        ("data.yes == 1", False),
        ("1 != data.yes", True),
        ("data.one == 1.0", True),
        ("data.two == 2", True),
        ("data.two == 2u", True),
        ("[1] == [1.0]", True),
        ("[true] == [1]", False),
        ("{'a': 1} == {'a': 1u}", True),
        ("{1: 'a'} == {1.0 == 1.0: 'a'}", False),
        ("{'a': 1} == {'b': 1}", False),
        ("null == false", False),
        ("data.none == null", True),
        ("data.one == null", False),
        ("data.yes == true", True),
        ("data.list == [1, 'a', null, [2.0]]", True),
        ("'1' == data.one", False),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("[0.0 / 0.0] == [0.0 / 0.0]", False),
        ("type(1) == int && type(1.0) == double && type(1u) == uint && type(null) == null_type", True),
        ("type(data.yes) == bool && type(data.list) == list && type(data) == map && type(type(1)) == type", True),
        ("type(now) == google.protobuf.Timestamp && type(now - now) == google.protobuf.Duration", True),
        ("type(data.one) == type(data.two)", False),
    ],
)
def test_equality_is_between_values_of_one_type_and_between_numbers(source: str, expected: Any) -> None:
    assert value(source, DATA) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.one < 2", True),
        ("data.one < 1.5", True),
        ("data.two >= 2u", True),
        ("data.big > 9223372036854775806", True),
        ("'a' < 'b' && 'Z' < 'a' && '\U0001f600' > '\uffff'", True),
        ("data.text > 'a'", True),
        ("b'\\x00' < b'\\x01'", True),
        ("false < true", True),
        ("timestamp(0) < now && duration('1s') <= duration('1000ms')", True),
        ("0.0 / 0.0 < 1.0 || 0.0 / 0.0 >= 1.0", False),
        ("-1 < 0u", True),
    ],
)
def test_order_is_between_values_of_one_type_and_between_numbers(source: str, expected: Any) -> None:
    assert value(source, DATA) is expected


@pytest.mark.parametrize("source", ["data.one < 'a'", "null < 1", "true < 1", "[1] < [2]", "data < data", "now > 1"])
def test_what_has_no_order_is_an_error(source: str) -> None:
    assert "have an order" in failure(source, DATA).detail


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("data.one - 2", -1),
        ("data.one / 2", 0),
        ("(data.one - 8) / 2", -3),
        ("(data.one - 8) % 4", -3),
        ("(data.one + 8) % 4", 1),
        ("data.big - 1", 2**63 - 2),
        ("-9223372036854775808", -(2**63)),
        ("0x7fffffffffffffff", 2**63 - 1),
        ("-data.one", -1),
        ("1.5 + data.two", 3.5),
        ("data.two * data.two", 4.0),
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1.0 / -0.0", -math.inf),
        ("'a' + data.text", "aÿb"),
        ("b'a' + b'\\xff'", b"a\xff"),
        ("data.list + [5]", [1, "a", None, [2], 5]),
        ("now + duration('1s') - now", Duration(10**9)),
        ("duration('1h') - duration('30m')", Duration(1800 * 10**9)),
        ("timestamp(1) - timestamp(3)", Duration(-2 * 10**9)),
    ],
)
def test_arithmetic(source: str, expected: Any) -> None:
    found = value(source, DATA)
    assert found == expected
    assert type(found) is type(expected)


def test_unsigned_numbers_stay_unsigned() -> None:
    for source, expected in (
        ("1u + 2u", 3),
        ("7u / 2u", 3),
        ("7u % 4u", 3),
        ("3u - 3u", 0),
        ("18446744073709551615u", 2**64 - 1),
    ):
        found = value(source)
        assert found == expected
        assert type(found) is UInt


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("data.big + 1", "64 bits"),
        ("-data.big - 2", "64 bits"),
        ("data.big * 2", "64 bits"),
        ("-(-9223372036854775808)", "64 bits"),
        ("-9223372036854775808 / -1", "64 bits"),
        ("-9223372036854775808 % -1", "64 bits"),
        ("0u - 1u", "64 bits"),
        ("18446744073709551615u + 1u", "64 bits"),
        ("1 / 0", "division by zero"),
        ("data.one % 0", "division by zero"),
        ("1u / 0u", "division by zero"),
        ("1 + 1.0", "write int(…), uint(…) or double(…)"),
        ("1u + 1", "write int(…), uint(…) or double(…)"),
        ("data.text + 1", "write string(…)"),
        ("1 + data.none", "test for null first"),
        ("data.text * 2", "doesn't take"),
        ("5.0 % 2.0", "doesn't take"),
        ("[1] - [1]", "doesn't take"),
        ("-data.text", "takes an int or a double"),
        ("duration('2562047h') + duration('2562047h')", "292 years"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "years 1 to 9999"),
    ],
)
def test_arithmetic_without_a_result_is_an_error(source: str, part: str) -> None:
    assert part in failure(source, DATA).detail


BROKEN = "data.missing.x"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"false && {BROKEN} == 1", False),
        (f"{BROKEN} == 1 && false", False),
        (f"true || {BROKEN} == 1", True),
        (f"{BROKEN} == 1 || true", True),
        (f"{BROKEN} == 1 || {BROKEN} == 2 || data.yes", True),
        (f"({BROKEN} == 1 || false || data.yes) && true", True),
        (f"{BROKEN} && data.one && false", False),
        ("data.one || true", True),
        ("'text' && data.yes == false", False),
        ("data.list.exists(x, x.y == 1 || x == 'a')", True),
        ("data.list.exists(x, x < 2)", True),
        ("data.list.all(x, x < 1)", False),
        ("[1, 2].exists_one(x, x == 2)", True),
        ("[1, 1].exists_one(x, x == 1)", False),
        ("[].all(x, x.y)", True),
        ("[].exists(x, x.y)", False),
        ("true ? 1 == 1 : 1 / 0 == 1", True),
        ("data.yes ? data.yes : data.missing", True),
    ],
)
def test_what_is_decided_makes_up_for_errors(source: str, expected: Any) -> None:
    assert value(source, DATA) is expected


@pytest.mark.parametrize(
    "source",
    [
        f"{BROKEN} == 1 && true",
        f"true && {BROKEN} == 1",
        f"{BROKEN} == 1 || false",
        "data.one && true",
        "true && data.one",
        "data.list.all(x, x > 0)",
        "data.list.exists(x, x > 5)",
        "[1, 'a'].exists_one(x, x > 0)",
        "data.one ? 1 : 2",
        "!data.one",
        "data.none ? 1 : 2",
        f"{BROKEN} ? 1 : 1",
    ],
)
def test_what_nothing_decides_is_an_error(source: str) -> None:
    assert failure(source, DATA)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("has(data.one)", True),
        ("has(data.none)", True),
        ("has(data.missing)", False),
        ("has(data.object.b.c)", True),
        ("has(data.object.b.x)", False),
        ("has(data.list) && !has(data.object.zz)", True),
        ("has({'a': 1}.a)", True),
        ("data['object']['b'].c", "d"),
        ("data.object[data.list[1]]", 1),
        ("data.list[0]", 1),
        ("data.list[0u]", 1),
        ("data.list[data.one]", "a"),
        ("data.list[data.two]", None),
        ("data.list[3][0]", 2),
        ("{1: 'a', true: 'b', 'c': 'd', 2u: 'e'}[data.one]", "a"),
        ("{1: 'a', true: 'b'}[data.yes]", "b"),
        ("{1: 'a', 2u: 'e'}[data.two]", "e"),
        ("{'a-b': 1}.`a-b`", 1),
        ("'a' in data.object", True),
        ("1 in data.object", False),
        ("1 in {1: 2} && 1.0 in {1: 2} && 1u in {1: 2} && !(true in {1: 2})", True),
        ("1.0 in data.list", True),
        ("true in data.list", False),
        ("[2] in data.list", True),
        ("null in data.list", True),
        ("data.text in ['ÿb', 'c']", True),
        ("data.one in ['ÿb', 'c']", False),
        ("data.list in ['a']", False),
        ("size(data.text) == 2 && data.text.size() == 2 && size(b'ÿ') == 2", True),
        ("size('😀') + size(data.list) + size(data.object) + [].size()", 7),
    ],
)
def test_access(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("data.missing", "the object at `data` has no field `missing`; test with has(…) where it may be missing"),
        ("data.none.x", "expected an object at `data.none`, got null"),
        ("data.object.a.x", "expected an object at `data.object.a`, got an int"),
        ("data.text.x", "expected an object at `data.text`, got a string"),
        ("data.list.x", "expected an object at `data.list`, got a list"),
        ("has(data.none.x)", "expected an object at `data.none`, got null"),
        (
            "has(data.missing.x)",
            "the object at `data` has no field `missing`; test with has(…) where it may be missing",
        ),
        ("data['x']", "the object at `data` has no such key; test with `key in object` where it may be missing"),
        ("data.list[9]", "the list at `data.list` has no element of this index; test with size(…)"),
        ("data.list[-1]", "the list at `data.list` has no element of this index; test with size(…)"),
        ("data.list[0 - data.one]", "the list at `data.list` has no element of this index; test with size(…)"),
        ("data.list['0']", "expected a whole number as index of the list at `data.list`, got a string"),
        ("data.list[0.5]", "expected a whole number as index of the list at `data.list`, got a double"),
        ("data.list[true]", "expected a whole number as index of the list at `data.list`, got a bool"),
        ("data.text[0]", "expected a list or an object at `data.text`, got a string"),
        ("data[[1]]", "expected a string, a bool or a number as key, got a list"),
        ("1 in data.text", "expected a list or an object on the right of `in`, got a string"),
        ("'a' in data.one", "expected a list or an object on the right of `in`, got an int"),
        ("size(data.one)", "size takes a string, bytes, a list or an object, got an int"),
        ("data.text.map(x, x)", "expected a list or an object at `data.text`, got a string"),
        (
            "data.people.map(p, p.name)",
            "the object at `p` has no field `name`; test with has(…) where it may be missing",
        ),
        ("{data.two: 1}", "expected a string, a bool or a whole number as key, got a double"),
        ("{1: 'a', 1u: 'b'}", "the same key stands twice in the map"),
        ("{'a': 1, 'a': 2}", "the same key stands twice in the map"),
        ("data.one.startsWith('a')", "startsWith takes a string, got an int"),
        ("data.text.startsWith(data.one)", "startsWith takes a string as argument, got an int"),
        (
            "data.text.matches(data.regex)",
            "the object at `data` has no field `regex`; test with has(…) where it may be missing",
        ),
        ("'a'.matches(data.text + '(')", "expected a regular expression that RE2 can read: missing )"),
    ],
)
def test_access_to_what_is_not_there_says_what_came(source: str, detail: str) -> None:
    assert failure(source, DATA).detail == detail


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.people.map(p, p.age)", [30, 7, 1]),
        ("data.people.filter(p, has(p.name)).map(p, p.name + '!')", ["ann!", "bob!"]),
        ("data.people.map(p, p.age > 5, p.age * 2)", [60, 14]),
        ("data.people.filter(p, p.age > 5 && p.name.startsWith('a')).size()", 1),
        ("data.object.map(k, k)", ["a", "b"]),
        ("data.object.filter(k, k != 'a')", ["b"]),
        ("data.object.exists(k, k == 'b') && data.object.all(k, size(k) == 1)", True),
        ("{1: 'a', true: 'b'}.map(k, k)", [1, True]),
        ("[[1, 2], [3]].map(l, l.map(x, x * size(l)))", [[2, 4], [3]]),
        ("[1, 2].map(x, [3, 4].map(y, x * y))", [[3, 4], [6, 8]]),
        ("[1].map(x, [2].map(x, x))", [[2]]),
        ("[1].map(data, data + 1)", [2]),
        ("[1].map(data, .data.one + data)", [2]),
        ("data.people.exists(p, p.name == 'bob') ? 'there' : 'not'", "there"),
        ("data.people.all(p, p.age > 0 && p.age < 100)", True),
        ("[1, 2, 3, 4].filter(x, x % 2 == 0)", [2, 4]),
        ("data.list.map(x, type(x) == string ? x : 'no')", ["no", "a", "no", "no"]),
    ],
)
def test_macros(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.text.startsWith('ÿ') && data.text.endsWith('b') && data.text.contains('')", True),
        ("'foobar'.matches('o+b')", True),
        ("'foobar'.matches('^o+b')", False),
        ("matches('a\\nb', 'a.b')", False),
        ("data.text.matches('^' + data.text + '$')", True),
        ("'é'.matches('^.$') && '٣'.matches('\\\\d')", False),
        ("'é'.matches('^.$')", True),
    ],
)
def test_text_functions(source: str, expected: Any) -> None:
    assert value(source, DATA) is expected


def test_a_regular_expression_costs_linear_time() -> None:
    assert value("data.matches('^(a+)+$')", "a" * 5000 + "b") is False


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"'a\'b'", "a'b"),
        (r"r'a\n'", "a\\n"),
        (r"'''a" + "\n" + r"'b'\n'''", "a\n'b'\n"),
        (r"'\x41\u00ff\U0001F600\101\\\?\`'", "A\u00ff\U0001f600A\\?`"),
        (r"'\a\b\f\n\r\t\v'", "\a\b\f\n\r\t\v"),
        (r"b'\xff\377ÿ'", b"\xff\xff\xc3\xbf"),
        (r"br'\xff'", b"\\xff"),
        (r"R'\'", "\\"),
        ('"""a"b"""', 'a"b'),
        ("'a' // comment\n + 'b'", "ab"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0x1Fu", UInt(31)),
    ],
)
def test_literals(source: str, expected: Any) -> None:
    found = value(source)
    assert found == expected
    assert type(found) is type(expected)


def test_operators_bind_as_in_the_definition() -> None:
    for source, expected in (
        ("1 + 2 * 3 - 4 / 2", 5),
        ("2 - 1 - 1", 0),
        ("true || false && false", True),
        ("!false && true", True),
        ("1 < 2 == true", True),
        ("false ? 1 : true ? 2 : 3", 2),
        ("-2 * -3", 6),
        ("- 5 + 1", -4),
        ("!(1 in [2])", True),
        ("1 + 1 in [2]", True),
    ):
        assert value(source) == expected


def test_now_is_the_time_of_the_event() -> None:
    assert value("now") == Timestamp(1_795_168_931 * 10**9)
    assert value("now == timestamp(event.time)") is True
