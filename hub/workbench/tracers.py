"""Traces of steps that routes took: made when they are asked for, each route compiled for it once."""

from __future__ import annotations

from collections.abc import Mapping

from hub.routes.tracing import Trace, Tracer
from hub.workbench.rehearsal import Step


class Tracers:
    """Traces routes of a deployment.

    Args:
        env: what expressions see of the environment.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._tracers: dict[str, Tracer] = {}

    def trace(self, step: Step) -> Trace:
        """What the route did with the event of a step, part by part."""
        spec = step.route
        if spec.name not in self._tracers:
            env = spec.environment(self._env)
            self._tracers[spec.name] = Tracer(spec.route, env=env, tables=spec.scope.tables)
        return self._tracers[spec.name](step.event)
