"""A deployment as the engine takes it: its units, its services, and the topics that they need."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from hub.contracts import Contract, Mode
from hub.deployment.finding import Finding, InvalidDeployment
from hub.deployment.model import TopicSection
from hub.deployment.specs import RouteSpec, ServiceSpec, SinkSpec, SourceSpec, UnitSpec
from hub.deployment.trials import TrialSpec
from hub.kafka import specs
from hub.kafka.specs import TopicSpec
from hub.sdk import ConsumingSource


@dataclass(frozen=True)
class Deployment:
    """A directory of schema files that was found valid.

    Attributes:
        name: prefixes consumer groups, transactional ids and the hub's own topics.
        directory: where its files are.
        services, sources, routes, sinks: by name, in the files' order.
        topics: declared topics by name, with their settings.
        env: environment variables that expressions may read.
        tables: constant tables for ``lookup``, by name.
        contracts: by event type; those that are declared, and those that connectors bring.
        tests: by name, in the files' order.
    """

    name: str
    directory: Path
    services: Mapping[str, ServiceSpec] = field(default_factory=dict)
    sources: Mapping[str, SourceSpec] = field(default_factory=dict)
    routes: Mapping[str, RouteSpec] = field(default_factory=dict)
    sinks: Mapping[str, SinkSpec] = field(default_factory=dict)
    topics: Mapping[str, TopicSection] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    tests: Mapping[str, TrialSpec] = field(default_factory=dict)

    @property
    def units(self) -> dict[str, UnitSpec]:
        """All that runs, by name: sources, then routes, then sinks."""
        return {**self.sources, **self.routes, **self.sinks}

    @cached_property
    def contract_marks(self) -> Mapping[str, str]:
        """Each contract that is kept, in a few characters that change whenever it does."""
        marks: dict[str, str] = {}
        for name, contract in self.contracts.items():
            if (contract.produce, contract.consume) != (Mode.TRUST, Mode.TRUST):
                schema = orjson.dumps(contract.schema, option=orjson.OPT_SORT_KEYS)
                marks[name] = f"{contract.produce} {contract.consume} {hashlib.sha256(schema).hexdigest()[:12]}"
        return marks

    @cached_property
    def digest(self) -> str:
        """What the schema files mean, in 12 hexadecimal digits: comments and order of files don't count."""
        sections = {
            f"{kind}:{name}": spec.section.model_dump(mode="json", by_alias=True)
            for kind, name, spec in (
                *(("service", name, spec) for name, spec in self.services.items()),
                *((spec.kind, name, spec) for name, spec in self.units.items()),
            )
        }
        topics = {name: section.model_dump(mode="json", by_alias=True) for name, section in self.topics.items()}
        whole = [self.name, sections, topics, sorted(self.env), self.tables, self.contract_marks]
        canonical = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.sha256(canonical).hexdigest()[:12]

    def check_references(self, environ: Mapping[str, str], only: Collection[str] = ()) -> None:
        """Resolves the references of units and of the services that they use.

        Args:
            environ: environment variables.
            only: names of the units; all if none is given.

        Raises:
            InvalidDeployment: everything that is missing or wrong, at once.
        """
        findings: list[Finding] = []
        services: dict[str, ServiceSpec] = {}
        for name, spec in self.units.items():
            if only and name not in only:
                continue
            try:
                if isinstance(spec, RouteSpec):
                    spec.program(environ)
                elif isinstance(spec, SourceSpec):
                    spec.leader(environ)
                services |= {used: self.services[used] for used in _used(spec, environ) if used in self.services}
            except InvalidDeployment as error:
                findings += error.findings
        for service in services.values():
            try:
                service.config(environ)
            except InvalidDeployment as error:
                findings += error.findings
        if findings:
            raise InvalidDeployment(sorted(findings, key=lambda each: each.order))

    def topic_specs(self) -> list[TopicSpec]:
        """Every topic that must exist before the units start.

        These are the declared topics, those that sources, routes and replies write and those that are read, an inbox
        for each route and sink (replays come through it), the DLQ of each unit, and the hub's own tables.
        """
        events = self._event_topics()
        inboxes = self._inboxes(events)
        dlqs = self._dlqs({**events, **inboxes})
        for name, spec in dlqs.items():
            if name in self.topics and self.topics[name].max_message is None:
                # Declared for its retention, say: it must take a dead letter with its headers all the same.
                room = {"max.message.bytes": str(spec.max_message)}
                dlqs[name] = replace(events[name], config={**events[name].config, **room})
            elif name in self.topics:
                dlqs[name] = events[name]
        own = specs.hub_topics(self.name)
        if any(issubclass(source.cls, ConsumingSource) for source in self.sources.values()):
            own.append(specs.messages_topic(self.name))
        return [*({**events, **inboxes, **dlqs}).values(), *own]

    def _event_topics(self) -> dict[str, TopicSpec]:
        inboxes = {unit.inbox for unit in (*self.routes.values(), *self.sinks.values())}
        dlqs = {unit.dlq for unit in self.units.values()}
        wanted: list[str] = list(self.topics)
        for source in self.sources.values():
            wanted += source.topics()
        for route in self.routes.values():
            wanted += [*route.inputs, *route.outputs]
        for sink in self.sinks.values():
            wanted += [*sink.inputs, *([sink.reply] if sink.reply else [])]
        return {
            name: self._declared(name)
            for name in dict.fromkeys(wanted)
            if name not in inboxes and (name not in dlqs or name in self.topics)
        }

    def _declared(self, name: str) -> TopicSpec:
        section = self.topics.get(name, TopicSection())
        return specs.event_topic(
            name,
            partitions=section.partitions,
            replication=section.replication,
            retention=section.retention,
            max_message=section.max_message,
            cleanup=section.cleanup,
            config=section.config,
        )

    def _inboxes(self, events: Mapping[str, TopicSpec]) -> dict[str, TopicSpec]:
        """As wide and as roomy as the topics whose events come through them."""
        reaching: dict[str, list[TopicSpec]] = {}
        for unit in (*self.routes.values(), *self.sinks.values()):
            reaching.setdefault(unit.inbox, []).extend(events[each] for each in unit.inputs if each in events)
        for route in self.routes.values():
            for target in route.outputs:
                if target in reaching:
                    reaching[target].extend(events[each] for each in route.inputs if each in events)
        units = {unit.inbox: unit.name for unit in (*self.routes.values(), *self.sinks.values())}
        return {inbox: specs.inbox_topic(self.name, units[inbox], *each) for inbox, each in reaching.items()}

    def _dlqs(self, known: Mapping[str, TopicSpec]) -> dict[str, TopicSpec]:
        """Units may share one; it is as wide as the widest of what they read."""
        feeding: dict[str, list[TopicSpec]] = {}
        for unit in self.units.values():
            reads = unit.topics() if isinstance(unit, SourceSpec) else [*unit.inputs, unit.inbox]
            feeding.setdefault(unit.dlq, []).extend(known[each] for each in reads if each in known)
        return {name: specs.dlq_topic(name, *each) for name, each in feeding.items()}


def _used(spec: UnitSpec, environ: Mapping[str, str]) -> Iterator[str]:
    """The services that a unit calls, references resolved.

    Raises:
        InvalidDeployment: something that a reference names is missing or wrong.
    """
    for each in spec.lookups.values() if isinstance(spec, RouteSpec) else (spec,):
        used = getattr(each.config(environ), "service", "")
        if isinstance(used, str):
            yield used
