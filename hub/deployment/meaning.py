"""Tests of a deployment that mean nothing, or that can't fail or can't pass, found without running them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hub.contracts import Shape
from hub.contracts.shape_accepts import accepts
from hub.deployment.expectation import Expectation, Output, RouteExpectation
from hub.deployment.finding import Findings
from hub.deployment.nodes import texts
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec
from hub.deployment.trials import InvalidGiven, TrialSpec
from hub.routes.checker import Answers
from hub.routes.tree import MARK
from hub.sdk.config import has_expression


def check_trials(
    trials: Iterable[TrialSpec],
    units: Mapping[str, UnitSpec],
    declared: Collection[str],
    findings: Findings,
    *,
    complete: bool,
) -> None:
    """Notes tests that mean nothing, or that can't fail or can't pass.

    Args:
        trials: the tests.
        units: sources, routes and sinks by name.
        declared: topics and event types.
        findings: where to note it.
        complete: whether all of the deployment was understood, so that it is known where events flow.
    """
    streams = _Streams(units, declared)
    for trial in trials:
        if not findings.full:
            _Check(trial, streams, findings, complete=complete).run()


class _Streams:
    """Where events flow, by what is declared.

    Args:
        units: by name.
        declared: topics and event types.
    """

    def __init__(self, units: Mapping[str, UnitSpec], declared: Collection[str]) -> None:
        self.routes = {name: unit for name, unit in units.items() if isinstance(unit, RouteSpec)}
        self.sinks = {name: unit for name, unit in units.items() if isinstance(unit, SinkSpec)}
        self.declared = declared
        self.read = {topic for unit in (*self.routes.values(), *self.sinks.values()) for topic in unit.inputs}
        self._known: dict[frozenset[str], tuple[set[str], set[str]]] = {}

    def from_topics(self, topics: frozenset[str]) -> tuple[set[str], set[str]]:
        """Topics and inboxes to which events on these topics may lead, and the routes on the way."""
        if topics not in self._known:
            self._known[topics] = self._follow(topics)
        return self._known[topics]

    def _follow(self, topics: frozenset[str]) -> tuple[set[str], set[str]]:
        reached: set[str] = set()
        routes: set[str] = set()
        queue = list(topics)
        for topic in queue:
            for route in self.routes.values():
                if topic in route.inputs and route.name not in routes:
                    routes.add(route.name)
                    queue += [each for each in route.outputs if each not in reached]
                    reached.update(route.outputs)
        reading = [sink for sink in self.sinks.values() if {*topics, *reached} & set(sink.inputs)]
        return reached | {sink.inbox for sink in reading}, routes


class _Check:
    """The check of one test."""

    def __init__(self, trial: TrialSpec, streams: _Streams, findings: Findings, *, complete: bool) -> None:
        self._trial = trial
        self._streams = streams
        self._routes, self._sinks = streams.routes, streams.sinks
        self._findings = findings
        self._complete = complete

    def run(self) -> None:
        if not self._events():
            return
        self._variables()
        self._expressions()
        self._lookups()
        if not self._complete or not self._read():
            return
        topics = frozenset(self._trial.topic(each) for each in self._trial.section.given)
        reached, routes = self._streams.from_topics(topics)
        expect = self._trial.section.expect
        if not routes and any(each.route is None for each in expect.filtered):
            self._error("test.cannot_fail", "only sinks read what is given, and they filter nothing", ("expect",))
        self._names(expect, ("expect",), reached)
        for name, each in expect.routes.items():
            path = ("expect", "routes", name)
            if self._route(name, path, routes):
                self._names(each, path, set(self._routes[name].outputs))
        named = [("filtered", index, each.route) for index, each in enumerate(expect.filtered)]
        named += [("error", index, each.route) for index, each in enumerate(expect.error)]
        for key, index, route in named:
            if route is not None:
                self._route(route, ("expect", key, index, "route"), routes)

    def _error(self, code: str, message: str, path: Iterable[str | int], suggestion: str | None = None) -> None:
        self._findings.error(code, message, self._trial.span(*path), suggestion)

    def _events(self) -> bool:
        try:
            return bool(self._trial.given)
        except InvalidGiven as error:
            self._error("test.event", f"{self._trial.entry.place.subject}: {error}", error.where)
            return False

    def _variables(self) -> None:
        for name in self._trial.section.env:
            if name not in self._trial.scope.env:
                close = _close(name, self._trial.scope.env)
                self._error(
                    "test.unknown_env",
                    f"no expression reads the environment variable {name}" + close,
                    ("env", name),
                    None if close else "list it under `env:` of the deployment, or leave it out",
                )

    def _lookups(self) -> None:
        """Answers are for look-ups that there are, and such as these may give."""
        known: dict[str, list[Answers]] = {}
        for route in self._routes.values():
            for name in route.section.enrich:
                found = route.lookups.get(name)
                known.setdefault(name, []).extend([found.answers] if found is not None else [])
        for name, given in self._trial.section.lookups.items():
            if name not in known:
                self._error(
                    "test.unknown_lookup", f"no route looks up `{name}`" + _close(name, known), ("lookups", name)
                )
                continue
            for index, each in enumerate(given):
                place = ("lookups", name, index)
                if "key" in each.model_fields_set:
                    self._fits("a key", each.key, [answers.key for answers in known[name]], (*place, "key"))
                if each.fails is None:
                    self._fits("an answer", each.found, [answers.found for answers in known[name]], (*place, "found"))

    def _fits(self, what: str, value: Any, shapes: Iterable[Shape], path: tuple[str | int, ...]) -> None:
        """Notes a value that none of the look-ups of a name takes or gives."""
        wrong = [[each for each in accepts(shape, Shape.of_value(value)) if each.certain] for shape in shapes]
        if wrong and all(wrong):
            first = wrong[0][0]
            where = f" in `{first.place}`" if first.path else ""
            self._error("test.answer", f"{what} can't be this: expected {first.expected}{where}, got {first.got}", path)

    def _expressions(self) -> None:
        """Nothing is computed in a test, whatever it looks like."""
        place = self._trial.entry.place
        for scalar in texts(place.node):
            if scalar.text.startswith(MARK):
                self._findings.warning(
                    "test.expression",
                    "in a test all values stand for themselves; `= ` starts no expression here",
                    place.document.within(scalar, 0, len(scalar.text)),
                    "write the value that is expected",
                )

    def _read(self) -> bool:
        """Whether all that is given is read by a route or sink."""
        read = self._streams.read
        for index, each in enumerate(self._trial.section.given):
            topic = self._trial.topic(each)
            if topic not in read:
                key = "topic" if each.topic else "type"
                path = ("topic",) if self._trial.section.topic and not each.topic else ("given", index, key)
                close = _close(topic, read)
                self._error("test.unread", f"no route or sink reads `{topic}`" + close, path)
                return False
        return True

    def _route(self, name: str, path: tuple[str | int, ...], routes: Collection[str]) -> bool:
        if name not in self._routes:
            self._error("test.unknown_route", f"there is no route `{name}`" + _close(name, self._routes), path)
        elif name not in routes:
            self._error("test.unreachable", f"what is given doesn't come to route `{name}`", path)
        else:
            return True
        return False

    def _names(
        self,
        expect: Expectation | RouteExpectation,
        path: tuple[str | int, ...],
        reached: Collection[str],
    ) -> None:
        scope = self._trial.scope
        known = {*self._streams.declared, *self._sinks}
        for name, outputs in expect.outputs.items():
            here = (*path, name)
            if name not in known:
                close = _close(name, {*known, *type(expect).model_fields})
                self._error("test.unknown_target", f"there is no topic or sink `{name}`" + close, here)
            elif scope.target(name) not in reached:
                route = f"route `{path[-1]}` doesn't lead" if path[-2:-1] == ("routes",) else None
                self._error("test.unreachable", f"{route or 'no route leads from what is given'} to `{name}`", here)
            else:
                self._settings(name, outputs, here)
            if any(each.with_ for each in outputs) and name not in self._sinks:
                self._error("test.no_sink", f"`with` is for settings of a sink; `{name}` is a topic", (*here, "with"))
        filtered = [expect.filtered] if isinstance(expect, RouteExpectation) else expect.filtered
        everywhere = any(each is not None and getattr(each, "route", None) is None for each in filtered)
        if everywhere and any(expect.outputs.values()):
            self._error(
                "test.contradiction",
                "what is filtered doesn't come out anywhere, but something is expected to",
                (*path, "filtered"),
                "say which route: `filtered: { route: NAME }`" if isinstance(expect, Expectation) else None,
            )

    def _settings(self, name: str, outputs: Iterable[Output], path: tuple[str | int, ...]) -> None:
        """Settings that are asserted must be there, and differ from event to event."""
        sink = self._sinks.get(name)
        if sink is None:
            return
        settings = sink.section.with_
        for index, output in enumerate(outputs):
            for key in output.with_:
                here = (*path, index, "with", key)
                if key not in settings:
                    close = _close(key, settings)
                    self._error("test.unknown_setting", f"sink `{name}` has no setting `{key}`" + close, here)
                elif not has_expression(settings[key]):
                    self._error("test.cannot_fail", f"`{key}` of sink `{name}` is the same for every event", here)


def _close(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""
