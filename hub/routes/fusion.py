"""Routes compiled: one by itself, or all that read a topic fused into one function.

A fused function parses an event once, and not at all where no route looks at its payload: predicates on attributes
and headers come first. What the predicates of several routes read is read once.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hub.routes.enriching import Ask
from hub.routes.errors import EvaluationError
from hub.routes.generator import Generator
from hub.routes.inline import InlineGenerator, chain_of, repeated
from hub.routes.kinds import Kind
from hub.routes.program import Route
from hub.routes.scope import Scope
from hub.routes.shaping import RouteWriter, conditions, reads_data
from hub.routes.syntax import Name, Select, walk
from hub.routes.template import at, fill
from hub.routes.unit import Careful, Unit, compiled, names
from hub.routes.writer import Code
from hub.sdk import Event

Outcome: TypeAlias = "str | list[tuple[Event, tuple[str, ...]]]"
"""What a route makes of an event: events with the names they go to; or why it makes none: ``where``, ``switch`` or
``split``.
"""


class Program:
    """A compiled route.

    Attributes:
        route: what was compiled.
        scope: what names mean in it.
        function: what a call does, without the call; for those who do it for every event. Of a route with look-ups it
            takes an `Ask` beside the event.
    """

    def __init__(self, route: Route, scope: Scope) -> None:
        self.route = route
        self.scope = scope
        self.function: Callable[..., Outcome] = Unit(route.sources.found, scope, body_of(route)).function

    def __call__(self, event: Event, ask: Ask | None = None) -> Outcome:
        """What the route makes of an event.

        Args:
            event: the event.
            ask: gives the answers of look-ups; for a route that has some.

        Raises:
            EvaluationError: an expression has no value for this event, and never will have.
            Interruption: of ``ask``.
        """
        return self.function(event, ask)


def body_of(route: Route) -> Any:
    """What makes the code of a route by itself; its function returns an `Outcome`."""

    def body(generator: Generator) -> None:
        RouteWriter(route, generator, lambda result: at(ast.Return(result), 1)).write()
        generator.statement(at(ast.Return(generator.constant("where")), 1))

    return body


def compile_program(
    route: Route, *, env: Mapping[str, str] | None = None, tables: Mapping[str, Mapping[str, Any]] | None = None
) -> Program:
    """Compiles a route.

    Args:
        route: the route as read.
        env: values of the environment variables that expressions may read as ``env.NAME``.
        tables: constant tables for ``lookup``.

    Raises:
        ExpressionError: with ``path`` into the route, and further ones in ``others``.
    """
    scope = Scope(env, tables=tables)
    route.check(scope)
    return Program(route, scope)


class Fused:
    """The routes that read a topic, as one function.

    Args:
        routes: checked.
        scope: what names mean in them.
    """

    def __init__(self, routes: Sequence[Route], scope: Scope) -> None:
        self.routes = tuple(routes)
        self._careful = [Careful(scope, body_of(route)) for route in routes]
        writer = _Writer(self.routes, scope, names(failed=self._failed, MISSING=_MISSING, Missed=Missed))
        self._function = compiled(writer.body(), writer.generator.names)

    def __call__(self, event: Event) -> list[tuple[int, Outcome | EvaluationError]]:
        """What each route makes of an event; routes whose ``where`` is false are left out.

        Returns:
            Index of the route and its outcome, or its error; in no particular order.
        """
        results: list[tuple[int, Outcome | EvaluationError]] = self._function(event)
        return results

    def _failed(self, index: int, event: Event, results: list[tuple[int, Outcome | EvaluationError]]) -> None:
        """By the careful version, which either has the value or says what is wrong."""
        try:
            outcome: Outcome = self._careful[index](event)
        except EvaluationError as error:
            results.append((index, error))
        else:
            if outcome != "where":
                results.append((index, outcome))


def compile_fused(
    routes: Sequence[Route],
    *,
    env: Mapping[str, str] | None = None,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
) -> Fused:
    """Compiles routes into one function.

    Raises:
        ExpressionError: a route's first error.
    """
    scope = Scope(env, tables=tables)
    for route in routes:
        route.check(scope)
    return Fused(routes, scope)


_MISSING: Any = object()


class Missed(Exception):
    """A field that several routes read isn't there; those that do read it start over, carefully."""


