"""What two versions of a deployment's routes make of the same events, and in what that differs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from hub.deployment import Deployment
from hub.workbench.answers import GivenAnswers, NoAnswer
from hub.workbench.changes import Change, changes
from hub.workbench.differing import EVENTS, FIELDS, OTHERS, Example, Kind, Output, Result, RouteDifference, Sample
from hub.workbench.version import Version


class Comparison:
    """Runs events through two versions of a deployment's routes.

    Args:
        old, new: the versions.
        environ: for both; what their expressions read of the environment.
        examples: how many to keep for each route and kind.
        answers: of look-ups, for both; nobody outside is asked.

    Raises:
        InvalidDeployment: an environment variable that a route reads isn't set.
    """

    def __init__(
        self,
        old: Deployment,
        new: Deployment,
        environ: Mapping[str, str],
        *,
        examples: int = 3,
        answers: GivenAnswers | None = None,
    ) -> None:
        self._examples = examples
        self._order = 0
        self._kept: dict[tuple[str, Kind], list[tuple[datetime, int, Sample, Example]]] = {}
        self.routes: dict[str, RouteDifference] = {}
        former = _former(old, new)
        self._old = Version(old, environ, {before: after for after, before in former.items()}, answers)
        self._new = Version(new, environ, {}, answers)
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
        route.matched += isinstance(counted, tuple | NoAnswer)
        if isinstance(before, NoAnswer) or isinstance(after, NoAnswer):
            self._unanswered(route, before, after, sample)
            return
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

    def _unanswered(self, route: RouteDifference, before: Result, after: Result, sample: Sample) -> None:
        """What asks for something that nobody has answered is compared as far as that: whether and what it asks."""
        route.unanswered += 1
        if route.status != "both":
            return
        if before is None or after is None:
            self._note(route, Kind.NEWLY_MATCH if before is None else Kind.NO_LONGER_MATCH, sample)
        elif isinstance(before, NoAnswer) and isinstance(after, NoAnswer):
            asked, asks = dict(before.questions), dict(after.questions)
            found = tuple(
                Change(f"enrich.{name}.key", asked.get(name), asks.get(name))
                for name in dict.fromkeys([*asked, *asks])
                if asked.get(name) != asks.get(name)
            )
            if found:
                route.fields.update(change.path for change in found)
                self._note(route, Kind.DIFFER, sample, changes=found)

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
