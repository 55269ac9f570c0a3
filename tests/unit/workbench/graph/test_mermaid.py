"""A picture in Mermaid's language: that it has the form that Mermaid takes, and that no text breaks out of a label."""

from __future__ import annotations

import re

from hub.deployment import Deployment
from hub.workbench.graph import Branch, Edge, Graph, Node, draw, mermaid

_NODE = re.compile(r'  n\d+(\(\["|\[\("|\["|\[\[")[^"\n]*("\]\)|"\)\]|"\]|"\]\]):::[a-z]+')
_EDGE = re.compile(r'  n\d+ (-->|-\.->)(\|"[^"\n|]*"\|)? n\d+')
_OTHER = re.compile(r"flowchart LR|  acc(Title|Descr): [^{};#\n]+|  %% .*|  classDef [a-z]+ \S+")


def lines(graph: Graph) -> list[str]:
    text = mermaid(graph)
    assert text.endswith("\n")
    return text.splitlines()


def test_every_line_is_of_a_known_form(shop: Deployment) -> None:
    """Nodes, edges and styles, and nothing else."""
    graph = draw(shop)
    found = lines(graph)
    assert all(_NODE.fullmatch(each) or _EDGE.fullmatch(each) or _OTHER.fullmatch(each) for each in found)
    assert sum(bool(_NODE.fullmatch(each)) for each in found) == len(graph.nodes)
    assert sum(bool(_EDGE.fullmatch(each)) for each in found) == len(graph.edges)


def test_branches_and_choices_are_said_at_edges(shop: Deployment) -> None:
    """As Mermaid's boxes have no rows."""
    found = "\n".join(lines(draw(shop)))
    assert '-->|"data.total #gt; 1000"|' in found
    assert '-.->|"otherwise · one of"|' in found
    assert '-.->|"dead letters"|' in found


def test_texts_stay_texts() -> None:
    """What Mermaid or HTML would obey becomes an entity; control characters go."""
    evil = 'a"]; click n1 "javascript:x" <img src=x onerror=y> #35; `b` |c| \n end\\'
    nodes = {
        "a": Node("a", "route", evil, evil, branches=(Branch("1", evil),), notes=(evil,), dlq=evil),
        "b": Node("b", "sink", evil),
    }
    found = lines(Graph(evil, evil, nodes, (Edge("a", "b", branch="1", label=evil),), evil))
    assert all("<img" not in each and 'click n1 "' not in each for each in found)
    assert sum(bool(_NODE.fullmatch(each)) for each in found) == 2
    assert all(each.count('"') in (0, 2) for each in found)
