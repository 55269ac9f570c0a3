"""The lineage of a field as a graph, drawn as deployments are."""

from __future__ import annotations

from collections.abc import Sequence

from hub.workbench.graph.model import Edge, EdgeKind, Graph, Node, NodeKind
from hub.workbench.lineage.model import Field, Lineage, Origin, Place, Via
from hub.workbench.lineage.terminal import DYNAMIC


def lineage_graph(lineages: Sequence[Lineage]) -> Graph:
    """Fields as nodes, and between them the expressions that lead from one to the next."""
    return _Picture(lineages).graph()


class _Picture:
    def __init__(self, lineages: Sequence[Lineage]) -> None:
        self.lineages = lineages
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}
        self.asked = {each.place for each in lineages}

    def graph(self) -> Graph:
        for lineage in self.lineages:
            self._back(lineage.back)
            self._forth(lineage.forth)
        name = self.lineages[0].place.name if self.lineages else ""
        places = " and ".join(_of(each.place) for each in self.lineages)
        summary = f"Where the field {name} {places} comes from, and where it goes."
        return Graph(f"{name} {places}", summary, self.nodes, tuple(self.edges))

    def _back(self, found: Field) -> None:
        here = self._field(found.place)
        for step in found.steps:
            self._link(self._field(step.field.place), step.via, here)
            self._back(step.field)
        for origin in found.origins:
            self._edge(self._origin(origin, found.place), here, "value")

    def _forth(self, found: Field) -> None:
        here = self._field(found.place)
        for step in found.steps:
            self._link(here, step.via, self._field(step.field.place))
            self._forth(step.field)
        used = {use.via.unit for use in found.uses if use.via.setting}
        for via in (use.via for use in found.uses):
            # That a sink receives it needn't be said where its settings do.
            if via.setting or via.unit not in used:
                end = self._end(via)
                self._edge(here, end, "decides" if via.how == "decides" else "value")

    def _link(self, start: str, via: Via, end: str) -> None:
        middle = self._node(
            Node(
                f"via:{via.unit}:{via.setting}",
                "route",
                via.unit,
                f"{via.setting} {via.expression}".strip() or "keeps it",
                notes=(DYNAMIC,) if via.dynamic else (),
                position=via.position,
            )
        )
        self._edge(start, middle, "decides" if via.how == "decides" else "value")
        self._edge(middle, end, "value")

    def _end(self, via: Via) -> str:
        kind: NodeKind = "route" if via.kind == "route" else "setting"
        detail = f"{via.setting} {via.expression}".strip() or "receives it"
        key = f"end:{via.kind}:{via.unit}:{via.setting}"
        return self._node(Node(key, kind, via.unit, detail, position=via.position))

    def _origin(self, origin: Origin, place: Place) -> str:
        if origin.kind in ("outside", "nowhere"):
            name = "other programs" if origin.kind == "outside" else "no unit"
            return self._node(Node(f"{origin.kind}:{place.topic}", "source", name))
        kinds: dict[str, NodeKind] = {"source": "source", "reply": "sink", "constant": "route"}
        detail = "makes it without the event" if origin.kind == "constant" else origin.detail
        key = f"origin:{origin.kind}:{origin.unit}"
        return self._node(Node(key, kinds[origin.kind], origin.unit, detail, position=origin.position or None))

    def _field(self, place: Place) -> str:
        kind: NodeKind = "asked" if place in self.asked else "field"
        return self._node(Node(f"field:{place.topic}:{place.name}", kind, place.name, _of(place)))

    def _node(self, node: Node) -> str:
        self.nodes.setdefault(node.id, node)
        return node.id

    def _edge(self, start: str, end: str, kind: EdgeKind) -> None:
        self.edges[Edge(start, end, kind)] = None


def _of(place: Place) -> str:
    return f"at sink {place.sink}" if place.sink else f"of {place.topic}"
