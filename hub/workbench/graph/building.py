"""From a deployment to its picture."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

from hub.deployment import Deployment, RouteSpec, SinkSpec, SourceSpec
from hub.deployment.specs import UnitSpec, writes
from hub.kafka import names
from hub.routes.program import Choice, Route
from hub.workbench.graph.model import Branch, Edge, Graph, Node

_SPACE = re.compile(r"\s+")


def draw(deployment: Deployment, *, dlqs: bool = True, inboxes: bool = False, every: bool = False) -> Graph:
    """The picture of a deployment: sources → topics → routes → topics and sinks.

    Args:
        deployment: what to draw.
        dlqs: whether to show where dead letters go. A dead letter topic is a node where somebody reads it, declares it
            or shares it; else it is said at its unit.
        inboxes: whether the topics between routes and sinks are nodes, too.
        every: whether event types that nothing in the deployment reads are drawn, too.
    """
    return _Drawing(deployment, dlqs=dlqs, inboxes=inboxes, every=every).graph()


class _Drawing:
    def __init__(self, deployment: Deployment, *, dlqs: bool, inboxes: bool, every: bool) -> None:
        self.deployment = deployment
        self.dlqs = dlqs
        self.inboxes = inboxes
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}
        units = deployment.units.values()
        shared = Counter(unit.dlq for unit in units)
        wanted = {topic for unit in units for topic in ([] if isinstance(unit, SourceSpec) else unit.inputs)}
        wanted |= {topic for unit in units if not isinstance(unit, SourceSpec) for topic in writes(unit)}
        wanted |= set(deployment.topics)
        self.dead = {name for name, uses in shared.items() if uses > 1 or name in wanted}
        if every:
            wanted |= {topic for source in deployment.sources.values() for topic in source.topics()}
        self.wanted = wanted
        self.own_inbox = {unit.inbox: unit for unit in deployment.sinks.values()}

    def graph(self) -> Graph:
        deployment = self.deployment
        for source in deployment.sources.values():
            self._source(source)
        for route in deployment.routes.values():
            self._route(route)
        for sink in deployment.sinks.values():
            self._sink(sink)
        for name in deployment.topics:
            if name not in self.dead:
                self._topic(name)
        counted = [
            _plural(len(found), kind)
            for found, kind in (
                (deployment.sources, "source"),
                (deployment.routes, "route"),
                (deployment.sinks, "sink"),
            )
            if found
        ]
        summary = f"The deployment {deployment.name}: {', '.join(counted) or 'no units'}."
        usual = any(node.usual for node in self.nodes.values())
        footnote = f"dead letters go to {names.dlq(deployment.name, 'UNIT')}" if usual else ""
        return Graph(deployment.name, summary, self.nodes, tuple(self.edges), footnote)

    def _source(self, unit: SourceSpec) -> None:
        shown = [each for each in unit.topics() if each in self.wanted]
        hidden = len(unit.topics()) - len(shown)
        every = unit.section.every
        rests = (every.min, every.max) if every else ()
        detail = ", every ".join([unit.use, *([" to ".join(dict.fromkeys(map(_duration, rests)))] if rests else [])])
        notes = (f"and {_plural(hidden, 'event type')} that nothing reads",) if hidden else ()
        node = self._unit(unit, detail, notes=notes)
        for topic in shown:
            self._edge(Edge(node, self._topic(topic)))
        self._dead_letters(unit, node)

    def _route(self, unit: RouteSpec) -> None:
        route = unit.route
        switched = len(route.branches) > 1 or any(each.when for each in route.branches)
        branches = branches_of(route) if switched else ()
        asked = tuple(f"looks up {name}: {each.use}" for name, each in unit.section.enrich.items())
        node = self._unit(unit, _detail(route), branches=branches, notes=asked)
        for topic in unit.inputs:
            self._edge(Edge(self._topic(topic), node))
        for index, branch in enumerate(route.branches):
            name = branches[index].name if branches else None
            for target in branch.to:
                if isinstance(target, Choice):
                    for each in target.names:
                        self._deliver(unit, node, Edge(node, each, "choice", name, one_line(target.source.text)))
                else:
                    self._deliver(unit, node, Edge(node, target, branch=name))
        self._dead_letters(unit, node)

    def _deliver(self, unit: RouteSpec, node: str, edge: Edge) -> None:
        """An edge whose target is still a name of ``to:``."""
        topic = unit.scope.target(edge.target)
        sink = self.own_inbox.get(topic)
        if sink is None:
            self._edge(Edge(node, self._topic(topic), edge.kind, edge.branch, edge.label))
        elif self.inboxes:
            inbox = self._node(Node(f"topic:{topic}", "inbox", topic))
            self._edge(Edge(node, inbox, edge.kind, edge.branch, edge.label))
            self._edge(Edge(inbox, f"sink:{sink.name}"))
        else:
            self._edge(Edge(node, f"sink:{sink.name}", edge.kind, edge.branch, edge.label, via=topic))

    def _sink(self, unit: SinkSpec) -> None:
        node = self._unit(unit, unit.use)
        for topic in unit.inputs:
            self._edge(Edge(self._topic(topic), node))
        if unit.reply:
            self._edge(Edge(node, self._topic(unit.reply), "reply"))
        self._dead_letters(unit, node)

    def _dead_letters(self, unit: UnitSpec, node: str) -> None:
        if self.dlqs and unit.dlq in self.dead:
            self._edge(Edge(node, self._topic(unit.dlq), "dead letters"))

    def _unit(
        self, unit: UnitSpec, detail: str, *, branches: tuple[Branch, ...] = (), notes: tuple[str, ...] = ()
    ) -> str:
        own = self.dlqs and unit.dlq not in self.dead
        return self._node(
            Node(
                f"{unit.kind}:{unit.name}",
                unit.kind,  # type: ignore[arg-type]  # the kinds of units are kinds of nodes
                unit.name,
                detail,
                branches,
                unit.dlq if own else None,
                own and unit.dlq == names.dlq(self.deployment.name, unit.name),
                notes,
                str(unit.position),
            )
        )

    def _topic(self, name: str) -> str:
        kind = "dlq" if name in self.dead and name in {each.dlq for each in self.deployment.units.values()} else "topic"
        return self._node(Node(f"topic:{name}", kind, name))  # type: ignore[arg-type]  # both are kinds of nodes

    def _node(self, node: Node) -> str:
        self.nodes.setdefault(node.id, node)
        return node.id

    def _edge(self, edge: Edge) -> None:
        self.edges[edge] = None


def branches_of(route: Route) -> tuple[Branch, ...]:
    """The branches of a route with a ``switch:``, as people read them."""
    return tuple(
        Branch(str(number), one_line(each.when.text) if each.when else "otherwise")
        for number, each in enumerate(route.branches, start=1)
    )


def _detail(route: Route) -> str:
    """What lets events through, and what makes many of one."""
    parts = [f"where {one_line(route.where.text)}"] if route.where else []
    parts += [f"split {one_line(route.split.text)}"] if route.split else []
    return ", ".join(parts)


def one_line(text: str) -> str:
    """An expression on one line."""
    return _SPACE.sub(" ", text.strip())


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
