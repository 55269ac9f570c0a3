"""The contracts of a deployment: of the events that it declares, and of those that its connectors bring."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.contracts import Contract, Mode
from hub.contracts.bundle import SchemaFiles
from hub.contracts.problem import SchemaProblem
from hub.deployment.document import Document
from hub.deployment.finding import Findings, Span
from hub.deployment.includes import roots
from hub.deployment.model import EventSection, ModeSection
from hub.deployment.nodes import Included, Node, data
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.place import Place
from hub.deployment.sections import Entry
from hub.deployment.specs import SourceSpec
from hub.sdk import Source

_ELSEWHERE = re.compile(rb'"\$(ref|dynamicRef)"\s*:\s*"(?!#)')
"""A reference to another file."""


def contracts_of(
    directory: Path, events: Iterable[Entry[EventSection]], sources: Iterable[SourceSpec], findings: Findings
) -> dict[str, Contract]:
    """All contracts by event type; what is declared comes before what a connector brings.

    Args:
        directory: of the deployment.
        events: entries of ``events:``.
        sources: whose connectors publish events.
        findings: where to note what is wrong with the schemas of declared events.
    """
    files = SchemaFiles(roots(directory))
    found: dict[str, Contract] = {}
    for source in sources:
        for event_type, path in source.cls.events.items():
            file = schema_file(source.cls, path) if path else None
            if file is not None:
                found[event_type] = _brought(event_type, file)
    for entry in events:
        contract = _declared(entry, files, directory, findings) if entry.section is not None and entry.valid else None
        if contract is not None:
            found[entry.name] = contract
    return found


def schema_file(cls: type[Source[Any]], path: str) -> Path | None:
    """The file of an event's schema: in the folder ``schemas`` within the connector's package, or beside it."""
    package = sys.modules.get(cls.__module__.partition(".")[0])
    for base in map(Path, getattr(package, "__path__", ())):
        for root in (base / "schemas", base.parent / "schemas"):
            if (root / path).is_file():
                return root / path
    return None


def _brought(event_type: str, file: Path) -> Contract:
    def schema() -> Mapping[str, Any]:
        content = file.read_bytes()
        if _ELSEWHERE.search(content) is None:
            # The connector's tests have seen to it that it is a schema; to look again would cost more than all else.
            read: Mapping[str, Any] = orjson.loads(content)
            return read
        return SchemaFiles([file.parents[2].resolve()]).load(file)

    return Contract(event_type, schema, str(file), produce=Mode.EVOLVE, consume=Mode.TRUST)


def _declared(entry: Entry[EventSection], files: SchemaFiles, directory: Path, findings: Findings) -> Contract | None:
    section, place = entry.section, entry.place
    assert section is not None
    node = place.node.get("schema") if isinstance(place.node, MappingNode) else None
    file = _file(node, directory)
    home = (directory / place.document.name).resolve().parent
    schema, problems = files.examine(section.schema_, file, file.parent if file else home)
    for each in problems:
        _note(each, place, file, directory, findings)
    if any(each.severity == "error" for each in problems):
        return None
    modes = section.mode if isinstance(section.mode, ModeSection) else ModeSection(produce=section.mode)
    return Contract(
        entry.name,
        schema,
        _origin(section.schema_, place, file, directory),
        produce=modes.produce or Mode.ENFORCE,
        consume=modes.consume or Mode.TRUST,
    )


def _origin(schema: Mapping[str, Any], place: Place, file: Path | None, directory: Path) -> str:
    """Where it is written, for people: the file that is the whole of it, or its place in a schema file."""
    if file is not None:
        return _name(file, directory)
    reference = schema.get("$ref")
    return reference if isinstance(reference, str) and len(schema) == 1 else str(place.span.start)


def _file(node: Node | None, directory: Path) -> Path | None:
    """The file that a schema as a whole is included from."""
    if not isinstance(node, MappingNode) or not node.pairs:
        return None
    paths = {value.path if isinstance(value, Included) else None for _, value in node.pairs}
    path = paths.pop()
    if paths or path is None:
        return None
    return next((root / path for root in roots(directory) if (root / path).is_file()), None)


def _name(file: Path, directory: Path) -> str:
    root = next((each for each in roots(directory) if file.is_relative_to(each)), None)
    return file.relative_to(root).as_posix() if root else str(file)


def _note(problem: SchemaProblem, place: Place, file: Path | None, directory: Path, findings: Findings) -> None:
    note = findings.error if problem.severity == "error" else findings.warning
    note(problem.code, problem.message, _span(problem, place, file, directory), problem.suggestion, fix=problem.fix)


def _span(problem: SchemaProblem, place: Place, file: Path | None, directory: Path) -> Span:
    where = problem.file or file
    if where is None:
        return place.find(("schema", *_steps(place, problem.at)))[0]
    try:
        text = where.read_text(encoding="utf-8-sig")
        return Document(_name(where, directory), text).span(*problem.span(text))
    except (OSError, ValueError, IndexError):
        return place.below("schema").span


def _steps(place: Place, at: Iterable[str | int]) -> Iterator[str | int]:
    """A path as the file's nodes have it: indices of lists are numbers."""
    node: Any = data(place.below("schema").node)
    for step in at:
        key: str | int = int(step) if isinstance(node, list) and str(step).isdecimal() else str(step)
        yield key
        try:
            node = node[key]
        except (LookupError, TypeError):
            node = None