class _FusedGenerator(InlineGenerator):
    """Generates fast code in which some paths have been read beforehand, as far as they were there."""

    def __init__(self, scope: Scope, known: dict[str, Any]) -> None:
        super().__init__(scope, known, Counter())
        self.ahead: dict[tuple[str, ...], str] = {}

    def emit_name(self, node: Name) -> Code:
        """A name, perhaps that of a payload which was parsed beforehand."""
        return self._read(node) or super().emit_name(node)

    def emit_select(self, node: Select) -> Code:
        """A field, perhaps one that was read beforehand."""
        return self._read(node) or super().emit_select(node)

    def _read(self, node: Name | Select) -> Code | None:
        chain = chain_of(node)
        if chain not in self.ahead or chain[0] in self.variables:
            return None
        if chain not in self.available:
            value = self.variable(self.ahead[chain])
            missed = [at(ast.Raise(fill("Missed", self._line), None), self._line)]
            self.statement(ast.If(fill("a is MISSING", self._line, a=value), missed, []))
            self.available[chain] = Code(value, Kind.DYN, json=True, chain=chain)
        return self.available[chain]


class _Writer:
    """Writes the function of several routes."""

    def __init__(self, routes: Sequence[Route], scope: Scope, known: dict[str, Any]) -> None:
        self._routes = routes
        self.generator = _FusedGenerator(scope, known)
        self._results = self.generator.fresh()

    def body(self) -> list[ast.stmt]:
        """Its statements."""
        generator = self.generator
        # A line that stands for no node: nothing here is the user's.
        with generator.branch() as block:
            generator.assign(self._results, fill("[]", 1))
            generator.available[("event$attributes",)] = Code(
                self._kept(fill("event.attributes", 1)), Kind.MAP, json=True, chain=("event$attributes",)
            )
            order = sorted(range(len(self._routes)), key=lambda index: self._rank(self._routes[index]))
            self._read_ahead("headers", self._routes)
            parsed = False
            for index in order:
                if not parsed and self._rank(self._routes[index]) == _ALWAYS:
                    self._read_ahead("data", [each for each in self._routes if self._rank(each) == _ALWAYS])
                    parsed = True
                self._route(index)
            generator.statement(at(ast.Return(generator.variable(self._results)), 1))
        return block

    def _rank(self, route: Route) -> int:
        """Those that need no parsing first, then those that mostly need none, then those that always do."""
        first = next(iter(conditions(route.where, self.generator)), None)
        if first is None or not reads_data(first):
            return _NEVER if route.where is None or not reads_data(route.where.tree) else _PERHAPS
        return _ALWAYS

    def _kept(self, expr: ast.expr) -> ast.expr:
        return self.generator.named(Code(expr))

    def _route(self, index: int) -> None:
        generator = self.generator
        route = self._routes[index]
        generator.counts = repeated(route.sources.found)
        with generator.branch() as body:
            RouteWriter(route, generator, lambda result: self._append(index, result)).write()
        parts = {"i": generator.constant(index), "r": generator.variable(self._results)}
        failed = at(ast.Expr(fill("failed(i, event, r)", 1, **parts)), 1)
        handler = at(ast.ExceptHandler(fill("Exception", 1), None, [failed]), 1)
        generator.statement(at(ast.Try(body, [handler], [], []), 1))

    def _append(self, index: int, result: ast.expr) -> ast.stmt:
        value = at(ast.Tuple([self.generator.constant(index), result], ast.Load()), 1)
        results = self.generator.variable(self._results)
        return at(ast.Expr(fill("r.append(a)", 1, r=results, a=value)), 1)  # type: ignore[no-any-return]

    def _read_ahead(self, root: str, routes: Sequence[Route]) -> None:
        """Reads what the predicates of several routes read of a root, each path once."""
        generator = self.generator
        counts: Counter[tuple[str, ...]] = Counter()
        for route in routes:
            if route.where is not None:
                counts.update({chain for node in walk(route.where.tree) if (chain := chain_of(node))})
        shared = sorted(chain for chain, times in counts.items() if times > 1 and chain[0] == root)
        if not shared:
            return
        value = generator.fresh()
        with generator.branch() as read:
            generator.assign(value, fill(_READ[root], 1))
        with generator.branch() as missing:
            generator.assign(value, fill("MISSING", 1))
        handler = at(ast.ExceptHandler(fill("Exception", 1), None, missing), 1)
        generator.statement(at(ast.Try(read, [handler], [], []), 1))
        generator.ahead[(root,)] = value
        for chain in shared:
            if len(chain) > 1:
                above = generator.variable(generator.ahead[chain[:-1]])
                name = generator.fresh()
                text = "a.get(b, MISSING) if type(a) is dict else MISSING"
                generator.assign(name, fill(text, 1, a=above, b=generator.constant(chain[-1])))
                generator.ahead[chain] = name


_NEVER, _PERHAPS, _ALWAYS = range(3)
_READ = {"data": "event.data", "headers": "headers_of(event)"}
