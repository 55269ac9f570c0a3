"""Which part of an expression decided, and by which values: a trace in the words of the expression.

``a && b`` is false because of the first operand that is, ``list.exists(x, …)`` true because of one element; a relation
or call decides by itself, and is told with the values that it looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.routes.errors import EvaluationError, Failure
from hub.routes.output import json_value
from hub.routes.program import Route
from hub.routes.syntax import (
    Bind,
    Conditional,
    Expr,
    Has,
    ListLiteral,
    Literal,
    Logical,
    Macro,
    MapLiteral,
    Name,
    Unary,
    children,
    walk,
)
from hub.routes.tracing import Step, Trace
from hub.routes.values import Optional
from hub.routes.writer import Source

SHOWN = 60
"""Columns that a value takes at most."""
_ROOTS = ("data", "event", "headers", "env")
_MOST = 3  # operands of `||` that are told
_LONG_PATH = re.compile(r"\w+\.(?:\w+\.)+(\w+\.\w+)\Z")


@dataclass(frozen=True)
class Decision:
    """A part of an expression that decided.

    Attributes:
        source: the expression.
        node: the part.
        value: its value.
        seen: the parts that it looked at, with their values.
    """

    source: Source
    node: Expr
    value: Any
    seen: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The part as the user wrote it, on one line."""
        return _text(self.source, self.node)

    def __str__(self) -> str:
        return self.told()

    def told(self, *, values: bool = True) -> str:
        """A sentence. Without values, what was looked at is told by its type alone."""
        seen = ", ".join(f"{_short(text)} is {brief(each) if values else kind_of(each)}" for text, each in self.seen)
        shown = brief(self.value) if values or isinstance(self.value, bool) else kind_of(self.value)
        return f"{self.text} is {shown}" + (f": {seen}" if seen else "")


def why_filtered(route: Route, trace: Trace) -> list[Decision]:
    """What kept an event out.

    Args:
        route: which filtered it.
        trace: of the event's way through it, whose outcome is the reason.

    Returns:
        The parts that decided; several where none of several conditions was met.
    """
    if trace.outcome == "where":
        sources: Iterable[Source | None] = [route.where]
    elif trace.outcome == "split":
        sources = [route.split]
    else:
        sources = [branch.when for branch in route.branches]
    return [decision for source in sources if source is not None for decision in decisions(source, trace.steps)]


def why_failed(route: Route, trace: Trace) -> list[tuple[str, Any]]:
    """What the part that has no value looked at: texts and values.

    Args:
        route: which failed.
        trace: of the event's way through it, whose outcome is the error.
    """
    error = trace.outcome
    if not isinstance(error, EvaluationError):
        return []
    source = next((each for each in route.sources.found if each.path == error.path), None)
    if source is None:
        return []
    values = _values(source, trace.steps)
    parts = (each for each in walk(source.tree) if (each.start, each.end) == (error.start, error.end))
    return [seen for part in parts for seen in _seen(source, part, values)]


def decisions(source: Source, steps: Iterable[Step]) -> list[Decision]:
    """What made an expression's value what it is."""
    return list(_decide(source, source.tree, [step for step in steps if step.source.path == source.path]))


def _values(source: Source, steps: Iterable[Step]) -> dict[int, Step]:
    """The last step of each part that has a value."""
    return {id(step.node): step for step in steps if step.source.path == source.path and step.error is None}


