"""What flows through the topics of a deployment: which events, of which shape, from whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hub.contracts import DYN, Contract, Shape, union
from hub.contracts.shape import MAP, NULL, STRING, TIMESTAMP
from hub.deployment.specs import RouteSpec, SinkSpec, SourceSpec, UnitSpec, reads

_ATTRIBUTES = ("id", "source", "type", "specversion", "datacontenttype")
_OPTIONAL = ("subject", "time", "dataschema", "partitionkey", "key")


@dataclass(frozen=True)
class Stream:
    """Events of one type on one topic, from one unit or from other programs.

    Attributes:
        topic: where they are.
        event_type: their type; ``None`` where it isn't known.
        data: the shape of their data.
        origin: who writes them, as in "route `reviews`"; empty for other programs.
        attributes: of the event, as far as more is known of them than that they are text.
    """

    topic: str
    event_type: str | None
    data: Shape
    origin: str = ""
    attributes: Mapping[str, Shape] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people call these events."""
        return self.event_type or f"events of topic {self.topic}"

    def names(self, env: Collection[str]) -> dict[str, Shape]:
        """The shapes of what expressions see."""
        return {
            "data": self.data.labelled(self.label) if self.data.kinds else self.data,
            "event": self._event(),
            "key": self.attributes.get("partitionkey", union(STRING, NULL)),
            "headers": MAP.changed(values=STRING),
            "env": MAP.changed(fields=dict.fromkeys(env, STRING), required=frozenset(env), closed=True),
            "now": TIMESTAMP,
        }

    def _event(self) -> Shape:
        fields = dict.fromkeys((*_ATTRIBUTES, *_OPTIONAL), STRING)
        if self.event_type is not None:
            fields["type"] = STRING.changed(enum=(self.event_type,))
        known = {name: shape for name, shape in self.attributes.items() if "null_type" not in shape.kinds}
        required = {*_ATTRIBUTES, *known}
        if "partitionkey" in known:
            known["key"] = known["partitionkey"]
            required.add("key")
        return Shape(("map",), fields={**fields, **known}, required=required, values=STRING)


class Streams:
    """All that flows, by topic.

    Args:
        units: of the deployment, by name.
        contracts: by event type.
        declared: topics that other programs may write, and the event types that are declared for them.
    """

    def __init__(
        self,
        units: Mapping[str, UnitSpec],
        contracts: Mapping[str, Contract],
        declared: Mapping[str, Collection[str]],
    ) -> None:
        self._contracts = contracts
        self._declared = declared
        self._by_topic: dict[str, list[Stream]] = {}
        # A source may offer a hundred event types with large schemas: they are read when somebody reads the events.
        self._offered: dict[str, list[tuple[str, str]]] = {}
        for unit in units.values():
            if isinstance(unit, SourceSpec):
                for event_type in unit.events:
                    self._offered.setdefault(unit.topic(event_type), []).append((event_type, _origin(unit)))
            elif isinstance(unit, SinkSpec) and unit.reply:
                for event_type in unit.events:
                    self._offered.setdefault(unit.reply, []).append((event_type, _origin(unit)))
                if not unit.events:
                    self._add(Stream(unit.reply, None, DYN, _origin(unit)))

    def promised(self, event_type: str | None) -> Shape:
        """What the contract of an event type says of its data."""
        contract = self._contracts.get(event_type or "")
        return contract.shape if contract is not None else DYN

    def into(self, unit: RouteSpec | SinkSpec) -> list[Stream]:
        """What a unit reads: from the topics in its ``from:`` and, if it is a sink, what routes send to it by name."""
        named = self._by_topic.get(unit.inbox, []) if isinstance(unit, SinkSpec) else []
        return [*(stream for topic in unit.inputs for stream in self.of(topic)), *named]

    def of(self, topic: str) -> list[Stream]:
        """What flows through a topic. What nobody here writes may be anything that was declared."""
        for event_type, origin in self._offered.pop(topic, ()):
            self._add(Stream(topic, event_type, self.promised(event_type), origin))
        return (
            self._by_topic.get(topic)
            or [Stream(topic, each, self.promised(each)) for each in self._declared.get(topic, ())]
            or [Stream(topic, None, DYN)]
        )

    def publish(self, outputs: Iterable[Stream]) -> None:
        """Notes what a route writes; outputs that differ in nothing but their shape are one stream."""
        merged: dict[tuple[str, str | None], Stream] = {}
        for each in outputs:
            place = each.topic, each.event_type
            known = merged.get(place)
            merged[place] = each if known is None else _both(known, each)
        for each in merged.values():
            self._add(each)

    def _add(self, stream: Stream) -> None:
        self._by_topic.setdefault(stream.topic, []).append(stream)


def _both(one: Stream, other: Stream) -> Stream:
    attributes = {
        name: union(one.attributes[name], other.attributes[name]) for name in one.attributes.keys() & other.attributes
    }
    return Stream(one.topic, one.event_type, union(one.data, other.data), one.origin, attributes)


def _origin(unit: UnitSpec) -> str:
    return f"{unit.kind} `{unit.name}`"


def in_order(units: Mapping[str, UnitSpec]) -> Iterator[RouteSpec]:
    """The routes, each after those that write what it reads; within a cycle, as they stand in the files."""
    routes = {name: unit for name, unit in units.items() if isinstance(unit, RouteSpec)}
    writers: dict[str, list[str]] = {}
    for name, route in routes.items():
        for topic in route.outputs:
            writers.setdefault(topic, []).append(name)
    done: set[str] = set()
    for start in routes:
        stack = [(start, False)]
        while stack:
            name, visited = stack.pop()
            if visited:
                yield routes[name]
            elif name not in done:
                done.add(name)
                stack.append((name, True))
                stack += [
                    (before, False)
                    for topic in reversed(reads(routes[name]))
                    for before in reversed(writers.get(topic, []))
                    if before not in done
                ]
