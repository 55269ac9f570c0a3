"""Random expressions give what Google's own implementation gives, in both of our versions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.sdk import Event
from tests.unit.routes.expressions import data, expressions
from tests.unit.routes.oracle import ERROR, canonical, careful, reference


def ours(function: Any, event: Event) -> Any:
    try:
        return canonical(function(event, None))
    except EvaluationError:
        return ERROR


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions, data)
def test_random_expressions_mean_what_they_mean_to_the_reference(source: str, payload: Any) -> None:
    event = Event.of({"id": "1", "source": "/", "type": "t"}, orjson.dumps(payload))
    expected = reference(source, orjson.loads(orjson.dumps(payload)))
    try:
        expression = compile_expression(source)
    except ExpressionError as error:
        # A constant regular expression that RE2 can't read is refused at once, even where it would never be used.
        assert expected == ERROR or error.code == "route.regular_expression"  # noqa: PT017  an error is what some give
        return
    assert ours(careful(expression), event) == expected, "the careful version differs"
    assert ours(expression, event) == expected, "the fast version differs"


@pytest.mark.parametrize(
    ("source", "theirs", "here"),
    [
        ("string(1234567.5)", ("string", "1.2345675e+06"), ("string", "1234567.5")),
        ("string(1.0 / 0.0)", ("string", "inf"), ("string", "Infinity")),
        ("string(0.0 / 0.0)", ("string", "-nan"), ("string", "NaN")),
        ("string(duration('1.5s'))", ("string", "1.500s"), ("string", "1.5s")),
        ("string(timestamp('2026-11-20T10:02:11.5Z'))", ("string", "2026-11-20T10:02:11.500Z"),
         ("string", "2026-11-20T10:02:11.5Z")),
        ("int(true)", ("int", 1), ERROR),
        ("int(' 5')", ("int", 5), ERROR),
        ("double('0x10')", ("double", "16.0"), ERROR),
        ("uint('+5')", ("uint", 5), ERROR),
        ("timestamp('2020-01-01T00:00:60Z')", ("timestamp", 1577836860000000), ERROR),
        ("duration('9223372036.854775808s')", ("duration", 9223372036854775), ERROR),
        ("{1: 'a', 1u: 'b'}.size()", ("int", 2), ERROR),
        ("!!data", ("double", "2.5"), ERROR),
    ],
)  # fmt: skip
def test_what_differs_is_what_the_documentation_lists(source: str, theirs: Any, here: Any) -> None:
    event = Event.of({"id": "1", "source": "/", "type": "t"}, b"2.5")
    assert reference(source, 2.5) == theirs
    assert ours(compile_expression(source), event) == here