def _decide(source: Source, node: Expr, steps: Sequence[Step]) -> Iterator[Decision]:
    values = _values(source, steps)
    step = values.get(id(node))
    match node:
        case Logical() if step is not None:
            deciding = step.value is (node.operator == "||")
            told = [each for each in node.operands if _value(each, values) is step.value]
            for each in told[: 1 if deciding else _MOST]:
                yield from _decide(source, each, steps)
        case Unary(operator="!") if step is not None and not isinstance(node.operand, Literal):
            yield from _decide(source, node.operand, steps)
        case Conditional() if step is not None:
            chosen = node.then if _value(node.condition, values) is True else node.otherwise
            yield from _decide(source, node.condition if isinstance(chosen, Literal) else chosen, steps)
        case Bind() if step is not None and id(node.body) in values:
            yield from _decide(source, node.body, steps)
        case Macro(macro="all" | "exists") if step is not None and step.value is (node.macro == "exists"):
            yield Decision(source, node, step.value, tuple(_element(source, node, steps)))
        case _ if step is not None:
            yield Decision(source, node, step.value, tuple(_seen(source, node, values)))
        case Literal():
            yield Decision(source, node, node.value)


def _element(source: Source, node: Macro, steps: Sequence[Step]) -> Iterator[tuple[str, Any]]:
    """The element that decided ``all`` or ``exists``, the last that was looked at, by what the condition saw of it."""
    assert node.predicate
    end = max(at for at, step in enumerate(steps) if step.node is node)
    begin = max((at for at, step in enumerate(steps[:end]) if step.node is node.range), default=-1) + 1
    inner = steps[begin:end]
    ends = [at for at, step in enumerate(inner) if step.node is node.predicate and step.error is None]
    last = inner[ends[-2] + 1 if len(ends) > 1 else 0 :] if ends else inner
    place = f"an element of {_text(source, node.range)}"
    # An element for which the condition had no value leaves no step by which elements could be counted.
    if not any(step.error for step in inner) and ends:
        looked_through = _value(node.range, _values(source, steps))
        index = list(looked_through)[len(ends) - 1] if isinstance(looked_through, dict) else len(ends) - 1
        place = f"{_text(source, node.range)}[{brief(index)}]"
    for decision in _decide(source, node.predicate, last):
        for text, value in decision.seen or ((decision.text, decision.value),):
            yield (place if text == node.variable and node.second is None else f"{text} of {place}"), value


def _value(node: Expr, values: dict[int, Step]) -> Any:
    if isinstance(node, Literal):
        return node.value
    step = values.get(id(node))
    return step.value if step else None


def _seen(source: Source, node: Expr, values: dict[int, Step]) -> Iterator[tuple[str, Any]]:
    """What a part looked at, one level down; what is written as a value, and whole payloads, tell nothing."""
    if isinstance(node, Has | Name) or (_is_path(node) and id(node) in values):
        return
    told: set[str] = set()
    for child in (node.range,) if isinstance(node, Macro) else children(node):
        text = _text(source, child)
        silent = isinstance(child, Literal | ListLiteral | MapLiteral) or text in _ROOTS or text in told
        if id(child) in values and not silent:
            told.add(text)
            yield text, values[id(child)].value


def _is_path(node: Expr) -> bool:
    """Whether a part is a field of something: then its own value says all."""
    return type(node).__name__ in ("Select", "Index", "OptionalSelect", "OptionalIndex")


def _text(source: Source, node: Expr) -> str:
    return " ".join(source.text[node.start : node.end].split())


def _short(text: str) -> str:
    """A long path by its last two names; the whole stands before it."""
    found = _LONG_PATH.match(text)
    return found[1] if found else text


def kind_of(value: Any) -> str:
    """What kind of value it is, for those who may not see it."""
    if value is None or isinstance(value, bool):
        return brief(value)
    if isinstance(value, list | dict):
        return f"a list of {len(value)}" if isinstance(value, list) else f"an object of {len(value)}"
    return _KINDS.get(type(value), f"a {type(value).__name__.lower()}")


_KINDS = {str: "a string", int: "a number", float: "a number", bytes: "bytes"}


def brief(value: Any, width: int = SHOWN) -> str:
    """A value on one line, cut where it is long."""
    text = _written(value)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _written(value: Any) -> str:
    if isinstance(value, Optional):
        return "nothing"
    try:
        return orjson.dumps(json_value(value)).decode()
    except (Failure, orjson.JSONEncodeError, RecursionError):
        return str(value)
