"""What is wrong with an expression is said with the place, what was expected, and what was probably meant."""

from __future__ import annotations

import pytest

from hub.routes import ExpressionError, compile_expression
from hub.routes.costs import MAX_DEPTH
from hub.routes.parser import MAX_NESTING, parse
from tests.unit.routes.evaluation import failure, value


def mistake(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source, env={"REGION": "eu"})
    return caught.value


@pytest.mark.parametrize(
    ("source", "at", "message", "suggestion"),
    [
        ("data.a and data.b", "and", "expected an operator or the end of the expression; got `and`", "write `&&`"),
        ("data.a or data.b", "or", "expected an operator or the end of the expression; got `or`", "write `||`"),
        ("not data.a", "not", "expected a value; got `not`", "write `!`"),
        ("data.a is null", "is", "expected an operator or the end of the expression; got `is`", "write `==`"),
        ("data.a = 1", "=", "`=` has no meaning here", "write `==` to compare; nothing can be assigned"),
        ("data.a === 1", "===", "`===` has no meaning here", "write `==`"),
        ("data.a <> 1", "<>", "`<>` has no meaning here", "write `!=`"),
        ("data.a & data.b", "&", "`&` has no meaning here", "write `&&`"),
        ("data.a ?? 1", "??", "`??` has no meaning here", "there is no `??`; write `a.?b.orValue(…)`"),
        ("data.a?.b", "", "expected `:` and what holds otherwise; the expression ended",
         "a field that may be missing is read as `a.?b`, e.g. `a.?b.orValue(…)`"),
        ("data.?in", "in", "expected a field's name after `.`; got `in`", 'a key of this name is read as `["in"]`'),
        ("data.l.all(x, x, true)", "x", "expected two names that differ, got `x` twice", None),
        ("data.l.transformList(x, x)", "transformList(x, x)",
         "expected `list.transformList(index, x, expression)`; got 2 arguments", None),
        ("data.l.exists(1, x, true)", "1", "expected a name for the element as first argument of `exists`",
         "write e.g. `list.exists(x, …)`"),
        ("cel.bind(1, 2, 3)", "1", "expected a name for the value as first argument of `bind`",
         "write e.g. `cel.bind(x, value, …)`"),
        ("cel.bind(x, 2)", "bind(x, 2)", "expected `cel.bind(x, value, expression)`; got 2 arguments", None),
        ("cel.block(1, 2)", "block(1, 2)", "expected `cel.block([value, …], expression)`", None),
        ("cel.index(data)", "index(data)", "expected `cel.index` of numbers that are written out", None),
        ("data.?a.optMap(x)", "optMap(x)", "expected `optional.optMap(x, expression)`; got 1 argument", None),
        ("data.a not in [1]", "not", "expected an operator or the end of the expression; got `not`",
         "write `!(element in list)`"),
        ("if data.a then 1 else 2", "if", "expected a value; got `if`", "write `condition ? this : that`"),
        ("data.a ? 1", "", "expected `:` and what holds otherwise; the expression ended", None),
        ("data.l.0", ".0", "expected an operator or the end of the expression; got `.0`",
         "an element of a list is `list[0]`"),
        ("data.in", "in", "expected a field's name after `.`; got `in`", 'a key of this name is read as `["in"]`'),
        ("data.l.map(x => x.a)", "=>", "`=>` has no meaning here",
         "macros take a variable and an expression, e.g. `list.map(x, x.name)`"),
        ("data.l.map(x.a, x)", "x.a", "expected a name for the element as first argument of `map`",
         "write e.g. `list.map(x, …)`"),
        ("data.l.all(x)", "all(x)", "expected `list.all(x, condition)`; got 1 argument", None),
        ("has(data)", "has(data)", "expected one field, e.g. `has(data.user)`", None),
        ("has(data['a'])", "has(data['a'])", "expected one field, e.g. `has(data.user)`", None),
        ("'abc", "'abc", "this string is never closed; expected '", None),
        ("'a\nb'", "'a", "this string is never closed; expected '", "a string over several lines stands in '''"),
        ("'a\\d'", "\\d", "`\\d` is no escape",
         'write `\\\\` for a backslash, or a raw string r"…", e.g. for a regular expression'),
        ("'\\ud800'", "\\ud800", "`\\ud800` is no Unicode character", None),
        ("b'\\u00ff'", "\\u00ff", "`\\u00ff` is not possible in bytes", "write the bytes as `\\x…`"),
        ("\u201cabc\u201d", "\u201c", "`\u201c` has no meaning here", "use straight quotes"),
        ("f'{data}'", "'{data}'", "expected an operator or the end of the expression; got `'{data}'`",
         'text is formatted with `+`, e.g. `"#" + string(data.number)`'),
        ("${env:X}", "$", "`$` has no meaning here",
         "references `${…}` stand outside of expressions; here it is `env.NAME`"),
        ("1st", "1st", "expected an operator between the number `1` and `st`",
         'a name can\'t start with a digit; a key that does is read as `data["1st"]`'),
        ("9223372036854775808", "9223372036854775808",
         "expected an int of 64 bits, from -9223372036854775808 to 9223372036854775807",
         "write it with a decimal point as a double, e.g. `1e20`"),
        ("18446744073709551616u", "18446744073709551616u",
         "expected a uint of 64 bits, at most 18446744073709551615", None),
        ("1e999", "1e999", "expected a double of 64 bits, at most about 1.8e308", None),
        ("-1u", "-1u", "a uint has no sign", None),
        ("(1 + 2", "", "expected `)` to close the bracket; the expression ended", None),
        ("[1, 2", "", "expected `]` after the elements; the expression ended", None),
        ("size(1,)", ")", "expected another argument after `,`; got `)`", None),
        ("{'a'}", "}", "expected `:` between a key and its value; got `}`", None),
        ("Thing{a: 1}", "{", "expected an operator; got `{`",
         'there are no message types; a map is written `{"key": value}`'),
        ("1 +", "", "expected a value; the expression ended", None),
        ("", "", "expected an expression; got nothing", None),
        ("a;b", ";", "`;` has no meaning here", "an expression is one value; separate parts aren't possible"),
        ("let", "let", "expected a value; got `let`", None),
    ],
)  # fmt: skip
def test_a_mistake_of_syntax(source: str, at: str, message: str, suggestion: str | None) -> None:
    error = mistake(source)
    assert error.code == "route.syntax"
    assert error.message == message
    assert error.suggestion == suggestion
    assert source[error.start : error.end] == at


