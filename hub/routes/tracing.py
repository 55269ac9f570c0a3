"""A route's way with one event, step by step: every sub-expression that was evaluated, and its value.

For people who ask why: `hub explain` and the coverage of `hub test`. It runs the careful version with a note after each
node, so it says what the route does and is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.routes.enriching import Ask, Unanswered
from hub.routes.errors import EvaluationError
from hub.routes.fusion import Outcome, body_of
from hub.routes.generator import Generator
from hub.routes.program import Route
from hub.routes.scope import Scope
from hub.routes.syntax import Expr, Literal
from hub.routes.template import fill
from hub.routes.unit import Absorbed, Careful, message_of
from hub.routes.writer import Code, Source
from hub.sdk import Event


@dataclass(frozen=True)
class Step:
    """One sub-expression that was evaluated.

    Attributes:
        source: the expression that it is a part of; its ``path`` says where that stands in the route.
        node: the part.
        value: its value, if it has one. It belongs to the event and must not be changed.
        error: why it has none, where ``&&``, ``||``, ``all`` or ``exists`` went on all the same.
    """

    source: Source
    node: Expr
    value: Any = None
    error: str | None = None

    @property
    def text(self) -> str:
        """The part as the user wrote it."""
        return self.source.text[self.node.start : self.node.end]


@dataclass(frozen=True)
class Trace:
    """What a route did with an event.

    Attributes:
        outcome: what it made of it, or its error.
        steps: in the order in which they were evaluated; literals are left out. In a macro, once per element.
    """

    outcome: Outcome | Exception
    steps: tuple[Step, ...]


class Tracer:
    """Runs a route and notes its steps.

    Args:
        route: the route as read.
        env: values of the environment variables that expressions may read as ``env.NAME``.
        tables: constant tables for ``lookup``.

    Raises:
        ExpressionError: the route can't be compiled.
    """

    def __init__(
        self,
        route: Route,
        *,
        env: Mapping[str, str] | None = None,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        scope = Scope(env, tables=tables)
        route.check(scope)
        self.route = route
        self._careful = _TracedCareful(scope, body_of(route), _TracingGenerator, {"note": self._note})
        self._steps: list[Step] = []
        self._careful.steps = self._steps

    def __call__(self, event: Event, ask: Ask | None = None) -> Trace:
        """The route's way with an event.

        Args:
            event: the event.
            ask: gives the answers of look-ups; for a route that has some.
        """
        self._steps.clear()
        try:
            outcome: Outcome | Exception = self._careful(event, ask)
        except EvaluationError as error:
            outcome = error
        except Unanswered as unanswered:
            outcome = unanswered.error
        return Trace(outcome, tuple(self._steps))

    def _note(self, line: int, value: Any) -> Any:
        source, node = self._careful.written[line - 1]
        self._steps.append(Step(source, node, value))
        return value


class _TracingGenerator(Generator):
    """Generates the careful version, with a note of each value."""

    def emit(self, node: Expr) -> Code:
        """Code for a node, evaluated where it stands and noted."""
        code = super().emit(node)
        if isinstance(node, Literal):
            return code
        line = self.line(node)
        noted = fill("note(n, a)", line, n=self.constant(line), a=code.expr)
        return Code(self.named(Code(noted)), code.kind, code.json, code.chain)


class _TracedCareful(Careful):
    """The careful version that also tells of errors which didn't matter."""

    steps: list[Step]

    @property
    def written(self) -> list[tuple[Source, Any]]:
        """Source and node of each line."""
        return self.lines

    def absorb(self, error: Exception, earlier: Absorbed | None) -> Absorbed:
        """The error that counts if nothing decides."""
        text = message_of(error.error if isinstance(error, Absorbed) else error)
        absorbed = super().absorb(error, None)
        if 1 <= absorbed.line <= len(self.lines):
            source, node = self.lines[absorbed.line - 1]
            self.steps.append(Step(source, node, error=text.replace("{at}", "")))
        return earlier or absorbed
