"""What two versions of a deployment's routes make of the same events, and in what that differs."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from hub.contracts import ContractViolation
from hub.deployment import Deployment, RouteSpec
from hub.engine.contracts import ContractGate
from hub.routes import EvaluationError
from hub.routes.fusion import Fused, Outcome, compile_fused
from hub.sdk.event import Event
from hub.workbench.changes import Change, changes
from hub.workbench.deciding import Decision, why_filtered
from hub.workbench.explanation import target_of
from hub.workbench.tracers import Tracers


class Kind(StrEnum):
    """In what a route differs on an event."""

    NEWLY_MATCH = "newly_match"
    NO_LONGER_MATCH = "no_longer_match"
    DIFFER = "differ"
    """Another event comes out, or another number of them."""
    ELSEWHERE = "go_elsewhere"
    NEWLY_FAIL = "newly_fail"
    NO_LONGER_FAIL = "no_longer_fail"


class Output(NamedTuple):
    """An event that comes out, and where it goes: topics, and sinks as ``sink NAME``."""

    event: Event
    targets: frozenset[str]


Result = tuple[Output, ...] | Exception | None
"""What a route makes of an event; None where it keeps it out or doesn't read it. Errors are those of an expression
or of a contract.
"""

EVENTS = "number of events"
"""Stands for a field where another number of events comes out."""
FIELDS = 500
"""Fields that are counted for a route; payloads may have keys without end."""
OTHERS = "other fields"
"""Stands for the fields beyond these."""


@dataclass(frozen=True)
class Example:
    """An event on which a route differs.

    Attributes:
        place: where it lies.
        at: when it was written.
        id, type: the event's.
        changes: fields of what comes out.
        targets: what came in addition and what is gone: ``+alerts``, ``-review.wanted``.
        error: the failure that is new, or that is gone.
        why: what kept the event out, of the version that does.
        unread: whether that version's route doesn't even read the topic.
    """

    place: str
    at: datetime
    id: str
    type: str
    changes: tuple[Change, ...] = ()
    targets: tuple[str, ...] = ()
    error: str = ""
    why: tuple[Decision, ...] = ()
    unread: bool = False


@dataclass
class RouteDifference:
    """How a route differs over all events.

    Attributes:
        name: its name; of a removed one, its former name.
        status: ``both``, ``new`` or ``removed``.
        former: the name that it had in the old version, where that is another.
        events: how many events of its topics were compared.
        matched: in how many of them something comes out, of the new version or, of a removed route, of the old one.
        failed: how many fail in both versions.
        counts: events by kind; one may be of several.
        fields: of those that differ, how often each field does.
        targets: of those that go elsewhere, how often which.
        examples: the newest by kind.
    """

    name: str
    status: str = "both"
    former: str = ""
    events: int = 0
    matched: int = 0
    failed: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    examples: dict[Kind, list[Example]] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether there is a difference, be it that the route is new or removed."""
        return self.status != "both" or bool(self.counts)


class Sample(NamedTuple):
    """An event to be compared.

    Attributes:
        topic: that it was read from.
        place: where it lies, for people.
        at: when it was written.
        event: the event.
    """

    topic: str
    place: str
    at: datetime
    event: Event


class Comparison:
    """Runs events through two versions of a deployment's routes.

    Args:
        old, new: the versions.
        environ: for both; what their expressions read of the environment.
        examples: how many to keep for each route and kind.

    Raises:
        InvalidDeployment: an environment variable that a route reads isn't set.
    """

    def __init__(self, old: Deployment, new: Deployment, environ: Mapping[str, str], *, examples: int = 3) -> None:
        self._examples = examples
        self._order = 0
        self._kept: dict[tuple[str, Kind], list[tuple[datetime, int, Sample, Example]]] = {}
        self.routes: dict[str, RouteDifference] = {}
        former = _former(old, new)
        self._old = _Version(old, environ, {before: after for after, before in former.items()})
        self._new = _Version(new, environ, {})
        for name in new.routes:
            status = "both" if former.get(name, name) in old.routes else "new"
            self.routes[name] = RouteDifference(name, status, former.get(name, ""))
        for name in old.routes:
            if name not in former.values() and name not in new.routes:
                self.routes[name] = RouteDifference(name, "removed")

    @property
    def topics(self) -> list[str]:
        """Every topic that a route of either version reads."""
        return list(dict.fromkeys([*self._old.topics, *self._new.topics]))

    def add(self, sample: Sample) -> None:
        """Compares an event; it is parsed once for all routes of both versions."""
        before, after = self._old.run(sample), self._new.run(sample)
        for name in before.keys() | after.keys():
            self._compare(self.routes[name], before.get(name), after.get(name), sample)

    def finish(self) -> list[RouteDifference]:
        """The differences, with their examples; in the order of the new version, removed routes behind them."""
        for (name, kind), kept in self._kept.items():
            newest = sorted(kept, key=lambda each: each[:2], reverse=True)
            self.routes[name].examples[kind] = [
                self._explained(name, kind, sample, example) for _, _, sample, example in newest
            ]
        return list(self.routes.values())

    def _explained(self, name: str, kind: Kind, sample: Sample, example: Example) -> Example:
        """With what kept the event out; traces are slow, so that only what is shown is traced."""
        if kind not in (Kind.NEWLY_MATCH, Kind.NO_LONGER_MATCH):
            return example
        why = (self._old if kind is Kind.NEWLY_MATCH else self._new).why(name, sample)
        return replace(example, unread=True) if why is None else replace(example, why=tuple(why))

    def _compare(self, route: RouteDifference, before: Result, after: Result, sample: Sample) -> None:
        route.events += 1
        counted = before if route.status == "removed" else after
        route.matched += isinstance(counted, tuple)
        if route.status != "both" and not isinstance(counted, Exception):
            return
        if isinstance(before, Exception) or isinstance(after, Exception):
            self._failures(route, before, after, sample)
        elif before is None or after is None:
            if before is not after:
                kind = Kind.NEWLY_MATCH if before is None else Kind.NO_LONGER_MATCH
                self._note(route, kind, sample)
        else:
            self._outputs(route, before, after, sample)

    def _failures(self, route: RouteDifference, before: Result, after: Result, sample: Sample) -> None:
        if isinstance(before, Exception) and isinstance(after, Exception):
            route.failed += 1
        elif isinstance(after, Exception):
            self._note(route, Kind.NEWLY_FAIL, sample, error=str(after))
        elif route.status == "both":
            self._note(route, Kind.NO_LONGER_FAIL, sample, error=str(before))

    def _outputs(
        self, route: RouteDifference, before: Sequence[Output], after: Sequence[Output], sample: Sample
    ) -> None:
        found: list[Change] = []
        if len(before) != len(after):
            found = [Change(EVENTS, len(before), len(after))]
        else:
            for first, second in zip(before, after, strict=True):
                if first.event is not second.event:
                    found += changes(first.event, second.event)
        if found:
            paths = {change.path for change in found}
            if len(route.fields) > FIELDS:
                paths = {path if path in route.fields else OTHERS for path in paths}
            route.fields.update(paths)
            self._note(route, Kind.DIFFER, sample, changes=tuple(found))
        targets = _moved(before, after)
        if targets:
            route.targets.update(targets)
            self._note(route, Kind.ELSEWHERE, sample, targets=targets)

    def _note(self, route: RouteDifference, kind: Kind, sample: Sample, **details: Any) -> None:
        route.counts[kind] += 1
        if not self._examples:
            return
        kept = self._kept.setdefault((route.name, kind), [])
        if len(kept) == self._examples and sample.at <= kept[0][0]:
            return
        self._order += 1
        example = Example(sample.place, sample.at, sample.event.id, sample.event.type, **details)
        entry = (sample.at, self._order, sample, example)
        if len(kept) < self._examples:
            heapq.heappush(kept, entry)
        else:
            heapq.heapreplace(kept, entry)


