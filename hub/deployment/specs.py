"""What a deployment consists of, names looked up: services, sources, routes and sinks, ready to be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hub import secrecy
from hub.deployment import binding
from hub.deployment.fields import Location
from hub.deployment.finding import Findings, InvalidDeployment, Position, Span
from hub.deployment.model import (
    ChoiceSection,
    LeaderSection,
    RouteSection,
    ServiceSection,
    SinkSection,
    SourceSection,
)
from hub.deployment.nodes import Included, data, find, texts
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.place import Place
from hub.deployment.sections import Entry, check_topic_name
from hub.kafka import names
from hub.routes import ExpressionError, Program, Route, compile_program
from hub.routes.scope import Scope as Names
from hub.sdk import Config, Connector, CursorOptions, ServiceConfig, Sink, Source
from hub.sdk.policies import BESIDE_WITH

if TYPE_CHECKING:
    from hub.deployment.lookups import LookupSpec

Environ = Mapping[str, str]


@dataclass(frozen=True)
class Scope:
    """What all specs of a deployment know.

    Attributes:
        deployment: its name.
        directory: where its schema files are.
        env: names that expressions may read.
        topics: event type → topic, where they differ.
        sinks: names of all sinks.
        tables: constant tables for ``lookup``.
    """

    deployment: str
    directory: Path
    env: tuple[str, ...] = ()
    topics: Mapping[str, str] = field(default_factory=dict)
    sinks: frozenset[str] = frozenset()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        """The topic that an event type or topic of this name means."""
        return self.topics.get(name, name)

    def place(self, name: str) -> str:
        """The sink or topic that a name in ``to:`` means, by its own name."""
        return name if name in self.sinks else self.topic(name)

    def target(self, name: str) -> str:
        """The topic that a name in ``to:`` means; a sink's is its inbox."""
        return names.inbox(self.deployment, name) if name in self.sinks else self.topic(name)


@dataclass(frozen=True)
class Spec:
    """What all specs share."""

    kind: ClassVar[str]

    name: str
    scope: Scope = field(repr=False)
    # Values of `with:` may be secrets, written out against advice: they stay out of the repr.
    entry: Entry[Any] = field(repr=False)

    @property
    def position(self) -> Position:
        """Where it is declared."""
        return self.entry.place.span.start

    def _settings(self) -> Place:
        """Where ``with:`` stands; an empty place if it doesn't."""
        place = self.entry.place
        node = place.node.get("with") if isinstance(place.node, MappingNode) else None
        if node is None or data(node) is None:
            empty = MappingNode(place.node.start, place.node.start)
            return Place(place.document, empty, place.span, place.subject)
        return place.below("with")

    def _check(self, model: type[Config], findings: Findings) -> None:
        place = self._settings()
        # A `with:` that is no mapping has been noted with the section that holds it.
        if isinstance(place.node, MappingNode | Included):
            binding.check(model, place, self.scope.env, findings, self.scope.tables)

    def _bind(self, model: type[Config], environ: Environ) -> Any:
        bound = binding.bind(model, self._settings(), self.scope.directory, self.scope.env, environ, self.scope.tables)
        secrecy.note(bound)
        return bound


