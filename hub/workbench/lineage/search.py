"""Follows a field through a deployment, backwards to where it begins and forwards to where it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from hub.deployment import Deployment, RouteSpec, SinkSpec
from hub.routes.errors import path_text
from hub.routes.paths import FieldPath, parse_path
from hub.routes.writer import Source
from hub.sdk.errors import ConfigError
from hub.workbench.graph.building import one_line
from hub.workbench.lineage.expressions import value_of
from hub.workbench.lineage.flow import Flow, position
from hub.workbench.lineage.model import Field, Lineage, Origin, Place, Step, Use, Via
from hub.workbench.lineage.values import Leaf, Read, absent, arrives, meets

Unit = TypeVar("Unit", RouteSpec, SinkSpec)

_RANK = {"copies": 0, "computes": 1, "decides": 2}


class Tracer:
    """Finds the lineage of fields.

    Args:
        deployment: where to look.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.flow = Flow(deployment)
        self._deployment = deployment
        self._seen: set[Place] = set()

    def lineages(self, field: str, topic: str | None = None) -> list[Lineage]:
        """The lineage of a field.

        Args:
            field: its path, e.g. ``data.user.name`` or ``subject``.
            topic: topic, event type, or a sink for what routes send to it; without it, every topic counts whose
                events have the field as far as expressions show.

        Raises:
            ExpressionError: the path is none.
            ConfigError: there is no such topic, or no expression mentions the field.
        """
        path = parse_path(field)
        if topic is not None:
            return [self.lineage(self._place(topic, path))]
        found = [place for each in self.flow.topics if self._mentioned(place := Place(each, path))]
        if not found:
            inboxes = [Place(topic, path, sink) for topic, sink in self.flow.inboxes.items()]
            found = [each for each in inboxes if self._mentioned(each)]
        if not found:
            raise ConfigError(
                f"no expression reads or makes `{field}` on any topic; name the topic with --topic if it is there"
            )
        return [self.lineage(each) for each in found]

    def lineage(self, place: Place) -> Lineage:
        """The lineage of a field of a topic."""
        self._seen = set()
        back = self._back(place)
        self._seen = set()
        return Lineage(back, self._forth(place))

    def _place(self, topic: str, path: FieldPath) -> Place:
        if topic in self._deployment.sinks:
            return Place(self._deployment.sinks[topic].inbox, path, topic)
        name = next((unit.scope.topic(topic) for unit in self._deployment.units.values()), topic)
        if name not in self.flow.topics:
            listed = ", ".join(self.flow.topics[:12]) + (" …" if len(self.flow.topics) > 12 else "")  # noqa: PLR2004
            raise ConfigError(f"no unit reads or writes the topic `{topic}`; there are {listed or 'none'}")
        return Place(name, path)

    def _mentioned(self, place: Place) -> bool:
        """Whether an expression makes the field, or reads it or a part of it."""
        for route in self._readers(place.topic, self._deployment.routes.values()):
            for event_type in self.flow.types(place.topic):
                reads = [read for each in self.flow.reading(route, event_type).conditions() for read in each.reads]
                for output in self.flow.outputs(route, event_type):
                    reads += [leaf.read for leaf in output.event.leaves() if leaf.source]
                if any(_names(place.path, read) for read in reads):
                    return True
        for sink in self._readers(place.topic, self._deployment.sinks.values()):
            for setting in self.flow.settings(sink):
                if any(_names(place.path, read) for read in value_of(setting.source.tree).reads()):
                    return True
        return any(leaf.source and leaf.at[: len(place.path)] == place.path for leaf in self._written(place.topic))

    def _written(self, topic: str) -> Iterator[Leaf]:
        for route in self._deployment.routes.values():
            for source_topic in route.inputs:
                for event_type in self.flow.types(source_topic):
                    for output in self.flow.outputs(route, event_type):
                        if topic in map(route.scope.target, output.targets):
                            yield from output.event.leaves()

    @staticmethod
    def _readers(topic: str, units: Iterable[Unit]) -> Iterator[Unit]:
        return (unit for unit in units if topic in unit.inputs or topic == unit.inbox)

    # Backwards

    def _back(self, place: Place) -> Field:
        if place in self._seen:
            return Field(place, seen=True)
        self._seen.add(place)
        steps: dict[tuple[str, str, Place], Via] = {}
        origins: dict[Origin, None] = {}
        for route in self._deployment.routes.values():
            if place.topic in route.outputs:
                self._made_by(route, place, steps, origins)
        origins.update(dict.fromkeys(self._begins(place)))
        if not steps and not origins:
            written = any(place.topic in route.outputs for route in self._deployment.routes.values())
            origins[Origin("nowhere" if written else "outside", "")] = None
        found = tuple(Step(via, self._back(before)) for (_, _, before), via in steps.items())
        return Field(place, found, tuple(origins))

    def _made_by(
        self,
        route: RouteSpec,
        place: Place,
        steps: dict[tuple[str, str, Place], Via],
        origins: dict[Origin, None],
    ) -> None:
        for topic in route.inputs:
            for event_type in self.flow.types(topic):
                for output in self.flow.outputs(route, event_type):
                    if place.topic not in map(route.scope.target, output.targets):
                        continue
                    value = output.event.at(place.path)
                    leaves = list(value.leaves())
                    if not leaves and not absent(value):
                        where = path_text(output.branch.path)
                        origins[Origin("constant", route.name, where, str(route.position))] = None
                    for leaf in leaves:
                        _keep(steps, _via(route, leaf.source, leaf.read), Place(topic, leaf.read.path))

    def _begins(self, place: Place) -> Iterator[Origin]:
        for source in self._deployment.sources.values():
            if place.topic in source.topics():
                yield Origin("source", source.name, source.use, str(source.position))
        for sink in self._deployment.sinks.values():
            if place.topic == sink.reply:
                yield Origin("reply", sink.name, sink.use, str(sink.position))
        if place.topic in self._deployment.topics:
            yield Origin("outside", "")

    # Forwards

    def _forth(self, place: Place) -> Field:
        if place in self._seen:
            return Field(place, seen=True)
        self._seen.add(place)
        steps: dict[tuple[str, str, Place], Via] = {}
        uses: dict[Use, None] = {}
        for route in self._readers(place.topic, self._deployment.routes.values()):
            for event_type in self.flow.types(place.topic):
                self._passed_on(route, event_type, place, steps, uses)
        for sink in self._readers(place.topic, self._deployment.sinks.values()):
            uses.update(dict.fromkeys(self._received(sink, place)))
        found = tuple(Step(via, self._forth(after)) for (_, _, after), via in steps.items())
        return Field(place, found, uses=tuple(uses))

    def _passed_on(
        self,
        route: RouteSpec,
        event_type: str | None,
        place: Place,
        steps: dict[tuple[str, str, Place], Via],
        uses: dict[Use, None],
    ) -> None:
        for condition in self.flow.reading(route, event_type).conditions():
            for read in condition.reads:
                if read.touches(place.path):
                    uses[Use(_via(route, condition.source, replace(read, how="decides")))] = None
        for output in self.flow.outputs(route, event_type):
            for leaf in output.event.leaves():
                path = arrives(place.path, leaf)
                if path is None:
                    continue
                for name in output.targets:
                    topic = route.scope.target(name)
                    after = Place(topic, path, self.flow.inboxes.get(topic))
                    _keep(steps, _via(route, leaf.source, leaf.read), after)

    def _received(self, sink: SinkSpec, place: Place) -> Iterator[Use]:
        yield Use(Via("sink", sink.name, "", "", str(sink.position), "copies"))
        for setting in self.flow.settings(sink):
            met = [each for each in value_of(setting.source.tree).reads() if each.touches(place.path)]
            if met:
                read = min(met, key=lambda each: _RANK[each.how])
                text = one_line(setting.source.text)
                yield Use(Via("sink", sink.name, setting.name, text, setting.position, read.how, read.dynamic))


def _keep(steps: dict[tuple[str, str, Place], Via], via: Via, place: Place) -> None:
    """Notes a step once; of several ways by one expression the closest counts."""
    key = via.unit, via.setting, place
    if key not in steps or _RANK[via.how] < _RANK[steps[key].how]:
        steps[key] = via


def _via(route: RouteSpec, source: Source | None, read: Read) -> Via:
    if source is None:
        return Via("route", route.name, "", "", str(route.position), read.how, read.dynamic)
    text = one_line(source.text)
    return Via("route", route.name, path_text(source.path), text, position(route, source), read.how, read.dynamic)


def _names(path: FieldPath, read: Read) -> bool:
    """Whether an expression names a field, or a part of it."""
    return not read.dynamic and meets(path, read.path) and len(read.path) >= len(path)
