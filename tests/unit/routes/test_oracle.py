"""Random expressions give what Google's own implementation gives, in both of our versions."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, note, settings

from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.sdk import Event
from tests.unit.routes.expressions import data, expressions
from tests.unit.routes.oracle import ERROR, canonical, careful, reference


def ours(function: Any, event: Event) -> Any:
    try:
        return canonical(function(event, None))
    except EvaluationError as error:
        note(str(error))
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
