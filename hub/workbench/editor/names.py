"""Names of a deployment: what they mean, where they are declared, which ones a place takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.deployment.finding import Span
from hub.deployment.registry import UnknownUse
from hub.deployment.sections import Entry
from hub.deployment.specs import RouteSpec, SinkSpec, SourceSpec, UnitSpec, writes
from hub.workbench.editor.cursor import Cursor
from hub.workbench.editor.cursor import Path as Keys
from hub.workbench.editor.keys import kind_of
from hub.workbench.editor.project import Project

_READING, _WRITING = ("from",), ("to", "reply", "of")


@dataclass(frozen=True)
class Known:
    """A name that can be written somewhere.

    Attributes:
        name: as it is written.
        kind: ``topic``, ``event``, ``sink``, ``service`` …
        about: one line on it.
    """

    name: str
    kind: str
    about: str


def place_of(path: Keys) -> str | None:
    """What is named at a path: ``from``, ``to``, ``use``, ``service``, ``type``; ``None`` where nothing is."""
    kind = kind_of(path)
    keys = [each for each in path[2:] if isinstance(each, str)]
    last = keys[-1] if keys else None
    if kind in ("route", "sink") and keys == ["from"]:
        return "from"
    if (kind == "route" and last in _WRITING and "map" not in keys) or (kind == "sink" and keys == ["reply"]):
        return "to" if kind == "route" else "reply"
    # What a look-up uses stands below its name.
    own = keys[2:] if kind == "route" and keys[:1] == ["enrich"] else keys
    if own == ["use"] and (kind in ("source", "sink", "service") or own is not keys):
        return "use"
    if own == ["with", "service"]:
        return "service"
    if (kind == "route" and keys[-2:] == ["map", "type"]) or (kind == "test" and last == "type"):
        return "type"
    return None


def taken_at(place: str, cursor: Cursor, project: Project) -> list[Known]:
    """The names that can be written in a place; see `place_of`."""
    known = project.survey
    match place:
        case "from" | "reply":
            return list(_topics(project))
        case "to":
            sinks = (Known(each.name, "sink", _sink(each)) for each in known.sections.of("sink"))
            return [*_topics(project), *sinks]
        case "service":
            return [Known(each.name, "service", _use(each)) for each in known.sections.of("service")]
        case "type":
            types = [each for unit in known.units.values() if isinstance(unit, SourceSpec) for each in unit.events]
            declared = [each.name for each in known.sections.of("event")]
            return [Known(each, "event", "event type") for each in dict.fromkeys((*declared, *types))]
    kind = "lookup" if cursor.path[2:3] == ("enrich",) else kind_of(cursor.path) or ""
    return [Known(name, "connector", about) for name, about in _uses(kind, project)]


def _topics(project: Project) -> Iterator[Known]:
    known = project.survey
    writers: dict[str, list[str]] = {}
    for unit in known.units.values():
        for topic in writes(unit):
            writers.setdefault(topic, []).append(f"{unit.kind} {unit.name}")
    for name in sorted(known.declared):
        by = ", ".join(dict.fromkeys(writers.get(name, ())))
        yield Known(name, "topic", f"written by {by}" if by else "declared")


def _uses(kind: str, project: Project) -> Iterator[tuple[str, str]]:
    for name in project.registry.names:
        try:
            connector = project.registry.connector(name)
        except UnknownUse:
            continue
        if kind == "service":
            if connector.service is not None:
                yield name, connector.title
            continue
        offered: Mapping[str, type[Any]] = {
            "source": connector.sources,
            "lookup": connector.lookups,
        }.get(kind, connector.sinks)
        for variant, cls in offered.items():
            about = (cls.__doc__ or "").strip().partition("\n")[0]
            yield f"{name}.{variant}" if variant else name, f"{connector.title}: {about}" if about else connector.title


# What a name means


def meaning(cursor: Cursor, project: Project) -> str | None:
    """What to say of the name at a place."""
    place, name = place_of(cursor.path), _name(cursor)
    if place is None or name is None:
        return None
    if place in ("use", "type", "service"):
        found = next((each for each in taken_at(place, cursor, project) if each.name == name), None)
        return f"**{name}**\n\n{found.about}" if found else None
    return _flow(name, project)


def _flow(name: str, project: Project) -> str | None:
    known = project.survey
    unit = known.units.get(name)
    if isinstance(unit, SinkSpec):
        return f"**sink {name}** · {unit.use}"
    scope = next((each.scope for each in known.units.values()), None)
    topic = scope.topic(name) if scope else name
    if name not in known.declared and topic not in known.declared:
        return None
    writers = [each for each in known.units.values() if topic in writes(each)]
    readers = [each for each in known.units.values() if not isinstance(each, SourceSpec) and topic in each.inputs]
    lines = [f"**topic {topic}**"]
    lines += [f"written by {_units(writers)}"] if writers else []
    lines += [f"read by {_units(readers)}"] if readers else []
    contract = known.contracts.get(name)
    lines += [f"contract: {contract.origin}"] if contract else []
    return "\n\n".join(lines)


def _units(units: Sequence[UnitSpec]) -> str:
    return ", ".join(f"{each.kind} `{each.name}`" for each in units)


# Where a name is declared


def declared_at(cursor: Cursor, project: Project) -> list[tuple[Path, Span]]:
    """Where the name at a place is declared; of a topic that nobody declares, where it is written."""
    place, name = place_of(cursor.path), _name(cursor)
    if name is None or place is None:
        return []
    if place == "service":
        return _entries(project, name, ("service",))
    if place == "type":
        return _entries(project, name, ("event",))
    if place == "use":
        return []
    return _entries(project, name, ("event", "topic", *(("sink",) if place == "to" else ()))) or _writers(project, name)


def _entries(project: Project, name: str, kinds: tuple[str, ...]) -> list[tuple[Path, Span]]:
    found: list[Entry[Any]] = [
        each
        for each in project.survey.sections.entries
        if each.kind in kinds
        and (each.name == name or (each.kind == "event" and getattr(each.section, "topic", None) == name))
    ]
    return [_place(each, project) for each in found]


def _writers(project: Project, name: str) -> list[tuple[Path, Span]]:
    units = [each for each in project.survey.units.values() if name in writes(each)]
    return [_place(each.entry, project) for each in sorted(units, key=lambda each: isinstance(each, RouteSpec))]


def _place(entry: Entry[Any], project: Project) -> tuple[Path, Span]:
    return project.file(entry.place.document.name), entry.place.span


def _name(cursor: Cursor) -> str | None:
    value = getattr(cursor.node, "value", None)
    return value if isinstance(value, str) else None


def _sink(entry: Entry[Any]) -> str:
    return f"sink, {_use(entry)}"


def _use(entry: Entry[Any]) -> str:
    return str(getattr(entry.section, "use", ""))
