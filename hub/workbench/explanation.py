"""Why a route does with an event what it does: which part of its predicate decided, what comes out, what fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.contracts import ContractViolation
from hub.deployment import Deployment, InvalidDeployment, Position, RouteSpec
from hub.deployment.binding import span_at
from hub.engine.contracts import ContractGate
from hub.routes import EvaluationError
from hub.routes.program import Branch
from hub.routes.tracing import Step, Tracer
from hub.sdk.event import Event
from hub.workbench.answers import GivenAnswers
from hub.workbench.changes import Change, changes
from hub.workbench.deciding import Decision, decisions, why_failed, why_filtered


@dataclass(frozen=True)
class Made:
    """An event that comes out.

    Attributes:
        event: the event.
        targets: the topics and sinks that it goes to, by their names.
        changes: in what it differs from the one that came in.
    """

    event: Event
    targets: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Explanation:
    """What a route does with an event.

    Attributes:
        route: the route.
        outcome: ``matched``, ``filtered``, ``failed`` or ``not read``.
        reason: of what was filtered: ``where``, ``split`` or ``switch``.
        decisions: what decided: why it was filtered, or which branch was taken.
        branch: which branch of a switch was taken, from 1.
        made: what comes out.
        error: what failed, with expression and position.
        seen: what the failing part looked at.
        position: where in the files the expression stands that failed.
    """

    route: RouteSpec
    outcome: str
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    branch: int | None = None
    made: tuple[Made, ...] = ()
    error: Exception | None = None
    seen: tuple[tuple[str, Any], ...] = ()
    position: Position | None = None


class Explainer:
    """Explains what the routes of a deployment do.

    Args:
        deployment: the deployment.
        environ: what expressions read of the environment.
        answers: of look-ups; nobody outside is asked.
    """

    def __init__(self, deployment: Deployment, environ: Mapping[str, str], answers: GivenAnswers | None = None) -> None:
        self._answers = answers or GivenAnswers()
        self._deployment = deployment
        self._environ = environ
        self._gate = ContractGate.of(deployment.name, deployment.contracts)
        self._tracers: dict[str, Tracer] = {}

    def explain(self, topic: str, event: Event) -> list[Explanation]:
        """What each route does with an event of a topic, those that don't read it last."""
        reading = [spec for spec in self._deployment.routes.values() if topic in (*spec.inputs, spec.inbox)]
        others = [spec for spec in self._deployment.routes.values() if spec not in reading]
        return [*(self.route(spec, event) for spec in reading), *(Explanation(spec, "not read") for spec in others)]

    def route(self, spec: RouteSpec, event: Event) -> Explanation:
        """What one route does with an event that it reads."""
        try:
            tracer = self._tracer(spec)
        except InvalidDeployment as error:
            return Explanation(spec, "failed", error=error)
        try:
            if self._gate is not None:
                self._gate.consumed(event)
            ask = self._answers.asking(spec)
            trace = tracer(event, ask)
            outcome = trace.outcome if isinstance(trace.outcome, Exception) else ask.marked(trace.outcome)
            if self._gate is not None and isinstance(outcome, list):
                for made, _ in outcome:
                    self._gate.produced(made)
        except ContractViolation as error:
            return Explanation(spec, "failed", error=error)
        if isinstance(outcome, Exception) and not isinstance(outcome, EvaluationError):
            return Explanation(spec, "failed", error=outcome)
        if isinstance(outcome, EvaluationError):
            seen = tuple(why_failed(spec.route, trace))
            return Explanation(spec, "failed", error=outcome, seen=seen, position=_position(spec, outcome))
        if isinstance(outcome, str):
            decided = tuple(why_filtered(spec.route, trace))
            return Explanation(spec, "filtered", reason=outcome, decisions=decided)
        branch, decided = _taken(spec.route.branches, trace.steps)
        found = tuple(
            Made(each, tuple(dict.fromkeys(target_of(spec, name) for name in names)), _changed(spec, event, each))
            for each, names in outcome
        )
        return Explanation(spec, "matched", decisions=decided, branch=branch, made=found)

    def _tracer(self, spec: RouteSpec) -> Tracer:
        if spec.name not in self._tracers:
            spec.program(self._environ)  # says what of the environment is missing
            env = spec.environment(self._environ)
            self._tracers[spec.name] = Tracer(spec.route, env=env, tables=spec.scope.tables)
        return self._tracers[spec.name]


def _position(spec: RouteSpec, error: EvaluationError) -> Position:
    span = span_at(spec.entry.place, error.path, error.expression, error.start, error.end)
    return span.start if span is not None else spec.position


def _changed(spec: RouteSpec, event: Event, made: Event) -> tuple[Change, ...]:
    """What differs; the id of a split's events always does, and tells nothing."""
    found = changes(event, made)
    return tuple(each for each in found if each.path != "id") if spec.route.split else tuple(found)


def target_of(spec: RouteSpec, name: str) -> str:
    """A name in ``to:`` as people know it, and as versions can be compared by: its topic, or ``sink NAME``."""
    return f"sink {name}" if name in spec.scope.sinks else spec.scope.topic(name)


def _taken(branches: tuple[Branch, ...], steps: Iterable[Step]) -> tuple[int | None, tuple[Decision, ...]]:
    """The branch of a switch that was taken, and why; nothing of a route without one, or one that splits."""
    values: dict[tuple[Any, ...], list[Any]] = {}
    steps = list(steps)
    for step in steps:
        if step.node is step.source.tree:
            values.setdefault(step.source.path, []).append(step.value)
    for index, branch in enumerate(branches):
        if branch.when is None:
            return (index + 1, ()) if branch.path else (None, ())
        seen = values.get(branch.when.path, [])
        if len(seen) > 1:
            break
        if seen == [True]:
            return index + 1, tuple(decisions(branch.when, steps))
    return None, ()
