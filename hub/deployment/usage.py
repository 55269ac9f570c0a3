"""What a deployment declares and nothing uses, and what it does twice."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from hub.deployment.expressions import Uses, included_text, sources_of
from hub.deployment.finding import Findings
from hub.deployment.nodes import data
from hub.deployment.references import has_reference
from hub.deployment.sections import Sections
from hub.deployment.sources import Calling, fallbacks, setting
from hub.deployment.specs import RouteSpec, UnitSpec, reads, writes

_POSITION = ("start", "renamed_from", "on_error")
"""Keys of a route that don't change what it makes of events."""


def check_usage(sections: Sections, units: Mapping[str, UnitSpec], findings: Findings) -> None:
    """Warns of what is declared for nothing. To be called when all files and units were understood."""
    uses = Uses()
    brought = ""
    for unit in units.values():
        for source in sources_of(unit):
            uses.add(source.tree)
        brought += included_text(unit)
    _variables(sections, uses, brought, findings)
    _tables(sections, uses, brought, findings)
    _services(sections, units, findings)
    _events(sections, units, findings)
    _topics(sections, units, findings)
    _duplicates(units, findings)
    _constant(units, findings)


def _variables(sections: Sections, uses: Uses, brought: str, findings: Findings) -> None:
    for name, span in sections.env.items():
        if name not in uses.env and not uses.any_env and f"env.{name}" not in brought:
            findings.warning(
                "env.unused",
                f"no expression reads `env.{name}`",
                span,
                "leave it out; `${env:NAME}` needs no entry here",
            )


def _tables(sections: Sections, uses: Uses, brought: str, findings: Findings) -> None:
    for name, (_, span) in sections.tables.items():
        if name not in uses.tables and not uses.any_table and "lookup" not in brought:
            findings.warning(
                "table.unused", f"no expression looks anything up in `{name}`", span, f'write lookup("{name}", key)'
            )


def _services(sections: Sections, units: Mapping[str, UnitSpec], findings: Findings) -> None:
    called: set[str] = set()
    callers: list[Calling] = []
    for unit in units.values():
        callers += unit.lookups.values() if isinstance(unit, RouteSpec) else [unit]
    for caller in callers:
        info = caller.cls.config_type().model_fields.get("service")
        if info is None:
            continue
        node = setting(caller, "service")
        name = data(node) if node is not None else info.get_default()
        if node is None and name is None:
            continue  # it can do without
        if not isinstance(name, str) or has_reference(name):
            return  # known when the unit starts
        called.add(name)
    for entry in sections.of("service"):
        called |= {name for name, _ in fallbacks(entry)}
    for entry in sections.of("service"):
        if entry.name not in called:
            findings.warning(
                "service.unused", f"nothing calls service `{entry.name}`", entry.place.span, "leave it out"
            )


def _events(sections: Sections, units: Mapping[str, UnitSpec], findings: Findings) -> None:
    offered = {each for unit in units.values() if not isinstance(unit, RouteSpec) for each in unit.events}
    made = _made(units)
    touched = _touched(units)
    for entry in sections.of("event") if units else ():
        topic = (entry.section and entry.section.topic) or entry.name
        if entry.name not in offered and topic not in touched and made is not None and entry.name not in made:
            findings.warning(
                "event.unused",
                f"nothing in this deployment writes or reads `{entry.name}`",
                entry.place.span,
                _meant(entry.name, {*offered, *made}),
            )


def _made(units: Mapping[str, UnitSpec]) -> set[str] | None:
    """The event types that routes give their events, or nothing where one is computed."""
    found: set[str] = set()
    for unit in units.values():
        for branch in unit.route.branches if isinstance(unit, RouteSpec) else ():
            tree = branch.shaping.attributes.get("type")
            if tree is not None and not tree.constant:
                return None
            if tree is not None:
                found.add(str(tree.plain()))
    return found


def _topics(sections: Sections, units: Mapping[str, UnitSpec], findings: Findings) -> None:
    touched = _touched(units)
    for entry in sections.of("topic") if units else ():
        if entry.name in touched:
            continue
        message = f"nothing in this deployment reads or writes topic `{entry.name}`"
        close = difflib.get_close_matches(entry.name, touched, 1, cutoff=0.8)
        note = findings.warning if close else findings.doubt
        note(
            "topic.unused",
            message + (f"; did you mean `{close[0]}`?" if close else ""),
            entry.place.span,
            None if close else "leave it out, if no other program uses it",
            fix=close[0] if close else None,
        )


def _touched(units: Mapping[str, UnitSpec]) -> set[str]:
    return {topic for unit in units.values() for topic in (*reads(unit), *writes(unit), unit.dlq)}


def _duplicates(units: Mapping[str, UnitSpec], findings: Findings) -> None:
    seen: list[tuple[Any, UnitSpec]] = []
    for unit in units.values():
        if not isinstance(unit, RouteSpec):
            continue
        plain = unit.section.model_dump(exclude=set(_POSITION))
        first = next((other for each, other in seen if each == plain), None)
        if first is None:
            seen.append((plain, unit))
            continue
        findings.warning(
            "route.duplicate",
            f"this does the same as route `{first.name}` at {first.position}: all of it comes out twice",
            unit.entry.place.span,
            "leave one of them out",
        )


def _constant(units: Mapping[str, UnitSpec], findings: Findings) -> None:
    for unit in units.values():
        where = unit.route.where if isinstance(unit, RouteSpec) else None
        uses = Uses()
        if where is not None:
            uses.add(where.tree)
        if uses.env and not uses.event:
            _, node = unit.entry.place.find(("where",))
            findings.doubt(
                "route.constant",
                "this looks at the environment only: it is the same for every event",
                unit.entry.place.document.at(node),
                "a route that isn't wanted everywhere stands in a file of its own",
            )


def _meant(name: str, known: Collection[str]) -> str | None:
    close = difflib.get_close_matches(name, known, 1, cutoff=0.8)
    return f"did you mean `{close[0]}`?" if close else "leave it out"
