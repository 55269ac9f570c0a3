"""A deployment as lineage sees it: which types of events are on each topic, what routes make, what settings read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from hub.deployment import Deployment, RouteSpec, SinkSpec, SourceSpec
from hub.deployment.nodes import Included, Mapping, Node, Scalar, Sequence, find
from hub.routes import ExpressionError
from hub.routes.errors import path_text
from hub.routes.parser import parse
from hub.routes.tree import MARK
from hub.routes.writer import Source
from hub.workbench.lineage.routes import Output, RouteReading

Types = frozenset[str | None]
"""Event types; ``None`` stands for any other."""


@dataclass(frozen=True)
class Setting:
    """An expression in the settings of a sink.

    Attributes:
        source: the expression; its path starts with ``with``.
        position: ``file:line:column``.
    """

    source: Source
    position: str

    @property
    def name(self) -> str:
        """Where it stands, e.g. ``with.json.text``."""
        return path_text(self.source.path)


class Flow:
    """Reads a deployment once.

    Args:
        deployment: which one.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._readings: dict[tuple[str, str | None], RouteReading] = {}
        self._outputs: dict[tuple[str, str | None], tuple[Output, ...]] = {}
        self._settings: dict[str, tuple[Setting, ...]] = {}
        self.inboxes = {sink.inbox: sink.name for sink in deployment.sinks.values()}

    def reading(self, route: RouteSpec, event_type: str | None) -> RouteReading:
        """A route, read for events of a type."""
        key = route.name, event_type
        if key not in self._readings:
            self._readings[key] = RouteReading(route.route, event_type)
        return self._readings[key]

    def outputs(self, route: RouteSpec, event_type: str | None) -> tuple[Output, ...]:
        """What a route makes of events of a type."""
        key = route.name, event_type
        if key not in self._outputs:
            self._outputs[key] = tuple(self.reading(route, event_type).outputs())
        return self._outputs[key]

    @cached_property
    def topics(self) -> list[str]:
        """All topics that units read or write, inboxes aside, in the files' order."""
        found: list[str] = []
        for unit in self.deployment.units.values():
            if isinstance(unit, SourceSpec):
                found += unit.topics()
            elif isinstance(unit, RouteSpec):
                found += [*unit.inputs, *(each for each in unit.outputs if each not in self.inboxes)]
            else:
                found += [*unit.inputs, *([unit.reply] if unit.reply else [])]
        return list(dict.fromkeys((*found, *self.deployment.topics)))

    @cached_property
    def _types(self) -> dict[str, Types]:
        """By topic, spread along the routes until nothing is added."""
        known = self._first_types()
        changed = True
        while changed:
            changed = False
            for route in self.deployment.routes.values():
                for topic, made in self._made(route, known):
                    before = known.setdefault(topic, set())
                    changed = changed or made not in before
                    before.add(made)
        return {topic: frozenset(each) for topic, each in known.items()}

    def _first_types(self) -> dict[str, set[str | None]]:
        """What sources, replies and other programs bring."""
        known: dict[str, set[str | None]] = {topic: {None} for topic in self.deployment.topics}
        for source in self.deployment.sources.values():
            for event_type in source.events:
                known.setdefault(source.topic(event_type), set()).add(event_type)
        for sink in self.deployment.sinks.values():
            if sink.reply:
                known.setdefault(sink.reply, set()).add(None)
        routed = {topic for route in self.deployment.routes.values() for topic in route.outputs}
        for unit in (*self.deployment.routes.values(), *self.deployment.sinks.values()):
            for topic in unit.inputs:
                if topic not in routed:
                    known.setdefault(topic, {None})
        return known

    def _made(self, route: RouteSpec, known: dict[str, set[str | None]]) -> Iterator[tuple[str, str | None]]:
        """The types that a route writes, by topic, as far as the types that it reads are known."""
        for event_type in {each for topic in route.inputs for each in known.get(topic, ())}:
            for output in self.outputs(route, event_type):
                tree = output.branch.shaping.attributes.get("type")
                made = event_type if tree is None else tree.plain() if tree.constant else None
                for name in output.targets:
                    yield route.scope.target(name), made

    def types(self, topic: str) -> list[str | None]:
        """The types of the events on a topic, sorted."""
        return sorted(self._types.get(topic, {None}), key=str)

    def settings(self, sink: SinkSpec) -> tuple[Setting, ...]:
        """The expressions in a sink's settings."""
        if sink.name not in self._settings:
            node = sink.entry.place.node
            given = node.get("with") if isinstance(node, Mapping) else None
            document = sink.entry.place.document
            self._settings[sink.name] = tuple(
                Setting(source, str(document.at(each).start))
                for source, each in (_expressions(given, ("with",)) if given else ())
            )
        return self._settings[sink.name]


def position(unit: RouteSpec, source: Source) -> str:
    """Where an expression of a route stands."""
    place = unit.entry.place
    _, node, taken = find(place.node, source.path)
    return str(place.document.at(node).start if taken else place.span.start)


def _expressions(node: Node, path: tuple[str | int, ...]) -> Iterator[tuple[Source, Node]]:
    match node:
        case Scalar() | Included():
            yield from ((source, node) for source in _sources(node.value, path))
        case Mapping():
            for key, value in node.pairs:
                yield from _expressions(value, (*path, key.text))
        case Sequence():
            for index, item in enumerate(node.items):
                yield from _expressions(item, (*path, index))


def _sources(value: object, path: tuple[str | int, ...]) -> Iterator[Source]:
    match value:
        case str() if value.startswith(MARK):
            try:
                yield Source(value, parse(value, len(MARK)), path)
            except ExpressionError:  # where an expression isn't one, `with:` takes it for text
                return
        case dict():
            for key, each in value.items():
                yield from _sources(each, (*path, key))
        case list():
            for index, each in enumerate(value):
                yield from _sources(each, (*path, index))
