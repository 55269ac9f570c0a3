"""The third step of a layered layout: heights that make edges straight, columns that leave room for them.

Each node wants to stand where its links are level; within a layer the order and the gaps are kept. The nearest heights
to all wishes are found by pooling adjacent violators (isotonic regression: R. Barlow et al., 1972), layer by layer, to
and fro, until little changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.workbench.graph.layering import Layered, Link

_SWEEPS = 40
_STRAIGHT = 16.0
"""How much more a bend wants to be level with the next one than a node with its neighbours."""


@dataclass(frozen=True)
class Spacing:
    """Distances in pixels.

    Attributes:
        nodes: between two nodes above each other.
        bends: around an edge that passes between nodes.
        columns: between columns, at least.
        crowd: more of it for each link there, up to twice ``columns``.
    """

    nodes: float = 22
    bends: float = 12
    columns: float = 64
    crowd: float = 2.5


def heights(made: Layered, sizes: Mapping[str, float], spacing: Spacing) -> dict[str, float]:
    """The middle of each node and bend, from the top.

    Args:
        made: layers in their final order.
        sizes: heights of the nodes; a bend has none.
        spacing: distances.
    """
    middle: dict[str, float] = {}
    offsets = [_offsets(layer, made, sizes, spacing) for layer in made.layers]
    for layer, gaps in zip(made.layers, offsets, strict=True):
        centre = gaps[-1] / 2 if gaps else 0
        middle.update({name: gap - centre for name, gap in zip(layer, gaps, strict=True)})
    sides = [_sides(made, index) for index in range(len(made.layers))]
    for sweep in range(_SWEEPS):
        indices = range(len(made.layers)) if sweep % 2 == 0 else range(len(made.layers) - 1, -1, -1)
        for index in indices:
            left, right = sides[index]
            both = sweep >= _SWEEPS // 2
            used = (left, right) if both else (left,) if sweep % 2 == 0 else (right,)
            _settle(made.layers[index], offsets[index], used, middle, made.bends)
    top = min((middle[name] - sizes.get(name, 0) / 2 for name in middle), default=0)
    return {name: value - top for name, value in middle.items()}


Side = Mapping[str, list[tuple[str, float]]]


def _sides(made: Layered, index: int) -> tuple[Side, Side]:
    """For each node of a layer: what it is linked to on the left and on the right, and how far that is shifted."""
    left: dict[str, list[tuple[str, float]]] = {}
    right: dict[str, list[tuple[str, float]]] = {}
    before: Sequence[Link] = made.links[index - 1] if index else ()
    for link in before:
        left.setdefault(link.right, []).append((link.left, link.left_port - link.right_port))
    for link in made.links[index]:
        right.setdefault(link.left, []).append((link.right, link.right_port - link.left_port))
    return left, right


def _offsets(layer: Sequence[str], made: Layered, sizes: Mapping[str, float], spacing: Spacing) -> list[float]:
    """How far the middle of each node is at least below that of the first."""
    offsets: list[float] = []
    for place, name in enumerate(layer):
        if not place:
            offsets.append(0)
            continue
        above = layer[place - 1]
        bend = name in made.bends or above in made.bends
        gap = spacing.bends if bend else spacing.nodes
        offsets.append(offsets[-1] + (sizes.get(above, 0) + sizes.get(name, 0)) / 2 + gap)
    return offsets


def _settle(
    layer: Sequence[str],
    offsets: Sequence[float],
    sides: Sequence[Side],
    middle: dict[str, float],
    bends: set[str],
) -> None:
    wishes: list[tuple[float, float]] = []
    for name, offset in zip(layer, offsets, strict=True):
        linked = [
            (middle[other] + shift, _STRAIGHT if name in bends and other in bends else 1.0)
            for side in sides
            for other, shift in side.get(name, ())
        ]
        weight = sum(each for _, each in linked)
        # One without links on this side would rather stay, but gives way.
        wish = sum(value * each for value, each in linked) / weight if weight else middle[name]
        wishes.append((wish - offset, weight or 0.05))
    for name, offset, value in zip(layer, offsets, _rising(wishes), strict=True):
        middle[name] = value + offset


def _rising(wishes: Sequence[tuple[float, float]]) -> list[float]:
    """The rising values nearest to what is wished, by weighted least squares."""
    pools: list[tuple[float, float, int]] = []  # value, weight, how many
    for value, weight in wishes:
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (upper, upper_weight, upper_count), (lower, lower_weight, lower_count) = pools[-2:]
            together = upper_weight + lower_weight
            pools[-2:] = [
                ((upper * upper_weight + lower * lower_weight) / together, together, upper_count + lower_count)
            ]
    return [value for value, _, count in pools for _ in range(count)]


def columns(made: Layered, widths: Mapping[str, float], spacing: Spacing) -> list[tuple[float, float]]:
    """Left edge and width of each column; nodes of a column are equally wide."""
    found: list[tuple[float, float]] = []
    x = 0.0
    for index, layer in enumerate(made.layers):
        width = max((widths.get(name, 0) for name in layer), default=0)
        found.append((x, width))
        crowd = min(spacing.columns, len(made.links[index]) * spacing.crowd)
        x += width + spacing.columns + crowd
    return found
