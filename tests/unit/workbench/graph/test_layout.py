"""Where boxes and edges of a picture stand."""

from __future__ import annotations

import itertools
import time

import pytest

from hub.workbench.graph.layering import layered
from hub.workbench.graph.layout import Box, Layout, lay_out
from hub.workbench.graph.ordering import crossings, order
from tests.unit.workbench.graph.conftest import made_up


def laid_out(seed: int, routes: int = 30) -> tuple[Layout, list[tuple[str, str, str | None]]]:
    graph = made_up(seed, routes)
    boxes = {
        key: Box(120, 60 if node.branches else 34, {each.name: 40.0 for each in node.branches})
        for key, node in graph.nodes.items()
    }
    edges = [(each.source, each.target, each.branch) for each in graph.edges]
    return lay_out(boxes, edges), edges


@pytest.mark.parametrize("seed", range(6))
def test_boxes_never_overlap(seed: int) -> None:
    """And all stand within the picture."""
    layout, _ = laid_out(seed)
    for a, b in itertools.combinations(layout.boxes.values(), 2):
        beside = a.x + a.width <= b.x or b.x + b.width <= a.x
        above = a.y + a.height <= b.y + 0.01 or b.y + b.height <= a.y + 0.01
        assert beside or above
    assert all(each.x >= 0 and each.y >= -0.01 for each in layout.boxes.values())
    assert all(
        each.x + each.width <= layout.width and each.y + each.height <= layout.height + 0.01
        for each in layout.boxes.values()
    )


@pytest.mark.parametrize("seed", range(6))
def test_edges_pass_no_box(seed: int) -> None:
    """The level pieces lie beside boxes; the curves lie between columns, where there is none."""
    layout, edges = laid_out(seed)
    for (start, end, _), path in zip(edges, layout.paths, strict=True):
        for index, ((x, y), (to_x, _)) in enumerate(itertools.pairwise(path)):
            low, high = sorted((x, to_x))
            for name, box in layout.boxes.items():
                if name in (start, end):
                    continue
                within = box.x < high - 0.01 and low + 0.01 < box.x + box.width
                if index % 2 == 0:
                    assert not within or not box.y < y < box.y + box.height
                else:
                    assert not within


@pytest.mark.parametrize("seed", range(6))
def test_edges_begin_and_end_at_their_boxes(seed: int) -> None:
    """On the right side of the first and the left of the second; the other way round where they run back."""
    layout, edges = laid_out(seed)
    for (start, end, _), path in zip(edges, layout.paths, strict=True):
        first, last = layout.boxes[start], layout.boxes[end]
        assert first.y <= path[0][1] <= first.y + first.height
        assert last.y <= path[-1][1] <= last.y + last.height
        if first.x < last.x:
            assert (path[0][0], path[-1][0]) == (first.x + first.width, last.x)
        else:
            assert (path[0][0], path[-1][0]) == (first.x, last.x + last.width)


def test_edges_lead_to_the_right() -> None:
    """As long as there is no circle, however long the way."""
    nodes = list("abcdef")
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "f"), ("e", "d")]
    made = layered(nodes, edges)
    place = {name: index for index, layer in enumerate(made.layers) for name in layer}
    assert not made.backwards
    assert all(place[a] < place[b] for a, b in edges)


def test_a_circle_has_one_edge_that_runs_back() -> None:
    """The one that leads to where events come in."""
    made = layered(list("abc"), [("a", "b"), ("b", "c"), ("c", "b")])
    assert made.backwards == {2}


def test_what_can_be_untangled_is() -> None:
    """Two fans that stand crosswise at first."""
    nodes = ["a", "b", "x", "y"]
    made = layered(nodes, [("a", "y"), ("b", "x")])
    assert crossings(made) == 1
    assert order(made) == 0


def test_branches_leave_in_their_order() -> None:
    """The target of the upper branch stands above that of the lower one."""
    boxes = {name: Box(100, 80, {"1": 50.0, "2": 70.0}) for name in ("r", "below", "above")}
    layout = lay_out(boxes, [("r", "below", "2"), ("r", "above", "1")])
    assert layout.boxes["above"].y < layout.boxes["below"].y
    assert layout.paths[1][0][1] == pytest.approx(layout.boxes["r"].y + 50)


def test_much_less_crosses_than_at_first() -> None:
    """Measured over a dozen deployments of 30 routes."""
    before = after = 0
    for seed in range(6):
        graph = made_up(seed)
        made = layered(list(graph.nodes), [(each.source, each.target) for each in graph.edges])
        before += crossings(made)
        after += order(made)
    assert after < before / 4


def test_a_hundred_routes_take_no_time() -> None:
    """Well under a second, so that a preview can follow the typing."""
    started = time.process_time()
    layout, _ = laid_out(3, 100)
    assert time.process_time() - started < 3
    assert len(layout.boxes) > 200


def test_nothing_to_lay_out() -> None:
    """Takes no room."""
    layout = lay_out({}, [])
    assert (layout.width, layout.height) == (0, 0)
