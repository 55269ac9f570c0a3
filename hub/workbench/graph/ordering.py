"""The second step of a layered layout: an order within each layer that lets few edges cross.

Layers are swept to and fro; each is sorted by the middle of what its nodes are linked to (the weighted median of
E. Gansner et al., "A Technique for Drawing Directed Graphs", 1993, § 3), then neighbours are swapped where that helps.
The best order that was met is kept.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from hub.workbench.graph.layering import Layered, Link

_SWEEPS, _PATIENCE = 24, 6
"""So many times at most; and so often without getting better."""
_PORT = 1e-4
"""How much a port counts beside a place in the order: only between links of the same node."""

Pairs = list[tuple[float, float]]


def order(made: Layered) -> int:
    """Sorts the layers in place, and gives the number of crossings that are left."""
    best, fewest = [list(layer) for layer in made.layers], crossings(made)
    improved = 0
    for sweep in range(_SWEEPS):
        if not fewest or sweep - improved > _PATIENCE:
            break
        _sweep(made, rightwards=sweep % 2 == 0)
        _swap(made)
        found = crossings(made)
        if found < fewest:
            best, fewest, improved = [list(layer) for layer in made.layers], found, sweep
    made.layers[:] = best
    return fewest


def crossings(made: Layered) -> int:
    """How many pairs of links cross."""
    total = 0
    for index, links in enumerate(made.links[:-1]):
        left, right = _places(made.layers[index]), _places(made.layers[index + 1])
        total += _inversions([_ends(each, left, right) for each in links])
    return total


def _ends(link: Link, left: dict[str, int], right: dict[str, int]) -> tuple[float, float]:
    return left[link.left] + link.left_port * _PORT, right[link.right] + link.right_port * _PORT


def _inversions(pairs: Pairs) -> int:
    seen: list[float] = []
    total = 0
    for _, end in sorted(pairs):
        total += len(seen) - bisect_right(seen, end)
        insort(seen, end)
    return total


def _places(layer: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(layer)}


def _sweep(made: Layered, *, rightwards: bool) -> None:
    count = len(made.layers)
    for index in range(1, count) if rightwards else range(count - 2, -1, -1):
        other = _places(made.layers[index - 1 if rightwards else index + 1])
        middles: dict[str, list[float]] = {}
        for link in made.links[index - 1 if rightwards else index]:
            if rightwards:
                middles.setdefault(link.right, []).append(other[link.left] + link.left_port * _PORT)
            else:
                middles.setdefault(link.left, []).append(other[link.right] + link.right_port * _PORT)
        layer = made.layers[index]
        # A node without links to that side keeps its place among the others.
        keys = {name: _middle(middles.get(name), float(place)) for place, name in enumerate(layer)}
        layer.sort(key=keys.__getitem__)


def _middle(places: list[float] | None, kept: float) -> float:
    if not places:
        return kept
    places.sort()
    half = len(places) // 2
    if len(places) % 2:
        return places[half]
    if len(places) == 2:  # noqa: PLR2004  the median of two is their mean
        return sum(places) / 2
    left, right = places[half - 1] - places[0], places[-1] - places[half]
    if left + right == 0:
        return (places[half - 1] + places[half]) / 2
    return (places[half - 1] * right + places[half] * left) / (left + right)


def _swap(made: Layered) -> None:
    """Swaps neighbours while that lets fewer links cross."""
    for index, layer in enumerate(made.layers):
        left = _linked(made, index - 1, layer, rightwards=True) if index else {}
        right = _linked(made, index, layer, rightwards=False) if index + 1 < len(made.layers) else {}
        improved = True
        while improved:
            improved = False
            for place in range(len(layer) - 1):
                above, below = layer[place], layer[place + 1]
                gain = sum(
                    _between(side.get(above, []), side.get(below, []))
                    - _between(side.get(below, []), side.get(above, []))
                    for side in (left, right)
                )
                if gain > 0:
                    layer[place], layer[place + 1] = below, above
                    improved = True


def _linked(made: Layered, index: int, layer: Sequence[str], *, rightwards: bool) -> dict[str, list[float]]:
    """For each node of a layer, the sorted places of what it is linked to on one side."""
    other = _places(made.layers[index if rightwards else index + 1])
    found: dict[str, list[float]] = {name: [] for name in layer}
    for link in made.links[index]:
        if rightwards:
            found[link.right].append(other[link.left] + link.left_port * _PORT)
        else:
            found[link.left].append(other[link.right] + link.right_port * _PORT)
    for places in found.values():
        places.sort()
    return found


def _between(above: list[float], below: list[float]) -> int:
    """How many links of the node above cross links of the one below."""
    return sum(bisect_right(below, each) - below.count(each) for each in above)
