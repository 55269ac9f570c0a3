"""Whether events can flow as declared: no endless round, and nothing that no event can reach."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hub.deployment.finding import Findings
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec, reads, writes


def check_cycles(units: Mapping[str, UnitSpec], topics: Collection[str], findings: Findings) -> None:
    """Notes each set of units whose events come back to where they started.

    Args:
        units: by name.
        topics: those that are declared; other names have been noted already, and are no flow.
        findings: where to note it.
    """
    readers: dict[str, list[str]] = {}
    for unit in units.values():
        for topic in reads(unit):
            readers.setdefault(topic, []).append(unit.name)
    known = {*topics, *(unit.inbox for unit in units.values() if isinstance(unit, SinkSpec))}
    follows = {
        unit.name: list(
            dict.fromkeys(name for topic in writes(unit) if topic in known for name in readers.get(topic, ()))
        )
        for unit in units.values()
    }
    for loop in _loops(follows):
        _note(loop, units, findings)


def _note(loop: list[str], units: Mapping[str, UnitSpec], findings: Findings) -> None:
    unit = units[loop[0]]
    path = " → ".join([*loop, loop[0]])
    if all(isinstance(units[name], RouteSpec) for name in loop):
        findings.error(
            "route.cycle",
            f"events go round for ever: {path}",
            unit.entry.place.item("to", 0),
            "let one of these routes write another topic",
        )
    else:
        findings.warning(
            "sink.reply_cycle",
            f"replies come back to the sink that caused them: {path}",
            unit.entry.place.span,
            "make sure that a `where:` ends this",
        )


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


def check_idle(units: Mapping[str, UnitSpec], topics: Collection[str], findings: Findings) -> None:
    """Warns of units and names that no event can ever reach.

    Args:
        units: by name.
        topics: those under ``topics:``, which other programs may write.
        findings: where to note it.
    """
    written = {topic for unit in units.values() for topic in (*writes(unit), unit.dlq)} | set(topics)
    for unit in units.values():
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
                        unit.entry.place.item("from", index),
                        "if another program does, declare it under `topics:`",
                    )
