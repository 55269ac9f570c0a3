"""A picture as a tree in a terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from hub.deployment import Deployment
from hub.workbench.graph import Edge, Graph, Node, draw, tree
from tests.unit.workbench.graph.conftest import made_up

SHOP = """\
shop

source hook  github.webhook
├─ github.push
│  └─ route pushes  where event.type == "github.release" || !data.deleted
│     └─ alerts.low
│        └─ sink chat  http
│           └─ ✕ audit.dlq
│              └─ route again
│                 └─ sink warehouse  http
│                    └─ ✕ audit.dlq ↑
├─ github.release
│  └─ route pushes ↑
├─ ✕ hook.dead
└─ and {rest} event types that nothing reads

orders
├─ route lines  where has(data.lines), split data.lines.filter(l, l.amount > 0)
│  └─ order.line
└─ route sizes
   ├─ when data.total > 1000
   │  ├─ order.big
   │  │  └─ sink crm  http
   │  │     └─ reply: crm.answer
   │  └─ sink warehouse ↑
   ├─ when data.total > 0
   │  └─ order.small
   └─ otherwise
      ├─ one of: alerts.high
      │  └─ sink chat ↑
      └─ one of: alerts.low ↑

dead letters go to shop.UNIT.dlq
"""


def text(graph: Graph, width: int = 100) -> str:
    return "".join(f"{line.plain}\n" for line in tree(graph, width))


def test_it_reads_as_agreed(shop: Deployment) -> None:
    """Word for word; each node is written out once, circles end."""
    assert text(draw(shop)) == SHOP.format(rest=len(shop.sources["hook"].topics()) - 2)


@pytest.mark.parametrize("width", [20, 40, 80, 100])
def test_no_line_is_wider_than_the_terminal(shop: Deployment, width: int) -> None:
    """Whatever is long is cut, wide characters counted as two."""
    long = Node("route:r", "route", "路由" * 60, "where " + "x" * 200)
    graphs = (draw(shop), made_up(1), Graph("t" * 200, "", {"route:r": long}, (), "f" * 200))
    for graph in graphs:
        assert max(cell_len(line) for line in text(graph, width).splitlines()) <= width


@pytest.mark.parametrize("seed", range(20))
def test_every_node_is_there(seed: int) -> None:
    """Also what only a circle leads to, and what nothing is linked with."""
    graph = made_up(seed)
    shown = text(graph, 200)
    assert all(node.name in shown for node in graph.nodes.values())


def test_a_circle_without_a_beginning() -> None:
    """Is entered somewhere, and ends where it came in."""
    nodes = {name: Node(name, "topic", name) for name in "ab"}
    assert text(Graph("g", "", nodes, (Edge("a", "b"), Edge("b", "a")))) == "g\n\na\n└─ b\n   └─ a ↑\n"


def test_nothing_to_draw() -> None:
    """Is said."""
    assert text(Graph("g", "", {}, ())) == "g\nnothing flows here\n"
