"""Compares what an expression gives here and in the reference: values, and whether there is one at all."""

from __future__ import annotations

from typing import Any

import orjson

from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.sdk import Event
from tests.differential.divergences import divergence
from tests.differential.oracle import ERROR, UNREADABLE, reference
from tests.unit.routes.canonical import canonical, careful


class Differs(AssertionError):
    """An expression that means something else here, for no reason that is known."""


def compared(source: str, payload: Any) -> str:
    """Whether an expression means the same, in both of our versions.

    Returns:
        ``value`` or ``error``, which both gave; or the name of a divergence.

    Raises:
        Differs: they differ.
    """
    raw = orjson.dumps(payload)
    theirs = reference(source, orjson.loads(raw))
    event = Event.of({"id": "1", "source": "/", "type": "t"}, raw)
    try:
        expression = compile_expression(source)
    except ExpressionError as refusal:
        if theirs == ERROR:
            return "error"
        # Such patterns are refused at once, even where they would never be used.
        if refusal.code == "route.regular_expression":
            return "constant pattern"
        raise Differs(f"{source}\nis refused here: {refusal}") from refusal
    for version, function in (("fast", expression), ("careful", careful(expression))):
        here = outcome(function, event)
        if theirs == UNREADABLE:
            here = UNREADABLE if holds_optional(here) else here
        if here != theirs:
            known = divergence(source, theirs, here)
            if known:
                return known
            raise Differs(f"{source}\nof {raw.decode()}\nthere: {theirs}\nhere ({version}): {here}")
    return "error" if theirs == ERROR else "value"


def holds_optional(here: Any) -> bool:
    """Whether an optional value is in an outcome."""
    if isinstance(here, tuple | frozenset):
        return "optional" in here or any(map(holds_optional, here))
    return False


def outcome(function: Any, event: Event) -> Any:
    """What a compiled expression gives, in a form that can be compared."""
    try:
        return canonical(function(event, None))
    except EvaluationError:
        return ERROR
