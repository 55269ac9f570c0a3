"""The contracts of a deployment: what its files declare under ``events:``, and what its connectors bring."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from hub.contracts import Contract, Mode
from hub.contracts.bundle import SchemaFiles, real_path
from hub.contracts.problem import InvalidSchema, SchemaProblem
from hub.deployment.complaints import complain
from hub.deployment.document import Document
from hub.deployment.finding import Findings, Span
from hub.deployment.includes import roots
from hub.deployment.model import EventSection
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import data
from hub.deployment.place import Place
from hub.deployment.sections import Entry
from hub.deployment.specs import SinkSpec, SourceSpec
from hub.sdk import ConfigError

if TYPE_CHECKING:
    from hub.contracts.lock import RegistryReference

_ELSEWHERE = re.compile(rb'"\$(ref|dynamicRef)"\s*:\s*"(?!#)')
"""A reference to another file."""


def contracts_of(
    directory: Path,
    events: Iterable[Entry[EventSection]],
    sources: Iterable[SourceSpec | SinkSpec],
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
        sources: units whose connectors publish events; a sink's are its replies.
        findings: what is wrong with declared schemas is noted there.
        complete: whether all sources are known, so that a schema that none brings is really missing.
    """
    reading = _Contracts(directory, findings, complete=complete)
    found = reading.of_connectors(sources)
    for entry in events:
        if entry.section is not None and (contract := reading.declared(entry, found.get(entry.name))) is not None:
            found[entry.name] = contract
    return found


def registry_references(events: Iterable[Entry[EventSection]]) -> dict[str, RegistryReference]:
    """What a deployment takes from a schema registry, by event type; what is wrong with it is left out."""
    from hub.contracts.lock import RegistryReference  # noqa: PLC0415  few deployments have a registry

    found: dict[str, RegistryReference] = {}
    for entry in events:
        schema = entry.section.schema_ if entry.section is not None else None
        if schema is not None and schema.keys() == {"registry"}:
            with suppress(ValidationError):
                reference = RegistryReference.model_validate(schema["registry"])
                found[entry.name] = reference.model_copy(update={"subject": reference.subject or entry.name})
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
        written = data(node)
        if written.keys() == {"registry"}:
            schema, origin = self._locked(place.below("schema", "registry"), entry.name, written["registry"])
        else:
            schema, origin = self._schema(place, written)
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
            if schema.keys() == {"$ref"} and "#" not in str(schema["$ref"]):
                # The file is the schema; within it, its own places stay what they are called.
                target = str(schema["$ref"])
                real = real_path(base, target)
                bundled, problems = self._files.examine(self._files.read(real, target, None, ("$ref",)), real)
                origin = self._name(real)
            else:
                bundled, problems = self._files.examine(schema, None, base)
        except InvalidSchema as error:
            bundled, problems = {}, list(error.problems)
        for problem in problems:
            self._note(problem, place.below("schema"))
        return None if any(each.severity == "error" for each in problems) else bundled, origin

    def _locked(self, place: Place, name: str, written: Any) -> tuple[Mapping[str, Any] | None, str]:
        """The schema that the lock file holds for one of the registry, and where it is from."""
        from hub.contracts.lock import FILE, Lock, RegistryReference  # noqa: PLC0415  few deployments have a registry

        try:
            reference = RegistryReference.model_validate(written)
        except ValidationError as error:
            complain(error, RegistryReference, replace(place, subject="`registry`"), self._findings, "schema")
            return None, ""
        subject = reference.subject or name
        origin = f"{subject}, version {reference.version}, of the registry"
        pull = "`hub schemas pull DIR` fetches it"
        try:
            found = Lock.read(self._directory).entries.get((subject, reference.version))
        except ConfigError as error:
            self._findings.error("event.registry", str(error), place.span)
            return None, origin
        if found is None:
            self._findings.error("event.registry", f"{origin}, isn't in {FILE}", place.span, pull)
        elif not found.whole:
            text = f"{origin}, is in {FILE} with another hash than the schema beside it: it was edited there"
            self._findings.error("event.registry", text, place.span, pull)
        else:
            bundled, problems = self._files.examine(found.schema_)
            for problem in problems:
                if problem.severity == "error":
                    self._findings.error("event.registry", f"{origin}, can't be used: {problem}", place.span)
                    return None, origin
            return bundled, f"{subject}, version {found.version}, of the registry"
        return None, origin

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

    def of_connectors(self, sources: Iterable[SourceSpec | SinkSpec]) -> dict[str, Contract]:
        """The contracts of all event types that sources publish, and that sinks answer."""
        found: dict[str, Contract] = {}
        for unit in sources:
            places = [*self._roots, *(each / "schemas" for each in self._roots), *_beside(unit.cls)]
            missing = []
            for name, path in unit.events.items():
                real = next((each / path for each in places if (each / path).is_file()), None) if path else None
                if real is not None and path is not None and name not in found:
                    found[name] = _lazily(name, path, real)
                elif real is None and path is not None:
                    missing.append(path)
            if missing:
                self._not_there(unit, missing)
        return found

    def _not_there(self, unit: SourceSpec | SinkSpec, missing: list[str]) -> None:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        self._findings.warning(
            "connector.no_schema",
            f"the schema {missing[0]}{more} of {unit.use} isn't there, so its events have no contract",
            unit.entry.place.span,
            "copy the connector's schemas to schemas/ in the deployment's directory, or install the connector anew",
        )


def _lazily(event_type: str, path: str, file: Path) -> Contract:
    # An outside system changes when it likes: nothing of what it sent is withheld because a schema is older.
    return Contract(event_type, partial(_read, file, path), path, produce=Mode.WARN, consume=Mode.TRUST)


def _read(file: Path, path: str) -> Mapping[str, Any]:
    """A connector's schema, which stands at a path below its folder of schemas."""
    real = file.resolve()
    content = real.read_bytes()
    if _ELSEWHERE.search(content) is None:
        # The connector's tests have seen to it that it is a schema; to look again would cost more than all else.
        read: Mapping[str, Any] = orjson.loads(content)
        return read
    # Schemas of one system may share definitions.
    return SchemaFiles([real.parents[len(Path(path).parts) - 1]]).load(real)


def shipped_schema(cls: type[Any], path: str, directory: Path) -> Mapping[str, Any] | None:
    """A schema that a connector ships; None where it isn't there.

    Args:
        cls: the connector's class that names it.
        path: below ``schemas/``.
        directory: of the deployment.
    """
    above = roots(directory)
    places = [*above, *(each / "schemas" for each in above), *_beside(cls)]
    real = next((each / path for each in places if (each / path).is_file()), None)
    return _read(real, path) if real is not None else None


def _beside(cls: type[Any]) -> list[Path]:
    """Where a connector's distribution keeps schemas: ``schemas`` in one of its packages, or beside the topmost one."""
    parts = cls.__module__.split(".")
    packages = [sys.modules.get(".".join(parts[:length])) for length in range(len(parts), 0, -1)]
    folders = [Path(each) for package in packages for each in getattr(package, "__path__", ())]
    return [each / "schemas" for each in [*folders, *(folder.parent for folder in folders[-1:])]]
