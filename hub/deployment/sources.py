"""What only sources can get wrong: paths, polling, services."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeAlias

from hub.deployment.finding import Findings, Span
from hub.deployment.lookups import LookupSpec
from hub.deployment.model import ServiceSection
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import Node, Scalar, data
from hub.deployment.nodes import Sequence as SequenceNode
from hub.deployment.reading import check_reading
from hub.deployment.references import has_reference
from hub.deployment.sections import Entry
from hub.deployment.specs import RouteSpec, SinkSpec, SourceSpec, UnitSpec
from hub.sdk import PollingSource, WebhookSource

Calling: TypeAlias = SourceSpec | SinkSpec | LookupSpec
"""What may call a service."""


def check_sources(units: Mapping[str, UnitSpec], services: set[str], findings: Findings) -> None:
    """Notes webhook paths that two sources share, polling intervals without polling, and unknown services."""
    paths: dict[str, SourceSpec] = {}
    for unit in units.values():
        if isinstance(unit, RouteSpec):
            for lookup in unit.lookups.values():
                _service(lookup, services, findings)
            continue
        _service(unit, services, findings)
        if not isinstance(unit, SourceSpec):
            continue
        if unit.section.every is not None and not issubclass(unit.cls, PollingSource):
            span, _ = unit.entry.place.find(("every",))
            findings.error(
                "source.every", f"source `{unit.name}` doesn't poll, so it has no `every`", span, "leave it out"
            )
        if unit.section.leader is not None and not issubclass(unit.cls, PollingSource):
            span, _ = unit.entry.place.find(("leader",))
            findings.error(
                "source.leader",
                f"source `{unit.name}` {_how(unit)} instead of polling, so that it runs in every worker and has no "
                "leader",
                span,
                "leave it out",
            )
        check_reading(unit, findings)
        if issubclass(unit.cls, WebhookSource):
            _path(unit, paths, findings)


def _how(unit: SourceSpec) -> str:
    return "is called" if issubclass(unit.cls, WebhookSource) else "is sent messages"


def _path(unit: SourceSpec, paths: dict[str, SourceSpec], findings: Findings) -> None:
    node = setting(unit, "path")
    path = data(node)
    if node is None or not isinstance(path, str) or has_reference(path):
        return
    span = unit.entry.place.document.at(node)
    first = paths.setdefault(path, unit)
    if first is not unit:
        findings.error(
            "source.path_taken",
            f"the path `{path}` is source `{first.name}`'s, declared at {first.position}",
            span,
            "give each webhook source a path of its own",
        )


def _service(unit: Calling, services: set[str], findings: Findings) -> None:
    """The service that a source, sink or look-up calls must be declared, also where its name is a default."""
    info = unit.cls.config_type().model_fields.get("service")
    if info is None:
        return
    node = setting(unit, "service")
    name = data(node) if node is not None else info.get_default()
    if not isinstance(name, str) or name in services or has_reference(name):
        return
    close = difflib.get_close_matches(name, services, 1)
    offers = unit.connector.name if unit.connector.service else "…"
    span: Span = unit.entry.place.document.at(node) if isinstance(node, Scalar) else unit.entry.place.span
    findings.error(
        f"{unit.kind.replace('-', '')}.unknown_service",
        f"{unit.kind} `{unit.name}` calls the service `{name}`, which isn't declared"
        + (f"; did you mean `{close[0]}`?" if close else ""),
        span,
        None if close else f"write services: {{ {name}: {{ use: {offers} }} }}",
        fix=close[0] if close else None,
    )


def fallbacks(entry: Entry[ServiceSection]) -> list[tuple[str, Scalar]]:
    """The services that a service falls back to, with where they are named."""
    whole = entry.place.node
    declared = whole.get("fallback") if isinstance(whole, MappingNode) else None
    items = declared.items if isinstance(declared, SequenceNode) else ()
    named = [each.get("service") for each in items if isinstance(each, MappingNode)]
    return [(node.value, node) for node in named if isinstance(node, Scalar) and isinstance(node.value, str)]


def check_fallbacks(entries: list[Entry[ServiceSection]], findings: Findings) -> None:
    """A service falls back to another one that is declared."""
    names = {each.name for each in entries}
    for entry in entries:
        for name, node in fallbacks(entry):
            if name in names - {entry.name} or has_reference(name):
                continue
            close = [] if name == entry.name else difflib.get_close_matches(name, names - {entry.name}, 1)
            said = f"service `{entry.name}` falls back to " + (
                "itself" if name == entry.name else f"the service `{name}`, which isn't declared"
            )
            findings.error(
                "service.unknown_fallback",
                said + (f"; did you mean `{close[0]}`?" if close else ""),
                entry.place.document.at(node),
                None if close else "name another service, or give a fixed answer as `value`",
                fix=close[0] if close else None,
            )


def setting(unit: Calling, key: str) -> Node | None:
    """The value of a key of ``with:``."""
    entry = unit.entry.place.node
    settings = entry.get("with") if isinstance(entry, MappingNode) else None
    return settings.get(key) if isinstance(settings, MappingNode) else None
