"""Text of users never becomes code of Python."""

from __future__ import annotations

import ast
import contextlib
from types import CodeType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.routes import EvaluationError, ExpressionError, compile_expression, compile_mapping, compile_route
from hub.routes.template import verify
from hub.routes.unit import _NAMES
from tests.unit.routes.canonical import careful
from tests.unit.routes.evaluation import event, failure, value


def names(code: CodeType) -> set[str]:
    """All names that compiled code can reach: globals, attributes and its own."""
    found = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names(constant)
    return found


ATTRIBUTES = {"append", "attributes", "data", "datacontenttype", "endswith", "headers", "isprintable", "key", "of",
              "pop", "raw", "search", "startswith"}  # fmt: skip


def foreign(function: Any) -> set[str]:
    """Names in a function that our compiler never makes."""
    allowed = {*_NAMES, *ATTRIBUTES, "careful", "absorb", "event", "variables", "error", "cost"}
    functions = {each for each in function.__globals__ if callable(function.__globals__[each])}
    return {
        each for each in names(function.__code__) - allowed - functions if not (each[0] == "v" and each[1:].isdigit())
    }


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('true')",
        "lambda: 1",
        "().__class__",
        "[x for x in data]",
        "data if true else data",
        "data.x; data.y",
        "f'{data}'",
        "data := 1",
        "exec('1')",
        "event.__class__",
        "event._attributes",
        "event.__init__.__globals__",
        "headers.get('x')",
        "data.keys()",
        "data.__class__()",
        "v1",
        "careful",
        "Exception",
        "variables",
        "self",
        "globals()",
        "\uff44ata",
        "dat\u0430.x",
        "data.\u00e9",
        "data\u200b.x",
        "data\x00.x",
        "import os",
        "data.map(__builtins__.x, 1)",
        "data.map(x.y, 1)",
    ],
)
def test_what_python_would_run_is_no_expression(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(source)


@pytest.mark.parametrize(
    "name", ["__class__", "__import__", "__globals__", "keys", "pop", "v1", "careful", "lambda", "None", "Exception"]
)
def test_a_name_of_python_is_just_a_key(name: str) -> None:
    assert value(f"data.{name}", {name: "mine"}) == "mine"
    assert value(f"data['{name}']", {name: "mine"}) == "mine"
    assert value(f"has(data.{name})", {"other": 1}) is False
    assert "has no field" in failure(f"data.{name}", {}).detail


PYTHON = (
    "__class__", "__import__", "__globals__", "__builtins__", "__dict__", "__subclasses__", "mro", "gi_frame",
    "f_back", "co_code", "format", "keys", "pop", "get", "v1", "cost", "careful", "lambda", "None", "True", "def",
    "class", "yield", "await", "global", "Exception", "self", "exec", "type", "select", "absorb",
)  # fmt: skip


@pytest.mark.parametrize("name", PYTHON)
def test_a_name_of_python_is_just_a_key_wherever_a_name_may_stand(name: str) -> None:
    data = {name: "mine", "o": {name: 1}, "l": [{name: 1}]}
    assert value(f"data.`{name}` + data.?{name}.value() + data.?`{name}`.orValue('')", data) == "mine" * 3
    assert value(f"data[?'{name}'].value() + data.o.?{name}.optMap(x, 'mine').value()", data) == "mine" * 2
    assert value(f"data.l.map(x, x.{name}) + data.l.map(x, x.?{name}.value())", data) == [1, 1]
    assert value(f"has(data.o.{name}) && has(data.?o.`{name}`) && '{name}' in data", data) is True
    assert value(f"data.o.transformMap(k, x, x + 1).{name} + {{'{name}': 1}}.{name}", data) == 3
    assert value(f"headers.?{name}.orValue('none')") == "none"


VARIABLES = [each for each in PYTHON if each not in ("class", "None", "True")]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_of_any_macro_may_have_a_name_of_python(name: str) -> None:
    assert value(f"cel.bind({name}, 2, {name} * {name}) + [1].map({name}, {name} + 1)[0]") == 6
    assert value(f"{{'a': 1}}.transformList(k, {name}, {name}) + [5].transformList({name}, x, {name} + x)") == [1, 5]
    assert value(f"optional.of(1).optMap({name}, {name} + 1).value() + [3].sortBy({name}, {name})[0]") == 5
    assert compile_expression(f"{name} + 1", variables=(name,))(event(), {name: 1}) == 2


@pytest.mark.parametrize(
    "source",
    [
        "data.`a b`", "data.`a.b/c-d_e`", "data.?`a-b`.hasValue()", "has(data.`1`)",
    ],
)  # fmt: skip
def test_backticks_hold_names_that_are_no_names(source: str) -> None:
    data = {"a b": True, "a.b/c-d_e": True, "a-b": True, "1": True}
    assert value(source, data) is True


@pytest.mark.parametrize(
    "source",
    [
        "data.``", "data.`a`b`", "data.`a'b`", "data.`a\nb`", "data.`é`", "data.`a(b)`", "`data`",
        "data.`x`()", "data.`x", "data.x`", "data.`{x}`", "data.`$`", "[1].map(`x`, 1)",
        "cel.bind(`x`, 1, 2)", "{`a`: 1}",
        "data.?`x`()", "data.?x()", "data?.x", "data.?", "data[?]", "[?]", "{?}", "{?:1}", "data.?[0]", "data.? x.",
        "cel.bind(data.x, 1, 2)", "cel.bind(1)", "cel.block([?data], 1)", "cel.index(-1)", "cel.index(0)",
        "cel.iterVar(0)",
        "cel.unknown(1)", "math.__class__", "math.abs.__globals__", "strings", "optional", "cel", "lists.range",
        "math.abs()", "x.math.abs(1)", "[1].transformList(x, 1)", "[1].transformMap(x, x, 1)", "@index0", "@it:0:0",
        "event.`__class__`", "event.?__class__", "event[`x`]", "env.?HOME", "env.`HOME`", "headers.?x.?",
    ],
)  # fmt: skip
def test_what_only_looks_like_the_language_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert_helpful(caught.value)


@pytest.mark.parametrize(
    "name", ["__builtins__", "event", "type", "careful", "absorb", "v1", "error", "Exception", "_"]
)
def test_the_variable_of_a_macro_may_have_any_name(name: str) -> None:
    assert value(f"[1, 2].map({name}, {name} + 1)") == [2, 3]
    assert value(f"[[1, 2]].map({name}, {name}.exists(x, x == 2 || {name}.size() == 0))") == [True]


@pytest.mark.parametrize(
    "text", ["')+__import__('os')#", '"""', "\n\nimport os\n", "\\", "{x}", "%s", "\x00", "${HOME}"]
)
def test_text_stays_text(text: str) -> None:
    quoted = "".join(f"\\U{ord(each):08x}" for each in text)
    assert value(f'"{quoted}"') == text
    assert value(f'data["{quoted}"] + "{quoted}"', {text: "x"}) == "x" + text
    assert compile_mapping({text: text})(event()) == {text: text}
    route = compile_route(None, {"data": {text: [text, "= data.x"]}}, name=text.replace("\x00", ""))
    made = route(event({"x": text}))
    assert made is not None
    assert made.data == {text: [text, text]}


def test_generated_code_reaches_nothing_but_the_language() -> None:
    expression = compile_expression(
        "data.l.filter(x, x.a.startsWith('b') && x.n > 1).map(x, {'k': x.a + 'c'})[0].k in ['a'] || now > timestamp(0)"
        " || cel.bind(y, data.?o.?p.orValue([1]), y.transformMap(i, x, [?data.?x, x])).size() > math.abs(-1)"
        " || data.?x.optMap(x, lookup('t', x, 1)).or(data[?'y']).value() in {?'a': data.?a} || hash(data) == ''",
        tables={"t": {"k": 1}},
    )
    assert foreign(expression._function) == set()
    assert expression._function.__globals__["__builtins__"] == {}
    assert careful(expression)(event({}), None) is True
    slow = careful(expression)._function
    assert foreign(slow) == set()
    assert slow.__globals__["__builtins__"] == {}


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "lambda: 1",
        "[x for x in v1]",
        "v1.__class__",
        "v1.mro",
        "open",
        "f'{v1}'",
        "def f(): pass",
        "class A: pass",
        "while v1: pass",
        "with v1: pass",
        "del v1",
        "global v1",
        "v1 @ (yield)",
    ],
)
def test_the_whitelist_refuses_code_that_the_compiler_never_makes(code: str) -> None:
    with pytest.raises(AssertionError):
        verify(ast.parse(code), {})


