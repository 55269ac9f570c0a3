"""Parts of expressions that hold nothing of an event, such as ``timestamp("2026-13-01T00:00:00Z")``: do they work?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.routes.checker import Problem
from hub.routes.syntax import Binary, Call, Expr, Index, Name, Unary, children
from hub.routes.writer import Source
from hub.sdk import Event

_MOST = 20  # parts of one expression that are tried; nobody writes more
_NOBODY = cast("Event", None)


def impossible(source: Source) -> Iterator[Problem]:
    """The constant parts that have no value, whatever event comes."""
    found: list[Expr] = []
    if _constant(source.tree, found):
        found = [source.tree]
    for node in found[:_MOST]:
        if not isinstance(node, Call | Binary | Index | Unary):
            continue
        try:
            # What has no name in it needs no event.
            compile_expression(source.text[node.start : node.end])(_NOBODY)
        except EvaluationError as error:
            start, end = node.start + error.start, node.start + error.end
            message = f"this can't be computed: {error.detail}"
            yield Problem("error", "route.impossible", message, source, start, end)
        except ExpressionError:
            continue  # noted where the whole is compiled


def _constant(node: Expr, found: list[Expr]) -> bool:
    """Whether no name is in a node; if one is, the largest parts below it without names are added to what was found."""
    if isinstance(node, Name):
        return False
    below = list(children(node))
    constant = [each for each in below if _constant(each, found)]
    if len(constant) == len(below):
        return True
    found += constant
    return False