@dataclass(frozen=True)
class ServiceSpec(Spec):
    """An external API."""

    kind: ClassVar[str] = "service"
    section: ServiceSection = field(repr=False)
    connector: Connector = field(repr=False)
    model: type[ServiceConfig] = field(repr=False)

    @property
    def use(self) -> str:
        """As written."""
        return self.section.use

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with its settings."""
        place = super()._settings()
        for key in BESIDE_WITH:
            span, node = place.find((key,))
            if node is not place.node:
                findings.error("config.unknown_key", f"`with` has no key `{key}`", span, "write it beside `with:`")
        self._check(self.model, findings)

    def config(self, environ: Environ) -> ServiceConfig:
        """Its configuration, references resolved.

        Raises:
            InvalidDeployment: something that a reference names is missing or wrong.
        """
        config: ServiceConfig = self._bind(self.model, environ)
        return config

    def _settings(self) -> Place:
        """What stands beside ``with:`` in the file stands within the configuration in the model."""
        place, entry = super()._settings(), self.entry.place.node
        if not isinstance(entry, MappingNode) or not isinstance(place.node, MappingNode):
            return place
        beside = [(key, value) for key, value in entry.pairs if key.text in BESIDE_WITH]
        if not beside:
            return place
        pairs = [each for each in place.node.pairs if each[0].text not in BESIDE_WITH]
        merged = MappingNode.of(entry.start, entry.end, [*pairs, *beside])
        return Place(place.document, merged, self.entry.place.span, place.subject)


@dataclass(frozen=True)
class SourceSpec(Spec):
    """A configured source."""

    kind: ClassVar[str] = "source"
    section: SourceSection = field(repr=False)
    connector: Connector = field(repr=False)
    cls: type[Source[Any]] = field(repr=False)

    @property
    def use(self) -> str:
        """As written."""
        return self.section.use

    @cached_property
    def events(self) -> Mapping[str, str | None]:
        """Event types that it publishes, with the paths of their schemas; its settings may name them."""
        settings = data(self._settings().node)
        return self.cls.event_types(settings if isinstance(settings, dict) else {})

    def topics(self) -> list[str]:
        """Topics that it publishes to."""
        return list(dict.fromkeys(self.topic(each) for each in self.events))

    def topic(self, event_type: str) -> str:
        """The topic of an event type."""
        return self.scope.topic(event_type)

    @property
    def dlq(self) -> str:
        """Its dead letter topic."""
        return self.section.on_error.dlq or names.dlq(self.scope.deployment, self.name)

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with its settings."""
        self._check(self.cls.config_type(), findings)
        for scalar in texts(self._settings().node):
            if scalar.text in self.events and scalar.text not in self.cls.events and not scalar.broken:
                check_topic_name("event.name", scalar.text, self.entry.place.document.at(scalar), findings)
        if self.section.leader is not None:
            binding.check(LeaderSection, self.entry.place.below("leader"), (), findings)

    def config(self, environ: Environ) -> Any:
        """Its configuration, references resolved and expressions compiled.

        Raises:
            InvalidDeployment: something that a reference names is missing or wrong.
        """
        return self._bind(self.cls.config_type(), environ)

    @property
    def cursor_options(self) -> CursorOptions:
        """How it reads, as far as the schema file says."""
        section = self.section.cursor
        return CursorOptions(
            start=section.start,
            hold_back=section.hold_back,
            lookback_window=section.lookback_window,
            step=section.step,
            remember=section.remember,
        )

    def leader(self, environ: Environ) -> LeaderSection | None:
        """The lock that decides, beside Kafka, which worker polls; references resolved.

        Raises:
            InvalidDeployment: something that a reference names is missing.
        """
        if self.section.leader is None:
            return None
        place = self.entry.place.below("leader")
        section: LeaderSection = binding.bind(LeaderSection, place, self.scope.directory, (), environ)
        return section


@dataclass(frozen=True)
class _Reading(Spec):
    """What routes and sinks share: they read topics."""

    section: Any = field(repr=False)

    @property
    def inputs(self) -> list[str]:
        """Topics that its ``from:`` names; the inbox comes on top."""
        return list(dict.fromkeys(self.scope.topic(each) for each in self.section.from_))

    @property
    def inbox(self) -> str:
        """The topic through which it alone receives events."""
        return names.inbox(self.scope.deployment, self.name)

    @property
    def dlq(self) -> str:
        """Its dead letter topic."""
        return self.section.on_error.dlq or names.dlq(self.scope.deployment, self.name)


