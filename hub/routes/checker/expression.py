"""Checks expressions, each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.shape import Shape
from hub.routes.checker.facts import Facts
from hub.routes.checker.logic import Decision
from hub.routes.checker.loops import Loops
from hub.routes.checker.problem import Problem, Visit
from hub.routes.syntax import Expr
from hub.routes.writer import Source


@dataclass(frozen=True)
class Checked:
    """What the checker says of an expression.

    Attributes:
        shape: of its value.
        problems: what is wrong with it, by place.
        types: its nodes with their shapes, for hover: the ones below a node come before it.
        visited: what was looked at; what isn't in it is never evaluated for these events.
    """

    shape: Shape
    problems: tuple[Problem, ...]
    types: tuple[tuple[Expr, Shape], ...] = field(default=(), repr=False)
    visited: frozenset[Visit] = field(default=frozenset(), repr=False)

    def type_at(self, offset: int) -> tuple[Expr, Shape] | None:
        """The smallest node that holds an offset into the source's text, with its shape."""
        around = [each for each in self.types if each[0].start <= offset <= each[0].end]
        return min(around, key=lambda each: each[0].end - each[0].start, default=None)


class Checker(Loops):
    """Checks the expressions of one section, one after the other, each under what the ones before it showed."""

    def begin(self, source: Source) -> None:
        """Turns to an expression."""
        self.source = source
        self.effort = 0
        self.types = self.types_of.setdefault(source.path, {})

    def check(self, source: Source) -> Shape:
        """The shape of an expression's value."""
        self.begin(source)
        return self.infer(source.tree)

    def check_predicate(self, source: Source, consequences: tuple[str, str] = ("", "")) -> Decision:
        """A predicate: what is known where it is true, and where it is false."""
        self.begin(source)
        return self.predicate(source.tree, consequences)


def check_source(
    source: Source,
    names: Mapping[str, Shape],
    *,
    predicate: bool = False,
    strict: bool = False,
    tables: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    alone: bool = True,
) -> Checked:
    """Checks one expression.

    Args:
        source: the expression.
        names: shapes of the names that it sees: ``data``, ``event``, …; a shape's label stands for it in messages.
        predicate: whether it must be true or false.
        strict: whether to report what is only possible: null, missing fields.
        tables: constant tables for ``lookup``.
        facts: what is known beforehand.
        alone: whether it sees no other kinds of events; see `check_route`.
    """
    checker = Checker(names, strict=strict, tables=tables, alone=alone)
    checker.facts = facts or {}
    if predicate:
        checker.check_predicate(source)
    else:
        checker.check(source)
    shape, visited = checker.shape_of(source.tree), frozenset(checker.visited)
    return Checked(shape, ordered(checker.problems), tuple(checker.types.values()), visited)


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by place, each once."""
    found: dict[tuple[object, ...], Problem] = {}
    for each in problems:
        found.setdefault(each.place, each)
    return tuple(sorted(found.values(), key=lambda each: (tuple(map(str, each.source.path)), each.start, each.end)))
