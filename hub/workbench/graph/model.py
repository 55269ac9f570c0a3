"""A picture before it is drawn: nodes and what flows between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

NodeKind = Literal["source", "topic", "route", "sink", "inbox", "dlq", "asked", "field", "setting"]
EdgeKind = Literal["events", "choice", "reply", "dead letters", "value", "decides"]


@dataclass(frozen=True)
class Branch:
    """A way out of a route.

    Attributes:
        name: how edges name it.
        when: its condition as people read it; ``otherwise`` for one that has none.
    """

    name: str
    when: str


@dataclass(frozen=True)
class Node:
    """Something that events come from, rest in, pass or reach; or a field of theirs.

    Attributes:
        id: unique within the graph, e.g. ``route:reviews``.
        kind: what it is.
        name: as users wrote it.
        detail: what there is to know at a glance: the connector, the predicate.
        branches: of a route with a ``switch:``, in order.
        dlq: topic of its dead letters, where that topic is no node of its own.
        usual: whether that topic has the usual name, which is said once for all.
        notes: whole sentences, for those who look closer.
        position: ``file:line:column`` of its declaration.
    """

    id: str
    kind: NodeKind
    name: str
    detail: str = ""
    branches: tuple[Branch, ...] = ()
    dlq: str | None = None
    usual: bool = False
    notes: tuple[str, ...] = ()
    position: str | None = None

    @property
    def special_dlq(self) -> str | None:
        """The topic of its dead letters, where it must be said."""
        return None if self.usual else self.dlq

    def to_json(self) -> dict[str, Any]:
        """The node for programs."""
        return {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
            "branches": [{"name": each.name, "when": each.when} for each in self.branches],
            "dlq": self.dlq,
            "notes": list(self.notes),
            "position": self.position,
        }


@dataclass(frozen=True)
class Edge:
    """What flows between two nodes.

    Attributes:
        source: id of the node that it leaves.
        target: id of the node that it reaches.
        kind: ``choice`` is one of several topics that an expression chooses of.
        branch: name of the branch that it leaves by.
        label: text beside it.
        via: the topic in between that isn't drawn, e.g. a sink's inbox.
    """

    source: str
    target: str
    kind: EdgeKind = "events"
    branch: str | None = None
    label: str = ""
    via: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The edge for programs."""
        return {
            "source": self.source,
            "target": self.target,
            "kind": self.kind,
            "branch": self.branch,
            "label": self.label,
            "via": self.via,
        }


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of the files, and edges between them.

    Attributes:
        title: what is shown, in a few words.
        summary: the same in a sentence, for those who don't see it.
        nodes: by id.
        edges: each once.
        footnote: what holds for all of it, e.g. how dead letter topics are named.
    """

    title: str
    summary: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    footnote: str = ""

    @cached_property
    def _leaving(self) -> dict[str, list[Edge]]:
        return _grouped((each.source, each) for each in self.edges)

    @cached_property
    def _reaching(self) -> dict[str, list[Edge]]:
        return _grouped((each.target, each) for each in self.edges)

    def leaving(self, node: str) -> list[Edge]:
        """The edges that start at a node."""
        return self._leaving.get(node, [])

    def reaching(self, node: str) -> list[Edge]:
        """The edges that end at a node."""
        return self._reaching.get(node, [])

    def around(self, *nodes: str) -> Graph:
        """Only what events pass on their way to or from these nodes."""
        kept = {
            *_walk(nodes, lambda each: (edge.source for edge in self.reaching(each))),
            *_walk(nodes, lambda each: (edge.target for edge in self.leaving(each))),
        }
        return replace(
            self,
            nodes={key: node for key, node in self.nodes.items() if key in kept},
            edges=tuple(each for each in self.edges if each.source in kept and each.target in kept),
        )

    def to_json(self) -> dict[str, Any]:
        """The graph for programs; its keys are stable."""
        return {
            "title": self.title,
            "nodes": [each.to_json() for each in self.nodes.values()],
            "edges": [each.to_json() for each in self.edges],
        }


def _grouped(pairs: Iterable[tuple[str, Edge]]) -> dict[str, list[Edge]]:
    grouped: dict[str, list[Edge]] = {}
    for key, edge in pairs:
        grouped.setdefault(key, []).append(edge)
    return grouped


def _walk(start: Iterable[str], following: Any) -> Iterator[str]:
    seen = dict.fromkeys(start)
    queue = list(seen)
    for each in queue:
        yield each
        for other in following(each):
            if other not in seen:
                seen[other] = None
                queue.append(other)