@dataclass(frozen=True)
class RouteSpec(_Reading):
    """A route.

    Attributes:
        lookups: those of its ``enrich:`` whose connectors are known, by name.
    """

    kind: ClassVar[str] = "route"
    section: RouteSection = field(repr=False)
    lookups: Mapping[str, LookupSpec] = field(default_factory=dict, repr=False)

    @property
    def targets(self) -> dict[str, str]:
        """Each name that its ``to:`` and those of its branches hold, computed ones too, and the topic that it means."""
        return {name: self.scope.target(name) for name in target_names(self.section)}

    @property
    def outputs(self) -> list[str]:
        """Topics that it writes; for a sink that is its inbox."""
        return list(dict.fromkeys(self.targets.values()))

    def target_places(self) -> Iterator[tuple[str, Span]]:
        """Each name under ``to:``, as often as it stands there, and where."""
        sections: list[tuple[Location, list[str | ChoiceSection]]] = [((), self.section.to)]
        sections += [(("switch", index), branch.to) for index, branch in enumerate(self.section.switch)]
        for path, targets in sections:
            for index, each in enumerate(targets):
                held: list[tuple[str, Location]] = (
                    [(each, ())] if isinstance(each, str) else [(name, ("of", at)) for at, name in enumerate(each.of)]
                )
                for name, below in held:
                    _, node, _ = find(self.entry.place.node, (*path, "to", index, *below))
                    yield name, self.entry.place.document.at(node)

    @cached_property
    def route(self) -> Route:
        """What it does, read but not compiled; what is wrong with it is in its ``sources``."""
        return Route(self.section.model_dump(by_alias=True, exclude_unset=True), self.name)

    def check(self, findings: Findings) -> None:
        """Checks all its expressions, and notes their errors."""
        place = self.entry.place
        try:
            self.route.check(Names(dict.fromkeys(self.scope.env, ""), tables=self.scope.tables))
        except ExpressionError as error:
            for each in (error, *error.others):
                binding.note_at(each, place, findings)
        for lookup in self.lookups.values():
            lookup.check(findings)

    def program(self, environ: Environ) -> Program:
        """The route as a function of an event.

        Raises:
            InvalidDeployment: an environment variable that it reads isn't set.
        """
        findings = Findings()
        for scalar in texts(self.entry.place.node):
            for name in self.scope.env:
                at = scalar.text.find(f"env.{name}")
                if at >= 0 and name not in environ:
                    findings.error(
                        "reference.unresolved",
                        f"route `{self.name}`: the environment variable {name} isn't set",
                        self.entry.place.document.within(scalar, at, at + 4 + len(name)),
                    )
        if findings.errors:
            raise InvalidDeployment(findings.sorted())
        return compile_program(self.route, env=self.environment(environ), tables=self.scope.tables)

    def environment(self, environ: Environ) -> dict[str, str]:
        """What its expressions see as ``env``."""
        return binding.environment(self.scope.env, environ)


def target_names(section: RouteSection) -> list[str]:
    """All names that a route may send to, each once."""
    found: list[str] = []
    for targets in (section.to, *(branch.to for branch in section.switch)):
        for each in targets:
            found += [each] if isinstance(each, str) else each.of
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class SinkSpec(_Reading):
    """A configured sink."""

    kind: ClassVar[str] = "sink"
    section: SinkSection = field(repr=False)
    connector: Connector = field(repr=False)
    cls: type[Sink[Any]] = field(repr=False)

    @property
    def use(self) -> str:
        """As written."""
        return self.section.use

    @property
    def reply(self) -> str | None:
        """Topic for what its far side answers."""
        return self.scope.topic(self.section.reply) if self.section.reply else None

    @property
    def events(self) -> Mapping[str, str | None]:
        """Event types of what its far side answers → path of the schema, where that goes anywhere."""
        return self.cls.events if self.section.reply else {}

    @property
    def sequenced(self) -> bool:
        """Whether it keeps the order of each key over dead letters."""
        return self.section.on_error.dlq_order == "key"

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with its settings."""
        self._check(self.cls.config_type(), findings)

    def config(self, environ: Environ) -> Any:
        """Its configuration, references resolved and expressions compiled.

        Raises:
            InvalidDeployment: something that a reference names is missing or wrong.
        """
        return self._bind(self.cls.config_type(), environ)


UnitSpec = SourceSpec | RouteSpec | SinkSpec


def reads(unit: UnitSpec) -> list[str]:
    """Topics that a unit reads."""
    return [] if isinstance(unit, SourceSpec) else [*unit.inputs, unit.inbox]


def writes(unit: UnitSpec) -> list[str]:
    """Topics that a unit writes, dead letters aside."""
    match unit:
        case SourceSpec():
            return unit.topics()
        case RouteSpec():
            return unit.outputs
    return [unit.reply] if unit.reply else []
