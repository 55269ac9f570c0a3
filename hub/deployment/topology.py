"""Names and flow: what ``from:``, ``to:`` and ``reply:`` mean, and whether events can flow as declared."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.deployment.eaten import PLACEHOLDER
from hub.deployment.finding import Findings, Span
from hub.deployment.flow import check_cycles, check_idle
from hub.deployment.sections import UNITS, Entry, Sections, check_topic_name
from hub.deployment.specs import RouteSpec, SinkSpec, SourceSpec, UnitSpec, reads, writes
from hub.kafka import names


@dataclass
class Topology:
    """A deployment's names.

    Attributes:
        sections: what the files say.
        units: what could be looked up.
        events: event types and their topics.
        declared: these, and the topics under ``topics:``: what may be read and written.
    """

    sections: Sections
    units: Mapping[str, UnitSpec]
    events: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for entry in self.sections.of("event"):
            self.events |= {entry.name, (entry.section and entry.section.topic) or entry.name}
        for unit in self.units.values():
            if isinstance(unit, SourceSpec):
                self.events |= {*unit.events, *unit.topics()}
        self.declared = self.events | {entry.name for entry in self.sections.of("topic")}

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
                self._names(unit, "to", unit.target_places(), self.declared | sinks, findings)
            if isinstance(unit, RouteSpec | SinkSpec):
                given = [(name, unit.entry.place.item("from", i)) for i, name in enumerate(unit.section.from_)]
                self._names(unit, "from", given, self.declared | dlqs, findings, sinks | routes)
            if isinstance(unit, SinkSpec) and unit.section.reply:
                given = [(unit.section.reply, unit.entry.place.item("reply", 0))]
                self._names(unit, "reply", given, self.declared, findings, sinks)
            self._dlq(unit, sinks, findings)
        self._renamed(findings)
        self._collisions(findings)
        check_cycles(self.units, self.declared, findings)
        if self.complete and not findings.errors:
            check_idle(self.units, {entry.name for entry in self.sections.of("topic")}, findings)

    def _clashes(self, findings: Findings) -> None:
        seen: dict[tuple[str, str], Entry[Any]] = {}
        for entry in self.sections.entries:
            # Sources, routes and sinks share their names; each other kind has names of its own.
            kind = "unit" if entry.kind in UNITS else entry.kind
            first = seen.setdefault((kind, entry.name), entry)
            if first is not entry:
                findings.error(
                    f"{kind}.duplicate",
                    f"the name `{entry.name}` is taken by the {first.kind} at {first.place.span.start}",
                    entry.place.span,
                    "names of sources, routes and sinks are unique in a deployment"
                    if kind == "unit"
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
        given: Iterable[tuple[str, Span]],
        known: set[str],
        findings: Findings,
        wrong: Iterable[str] = (),
    ) -> None:
        for name, span in given:
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
        own = "dead letters need a topic of their own"
        if given in sinks or given in self.events:
            what = "a sink" if given in sinks else "the topic of an event type"
            findings.error("dlq.clash", f"`{given}` is {what}", span, own)
        elif given in reads(unit) or given in writes(unit):
            verb = "reads" if given in reads(unit) else "writes"
            findings.error("dlq.loop", f"`{given}` is also what {unit.kind} `{unit.name}` {verb}", span, own)
        else:
            check_topic_name("dlq.name", given, span, findings)

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


def _sources_known(sections: Sections, units: Mapping[str, UnitSpec]) -> bool:
    return sections.complete and all(entry.name in units for entry in sections.of("source"))