WORDS = (
    "data", "event", "x", ".", ".y", "[", "]", "(", ")", "{", "}", "?", ":", ",", "'a'", "1", "1u", "2.5", "&&", "||",
    "!", "-", "+", "==", "<", "in", "has(", ".map(x,", ".all(x,", "null", "true", "`", '"', "//", "\n", "=", "lambda",
    "__import__", "\\", "size(", "b'", "r'", "0x", ".5", "event.", "headers.", "env.A", "now", ".?", "[?", "{?",
    ".orValue(", ".optMap(x,", "cel.bind(x,", ".transformList(i, x,", "math.abs(", "optional.none()", "`a-b`", "\u200b",
    ".format([", "lookup('t',", "hash(", "cel.index(0)", "cel.block([",
)  # fmt: skip
soup = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=30)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(soup)
@example("data . map(x, x . all(x, x))")
@example("'\ud800'")
@example("1 in 1 in 1")
def test_any_text_is_refused_or_compiled_to_harmless_code(source: str) -> None:
    try:
        expression = compile_expression(source, env={"A": "a"}, tables={"t": {"a": 1}})
    except ExpressionError as refusal:
        assert_helpful(refusal)
        return
    assert foreign(expression._function) == set()
    for function in (expression, careful(expression)):
        with contextlib.suppress(EvaluationError):
            function(event({"y": [1, {"y": 2}]}), None)


def assert_helpful(refusal: ExpressionError) -> None:
    assert 0 <= refusal.start <= min(refusal.end, len(refusal.source))
    assert str(refusal)
    assert refusal.excerpt()
