"""Types through a deployment: every expression is checked against every kind of event that can reach it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.contracts import Contract
from hub.deployment.binding import span_at
from hub.deployment.expressions import sources_of
from hub.deployment.finding import Findings
from hub.deployment.promises import Promises
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec
from hub.deployment.streams import Stream, Streams, in_order
from hub.deployment.wanted import wanted_at
from hub.routes.checker import Output, Problem, RouteChecked, check_route, check_source
from hub.routes.checker.problem import Visit, agreed
from hub.routes.program import Choice


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

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with the expressions of all routes and sinks, and with what routes make."""
        promises = Promises(self.units, self.contracts, findings)
        for unit in in_order(self.units):
            if unit.route.sources.errors:
                continue
            checked = [(stream, self._route(unit, stream, findings)) for stream in self.streams.into(unit)]
            self.routes[unit.name] = checked
            outputs: list[Stream] = []
            note(unit, [(stream, result.problems, result.visited) for stream, result in checked], findings)
            for stream, result in checked:
                for output in result.outputs:
                    made = list(_made(unit, stream, output))
                    if made:
                        promises.check(unit, output, made)
                    outputs += made
            self.streams.publish(outputs)
        for sink in self.units.values():
            if isinstance(sink, SinkSpec):
                self._sink(sink, findings)

    def _route(self, unit: RouteSpec, stream: Stream, findings: Findings) -> RouteChecked:
        return check_route(unit.route, stream.names(self.env), strict=findings.strict, tables=self.tables)

    def _sink(self, unit: SinkSpec, findings: Findings) -> None:
        sources = sources_of(unit)
        if not sources:
            return
        model = unit.cls.config_type()
        found: list[Found] = []
        for stream in self.streams.into(unit):
            names = stream.names(self.env)
            problems: list[Problem] = []
            for source in sources:
                wanted = wanted_at(model, source.path[1:])
                checked = check_source(source, names, strict=findings.strict, tables=self.tables)
                problems += checked.problems
                if wanted is not None and not checked.shape.may_be(*wanted.kinds):
                    problems.append(wanted.problem(source, checked.shape))
            found.append((stream, problems, frozenset()))
        note(unit, found, findings)


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


Found: TypeAlias = tuple[Stream, Sequence[Problem], Collection[Visit]]
"""A stream, what is wrong with expressions for it, and what of them was looked at."""


def note(unit: RouteSpec | SinkSpec, found: Sequence[Found], findings: Findings) -> None:
    """Notes problems that were found for several streams, each place once.

    What holds for one kind of event and not for another is said so. A problem that counts only if it is there for every
    kind of event is left out otherwise.
    """
    kept = {each.place for each in agreed([(problems, set(visited)) for _, problems, visited in found])}
    groups: dict[tuple[object, ...], list[tuple[Stream, Problem]]] = {}
    for stream, problems, _ in found:
        for problem in problems:
            if problem.place in kept:
                groups.setdefault(problem.place, []).append((stream, problem))
    for group in groups.values():
        _note_group(unit, group, len(found), findings)


def _note_group(
    unit: RouteSpec | SinkSpec, group: list[tuple[Stream, Problem]], streams: int, findings: Findings
) -> None:
    _, first = group[0]
    span = span_at(unit.entry.place, first.path, first.source.text, first.start, first.end)
    if span is None:
        return
    worst = next((each for _, each in group if each.severity == "error"), first)
    message = _message(worst, group, streams)
    suggestion = worst.suggestion
    if isinstance(unit, SinkSpec) and (feeders := _feeders(group)):
        suggestion = "; ".join(filter(None, (suggestion, f"these events come from {feeders}")))
    fixes = {each.fix for _, each in group}
    fix = fixes.pop() if len(fixes) == 1 and len(group) == streams else None
    write = findings.error if worst.severity == "error" else findings.warning
    write(worst.code, message, span, suggestion, fix=fix)


def _message(worst: Problem, group: list[tuple[Stream, Problem]], streams: int) -> str:
    """The message, and for which events it holds where that isn't all of them."""
    labels = list(dict.fromkeys(stream.label for stream, _ in group))
    named = [label for label in labels if label in worst.message]
    others = [label for label in labels if label not in named]
    if not named and len(group) < streams:
        return f"{worst.message}, in {_listed(labels)}"
    if named and others:
        return f"{worst.message}; so it is with {_listed(others)}"
    return worst.message


def _feeders(group: list[tuple[Stream, Problem]]) -> str:
    return _listed(list(dict.fromkeys(stream.origin or f"topic `{stream.topic}`" for stream, _ in group)))


def _listed(names: list[str]) -> str:
    shown = names[:4] + ([f"{len(names) - 4} more"] if len(names) > 4 else [])  # noqa: PLR2004  a line's worth
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
