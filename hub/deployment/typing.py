"""Types through a deployment: every expression is checked against every kind of event that can reach it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from hub.contracts import Contract, Shape
from hub.deployment.binding import span_at
from hub.deployment.constants import impossible
from hub.deployment.expressions import sources_of
from hub.deployment.finding import Findings
from hub.deployment.promises import Promises
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec
from hub.deployment.streams import Stream, Streams, in_order
from hub.deployment.wanted import wanted_at
from hub.routes.checker import Output, Problem, RouteChecked, check_route, check_source
from hub.routes.checker.problem import Visit, agreed
from hub.routes.program import Choice
from hub.routes.tree import Path
from hub.routes.writer import Source


@dataclass
class Typing:
    """What the checker says of a deployment.

    Attributes:
        units: by name.
        contracts: by event type.
        declared: topics that other programs may write, and the event types that are declared for them.
        env: names that expressions may read.
        tables: constant tables.
        routes: what was found of each route, for each stream that it reads.
    """

    units: Mapping[str, UnitSpec]
    contracts: Mapping[str, Contract]
    declared: Mapping[str, Collection[str]]
    env: Collection[str] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
    routes: dict[str, list[tuple[Stream, RouteChecked]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.streams = Streams(self.units, self.contracts, self.declared)
        self._seen: dict[int, tuple[Stream, Mapping[str, Shape]]] = {}

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with the expressions of all routes and sinks, and with what routes make."""
        promises = Promises(self.units, self.contracts, findings)
        for unit in in_order(self.units):
            broken = {each.path for each in unit.route.sources.errors}
            if any(path and path[-1] in _DECIDING for path in broken):
                continue  # what it says of the event isn't known, and all else would be misjudged
            streams = self.streams.into(unit)
            alone = len(streams) == 1
            checked = [(stream, self._route(unit, stream, findings, alone=alone)) for stream in streams]
            self.routes[unit.name] = checked
            found = [(stream, result.problems, result.visited) for stream, result in checked]
            note(unit, _with_constants(found, sources_of(unit)), findings, broken)
            if not broken:
                self.streams.publish(self._outputs(unit, checked, promises))
        for sink in self.units.values():
            if isinstance(sink, SinkSpec):
                self._sink(sink, findings)

    def _outputs(
        self, unit: RouteSpec, checked: Iterable[tuple[Stream, RouteChecked]], promises: Promises
    ) -> Iterator[Stream]:
        """What comes out of a route, as those see it who read it."""
        for stream, result in checked:
            for output in result.outputs:
                made = list(_made(unit, stream, output))
                data = promises.check(unit, output, made) if made else output.data
                yield from (replace(each, data=data) for each in made)

    def _names_of(self, stream: Stream) -> Mapping[str, Shape]:
        """What expressions see of a stream; the same each time, since a hundred routes may read it."""
        if id(stream) not in self._seen:
            self._seen[id(stream)] = (stream, stream.names(self.env))
        return self._seen[id(stream)][1]

    def _route(self, unit: RouteSpec, stream: Stream, findings: Findings, *, alone: bool) -> RouteChecked:
        names = self._names_of(stream)
        answers = {name: each.answers for name, each in unit.lookups.items()}
        return check_route(unit.route, names, strict=findings.strict, tables=self.tables, alone=alone, answers=answers)

    def _sink(self, unit: SinkSpec, findings: Findings) -> None:
        sources = sources_of(unit)
        if not sources:
            return
        model = unit.cls.config_type()
        found: list[Found] = []
        streams = self.streams.into(unit)
        for stream in streams:
            names = self._names_of(stream)
            problems: list[Problem] = []
            visited: set[Visit] = set()
            for source in sources:
                wanted = wanted_at(model, source.path[1:])
                checked = check_source(
                    source, names, strict=findings.strict, tables=self.tables, alone=len(streams) == 1
                )
                problems += checked.problems
                visited |= checked.visited
                if wanted is not None and (problem := wanted.problem(source, checked.shape, strict=findings.strict)):
                    problems.append(problem)
            found.append((stream, problems, visited))
        note(unit, _with_constants(found, sources), findings)


def _made(unit: RouteSpec, stream: Stream, output: Output) -> Iterator[Stream]:
    """What a branch of a route makes of a stream: one for each topic that it goes to."""
    kind = output.attributes.get("type")
    constant = kind.constant if kind is not None else None
    event_type = stream.event_type if kind is None else str(constant[0]) if constant else None
    attributes = {**stream.attributes, **output.attributes}
    for name in _names(output.targets):
        yield Stream(unit.scope.target(name), event_type, output.data, f"route `{unit.name}`", attributes)