class _Version:
    """The routes of one version, those that read a topic fused.

    Args:
        deployment: the version.
        environ: environment variables.
        renamed: names of its routes → the name under which they are compared.
    """

    def __init__(self, deployment: Deployment, environ: Mapping[str, str], renamed: Mapping[str, str]) -> None:
        self._readers: dict[str, tuple[Fused, list[str], list[RouteSpec]]] = {}
        self._tracers = Tracers(environ)
        self._gate = ContractGate.of(deployment.name, deployment.contracts)
        reading: dict[str, list[RouteSpec]] = {}
        for spec in deployment.routes.values():
            spec.program(environ)  # says what of the environment is missing
            for topic in spec.inputs:
                reading.setdefault(topic, []).append(spec)
        for topic, specs in reading.items():
            env, tables = specs[0].environment(environ), specs[0].scope.tables
            fused = compile_fused([spec.route for spec in specs], env=env, tables=tables)
            self._readers[topic] = fused, [renamed.get(spec.name, spec.name) for spec in specs], specs

    @property
    def topics(self) -> list[str]:
        """Topics that its routes read."""
        return list(self._readers)

    def run(self, sample: Sample) -> dict[str, Result]:
        """What each route that reads the topic makes of an event."""
        reader = self._readers.get(sample.topic)
        if reader is None:
            return {}
        fused, names, specs = reader
        results: dict[str, Result] = dict.fromkeys(names)
        if self._gate is not None:
            try:
                self._gate.consumed(sample.event)
            except ContractViolation as error:
                return dict.fromkeys(names, error)
        for index, outcome in fused(sample.event):
            results[names[index]] = self._result(specs[index], outcome)
        return results

    def _result(self, spec: RouteSpec, outcome: Outcome | EvaluationError) -> Result:
        if isinstance(outcome, EvaluationError):
            return outcome
        if isinstance(outcome, str):
            return None
        if self._gate is not None:
            try:
                for event, _ in outcome:
                    self._gate.produced(event)
            except ContractViolation as error:
                return error
        return tuple(Output(event, frozenset(target_of(spec, name) for name in names)) for event, names in outcome)

    def why(self, name: str, sample: Sample) -> list[Decision] | None:
        """What keeps an event out of a route; None where the route doesn't read its topic."""
        _, names, specs = self._readers.get(sample.topic, (None, [], []))
        if name not in names:
            return None
        spec = specs[names.index(name)]
        return why_filtered(spec.route, self._tracers.trace(spec, sample.event))


def _former(old: Deployment, new: Deployment) -> dict[str, str]:
    """Routes that were renamed: new name → old name."""
    named = {name: spec.section.renamed_from for name, spec in new.routes.items() if spec.section.renamed_from}
    return {name: before for name, before in named.items() if before in old.routes and not {before} & new.routes.keys()}


def _moved(before: Sequence[Output], after: Sequence[Output]) -> tuple[str, ...]:
    """Targets that are new, and that are gone: of each event that comes out, where there are as many as before."""
    if len(before) == len(after) > 1:
        pairs = zip(before, after, strict=True)
        return tuple(dict.fromkeys(each for one, other in pairs for each in _moved([one], [other])))
    first = {target for output in before for target in output.targets}
    second = {target for output in after for target in output.targets}
    return (*(f"+{target}" for target in sorted(second - first)), *(f"-{target}" for target in sorted(first - second)))
