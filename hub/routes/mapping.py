"""Compiles what schema files hold: expressions, predicates, mappings and whole routes.

Compiled functions take an event. What they raise is `EvaluationError`, which is permanent: the same event will never
work. Results are JSON (see `hub.routes.output`) and share nothing with the event's data, but those of a plain
`Expression`, which are values of the language and must not be changed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from hub.routes.fusion import compile_program
from hub.routes.generator import Generator
from hub.routes.parser import parse
from hub.routes.program import Route
from hub.routes.scope import Scope
from hub.routes.template import fill
from hub.routes.tree import Sources
from hub.routes.unit import Unit
from hub.routes.writer import Source
from hub.sdk import Event

Tables: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Constant tables by name."""


class Expression:
    """A compiled expression: call it with an event for the value.

    Attributes:
        source: what the user wrote.
        constant: whether the value is the same for every event.
    """

    __slots__ = ("_function", "constant", "source")

    def __init__(self, source: str, unit: Unit) -> None:
        self.source = source
        self.constant = unit.constant
        self._function = unit.function

    def __call__(self, event: Event, variables: Mapping[str, Any] | None = None) -> Any:
        """The value for an event.

        Args:
            event: what the expression sees as ``event``, ``data``, ``key``, ``headers`` and ``now``.
            variables: values of the further names that it was compiled for.

        Raises:
            EvaluationError: it has none.
        """
        return self._function(event, variables)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"


def compile_expression(
    source: str, *, env: Mapping[str, str] | None = None, variables: Collection[str] = (), tables: Tables | None = None
) -> Expression:
    """Compiles an expression, written without the leading ``= ``.

    Args:
        source: the expression.
        env: values of the environment variables that it may read as ``env.NAME``.
        variables: further names, whose values are given at each call.
        tables: constant tables for ``lookup``.

    Raises:
        ExpressionError: it isn't one, or names what isn't there.
    """
    parsed = Source(source, parse(source))

    def body(generator: Generator) -> None:
        generator.statement(ast.Return(generator.expression(parsed).expr))

    return Expression(source, Unit([parsed], Scope(env, variables, tables=tables), body))


def compile_predicate(
    source: str, *, env: Mapping[str, str] | None = None, variables: Collection[str] = (), tables: Tables | None = None
) -> Expression:
    """Compiles an expression whose value must be true or false.

    Raises:
        ExpressionError: it isn't one, or names what isn't there.
    """
    parsed = Source(source, parse(source))

    def body(generator: Generator) -> None:
        generator.statement(ast.Return(generator.truth(generator.expression(parsed), parsed.tree)))

    return Expression(source, Unit([parsed], Scope(env, variables, tables=tables), body))


def compile_mapping(
    tree: Any,
    *,
    env: Mapping[str, str] | None = None,
    variables: Collection[str] = (),
    tables: Tables | None = None,
    text: bool = False,
) -> Callable[..., Any]:
    """Compiles a JSON-like tree in which text that starts with ``= `` is an expression and all else stands for itself.

    Args:
        tree: mappings, lists, text, numbers, Booleans and ``None``.
        env: values of the environment variables that expressions may read as ``env.NAME``.
        variables: further names, whose values are given at each call.
        tables: constant tables for ``lookup``.
        text: whether the whole must be text, as an HTTP path or a routing key.

    Returns:
        A function of an event, whose results are JSON values of their own.

    Raises:
        ExpressionError: with ``path`` into the tree, and further ones in ``others``.
    """
    sources = Sources()
    node = sources.read(tree, ())
    scope = Scope(env, variables, tables=tables)
    sources.check(scope)

    def body(generator: Generator) -> None:
        value = node.code(generator, own=True)
        if text:
            value = fill("text_value(a)", generator.line(sources.found[0].tree) if sources.found else 1, a=value)
        generator.statement(ast.Return(value))

    return Unit(sources.found, scope, body).function


def compile_route(
    where: str | None,
    map: Mapping[str, Any],  # noqa: A002  the section's own name
    *,
    name: str = "",
    env: Mapping[str, str] | None = None,
    tables: Tables | None = None,
) -> Callable[[Event], Event | None]:
    """Compiles a route that makes at most one event of one: predicate, attributes and data.

    Args:
        where: the predicate, without a leading ``= ``; ``None`` lets every event pass.
        map: the keys of a ``map:`` section that are set: ``type``, ``source``, ``subject``, ``id``, ``time``, ``key``,
            ``data``, ``extensions``. Without ``data`` the payload's bytes are forwarded as they are.
        name: the route's name, for people.
        env: values of the environment variables that expressions may read as ``env.NAME``.
        tables: constant tables for ``lookup``.

    Returns:
        A function that gives the new event, or ``None`` where ``where`` is false.

    Raises:
        ExpressionError: with ``path`` into the route, and further ones in ``others``.
    """
    program = compile_program(Route({"where": where, "map": map}, name), env=env, tables=tables)

    def made(event: Event) -> Event | None:
        outcome = program(event)
        return None if isinstance(outcome, str) else outcome[0][0]

    made.__name__ = made.__qualname__ = name or "route"
    return made
