"""Writes the statements of one function of Python: names, assignments, blocks, and their lines.

Code is made as statements: a value's `Code` is an expression, and what must run before it stands in the current block.
CEL has no side effects, so that expression may be evaluated at any later point of the block.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hub.routes.kinds import JSON_KINDS, Kind
from hub.routes.syntax import Expr, Literal
from hub.routes.template import at, define, fill

MAX_BLOCKS = 12  # nested loops and tries; CPython refuses code with more than 20


COST = "cost"
"""The variable that counts the steps of macros; see `hub.routes.costs`."""


@dataclass(frozen=True)
class Source:
    """An expression that takes part in a unit of code: its text, its tree and where it stands in its section."""

    text: str
    tree: Expr
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Code:
    """Python for a value.

    Attributes:
        expr: an expression without side effects.
        kind: what is known of the value's type.
        json: whether the value is one that JSON can hold, as it came out of JSON.
        chain: the path from a root (``("data", "user")``) where the value is just that.
    """

    expr: ast.expr
    kind: Kind = Kind.DYN
    json: bool = False
    chain: tuple[str, ...] = ()

    @property
    def as_json(self) -> bool:
        """Whether the value needs no conversion to be JSON."""
        return self.json or self.kind in JSON_KINDS


class Writer:
    """Writes one function, from any number of expressions.

    Args:
        names: names that generated code may use, with their values; constants are added to them.
    """

    careful = True
    """Whether this is the version that explains what fails."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.lines: list[tuple[Source, Expr]] = []
        self.block: list[ast.stmt] = []
        self.blocks = 0
        self.source = Source("", Literal(0, 0, None))
        self.assigned: set[str] = {COST}
        self._line = 0
        self._counter = 0

    def line(self, node: Expr) -> int:
        """A line number that stands for a node."""
        self.lines.append((self.source, node))
        return len(self.lines)

    def fresh(self) -> str:
        """A name that nothing has yet."""
        self._counter += 1
        return f"v{self._counter}"

    def variable(self, name: str) -> ast.Name:
        """Reads a name."""
        return at(ast.Name(name, ast.Load()), self._line)  # type: ignore[no-any-return]

    def assign(self, name: str, value: ast.expr) -> None:
        """Appends an assignment."""
        self.assigned.add(name)
        self.block.append(self._assignment(name, value))

    def _assignment(self, name: str, value: ast.expr) -> ast.stmt:
        target = at(ast.Name(name, ast.Store()), self._line)
        return at(ast.Assign([target], value), self._line)  # type: ignore[no-any-return]

    def _tuple(self, names: list[str], context: ast.expr_context) -> ast.expr:
        return at(ast.Tuple([at(ast.Name(each, context), self._line) for each in names], context), self._line)  # type: ignore[no-any-return]

    def statement(self, node: Any) -> None:
        """Appends a statement."""
        self.block.append(at(node, self._line))

    def named(self, code: Code) -> ast.expr:
        """The value as a name or constant, which can be used more than once."""
        if isinstance(code.expr, ast.Name | ast.Constant):
            return code.expr
        name = self.fresh()
        self.assign(name, code.expr)
        return self.variable(name)

    def constant(self, value: Any) -> ast.expr:
        """A constant. What Python's syntax trees can't hold is put beside the code under a generated name."""
        if value is None or type(value) in (bool, int, float, str, bytes):
            return at(ast.Constant(value), self._line)  # type: ignore[no-any-return]
        name = self.fresh()
        self.names[name] = value
        return self.variable(name)

    @contextmanager
    def branch(self) -> Iterator[list[ast.stmt]]:
        """Collects statements that may not run."""
        outer, self.block = self.block, []
        try:
            yield self.block
        finally:
            self.block = outer

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Counts a loop or try. Beyond what CPython takes, the code within becomes an inner function that is called."""
        self.blocks += 1
        if self.blocks <= MAX_BLOCKS:
            yield
            self.blocks -= 1
            return
        depth, self.blocks = self.blocks - 1, 0
        before = set(self.assigned)
        with self.branch() as body:
            yield
        name = self.fresh()
        results = sorted(_stored(body))
        given = [each for each in results if each in before]
        # Names that the body might not set are set first, so that each has a value to return.
        body[:0] = [self._assignment(each, self.constant(None)) for each in results if each not in before]
        body.append(at(ast.Return(self._tuple(results, ast.Load())), self._line))
        self.statement(define(name, dict.fromkeys(given), body, self._line))
        call = fill("f()", self._line, f=self.variable(name))
        call.args = [self.variable(each) for each in given]
        self.statement(ast.Assign([self._tuple(results, ast.Store())], call))
        self.blocks = depth


def _stored(body: list[ast.stmt]) -> set[str]:
    """The names that statements assign."""
    nodes = (node for statement in body for node in ast.walk(statement))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
