"""The contracts of a deployment: what its files declare under ``events:``, and what its connectors bring."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.contracts import Contract, Mode
from hub.contracts.bundle import SchemaFiles, real_path
from hub.contracts.problem import InvalidSchema, SchemaProblem
from hub.deployment.document import Document
from hub.deployment.finding import Findings, Span
from hub.deployment.includes import roots
from hub.deployment.model import EventSection
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import data
from hub.deployment.place import Place
from hub.deployment.sections import Entry
from hub.deployment.specs import SourceSpec
from hub.sdk import Source

_ELSEWHERE = re.compile(rb'"\$(ref|dynamicRef)"\s*:\s*"(?!#)')
"""A reference to another file."""


def contracts_of(
    directory: Path,
    events: Iterable[Entry[EventSection]],
    sources: Iterable[SourceSpec],
    findings: Findings,
    *,
    complete: bool = True,
) -> dict[str, Contract]:
    """The contract of every event type that has one; what is declared comes before what a connector brings.

    Schemas that files declare are read and checked now. Those of connectors are read when they are first needed: one
    connector may bring a hundred.

    Args:
        directory: of the deployment.
        events: entries of ``events:``.
        sources: whose connectors publish events.
        findings: what is wrong with declared schemas is noted there.
        complete: whether all sources are known, so that a schema that none brings is really missing.
    """
    reading = _Contracts(directory, findings, complete=complete)
    found = reading.of_connectors(sources)
    for entry in events:
        if entry.section is not None and (contract := reading.declared(entry, found.get(entry.name))) is not None:
            found[entry.name] = contract
    return found


class _Contracts:
    def __init__(self, directory: Path, findings: Findings, *, complete: bool) -> None:
        self._directory = directory
        self._findings = findings
        self._complete = complete
        self._roots = roots(directory)
        self._files = SchemaFiles(self._roots)

    # What files declare

    def declared(self, entry: Entry[EventSection], brought: Contract | None) -> Contract | None:
        """The contract of an entry under ``events:``; None where it can't be made, which is noted.

        Args:
            entry: with a section.
            brought: the contract of the same event type that a connector brings.
        """
        section = entry.section
        assert section is not None
        place = entry.place
        node = place.node.get("schema") if isinstance(place.node, MappingNode) else None
        if node is None:
            if brought is None:
                if entry.valid and self._complete:
                    self._missing(place, entry.name)
                return None
            return brought.changed(produce=section.mode.produce, consume=section.mode.consume)
        if node.broken or not isinstance(section.schema_, dict):
            return None
        schema, origin = self._schema(place, data(node))
        if schema is None:
            return None
        return Contract(
            entry.name,
            schema,
            origin,
            produce=section.mode.produce or Mode.ENFORCE,
            consume=section.mode.consume or Mode.TRUST,
        )

    def _missing(self, place: Place, name: str) -> None:
        self._findings.error(
            "event.no_schema",
            f"`{name}` has no schema, and no source of this deployment brings one",
            place.span,
            "write `schema: { $ref: FILE.json }`, or the schema itself",
        )

    def _schema(self, place: Place, schema: Any) -> tuple[Mapping[str, Any] | None, str]:
        """A schema with all that it refers to, and where it is written."""
        origin = str(place.below("schema").span.start)
        base = (self._directory / place.document.name).resolve().parent
        try:
            if schema.keys() == {"$ref"} and "#" not in schema["$ref"]:
                # The file is the schema; within it, its own places stay what they are called.
                real = real_path(base, schema["$ref"])
                bundled, problems = self._files.examine(self._files.read(real, schema["$ref"], None, ("$ref",)), real)
                origin = self._name(real)
            else:
                bundled, problems = self._files.examine(schema, None, base)
        except InvalidSchema as error:
            bundled, problems = {}, list(error.problems)
        for problem in problems:
            self._note(problem, place.below("schema"))
        return None if any(each.severity == "error" for each in problems) else bundled, origin

    def _note(self, problem: SchemaProblem, place: Place) -> None:
        span = self._span(problem, place)
        fix = problem.fix
        if fix is not None and problem.file is not None:
            fix = json.dumps(fix, ensure_ascii=False)
        note = self._findings.error if problem.severity == "error" else self._findings.warning
        note(problem.code, problem.message, span, problem.suggestion, fix=fix)

    def _span(self, problem: SchemaProblem, place: Place) -> Span:
        if problem.file is None:
            span, node = place.find(problem.at)
            return place.document.at(node) if problem.of_value and node is not place.node else span
        try:
            text = problem.file.read_text(encoding="utf-8-sig")
            return Document(self._name(problem.file), text).span(*problem.span(text))
        except (OSError, ValueError):
            return Span.of_file(self._name(problem.file))

    def _name(self, real: Path) -> str:
        root = next((each for each in self._roots if real.is_relative_to(each)), None)
        return real.relative_to(root).as_posix() if root else str(real)

    # What connectors bring

    def of_connectors(self, sources: Iterable[SourceSpec]) -> dict[str, Contract]:
        """The contracts of all event types that the sources publish."""
        found: dict[str, Contract] = {}
        for unit in sources:
            places = [*self._roots, *(each / "schemas" for each in self._roots), *_beside(unit.cls)]
            missing = []
            for name, path in unit.cls.events.items():
                real = next((each / path for each in places if (each / path).is_file()), None) if path else None
                if real is not None and path is not None and name not in found:
                    found[name] = _lazily(name, path, real)
                elif real is None and path is not None:
                    missing.append(path)
            if missing:
                self._not_there(unit, missing)
        return found

    def _not_there(self, unit: SourceSpec, missing: list[str]) -> None:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        self._findings.warning(
            "connector.no_schema",
            f"the schema {missing[0]}{more} of {unit.use} isn't there, so its events have no contract",
            unit.entry.place.span,
            "copy the connector's schemas to schemas/ in the deployment's directory, or install the connector anew",
        )


def _lazily(event_type: str, path: str, file: Path) -> Contract:
    def schema() -> Mapping[str, Any]:
        real = file.resolve()
        content = real.read_bytes()
        if _ELSEWHERE.search(content) is None:
            # The connector's tests have seen to it that it is a schema; to look again would cost more than all else.
            read: Mapping[str, Any] = orjson.loads(content)
            return read
        # Schemas of one system may share definitions.
        return SchemaFiles([real.parents[len(Path(path).parts) - 1]]).load(real)

    return Contract(event_type, schema, path, produce=Mode.EVOLVE, consume=Mode.TRUST)


def _beside(cls: type[Source[Any]]) -> list[Path]:
    """Where a connector's distribution keeps schemas: ``schemas`` in one of its packages, or beside the topmost one."""
    parts = cls.__module__.split(".")
    packages = [sys.modules.get(".".join(parts[:length])) for length in range(len(parts), 0, -1)]
    folders = [Path(each) for package in packages for each in getattr(package, "__path__", ())]
    return [each / "schemas" for each in [*folders, *(folder.parent for folder in folders[-1:])]]
