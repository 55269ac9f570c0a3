"""Names and flow: what ``from:``, ``to:`` and ``reply:`` mean, and whether events can flow as declared."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.deployment.eaten import PLACEHOLDER
from hub.deployment.finding import Findings, Span
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import Node, Sequence
from hub.deployment.place import Place
from hub.deployment.sections import UNITS, Entry, Sections, check_topic_name
from hub.deployment.specs import RouteSpec, SinkSpec, SourceSpec, UnitSpec
from hub.kafka import names


@dataclass
class Topology:
    """A deployment's names.

    Attributes:
        sections: what the files say.
        units: what could be looked up.
        declared: topics that may be read and written, with what declares them.
    """

    sections: Sections
    units: Mapping[str, UnitSpec]
    declared: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.sections.of("topic"):
            self.declared.setdefault(entry.name, "topic")
        for entry in self.sections.of("event"):
            self.declared.setdefault(entry.name, "event")
            if entry.section is not None and entry.section.topic:
                self.declared.setdefault(entry.section.topic, "event")
        for unit in self.units.values():
            if isinstance(unit, SourceSpec):
                for name in (*unit.cls.events, *unit.topics()):
                    self.declared.setdefault(name, "source")

    @property
    def complete(self) -> bool:
        """Whether everything was understood, so that a missing name is really missing."""
        return self.sections.complete and all(
            entry.valid and (entry.kind not in UNITS or entry.name in self.units)
            for entry in self.sections.entries
            if entry.kind != "test"
        )

    def check(self, findings: Findings) -> None:
        """Notes all that is wrong with names and flow."""
        self._clashes(findings)
        sinks = {entry.name for entry in self.sections.of("sink")}
        routes = {entry.name for entry in self.sections.of("route")}
        dlqs = {unit.dlq for unit in self.units.values()}
        for unit in self.units.values():
            if isinstance(unit, RouteSpec):
                self._names(unit, "to", unit.section.to, {*self.declared, *sinks}, findings)
            if isinstance(unit, RouteSpec | SinkSpec):
                self._names(unit, "from", unit.section.from_, {*self.declared, *dlqs}, findings, sinks | routes)
            if isinstance(unit, SinkSpec) and unit.section.reply:
                self._names(unit, "reply", [unit.section.reply], set(self.declared), findings, sinks)
            self._dlq(unit, sinks, findings)
        self._renamed(findings)
        self._cycles(findings)
        self._collisions(findings)
        if self.complete and not findings.errors:
            self._idle(findings)

    def _clashes(self, findings: Findings) -> None:
        units: dict[str, Entry[Any]] = {}
        services: dict[str, Entry[Any]] = {}
        others: dict[tuple[str, str], Entry[Any]] = {}
        for entry in self.sections.entries:
            seen: dict[str, Entry[Any]] | None = units if entry.kind in UNITS else None
            seen = services if entry.kind == "service" else seen
            first = (
                seen.setdefault(entry.name, entry)
                if seen is not None
                else others.setdefault((entry.kind, entry.name), entry)
            )
            if first is not entry:
                code = "unit.duplicate" if entry.kind in UNITS else f"{entry.kind}.duplicate"
                findings.error(
                    code,
                    f"the name `{entry.name}` is taken by the {first.kind} at {first.place.span.start}",
                    entry.place.span,
                    "names of sources, routes and sinks are unique in a deployment"
                    if entry.kind in UNITS
                    else "keep one of them",
                )
        for entry in self.sections.of("sink"):
            if entry.name in self.declared:
                findings.error(
                    "sink.name_taken",
                    f"`{entry.name}` is also a topic or event type, so `to: {entry.name}` could mean either",
                    entry.place.span,
                    "rename the sink",
                )

    def _names(
        self,
        unit: UnitSpec,
        key: str,
        given: Iterable[str],
        known: set[str],
        findings: Findings,
        wrong: Iterable[str] = (),
    ) -> None:
        for index, name in enumerate(given):
            span = _span(unit.entry.place, key, index)
            if name in known or name.startswith(PLACEHOLDER) or findings.full:
                continue
            if name in wrong:
                findings.error(
                    f"{unit.kind}.no_topic", f"expected a topic in `{key}`; `{name}` is {self._kind(name)}", span
                )
            elif self.complete or _sources_known(self.sections, self.units):
                close = difflib.get_close_matches(name, known, 1)
                findings.error(
                    f"{unit.kind}.unknown_{'source' if key == 'from' else 'target'}",
                    f"nothing declares `{name}`" + (f"; did you mean `{close[0]}`?" if close else ""),
                    span,
                    None if close else self._advice(key, name),
                    fix=close[0] if close else None,
                )

    def _renamed(self, findings: Findings) -> None:
        """A former name must be free, and be taken over by one unit only."""
        heirs: dict[str, str] = {}
        for unit in self.units.values():
            former = None if isinstance(unit, SourceSpec) else unit.section.renamed_from
            if former is None:
                continue
            _, node = unit.entry.place.find(("renamed_from",))
            owner = former if former in self.units else heirs.setdefault(former, unit.name)
            if owner != unit.name:
                findings.error(
                    "unit.renamed_from",
                    f"the position of `{former}` belongs to {self.units[owner].kind} `{owner}`",
                    unit.entry.place.document.at(node),
                    "leave `renamed_from` out",
                )

    def _kind(self, name: str) -> str:
        entry = next(each for each in self.sections.entries if each.name == name and each.kind in UNITS)
        return f"a {entry.kind}"

    def _advice(self, key: str, name: str) -> str:
        if any(each.name == name for each in self.sections.entries if each.kind == "source"):
            return "a source's topics are named after its event types"
        what = "a topic or a sink" if key == "to" else "a topic"
        return f"expected {what}; a topic of other programs is declared under `topics:`"

    def _dlq(self, unit: UnitSpec, sinks: set[str], findings: Findings) -> None:
        given = unit.section.on_error.dlq
        if not given:
            return
        span, node = unit.entry.place.find(("on_error", "dlq"))
        span = unit.entry.place.document.at(node)
        reads = unit.inputs if isinstance(unit, RouteSpec | SinkSpec) else []
        writes = _writes(unit)
        own = "dead letters need a topic of their own"
        if given in sinks or self.declared.get(given) in ("event", "source"):
            what = "a sink" if given in sinks else "the topic of an event type"
            findings.error("dlq.clash", f"`{given}` is {what}", span, own)
        elif given in reads or given in writes:
            verb = "reads" if given in reads else "writes"
            findings.error("dlq.loop", f"`{given}` is also what {unit.kind} `{unit.name}` {verb}", span, own)
        else:
            check_topic_name("dlq.name", given, span, findings)

    def _idle(self, findings: Findings) -> None:
        """Units that no event can ever reach."""
        written = {topic for unit in self.units.values() for topic in _writes(unit)}
        written |= {unit.dlq for unit in self.units.values()}
        written |= {entry.name for entry in self.sections.of("topic")}
        for unit in self.units.values():
            if isinstance(unit, SinkSpec) and not unit.inputs and unit.inbox not in written:
                findings.warning(
                    "sink.unused",
                    f"nothing feeds sink `{unit.name}`",
                    unit.entry.place.span,
                    "name it in a route's `to:`, or give it a `from:`",
                )
            if isinstance(unit, RouteSpec | SinkSpec):
                for index, name in enumerate(unit.section.from_):
                    if unit.scope.topic(name) not in written:
                        findings.warning(
                            "topic.unwritten",
                            f"nothing in this deployment writes `{name}`",
                            _span(unit.entry.place, "from", index),
                            "if another program does, declare it under `topics:`",
                        )

    def _cycles(self, findings: Findings) -> None:
        """Notes each set of units whose events come back to where they started."""
        readers: dict[str, list[str]] = {}
        for unit in self.units.values():
            for topic in _reads(unit):
                readers.setdefault(topic, []).append(unit.name)
        # Names that nothing declares have been noted already, and are no flow.
        known = {*self.declared, *(unit.scope.topic(each) for unit in self.units.values() for each in self.declared)}
        known |= {unit.inbox for unit in self.units.values() if isinstance(unit, SinkSpec)}
        follows = {
            unit.name: list(
                dict.fromkeys(name for topic in _writes(unit) if topic in known for name in readers.get(topic, ()))
            )
            for unit in self.units.values()
        }
        for cycle in _loops(follows):
            self._cycle(cycle, findings)

    def _collisions(self, findings: Findings) -> None:
        """Kafka refuses a topic whose name differs from another's only in ``.`` and ``_``."""
        seen: dict[str, str] = {}
        for entry in self.sections.entries:
            if entry.kind in ("topic", "event"):
                first = seen.setdefault(names.collision(entry.name), entry.name)
                if first != entry.name:
                    findings.error(
                        "topic.collision",
                        f"Kafka can't have both `{first}` and `{entry.name}`: it takes `.` and `_` for the same",
                        entry.place.span,
                        "rename one of them",
                    )

    def _cycle(self, cycle: list[str], findings: Findings) -> None:
        unit = self.units[cycle[0]]
        path = " → ".join([*cycle, cycle[0]])
        if all(isinstance(self.units[name], RouteSpec) for name in cycle):
            findings.error(
                "route.cycle",
                f"events go round for ever: {path}",
                _span(unit.entry.place, "to", 0),
                "let one of these routes write another topic",
            )
        else:
            findings.warning(
                "sink.reply_cycle",
                f"replies come back to the sink that caused them: {path}",
                unit.entry.place.span,
                "make sure that a `where:` ends this",
            )


