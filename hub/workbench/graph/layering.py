"""The first step of a layered layout: which column each node stands in, and which columns long edges pass.

The method is that of K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures" (1981): layers, then an order within each (`ordering`), then coordinates (`placing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True)
class Link:
    """A piece of an edge, between nodes of neighbouring layers.

    Attributes:
        left, right: its ends; names of nodes, or of the bends of long edges.
        left_port, right_port: how far below the node's middle it is attached.
        edge: number of the edge that it belongs to.
    """

    left: str
    right: str
    left_port: float
    right_port: float
    edge: int


@dataclass
class Layered:
    """Nodes and bends in layers.

    Attributes:
        layers: from left to right, each from top to bottom.
        links: between one layer and the next; ``links[i]`` leads from layer ``i`` to ``i + 1``.
        chains: for each edge, the names that it passes from left to right, its ends included.
        backwards: numbers of the edges that run from right to left.
        bends: the names that are no nodes.
    """

    layers: list[list[str]]
    links: list[list[Link]]
    chains: list[list[str]]
    backwards: set[int] = field(default_factory=set)
    bends: set[str] = field(default_factory=set)


def layered(
    nodes: Sequence[str], edges: Sequence[tuple[str, str]], ports: Mapping[int, float] | None = None
) -> Layered:
    """Puts nodes into layers so that edges lead to the right, as far as there is no circle.

    Args:
        nodes: names, in the order that readers expect.
        edges: from and to.
        ports: by the number of an edge, how far below the middle of its first node it starts.
    """
    backwards = _backwards(nodes, edges)
    forward = [(b, a) if number in backwards else (a, b) for number, (a, b) in enumerate(edges)]
    rank = _ranks(nodes, forward)
    layers: list[list[str]] = [[] for _ in range(max(rank.values(), default=0) + 1)]
    for node in nodes:
        layers[rank[node]].append(node)
    made = Layered(layers, [[] for _ in layers], [], backwards)
    for number, (left, right) in enumerate(forward):
        port = (ports or {}).get(number, 0.0)
        _chain(made, number, left, right, rank, port)
    return made


def _chain(made: Layered, number: int, left: str, right: str, rank: Mapping[str, int], port: float) -> None:
    bends = [f"\0{number}:{layer}" for layer in range(rank[left] + 1, rank[right])]
    for layer, bend in enumerate(bends, start=rank[left] + 1):
        made.layers[layer].append(bend)
    made.bends.update(bends)
    chain = [left, *bends, right]
    made.chains.append(chain)
    turned = number in made.backwards
    for step, (a, b) in enumerate(pairwise(chain)):
        first, last = step == 0, step == len(chain) - 2
        link = Link(a, b, port if first and not turned else 0.0, port if last and turned else 0.0, number)
        made.links[rank[left] + step].append(link)


def _backwards(nodes: Iterable[str], edges: Sequence[tuple[str, str]]) -> set[int]:
    """Edges that close a circle, found depth first."""
    leaving: dict[str, list[int]] = {}
    for number, (a, _) in enumerate(edges):
        leaving.setdefault(a, []).append(number)
    reached = {b for _, b in edges}
    state: dict[str, int] = {}
    found: set[int] = set()
    # Where nothing leads to comes first, so that a circle is closed by the edge that really goes back.
    for start in sorted(nodes, key=lambda each: each in reached):
        stack = [(start, iter(leaving.get(start, ())))] if start not in state else []
        state.setdefault(start, 1)
        while stack:
            node, rest = stack[-1]
            number = next(rest, -1)
            if number < 0:
                state[node] = 2
                stack.pop()
                continue
            target = edges[number][1]
            if state.get(target) == 1:
                found.add(number)
            elif target not in state:
                state[target] = 1
                stack.append((target, iter(leaving.get(target, ()))))
    return found


def _ranks(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way from the left, then each node as near to its neighbours as edges allow."""
    before: dict[str, list[str]] = {node: [] for node in nodes}
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    order = _topological(nodes, before, after)
    rank: dict[str, int] = {}
    for node in order:
        rank[node] = max((rank[each] + 1 for each in before[node]), default=0)
    for node in reversed(order):
        # More edges to the right than to the left: moving right makes them shorter together.
        if after[node] and before[node] and len(after[node]) > len(before[node]):
            rank[node] = min(rank[each] for each in after[node]) - 1
    return rank


def _topological(nodes: Sequence[str], before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[str]:
    waiting = {node: len(before[node]) for node in nodes}
    order = [node for node in nodes if not waiting[node]]
    for node in order:
        for following in after[node]:
            waiting[following] -= 1
            if not waiting[following]:
                order.append(following)
    return order
