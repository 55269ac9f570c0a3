"""Traces of what routes do with events: made when they are asked for, each route compiled for it once."""

from __future__ import annotations

from collections.abc import Mapping

from hub.deployment import RouteSpec
from hub.routes.enriching import Ask
from hub.routes.syntax import Expr, Has, Index, Literal, Name, Select
from hub.routes.tracing import Trace, Tracer
from hub.sdk import Event
from hub.workbench.answers import no_answers


class Tracers:
    """Traces routes of a deployment.

    Args:
        env: what expressions see of the environment; variables that aren't in it are empty.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._tracers: dict[str, Tracer] = {}

    def trace(self, route: RouteSpec, event: Event, ask: Ask | None = None) -> Trace:
        """What a route does with an event, part by part.

        Args:
            route: the route.
            event: the event.
            ask: answers its look-ups; if nothing does, that is why it fails.
        """
        if route.name not in self._tracers:
            env = {**dict.fromkeys(route.scope.env, ""), **route.environment(self._env)}
            self._tracers[route.name] = Tracer(route.route, env=env, tables=route.scope.tables)
        return self._tracers[route.name](event, ask or no_answers(route))


def variable(node: Expr) -> str | None:
    """The environment variable that a part of an expression reads, if it is one that does."""
    match node:
        case Select(operand=Name(name="env"), field=name) | Has(operand=Name(name="env"), field=name):
            return name
        case Index(operand=Name(name="env"), index=Literal(value=str(name))):
            return name
    return None
