"""Random expressions give what Google's own implementation gives, in both of our versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from hub.routes import compile_expression
from hub.sdk import Event
from tests.differential.comparison import compared, outcome
from tests.differential.divergences import DIVERGENCES
from tests.differential.expressions import data, expressions
from tests.differential.oracle import ERROR, reference


@settings(max_examples=3000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(expressions, data)
def test_random_expressions_mean_what_they_mean_to_the_reference(source: str, payload: Any) -> None:
    assert compared(source, payload)


OPTIONALS = ("data.?s", "data.?missing", "data.?missing.?x", "data.?o.?x", "data[?'s']", "data.l[?9]", "data.?n.x")


@pytest.mark.parametrize("optional", OPTIONALS)
@pytest.mark.parametrize("use", ["{}.hasValue()", "{}.orValue(1)", "{}.value()", "{}.optMap(x, [x]).orValue(0)",
                                 "{}.or(optional.of(2)).value()", "[?{}]", "{{?'a': {}}}", "{} == optional.of('a')",
                                 "has({}.y)", "type({}) == optional_type"])  # fmt: skip
def test_every_use_of_every_optional_value_means_the_same(optional: str, use: str) -> None:
    assert compared(use.format(optional), {"s": "a", "o": {}, "l": [1], "n": None})


@pytest.mark.parametrize(
    ("source", "theirs", "here"),
    [
        ("string(1234567.5)", ("string", "1.2345675e+06"), ("string", "1234567.5")),
        ("string(1.0 / 0.0)", ("string", "inf"), ("string", "Infinity")),
        ("string(0.0 / 0.0)", ("string", "-nan"), ("string", "NaN")),
        ("string(duration('1.5s'))", ("string", "1.500s"), ("string", "1.5s")),
        ("string(timestamp('2026-11-20T10:02:11.5Z'))", ("string", "2026-11-20T10:02:11.500Z"),
         ("string", "2026-11-20T10:02:11.5Z")),
        ("'%s'.format([1234567.5])", ("string", "1.23457e+06"), ("string", "1234567.5")),
        ("'%d'.format([3.25])", ("string", "3.250000"), ("string", "3.25")),
        ("'%s'.format([duration('1.5s')])", ("string", "1.500s"), ("string", "1.5s")),
        ("'ab'.substring(0, 2)", ERROR, ("string", "ab")),
        ("int(true)", ("int", 1), ERROR),
        ("int(' 5')", ("int", 5), ERROR),
        ("double('0x10')", ("double", "16.0"), ERROR),
        ("uint('+5')", ("uint", 5), ERROR),
        ("timestamp('2020-01-01T00:00:60Z')", ("timestamp", 1577836860000000), ERROR),
        ("duration('9223372036.854775808s')", ("duration", 9223372036854775), ERROR),
        ("{1: 'a', 1u: 'b'}.size()", ("int", 2), ERROR),
        ("!!data", ("double", "2.5"), ERROR),
        ("[1][?0.0].hasValue()", ERROR, ("bool", True)),
        ("optional.of(1)[2].hasValue()", ("bool", True), ERROR),
        ("optional.of([1])[5].hasValue()", ("bool", True), ("bool", False)),
        ("has(optional.of(1).x) || true", ERROR, ("bool", True)),
        ("optional.of(1).optFlatMap(x, x)", ("int", 1), ERROR),
        ("optional.of(optional.of({'a': 1})).a.value()", ERROR, ("int", 1)),
    ],
)  # fmt: skip
def test_what_differs_is_what_the_documentation_lists(source: str, theirs: Any, here: Any) -> None:
    event = Event.of({"id": "1", "source": "/", "type": "t"}, b"2.5")
    assert reference(source, 2.5) == theirs
    assert outcome(compile_expression(source), event) == here


def test_every_known_divergence_is_documented_under_its_name() -> None:
    text = Path("docs/cel.md").read_text(encoding="utf-8")
    for each in DIVERGENCES:
        assert each.name in text
