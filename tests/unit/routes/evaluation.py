"""Computes expressions in tests: always by both versions, which must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hub.routes import EvaluationError, compile_expression
from hub.sdk import Event
from tests.unit.routes.canonical import canonical, careful

ATTRIBUTES = {"id": "1", "source": "/tests", "type": "thing.happened", "time": "2026-11-20T10:02:11Z"}


def event(data: Any = None, **attributes: str) -> Event:
    """An event with data that came as JSON."""
    return Event.of({**ATTRIBUTES, **attributes}, orjson.dumps(data), [("traceparent", b"00-1"), ("hub_x", b"y")])


def value(source: str, data: Any = None, env: Mapping[str, str] | None = None, **attributes: str) -> Any:
    """The value of an expression."""
    expression = compile_expression(source, env=env)
    first = expression(event(data, **attributes))
    second = careful(expression)(event(data, **attributes), None)
    assert canonical(first) == canonical(second), "the two versions differ"
    return first


def failure(source: str, data: Any = None, env: Mapping[str, str] | None = None, **attributes: str) -> EvaluationError:
    """The error of an expression that has no value."""
    expression = compile_expression(source, env=env)
    try:
        found = expression(event(data, **attributes))
    except EvaluationError as error:
        return error
    raise AssertionError(f"expected an EvaluationError, got {found!r}")
