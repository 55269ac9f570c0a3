"""Where everything in a picture stands: boxes in columns, edges as points between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.workbench.graph.layering import Layered, layered
from hub.workbench.graph.ordering import order
from hub.workbench.graph.placing import Spacing, columns, heights


@dataclass(frozen=True)
class Box:
    """What a node takes.

    Attributes:
        width, height: in pixels.
        ports: by the name of a branch, how far below the box's top its edges start.
        group: boxes of one group are equally wide in a column.
    """

    width: float
    height: float
    ports: Mapping[str, float]
    group: str = ""


@dataclass(frozen=True)
class Placed:
    """A box that has found its place; in pixels from the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A picture's geometry.

    Attributes:
        width, height: of the whole.
        boxes: by node.
        paths: for each edge the points that it passes, in its own direction. Its pieces are in turn level, within a
            column, and free to bend, between columns; the first and the last are level.
        crossings: how many links cross.
    """

    width: float
    height: float
    boxes: Mapping[str, Placed]
    paths: Sequence[Sequence[tuple[float, float]]]
    crossings: int


def lay_out(
    boxes: Mapping[str, Box], edges: Sequence[tuple[str, str, str | None]], spacing: Spacing | None = None
) -> Layout:
    """Finds places for boxes, with few crossings and no overlaps.

    Args:
        boxes: by node, in the order that readers expect.
        edges: from, to, and the branch by which they leave.
        spacing: distances.
    """
    spacing = spacing or Spacing()
    ports = {number: _port(boxes[source], branch) for number, (source, _, branch) in enumerate(edges)}
    made = layered(list(boxes), [(source, target) for source, target, _ in edges], ports)
    crossings = order(made)
    middle = heights(made, {name: box.height for name, box in boxes.items()}, spacing)
    grid = columns(made, {name: box.width for name, box in boxes.items()}, spacing)
    placed: dict[str, Placed] = {}
    for (x, _), layer in zip(grid, made.layers, strict=True):
        for name in layer:
            if name in boxes:
                box = boxes[name]
                wide = max(boxes[each].width for each in layer if each in boxes and boxes[each].group == box.group)
                placed[name] = Placed(x, middle[name] - box.height / 2, wide, box.height)
    paths = [_path(number, made, placed, middle, grid, ports) for number in range(len(edges))]
    bottom = max((each.y + each.height for each in placed.values()), default=0)
    bottom = max([bottom, *(y for path in paths for _, y in path)])
    return Layout(grid[-1][0] + grid[-1][1] if placed else 0, bottom, placed, paths, crossings)


def _port(box: Box, branch: str | None) -> float:
    return box.ports[branch] - box.height / 2 if branch is not None and branch in box.ports else 0.0


def _path(
    number: int,
    made: Layered,
    placed: Mapping[str, Placed],
    middle: Mapping[str, float],
    grid: Sequence[tuple[float, float]],
    ports: Mapping[int, float],
) -> list[tuple[float, float]]:
    chain = made.chains[number]
    turned = number in made.backwards
    first = next(index for index, layer in enumerate(made.layers) if chain[0] in layer)
    points: list[tuple[float, float]] = []
    for step, name in enumerate(chain):
        x, width = grid[first + step]
        start, end = step == 0, step == len(chain) - 1
        y = middle[name]
        if start if not turned else end:
            y += ports[number]
        if start:
            points += [(x + placed[name].width, y), (x + width, y)]
        elif end:
            points += [(x, y), (x, y)]
        else:
            points += [(x, y), (x + width, y)]
    return list(reversed(points)) if turned else points