def _sources_known(sections: Sections, units: Mapping[str, UnitSpec]) -> bool:
    return sections.complete and all(entry.name in units for entry in sections.of("source"))


def _span(place: Place, key: str, index: int) -> Span:
    node: Node | None = place.node.get(key) if isinstance(place.node, MappingNode) else None
    if isinstance(node, Sequence) and index < len(node.items):
        node = node.items[index]
    return place.document.at(node) if node else place.span


def _writes(unit: UnitSpec) -> list[str]:
    match unit:
        case SourceSpec():
            return unit.topics()
        case RouteSpec():
            return unit.outputs
    return [unit.reply] if unit.reply else []


def _reads(unit: UnitSpec) -> list[str]:
    return [] if isinstance(unit, SourceSpec) else [*unit.inputs, unit.inbox]


def _loops(follows: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """One loop for each unit that starts one and isn't in an earlier one; the shortest, found breadth first."""
    done: set[str] = set()
    for start in follows:
        if start in done:
            continue
        before: dict[str, str] = {}
        queue = [start]
        for name in queue:
            for following in follows[name]:
                if following not in before:
                    before[following] = name
                    queue.append(following)
        if start in before:
            loop = [start]
            while before[loop[-1]] != start:
                loop.append(before[loop[-1]])
            loop = [start, *reversed(loop[1:])]
            done.update(loop)
            yield loop