def _names(targets: Iterable[str | Choice]) -> Iterator[str]:
    for each in targets:
        yield from (each,) if isinstance(each, str) else each.names


_DECIDING = ("where", "when", "split")
"""Expressions that tell which events the others see."""

Found: TypeAlias = tuple[Stream, Sequence[Problem], Collection[Visit]]
"""A stream, what is wrong with expressions for it, and what of them was looked at."""


def _with_constants(found: Sequence[Found], sources: Iterable[Source]) -> list[Found]:
    """The same, and what is wrong whatever comes."""
    always = [problem for source in sources for problem in impossible(source)]
    return [(stream, [*problems, *always], visited) for stream, problems, visited in found]


def note(unit: RouteSpec | SinkSpec, found: Sequence[Found], findings: Findings, broken: Collection[Path] = ()) -> None:
    """Notes problems that were found for several streams, each place once.

    What holds for one kind of event and not for another is said so. A problem that counts only if it is there for every
    kind of event is left out otherwise.
    """
    kept = {each.place for each in agreed([(problems, set(visited)) for _, problems, visited in found])}
    groups: dict[tuple[object, ...], list[tuple[Stream, Problem]]] = {}
    for stream, problems, _ in found:
        for problem in problems:
            if problem.place in kept and problem.path not in broken:
                groups.setdefault(problem.place, []).append((stream, problem))
    for group in groups.values():
        looked = [stream for stream, _, visited in found if group[0][1].visit in visited]
        _note_group(unit, group, looked or [group[0][0]], findings)


def _note_group(
    unit: RouteSpec | SinkSpec, group: list[tuple[Stream, Problem]], looked: Sequence[Stream], findings: Findings
) -> None:
    _, first = group[0]
    span = span_at(unit.entry.place, first.path, first.source.text, first.start, first.end)
    if span is None:
        return
    worst = next((each for _, each in group if each.severity == "error"), first)
    labels = list(dict.fromkeys(stream.label for stream, _ in group))
    everywhere = len(group) >= len(looked)
    message = _message(worst, labels, everywhere=everywhere)
    advice = [] if len(labels) > 1 and (worst.suggestion or "").startswith("it has") else [worst.suggestion]
    if worst.code == "route.unknown_field" and not everywhere:
        advice = [_test_of_type(group, looked) or worst.suggestion]
    if isinstance(unit, SinkSpec):
        advice.append(_feeders(group))
    fixes = {each.fix for _, each in group}
    fix = fixes.pop() if len(fixes) == 1 and everywhere else None
    write = findings.error if worst.severity == "error" else findings.warning
    write(worst.code, message, span, "\n".join(filter(None, advice)) or None, fix=fix)


def _message(worst: Problem, labels: Sequence[str], *, everywhere: bool) -> str:
    """The message, and for which events it holds where that isn't all of them."""
    others = [label for label in labels if label not in worst.message]
    if len(others) == len(labels):
        return worst.message if everywhere else f"{worst.message}, in {_listed(labels)}"
    return f"{worst.message}; likewise {_listed(others)}" if others else worst.message


def _test_of_type(group: Sequence[tuple[Stream, Problem]], looked: Sequence[Stream]) -> str | None:
    """How a field is read that only some types of events have."""
    without = {id(stream) for stream, _ in group}
    types = list(dict.fromkeys(each.event_type for each in looked if id(each) not in without))
    if not types or None in types:
        return None
    names = [f'"{each}"' for each in types[:3]]
    test = f"event.type == {names[0]}" if len(types) == 1 else f"event.type in [{', '.join(names)}]"
    return f"{_listed([str(each) for each in types])} {'has' if len(types) == 1 else 'have'} it: test `{test}` first"


def _feeders(group: Sequence[tuple[Stream, Problem]]) -> str | None:
    """Which routes send what a sink can't take; those of a source are known by their type."""
    origins = list(dict.fromkeys(stream.origin for stream, _ in group if stream.origin.startswith("route")))
    return f"these events come from {_listed(origins)}" if origins else None


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:4]] + ([f"{len(names) - 4} more"] if len(names) > 4 else [])  # noqa: PLR2004  a line's worth
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
