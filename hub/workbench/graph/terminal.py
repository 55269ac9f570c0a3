"""A graph as a tree for terminals: each way of the events from where they come from to where they end.

What several ways share is written out once, where it is met first; later it is only named, with ``↑``. What would stand
too far to the right is named with ``↓``, and written out further down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from hub.workbench.graph.model import Edge, Graph, Node

_STYLES = {
    "source": "green",
    "topic": "",
    "inbox": "dim",
    "route": "cyan",
    "sink": "magenta",
    "dlq": "red",
    "asked": "bold yellow",
    "field": "yellow",
    "setting": "magenta",
}
_NAMED = ("source", "route", "sink")
"""Kinds that are written before the name; a topic has none, as in the files."""
_LEAST = 12
"""Columns that a detail needs to be of use."""
_ROOM = 28
"""Columns that a name should have; a terminal's width less this is as deep as the tree goes."""
SEEN, LATER = " ↑", " ↓"


def tree(graph: Graph, width: int = 100) -> Iterator[Text]:
    """The lines of a graph, none wider than ``width`` columns."""
    return _Tree(graph, width).lines()


@dataclass(frozen=True)
class _Way:
    """A way that leads on from a node: an edge, or a branch of a route with all its edges."""

    edge: Edge | None
    label: str = ""
    below: tuple[Edge, ...] = ()


class _Tree:
    def __init__(self, graph: Graph, width: int) -> None:
        self.graph = graph
        self.width = width
        self.done: set[str] = set()

    def lines(self) -> Iterator[Text]:
        yield Text(cut(self.graph.title, self.width), "bold")
        for node in self._roots():
            yield Text()
            yield from self._node(node, "", "", None)
        if not self.graph.nodes:
            yield Text("nothing flows here", "dim")
        if self.graph.footnote:
            yield Text()
            yield Text(cut(self.graph.footnote, self.width), "dim")

    def _roots(self) -> Iterator[Node]:
        """Where events come from; then what only a circle leads to."""
        for node in self.graph.nodes.values():
            if all(edge.kind == "dead letters" for edge in self.graph.reaching(node.id)) and node.kind != "dlq":
                yield node
        for node in self.graph.nodes.values():
            if node.id not in self.done:
                yield node

    def _node(self, node: Node, lead: str, indent: str, edge: Edge | None) -> Iterator[Text]:
        ways = self._ways(node)
        seen = node.id in self.done and bool(ways or node.detail)
        later = bool(ways) and not seen and bool(lead) and cell_len(lead) > self.width - _ROOM
        yield self._line(node, lead, edge, SEEN if seen else LATER if later else "")
        if seen or later:
            return
        self.done.add(node.id)
        for index, way in enumerate(ways):
            last = index == len(ways) - 1
            yield from self._way(way, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))

    def _way(self, way: _Way | str, lead: str, indent: str) -> Iterator[Text]:
        if isinstance(way, str):
            yield Text.assemble((lead, "dim"), (cut(way, self.width - cell_len(lead)), "dim"))
        elif way.edge is not None:
            yield from self._node(self.graph.nodes[way.edge.target], lead, indent, way.edge)
        else:
            yield Text.assemble((lead, "dim"), (cut(way.label, self.width - cell_len(lead)), "yellow"))
            for index, edge in enumerate(way.below):
                last = index == len(way.below) - 1
                yield from self._way(
                    _Way(edge), indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")
                )

    def _ways(self, node: Node) -> list[_Way | str]:
        """What stands below a node: its branches or what it feeds, then where its dead letters go, then its notes."""
        edges = self.graph.leaving(node.id)
        ways: list[_Way | str] = []
        for branch in node.branches:
            below = tuple(edge for edge in edges if edge.branch == branch.name)
            ways.append(_Way(None, branch.when if branch.when == "otherwise" else f"when {branch.when}", below))
        rest = [edge for edge in edges if edge.branch is None]
        ways += [_Way(edge) for edge in rest if edge.kind != "dead letters"]
        ways += [_Way(edge) for edge in rest if edge.kind == "dead letters"]
        if node.special_dlq:
            ways.append(f"✕ {node.special_dlq}")
        return [*ways, *node.notes]

    def _line(self, node: Node, lead: str, edge: Edge | None, after: str) -> Text:
        kind = f"{node.kind} " if node.kind in _NAMED else ""
        before = _before(edge)
        line = Text.assemble((lead + before + kind, "dim"))
        line.append(cut(node.name, self.width - line.cell_len - cell_len(after)), _style(node))
        line.append(after, "dim")
        room = self.width - line.cell_len - 2
        if not after and node.detail and room >= _LEAST:
            line.append("  " + cut(node.detail, room), "dim")
        return line


def _before(edge: Edge | None) -> str:
    if edge is None:
        return ""
    words = {"choice": "one of: ", "reply": "reply: ", "dead letters": "✕ "}
    return words.get(edge.kind, "")


def _style(node: Node) -> str:
    style = _STYLES[node.kind]
    return f"bold {style}".strip() if node.kind in _NAMED else style


def cut(text: str, room: int) -> str:
    """Text that takes at most ``room`` columns, its end replaced by ``…`` where it was too long."""
    if cell_len(text) <= room:
        return text
    kept = text
    while kept and cell_len(kept) > room - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"
