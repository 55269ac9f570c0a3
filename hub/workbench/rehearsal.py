"""A deployment's routes run in memory: events come in on topics, and what comes out everywhere is gathered.

An event is followed through route after route until it is at its sinks. Sinks write nothing. Loading a deployment has
made sure that routes form no cycle, so that this ends. Contracts are kept as the engine keeps them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from hub.deployment import Deployment, RouteSpec
from hub.engine.contracts import ContractGate
from hub.routes import compile_mapping
from hub.routes.enriching import Ask, Unanswered
from hub.routes.fusion import Outcome
from hub.routes.syntax import Expr, walk
from hub.sdk import ConfigError, Event
from hub.workbench.answers import Asking, GivenAnswers
from hub.workbench.tracers import Tracers, variable

Made: TypeAlias = tuple[Event, tuple[str, ...]]
"""An event that a route made, and the names in ``to:`` of the topics and sinks that it goes to."""


@dataclass(frozen=True)
class Step:
    """What became of one event in one route.

    Attributes:
        route: which.
        event: as the route read it.
        outcome: why it was filtered, what was made of it, or what went wrong.
        ask: what answered its look-ups.
    """

    route: RouteSpec
    event: Event
    outcome: str | list[Made] | Exception
    ask: Ask | None = field(default=None, repr=False, compare=False)

    @property
    def filtered(self) -> str | None:
        """Why the event was kept out, if it was."""
        return self.outcome if isinstance(self.outcome, str) else None

    @property
    def made(self) -> list[Made]:
        """What came of it; nothing if it was filtered or failed."""
        return self.outcome if isinstance(self.outcome, list) else []

    @property
    def error(self) -> Exception | None:
        """What went wrong, if something did."""
        return self.outcome if isinstance(self.outcome, Exception) else None


@dataclass
class Passage:
    """What became of events.

    Attributes:
        steps: that they, and what was made of them, took, in this order.
        arrivals: what came to topics and sinks, by their names, in order. A sink also receives what is on the topics
            that it reads.
    """

    steps: list[Step] = field(default_factory=list)
    arrivals: dict[str, list[Event]] = field(default_factory=dict)


def sent(steps: Iterable[Step]) -> dict[str, list[Event]]:
    """What routes sent somewhere: topic or sink → events, in order."""
    found: dict[str, list[Event]] = {}
    for step in steps:
        for event, names in step.made:
            for place in dict.fromkeys(map(step.route.scope.place, names)):
                found.setdefault(place, []).append(event)
    return found


class UnsetVariable(ConfigError):
    """An expression has read an environment variable that has no value.

    Args:
        route: whose expression.
        name: the variable.
    """

    def __init__(self, route: str, name: str) -> None:
        super().__init__(f"route `{route}` reads env.{name}, which has no value")
        self.route = route
        self.name = name


class Rehearsal:
    """Runs routes of a deployment.

    Args:
        deployment: whose routes.
        env: what expressions see of the environment. A route that reads more of it fails.

    Attributes:
        tracers: tell what routes did.
    """

    def __init__(self, deployment: Deployment, env: Mapping[str, str]) -> None:
        self.deployment = deployment
        self.env = env
        self.tracers = Tracers(env)
        self._gate = ContractGate.of(deployment.name, deployment.contracts)
        self._programs: dict[str, Callable[[Event, Ask | None], Outcome]] = {}
        self._settings: dict[tuple[str, ...], Callable[[Event], Any]] = {}
        self._answers = GivenAnswers()
        self._routes: dict[str, list[RouteSpec]] = {}
        self._sinks: dict[str, list[str]] = {}
        for route in deployment.routes.values():
            for topic in route.inputs:
                self._routes.setdefault(topic, []).append(route)
        for sink in deployment.sinks.values():
            for topic in sink.inputs:
                self._sinks.setdefault(topic, []).append(sink.name)

    def run(self, given: Iterable[tuple[str, Event]], answers: GivenAnswers | None = None) -> Passage:
        """Follows events through the routes that read them.

        Args:
            given: topics and the events that come on them.
            answers: of look-ups.
        """
        passage = Passage()
        self._answers = answers or GivenAnswers()
        for topic, event in given:
            self._follow(topic, event, passage)
        return passage

    def _follow(self, topic: str, event: Event, passage: Passage) -> None:
        queue = deque([(topic, event)])
        while queue:
            topic, event = queue.popleft()
            for sink in self._sinks.get(topic, ()):
                passage.arrivals.setdefault(sink, []).append(event)
            for route in self._routes.get(topic, ()):
                ask = self._answers.asking(route) if route.route.lookups else None
                step = Step(route, event, self._outcome(route, event, ask), ask)
                passage.steps.append(step)
                for place, made in sent([step]).items():
                    passage.arrivals.setdefault(place, []).extend(made)
                    # Read anew from what is written, as the next reader does.
                    if place in self._routes or place in self._sinks:
                        queue += [(place, Event.from_kafka(*each.to_kafka())) for each in made]

    def _outcome(self, route: RouteSpec, event: Event, ask: Asking | None) -> Outcome | Exception:
        try:
            return self._made(route, event, ask)
        except Unanswered as unanswered:
            return unanswered.error
        except Exception as error:  # noqa: BLE001  as in the engine: whatever is raised is this event's failure
            return error

    def _made(self, route: RouteSpec, event: Event, ask: Asking | None) -> Outcome:
        if route.name not in self._programs:
            self._programs[route.name] = self._program(route)
        if self._gate is not None:
            self._gate.consumed(event)
        outcome = self._programs[route.name](event, ask)
        if ask is not None:
            outcome = ask.marked(outcome)
        if self._gate is not None and not isinstance(outcome, str):
            for made, _ in outcome:
                self._gate.produced(made)
        return outcome

    def _program(self, route: RouteSpec) -> Callable[[Event, Ask | None], Outcome]:
        if any(self._unset(route, node) for source in route.route.sources.found for node in walk(source.tree)):
            return partial(self._watched, route)
        return route.program(self.env)

    def _unset(self, route: RouteSpec, node: Expr) -> str | None:
        """The variable that a part of an expression reads, if it has no value here."""
        name = variable(node)
        return name if name in route.scope.env and name not in self.env else None

    def _watched(self, route: RouteSpec, event: Event, ask: Ask | None) -> Outcome:
        """As a program, where a variable that has no value is no matter unless it is read."""
        trace = self.tracers.trace(route, event, ask)
        for step in trace.steps:
            if name := self._unset(route, step.node):
                raise UnsetVariable(route.name, name)
        if isinstance(trace.outcome, Exception):
            raise trace.outcome
        return trace.outcome

    def settings(self, sink: str, keys: Iterable[str], event: Event) -> Any:
        """What settings of a sink are for an event that it receives.

        Args:
            sink: its name.
            keys: of ``with:``; references in what they hold stay as they are written.
            event: what it receives.

        Raises:
            EvaluationError: one of them has no value for this event.
        """
        which = (sink, *keys)
        if which not in self._settings:
            given = self.deployment.sinks[sink].section.with_
            self._settings[which] = compile_mapping({key: given[key] for key in which[1:]}, env=self.env)
        return self._settings[which](event)

    def leading_to(self, place: str) -> set[str]:
        """The routes through which an event may come to a topic or sink."""
        sink = self.deployment.sinks.get(place)
        places = [place, *(sink.inputs if sink else ())]
        found: set[str] = set()
        for each in places:
            for route in self.deployment.routes.values():
                if route.name not in found and each in map(route.scope.place, route.targets):
                    found.add(route.name)
                    places += route.inputs
        return found
