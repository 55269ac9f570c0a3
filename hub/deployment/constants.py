"""Parts of expressions that hold nothing of an event, such as ``timestamp("2026-13-01T00:00:00Z")``: do they work?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.routes.checker import Problem
from hub.routes.syntax import Binary, Call, Expr, Index, Name, Unary, children, walk
from hub.routes.writer import Source
from hub.sdk import Event

_MOST = 20  # parts of one expression that are tried; nobody writes more
_NOBODY = cast("Event", None)


def impossible(source: Source) -> Iterator[Problem]:
    """The constant parts that have no value, whatever event comes."""
    for node in list(_constant(source.tree))[:_MOST]:
        try:
            # What has no name in it needs no event.
            compile_expression(source.text[node.start : node.end])(_NOBODY)
        except EvaluationError as error:
            start, end = node.start + error.start, node.start + error.end
            message = f"this can't be computed: {error.detail}"
            yield Problem("error", "route.impossible", message, source, start, end)
        except ExpressionError:
            continue  # noted where the whole is compiled


def _constant(node: Expr) -> Iterator[Expr]:
    """The largest parts without names that compute something."""
    if isinstance(node, Call | Binary | Index | Unary) and not any(isinstance(each, Name) for each in walk(node)):
        yield node
        return
    below: Any
    for below in children(node):
        yield from _constant(below)