@pytest.mark.parametrize(
    ("source", "at", "code", "message", "suggestion"),
    [
        ("dta.a", "dta", "route.unknown_name",
         "there is no `dta` here; known are `data`, `env`, `event`, `headers`, `key`, `now`", "did you mean `data`?"),
        ("pull_request.title", "pull_request", "route.unknown_name",
         "there is no `pull_request` here; known are `data`, `env`, `event`, `headers`, `key`, `now`",
         "a field of the payload is `data.pull_request`, text stands in quotes"),
        ("data.l.map(item, itm.a)", "itm", "route.unknown_name",
         "there is no `itm` here; known are `data`, `env`, `event`, `headers`, `item`, `key`, `now`",
         "did you mean `item`?"),
        ("env.REGIO", "env.REGIO", "route.unknown_env", "the environment variable `REGIO` is not declared",
         "did you mean `REGION`?"),
        ("env.HOME", "env.HOME", "route.unknown_env", "the environment variable `HOME` is not declared",
         "name it under `env:` in a schema file"),
        ("event.Type", "event.Type", "route.unknown_field",
         "an event has no attribute `Type`; attributes have lower-case letters and digits", "did you mean `type`?"),
        ("event.data", "event.data", "route.unknown_field", "an event's attributes don't hold its data",
         "write `data`"),
        ("has(event.headers)", "has(event.headers)", "route.unknown_field",
         "an event's attributes don't hold its headers", "write `headers`"),
        ("len(data.l)", "len", "route.unknown_function", "there is no function `len`", "write `size(x)`"),
        ("data.t.startswith('a')", "startswith", "route.unknown_function",
         "there is no function `startswith`", "did you mean `startsWith`?"),
        ("startsWith(data.t, 'a')", "startsWith(data.t, 'a')", "route.arguments",
         '`startsWith` is written `text.startsWith("…")`; got 2 arguments', None),
        ("data.t.int()", "data.t.int()", "route.arguments",
         "`int` is written `int(x)`; got 0 arguments after a dot", None),
        ("data.t.matches('a(')", "'a('", "route.regular_expression",
         "expected a regular expression that RE2 can read: missing )", None),
        ("data.t.matches(r'(?=a)')", "r'(?=a)'", "route.regular_expression",
         "expected a regular expression that RE2 can read: invalid perl operator `(?=`",
         "RE2, which is linear in time, has no look-around; combine two patterns by `&&` and `!`"),
    ],
)  # fmt: skip
def test_a_mistake_of_meaning(source: str, at: str, code: str, message: str, suggestion: str | None) -> None:
    error = mistake(source)
    assert (error.code, error.message, error.suggestion) == (code, message, suggestion)
    assert source[error.start : error.end] == at


