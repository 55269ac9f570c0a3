"""Random expressions of CEL, mostly well-typed, and data for them.

What is known to differ (docs/cel.md) isn't made: fractions of seconds that end in zero, lists in the order of a map.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

KINDS = ("int", "uint", "double", "string", "bytes", "bool", "list", "map", "timestamp", "duration", "null", "optional")
ROOTS = tuple(kind for kind in KINDS if kind != "optional")
"""What a whole expression may be: the reference's binding can't hand over an optional value."""
COMPARED = ("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration")

_INTS = ("0", "1", "2", "-1", "7", "-7", "0x10", "1", "2", "9223372036854775807", "-9223372036854775808")
_UINTS = ("0u", "1u", "2u", "7u", "18446744073709551615u")
_DOUBLES = (
    "0.0",
    "1.0",
    "-0.0",
    "2.5",
    "-2.5",
    "1e3",
    "9007199254740992.0",
    "9223372036854775808.0",
    "1e300",
    "(0.0 / 0.0)",
)
_STRINGS = (
    "''",
    "'a'",
    '"ab"',
    "'ÿ'",
    "'😀b'",
    "r'\\d+'",
    "'''a\n'''",
    "'1'",
    "'-7'",
    "'true'",
    "'1.5'",
    "'\\u00ff'",
    "'[a-'",
)
_BYTES = ("b''", "b'a'", "b'ÿ'", "b'\\xff'")
_TIMESTAMPS = ("timestamp('2020-02-29T23:59:59.123457Z')", "timestamp('1969-12-31T23:00:00+01:00')", "timestamp(0)",
               "timestamp('9999-12-31T23:59:59.999999Z')", "timestamp('0001-01-01T00:00:00Z')")  # fmt: skip
_DURATIONS = (
    "duration('1.000003s')",
    "duration('-90m')",
    "duration('0')",
    "duration('1h2m3.007s')",
    "duration('2562047h')",
)
_LEAVES = {
    "int": (*_INTS, "data.i", "data.o.i", "data.l[1]", "data['i']", "data.big"),
    "uint": (*_UINTS, "uint(data.i)"),
    "double": (*_DOUBLES, "data.d", "data.o.d"),
    "string": (*_STRINGS, "data.s", "data.o.s", "data.l[0]", "data.names[0]"),
    "bytes": (*_BYTES, "bytes(data.s)"),
    "bool": ("true", "false", "data.b", "data.o.b",
             "has(data.s)", "has(data.missing)", "has(data.o.x)", "has(data.n.x)"),
    "list": ("[]", "[1, 2, 3]", "[1, 2.0, 'a', null]", "data.l", "data.names", "data.objects", "[[1], [2u]]"),
    "optional": ("optional.none()", "optional.of(1)", "data.?s", "data.?i", "data.?o", "data.?missing", "data.o.?x",
                 "data.?o.?i", "data.?o.s", "data[?'l']", "data.l[?0]", "data.names[?7]", "data.objects[?0]",
                 "data.?n"),
    "map": ("{}", "{'a': 1}", "{'a': 1.0}", "{2u: 'y'}", "{true: 1}", "data.o", "data"),
    "timestamp": _TIMESTAMPS,
    "duration": _DURATIONS,
    "null": ("null", "data.n"),
}  # fmt: skip
_BROKEN = (
    "data.missing",
    "data.o.missing.x",
    "data.s.x",
    "data.n.x",
    "1 / 0",
    "data.l[99]",
    "data['zz']",
    "{'a': 1}.b",
)
# Of any kind but bool, since the reference makes an int of one, which the definition doesn't have.
_ODD = st.sampled_from((*_BROKEN, *(each for kind in KINDS if kind != "bool" for each in _LEAVES[kind][:2])))
_ACCESSORS = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours",
              "getMinutes", "getSeconds", "getMilliseconds")  # fmt: skip
_ZONES = ("", "", "'UTC'", "'+02:30'", "'-08:00'", "'Europe/Berlin'", "'nowhere'")


@cache
def expression(kind: str, depth: int, variables: tuple[str, ...] = ()) -> Text:
    """Expressions of a kind; now and then of another, or ones that fail."""
    leaf = st.sampled_from(_LEAVES[kind] + (variables if kind in ("int", "string") else ()))
    if depth == 0:
        return leaf
    forms = [_fill(form, depth, variables) for form in FORMS[kind]]
    same = [
        _fill((f"({{bool}} ? {{{kind}}} : {{{kind}}})",), depth, variables),
        _fill((f"[{{{kind}}}, {{{kind}}}][{{int}} % 2]",), depth, variables),
        _fill((f"{{optional}}.orValue({{{kind}}})", f"optional.of({{{kind}}}).value()"), depth, variables),
        _fill(
            (f"cel.bind({{var}}, {{any}}, {{{kind}:var}})", f"cel.bind({{var}}, {{int}}, {{{kind}:var}})"),
            depth,
            variables,
        ),
    ]
    # Strategies are drawn with equal weight, so those that matter stand there more often.
    return st.one_of(leaf, *forms * 6, *same, _ODD)


FORMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "int": (
        ("({int} + {int})", "({int} - {int})", "({int} * {int})", "({int} / {int})", "({int} % {int})", "-({int})"),
        ("size({string})", "size({list})", "{map}.size()", "size({bytes})", "{list}[0]", "{map}['a']", "{map}['i']"),
        ("size({map}.map({var}, {any:var}))", "{map}.filter({var}, {bool:var}).size()"),
        ("int({uint})", "int({double})", "int({string})", "int({timestamp})", "{accessor}"),
        ("{string}.indexOf({string})", "{string}.indexOf({string}, {int})", "{string}.lastIndexOf({string})",
         "{string}.lastIndexOf({string}, {int})", "{optional}.value()"),
        ("math.abs({int})", "math.sign({int})", "math.greatest({int}, {int})", "math.least({int}, {int}, {int})",
         "math.greatest({list})", "math.least([{int}, {int}])"),
        ("math.bitAnd({int}, {int})", "math.bitOr({int}, {int})", "math.bitXor({int}, {int})", "math.bitNot({int})",
         "math.bitShiftLeft({int}, {int})", "math.bitShiftRight({int}, {int})"),
    ),
    "uint": (("({uint} + {uint})", "({uint} - {uint})", "({uint} * {uint})", "({uint} / {uint})", "({uint} % {uint})"),
             ("uint({int})", "uint({double})", "uint({string})"),
             ("math.abs({uint})", "math.greatest({uint}, {uint})", "math.bitNot({uint})", "math.bitAnd({uint}, {uint})",
              "math.bitShiftLeft({uint}, {int})", "math.bitShiftRight({uint}, {int})", "math.sign({uint})")),
    "double": (("({double} + {double})", "({double} - {double})", "({double} * {double})", "({double} / {double})"),
               ("double({int})", "double({string})", "-({double})", "double({uint})"),
               ("math.ceil({double})", "math.floor({double})", "math.round({double})", "math.trunc({double})"),
               ("math.abs({double})", "math.sign({double})", "math.sqrt({double})", "math.sqrt({int})",
                "math.greatest({double}, {int}, {double})", "math.least({uint}, {double})")),
    "string": (("({string} + {string})", "({string} + string({int}))"),
               ("string({int})", "string({bool})", "string({bytes})", "string({uint})", "{map}['s']", "{map}.s"),
               ("{string}.charAt({int})", "{string}.substring({int})", "{string}.substring({int}, {int})",
                "{string}.replace({string}, {string})", "{string}.replace({string}, {string}, {int})"),
               ("{string}.trim()", "{string}.lowerAscii()", "{string}.upperAscii()", "{string}.reverse()"),
               ("{list}.join()", "{list}.join({string})", "[{string}, {string}].join({string})",
                "strings.quote({string})", "base64.encode({bytes})", "{optional}.value()"),
               ("'%s-%d'.format([{string}, {int}])", "'%x %b %o %X'.format([{int}, {int}, {int}, {string}])",
                "'%.2f %e %.0f'.format([{double}, {double}, {int}])", "'%s'.format([[{string}, {int}, {bool}]])",
                "{string}.format({list})")),
    "bytes": (("({bytes} + {bytes})", "bytes({string})"),
              ("base64.decode({string})", "base64.decode(base64.encode({bytes}))")),
    "bool": (
        ("({bool} && {bool})", "({bool} || {bool})", "!({bool})"),
        ("({bool} && {bool} && {bool})", "({bool} || {bool} || {bool})"),
        ("({same} == {same})", "({same} != {same})", "({any} == {any})", "({any} != {any})"),
        ("({order} < {order})", "({order} <= {order})", "({order} > {order})", "({order} >= {order})"),
        ("({int} < {double})", "({uint} >= {int})", "({double} == {int})", "({any} < {any})"),
        ("({bool} == {int})", "({any} == 1)", "(0 != {any})", "({any} == true)", "(null != {any})", "(2.5 < {any})"),
        ("({any} in {list})", "({string} in {map})", "({int} in {map})", "({string} in ['a', 'ab', '1'])"),
        ("{string}.startsWith({string})", "{string}.endsWith('a')", "{string}.contains({string})",
         "{string}.matches({string})", "matches({string}, 'a|b+')", "{string}.matches('^[a-z]*$')"),
        ("{list}.exists({var}, {bool:var})", "{list}.all({var}, {bool:var})", "{list}.exists_one({var}, {bool:var})",
         "{map}.exists({var}, {bool:var})", "{map}.all({var}, {bool:var})"),
        ("bool({string})", "(type({any}) == type({any}))", "has({map}.s)", "has({map}.a)"),
        ("{optional}.hasValue()", "({optional} == {optional})", "{optional}.or({optional}).hasValue()",
         "has({optional}.i)", "({optional} == {any})", "({optional} in [{optional}])"),
        ("math.isNaN({double})", "math.isInf({double})", "math.isFinite({double})"),
    ),
    "list": (("({list} + {list})", "[{any}, {any}]", "[{int}]"),
             ("{string}.split({string})", "{string}.split({string}, {int})", "[?{optional}, {any}]", "[?{optional}]",
              "optional.unwrap([{optional}, {optional}])"),
             ("{list}.map({var}, {any:var})", "{list}.filter({var}, {bool:var})",
              "{list}.map({var}, {bool:var}, {any:var})")),
    "map": (("{ 'a': {any} }", "{ 's': {string} }", "{ {string}: {any} }", "{ {int}: {any} }"),
            ("{ ?'a': {optional} }", "{ ?{string}: {optional}, 'b': {any} }"),
            ("{list}[2]", "{map}['o']", "{map}.o")),
    "timestamp": (("({timestamp} + {duration})", "({timestamp} - {duration})", "({duration} + {timestamp})",
                   "timestamp({int})", "timestamp(data.t)"),),
    "duration": (("({timestamp} - {timestamp})", "({duration} + {duration})", "({duration} - {duration})"),),
    "optional": (("optional.of({any})", "optional.ofNonZeroValue({any})", "{map}.?a", "{map}.?s", "{map}[?{string}]"),
                 ("{list}[?{int}]", "({optional}).or({optional})", "{optional}.?i", "{optional}[?'a']"),
                 ("({optional}).optMap({var}, {any:var})", "({optional}).optFlatMap({var}, {optional:var})")),
    "null": (("[null][{int}]",),),
}  # fmt: skip


_HOLE = re.compile(r"\{([a-z]+(?::var)?)\}")


@st.composite
def _fill(draw: st.DrawFn, forms: tuple[str, ...], depth: int, variables: tuple[str, ...]) -> str:
    """One of the forms, its holes filled with expressions that are one level smaller."""
    form = draw(st.sampled_from(forms))
    variable = f"x{len(variables)}"
    same = draw(st.sampled_from(ROOTS)) if "{same}" in form else ""
    order = draw(st.sampled_from(COMPARED)) if "{order}" in form else ""
    return _HOLE.sub(lambda hole: _part(draw, hole[1], depth, variables, variable, same, order), form)


def _part(
    draw: st.DrawFn, hole: str, depth: int, variables: tuple[str, ...], variable: str, same: str, order: str
) -> str:
    kind, _, inner = hole.partition(":")
    if inner:
        variables = (*variables, variable)
    if kind == "var":
        return variable
    if kind == "accessor":
        target = draw(expression(draw(st.sampled_from(("timestamp", "timestamp", "duration"))), depth - 1, variables))
        return f"{target}.{draw(st.sampled_from(_ACCESSORS))}({draw(st.sampled_from(_ZONES))})"
    kind = {"same": same, "order": order, "any": ""}.get(kind, kind) or draw(st.sampled_from(ROOTS))
    return draw(expression(kind, depth - 1, variables))


expressions = st.sampled_from(("bool", "bool", "bool", *ROOTS)).flatmap(lambda kind: expression(kind, 3))

_texts = st.text(alphabet="ab1ÿ😀", max_size=4)
_ints = st.integers(-3, 9) | st.sampled_from((2**63 - 1, -(2**63), 10**9))
_doubles = st.sampled_from((0.0, 1.0, -1.5, 2.0, 1e300)) | st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.none() | st.booleans() | _ints | _doubles | _texts
_object = {"i": _ints, "d": _doubles, "s": _texts, "b": st.booleans()}
_optional = {"a": _scalars, "x": _scalars}
_usual = {
    **_object,
    "o": st.fixed_dictionaries(_object, optional=_optional),
    "l": st.tuples(_texts, _ints, _scalars).map(list),
    "names": st.lists(_texts, min_size=1, max_size=3),
    "objects": st.lists(st.fixed_dictionaries(_object, optional=_optional), max_size=2),
    "n": st.none(),
    "big": st.just(2**53 + 1),
    "t": st.just("2026-11-20T10:02:11Z"),
}
_unusual = {name: st.lists(_scalars, max_size=2) | _scalars for name in _usual}
_unusual["d"] = st.none() | _ints | _texts  # no bool, of which the reference makes an int
data: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(_usual),
    st.fixed_dictionaries(_usual),
    st.fixed_dictionaries({}, optional=_usual),
    st.fixed_dictionaries({}, optional=_unusual),
)
"""Payloads for the expressions: half the time of the types that their names promise."""
