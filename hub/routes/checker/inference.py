"""What all of the checker works with: names, what is known where it stands, and the problems that it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hub.contracts.shape import DYN, Shape
from hub.routes.checker.facts import Facts, Path
from hub.routes.checker.problem import Problem, Visit
from hub.routes.syntax import Expr, Index, Name, Select, children
from hub.routes.syntax import Literal as Constant
from hub.routes.writer import Source

_EXCERPT = 48  # characters of an expression that a message repeats


class Span(Protocol):
    """Anything with a place in the source."""

    @property
    def start(self) -> int:
        """Offset of its first character."""

    @property
    def end(self) -> int:
        """Offset behind its last one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the source that is no node."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Variable:
    """What a macro gives a name to: the path under which facts of it are kept."""

    path: Path


class Inference:
    """Infers the shapes of expressions, one after the other.

    Args:
        names: shapes of the names that expressions see.
        strict: whether to report what is only possible: null where a schema allows it, fields that may be missing.
        tables: constant tables for ``lookup``.
        alone: whether there are no other events than these; then what never holds is a mistake, and what stands behind
            it is looked at as if it might.
    """

    def __init__(
        self,
        names: Mapping[str, Shape],
        *,
        strict: bool = False,
        tables: Mapping[str, Any] | None = None,
        alone: bool = True,
    ) -> None:
        self.roots: dict[str | int, Shape] = {name: shape for name, shape in names.items()}  # noqa: C416  of wider keys
        self.strict = strict
        self.tables = tables or {}
        self.alone = alone
        self.source = Source("", Constant(0, 0, None))
        self.facts: Facts = {}
        self.variables: dict[str, Variable] = {}
        self.problems: list[Problem] = []
        self.types: dict[int, tuple[Expr, Shape]] = {}
        self.types_of: dict[tuple[str | int, ...], dict[int, tuple[Expr, Shape]]] = {}
        self.silent = 0
        self.again = False
        """Whether an operand is looked at once more, with what the other operands say."""
        self.visited: set[Visit] = set()
        self._counter = 0
        self._node: Expr | None = None

    # Nodes

    def infer(self, node: Expr) -> Shape:
        """The shape of a node's value; notes what is wrong with it."""
        outer, self._node = self._node, node
        method = getattr(self, "infer_" + type(node).__name__.lower(), self.infer_other)
        shape: Shape = method(node)
        self._node = outer
        if not self.silent:
            self.visited.add((self.source.path, node.start, node.end))
        self.types[id(node)] = (node, shape)
        return shape

    def infer_other(self, node: Expr) -> Shape:
        """A node that this version doesn't know: its parts are looked at, nothing is said of itself."""
        for child in children(node):
            self.infer(child)
        return DYN

    def shape_of(self, node: Expr) -> Shape:
        """The shape that was inferred of a node last."""
        known = self.types.get(id(node))
        return known[1] if known else DYN

    def path_of(self, node: Expr) -> Path | None:
        """The path that a node reads, where it is one: names, fields, and indices that are written out."""
        if isinstance(node, Name):
            if not node.absolute and node.name in self.variables:
                return self.variables[node.name].path
            return (node.name,) if node.name in self.roots else None
        if isinstance(node, Select):
            above = self.path_of(node.operand)
            return (*above, node.field) if above else None
        if isinstance(node, Index) and isinstance(node.index, Constant) and type(node.index.value) in (str, int):
            above = self.path_of(node.operand)
            return (*above, node.index.value) if above else None
        return None

    # What is known

    @contextmanager
    def under(self, facts: Facts | None) -> Iterator[None]:
        """Looks at what is evaluated only where something is known; ``None``: never, so nothing is wrong with it."""
        outer = self.facts
        if facts is None:
            self.silent += 1
        else:
            self.facts = facts
        yield
        self.facts = outer
        if facts is None:
            self.silent -= 1

    @contextmanager
    def variable(self, name: str, shape: Shape, path: Path | None = None) -> Iterator[Path]:
        """Gives a name to a value, which may be that of another path."""
        if path is None:
            self._counter += 1
            path = (self._counter,)
            self.roots[self._counter] = shape
        outer = self.variables.get(name)
        self.variables[name] = Variable(path)
        yield path
        if outer is None:
            del self.variables[name]
        else:
            self.variables[name] = outer

    # Problems

    def text(self, node: Span) -> str:
        """The source of a node, for messages."""
        text = " ".join(self.source.text[node.start : node.end].split())
        return f"`{text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + '…'}`"

    def report(
        self,
        severity: Literal["error", "warning"],
        code: str,
        message: str,
        node: Span,
        suggestion: str | None = None,
        *,
        fix: str | None = None,
        everywhere: bool = False,
    ) -> None:
        """Notes a problem."""
        if self.silent:
            return
        around = self._node or self.source.tree
        self.problems.append(
            Problem(
                severity, code, message, self.source, node.start, node.end, suggestion, fix, everywhere,
                (self.source.path, around.start, around.end),
            )
        )  # fmt: skip

    def error(self, code: str, message: str, node: Span, suggestion: str | None = None, **more: Any) -> None:
        """Notes an error."""
        self.report("error", code, message, node, suggestion, **more)

    def warning(self, code: str, message: str, node: Span, suggestion: str | None = None, **more: Any) -> None:
        """Notes a warning."""
        self.report("warning", code, message, node, suggestion, **more)

    def possible(self, code: str, message: str, node: Span, suggestion: str | None = None) -> None:
        """Notes what is only possible, if such things are wanted."""
        if self.strict:
            self.report("warning", code, message, node, suggestion)

    @contextmanager
    def collected(self) -> Iterator[list[Problem]]:
        """Keeps problems apart, for whoever asks to decide about them."""
        outer, self.problems = self.problems, []
        yield self.problems
        self.problems = outer

    def note(self, problems: Iterable[Problem]) -> None:
        """Notes problems that were kept apart."""
        self.problems.extend(problems)