def test_the_excerpt_shows_the_line_with_the_place() -> None:
    error = mistake("data.a == 1\n  && data.b = 2")
    assert (error.line, error.column) == (2, 13)
    assert error.excerpt() == "  && data.b = 2\n            ^"
    assert str(error) == "2:13: `=` has no meaning here; write `==` to compare; nothing can be assigned"


def test_an_expression_has_at_most_ten_thousand_bytes() -> None:
    assert value("'" + "ÿ" * 4999 + "'") == "ÿ" * 4999
    error = mistake("'" + "ÿ" * 5000 + "'")
    assert error.code == "route.too_long"
    assert error.message == "expected at most 10,000 bytes; this expression has 10,002"


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("(", ")"), ("[", "]"), ("{'a': ", "}"), ("size([", "])"), ("true ? 1 : ", "")],
)
def test_nesting_is_limited(opening: str, closing: str) -> None:
    most = MAX_NESTING if opening != "size([" else MAX_NESTING // 2
    assert parse(opening * most + "1" + closing * most)
    error = mistake(opening * (most + 1) + "1" + closing * (most + 1))
    assert error.code == "route.too_deep"
    assert error.message == "expected at most 64 levels of nesting"


@pytest.mark.parametrize(
    "source", ["1" + " + 1" * 1000, "data" + ".a" * 1000, "data" + "[0]" * 1000, "!" * 1000 + "true"]
)
def test_chains_are_limited(source: str) -> None:
    error = mistake(source)
    assert error.code == "route.too_deep"
    assert error.message == f"expected at most {MAX_DEPTH} operators, selections or calls in a row"


def test_what_the_limits_allow_can_be_computed() -> None:
    assert value("1" + " + 1" * 198) == 199
    assert value("'a'" + " + 'a'" * 198) == "a" * 199
    assert value(" || ".join(["data.x == 1"] * 500 + ["true"]), {}) is True
    assert value(" && ".join(["data.x == 1"] * 500), {"x": 1}) is True
    assert value("(" * 63 + "1" + ")" * 63) == 1
    assert value("[1].map(x, " * 8 + "x" + ")" * 8) == [[[[[[[[1]]]]]]]]
    assert value("[1].all(x, " * 8 + "x == 1" + ")" * 8) is True
    assert value("[1].exists(x, x == 2 || " * 8 + "x == 1" + ")" * 8) is True
    assert value("[1].map(y, [y]).all(x, x.zz == 1 || " * 8 + "x[0] == 1" + ")" * 8) is True
    assert value("[1].all(x, data.y == 3 || (false || " * 8 + "x == 1" + "))" * 8, {"y": 2}) is True
    assert value("(data.x == 1 || (data.y == 2 && " * 31 + "true" + "))" * 31, {"y": 2}) is True
    assert value("(false || (true && " * 31 + "data.zz == 1 || true" + "))" * 31, {"y": 2}) is True
    assert value("data.x ? 1 : " * 60 + "2", {"x": False}) == 2


def test_a_problem_within_deep_code_is_still_found() -> None:
    error = failure("[1].all(x, true && " * 8 + "x.zz == 1" + ")" * 8)
    assert error.detail == "expected an object at `x`, got an int"
