"""From a directory to a checked deployment."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.contracts import Contract
from hub.deployment.contracts import contracts_of
from hub.deployment.deployment import Deployment
from hub.deployment.document import Document
from hub.deployment.files import read_schema_file, schema_files
from hub.deployment.finding import Findings, InvalidDeployment, Report, Span
from hub.deployment.lookups import lookups_of
from hub.deployment.meaning import check_trials
from hub.deployment.model import RouteSection, ServiceSection, SinkSection, SourceSection
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import Node
from hub.deployment.registry import Registry, UnknownUse
from hub.deployment.sections import UNITS, Entry, Sections
from hub.deployment.sources import check_fallbacks, check_sources
from hub.deployment.specs import RouteSpec, Scope, ServiceSpec, SinkSpec, SourceSpec, UnitSpec
from hub.deployment.survey import Survey
from hub.deployment.text import Overlay
from hub.deployment.topology import Topology
from hub.deployment.trial import TestSection
from hub.deployment.trials import TrialSpec
from hub.deployment.typing import Typing
from hub.deployment.usage import check_usage

_LONGEST_NAME = 63


def load(directory: str | os.PathLike[str], *, registry: Registry | None = None) -> Deployment:
    """The deployment of a directory. References are resolved later, by the specs' ``config`` and ``compile``.

    Args:
        directory: where its schema files are.
        registry: where connectors are looked up; all that are installed if not given.

    Raises:
        InvalidDeployment: with all findings, if one of them is an error.
    """
    findings = Findings()
    deployment, _ = _read(Path(directory), registry or Registry(), findings)
    if deployment is None or findings.errors:
        raise InvalidDeployment(findings.sorted())
    return deployment


def check(directory: str | os.PathLike[str], *, registry: Registry | None = None, strict: bool = False) -> Report:
    """Everything that is wrong with a directory of schema files. Never raises for what they hold.

    Args:
        directory: where the schema files are.
        registry: where connectors are looked up; all that are installed if not given.
        strict: looks closer, and makes errors of warnings.
    """
    started = time.perf_counter()
    findings = Findings(strict=strict)
    _, loader = _read(Path(directory), registry or Registry(), findings)
    units = {kind: sum(1 for _ in loader.sections.of(kind)) for kind in UNITS}
    found = tuple(replace(each, severity="error") if strict else each for each in findings.sorted())
    return Report(str(directory), found, tuple(loader.files), units, time.perf_counter() - started)


def survey(
    directory: str | os.PathLike[str],
    *,
    registry: Registry | None = None,
    overlay: Overlay | None = None,
    contracts: Mapping[str, Contract] | None = None,
) -> Survey:
    """All that is known of a directory of schema files, right or wrong.

    Args:
        directory: where the schema files are.
        registry: where connectors are looked up; all that are installed if not given.
        overlay: texts that count instead of what files hold.
        contracts: contracts that count instead of the deployment's own, by event type.
    """
    findings = Findings()
    deployment, loader = _read(Path(directory), registry or Registry(), findings, overlay, contracts)
    return Survey(
        tuple(findings.sorted()),
        loader.documents,
        loader.sections,
        loader.units,
        loader.services,
        loader.contracts,
        frozenset(loader.declared),
        loader.typing,
        deployment,
    )


def _read(
    directory: Path,
    registry: Registry,
    findings: Findings,
    overlay: Overlay | None = None,
    contracts: Mapping[str, Contract] | None = None,
) -> tuple[Deployment | None, _Loader]:
    loader = _Loader(directory, registry, findings, overlay, contracts)
    return loader.run(), loader


class _Loader:
    def __init__(
        self,
        directory: Path,
        registry: Registry,
        findings: Findings,
        overlay: Overlay | None = None,
        contracts: Mapping[str, Contract] | None = None,
    ) -> None:
        self.sections = Sections()
        self.documents: dict[str, tuple[Document, Node | None]] = {}
        self.units: dict[str, UnitSpec] = {}
        self.services: dict[str, ServiceSpec] = {}
        self.contracts: dict[str, Contract] = {}
        self.declared: set[str] = set()
        self.typing: Typing | None = None
        self._directory = directory
        self._registry = registry
        self._findings = findings
        self._overlay = overlay
        self._given = contracts or {}

    @property
    def files(self) -> list[str]:
        """Names of the schema files that were read."""
        return list(self.documents)

    def run(self) -> Deployment | None:
        if not self._files():
            return None
        self._check_name()
        specs = self._specs()
        units = self.units = {name: spec for (kind, name), spec in specs.items() if kind in UNITS}
        trials = {name: spec for (kind, name), spec in specs.items() if kind == "test"}
        for (kind, _), spec in specs.items():
            if kind != "test":
                spec.check(self._findings)
        services = self.services = {name: spec for (kind, name), spec in specs.items() if kind == "service"}
        check_fallbacks(list(self.sections.of("service")), self._findings)
        check_sources(units, {each.name for each in self.sections.of("service")}, self._findings)
        contracts = self.contracts = self._contracts(units)
        topology = Topology(self.sections, units)
        self.declared = topology.declared
        topology.check(self._findings)
        if topology.complete and not self._findings.errors:
            check_usage(self.sections, units, self._findings)
        self.typing = self._typing(units, contracts)
        self.typing.check(self._findings)
        check_trials(trials.values(), units, topology.declared, self._findings, complete=topology.complete)
        if self._findings.errors or self.sections.name is None:
            return None
        return Deployment(
            name=self.sections.name[0],
            directory=self._directory,
            services=services,
            sources={name: spec for name, spec in units.items() if isinstance(spec, SourceSpec)},
            routes={name: spec for name, spec in units.items() if isinstance(spec, RouteSpec)},
            sinks={name: spec for name, spec in units.items() if isinstance(spec, SinkSpec)},
            topics={each.name: each.section for each in self.sections.of("topic") if each.section is not None},
            env=tuple(self.sections.env),
            tables=self._tables(),
            contracts=contracts,
            tests=trials,
        )

    def _files(self) -> bool:
        directory, findings = self._directory, self._findings
        here = Span.of_directory(str(directory))
        try:
            paths = schema_files(directory, self._overlay)
        except NotADirectoryError:
            findings.error(
                "deployment.directory",
                f"expected a directory of schema files; {directory} is a file",
                here,
                f"give its directory, {directory.parent}",
            )
            return False
        except OSError as error:
            findings.error("deployment.directory", f"can't read {directory}: {error.strerror}", here)
            return False
        if not paths:
            findings.error(
                "deployment.empty",
                f"expected schema files (*.yaml) in {directory}; there is none",
                here,
                "`hub init DIR` writes a small deployment",
            )
            return False
        for path in paths:
            document, root = read_schema_file(directory, path, findings, self._overlay)
            self.documents[document.name] = document, root
            self.sections.read(document, root, findings)
        return True

    def _check_name(self) -> None:
        if self.sections.name is None and self.sections.complete:
            self._findings.error(
                "deployment.no_name",
                "no file names the deployment",
                Span.of_file(self.files[0]),
                f"write `deployment: {suggested_name(self._directory)}` in one of them",
            )

    def _specs(self) -> dict[tuple[str, str], Any]:
        sinks = frozenset(entry.name for entry in self.sections.of("sink"))
        topics = {
            entry.name: entry.section.topic
            for entry in self.sections.of("event")
            if entry.section is not None and entry.section.topic
        }
        name = self.sections.name[0] if self.sections.name else ""
        scope = Scope(name or "unnamed", self._directory, tuple(self.sections.env), topics, sinks, self._tables())
        specs: dict[tuple[str, str], Any] = {}
        for entry in self.sections.entries:
            if (entry.kind, entry.name) not in specs and (spec := self._spec(entry, scope)) is not None:
                specs[entry.kind, entry.name] = spec
        return specs

    def _contracts(self, units: Mapping[str, Any]) -> dict[str, Contract]:
        sources = [spec for spec in units.values() if isinstance(spec, SourceSpec)]
        complete = self.sections.complete and len(sources) == sum(1 for _ in self.sections.of("source"))
        publishing = [spec for spec in units.values() if isinstance(spec, SourceSpec | SinkSpec)]
        own = contracts_of(self._directory, self.sections.of("event"), publishing, self._findings, complete=complete)
        return {**own, **self._given}

    def _typing(self, units: Mapping[str, UnitSpec], contracts: Mapping[str, Contract]) -> Typing:
        declared: dict[str, list[str]] = {entry.name: [] for entry in self.sections.of("topic")}
        for entry in self.sections.of("event"):
            topic = (entry.section and entry.section.topic) or entry.name
            declared.setdefault(topic, []).append(entry.name)
        return Typing(units, contracts, declared, tuple(self.sections.env), self._tables())

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {name: table for name, (table, _) in self.sections.tables.items()}

    def _spec(self, entry: Entry[Any], scope: Scope) -> Any:
        section = entry.section
        try:
            match section:
                case SourceSection():
                    return SourceSpec(entry.name, scope, entry, section, *self._registry.source(section.use))
                case SinkSection():
                    return SinkSpec(entry.name, scope, entry, section, *self._registry.sink(section.use))
                case ServiceSection():
                    return ServiceSpec(entry.name, scope, entry, section, *self._registry.service(section.use))
                case RouteSection():
                    lookups = lookups_of(entry, scope, self._registry, self._findings)
                    return RouteSpec(entry.name, scope, entry, section, lookups)
                case TestSection():
                    return TrialSpec(entry.name, scope, entry, section)
        except UnknownUse as error:
            node = entry.place.node
            use = node.get("use") if isinstance(node, MappingNode) else None
            span = entry.place.document.at(use) if use else entry.place.span
            if use is None or not use.broken:
                self._findings.error(error.code, error.message, span, error.suggestion, fix=error.fix)
        return None


def suggested_name(directory: Path) -> str:
    """A name for a deployment, made of its directory's."""
    name = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    return name[:_LONGEST_NAME].strip("-") or "my-hub"
