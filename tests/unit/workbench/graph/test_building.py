"""What a picture of a deployment shows."""

from __future__ import annotations

from hub.deployment import Deployment
from hub.workbench.graph import Edge, Graph, draw


def edges(graph: Graph, start: str) -> set[tuple[str, str, str | None]]:
    return {(each.target, each.kind, each.branch) for each in graph.leaving(start)}


def test_each_branch_leads_where_it_says(shop: Deployment) -> None:
    """Of a switch: the names of its branches at the edges, a choice to each name that it may give."""
    graph = draw(shop)
    assert edges(graph, "route:sizes") == {
        ("topic:order.big", "events", "1"),
        ("sink:warehouse", "events", "1"),
        ("topic:order.small", "events", "2"),
        ("topic:alerts.high", "choice", "3"),
        ("topic:alerts.low", "choice", "3"),
    }
    assert [each.when for each in graph.nodes["route:sizes"].branches] == [
        "data.total > 1000",
        "data.total > 0",
        "otherwise",
    ]


def test_inboxes_are_drawn_when_asked_for(shop: Deployment) -> None:
    """Else the edge says which topic is in between."""
    inbox = shop.sinks["warehouse"].inbox
    direct = next(each for each in draw(shop).edges if each.target == "sink:warehouse")
    assert direct.via == inbox
    graph = draw(shop, inboxes=True)
    assert graph.nodes[f"topic:{inbox}"].kind == "inbox"
    assert Edge(f"topic:{inbox}", "sink:warehouse") in graph.edges
    assert ("sink:warehouse", "events", "1") not in edges(graph, "route:sizes")


def test_dead_letters(shop: Deployment) -> None:
    """A topic that is shared, declared or read is a node; another is said at its unit; a usual name once for all."""
    graph = draw(shop)
    assert graph.nodes["topic:audit.dlq"].kind == "dlq"
    assert {each.source for each in graph.reaching("topic:audit.dlq")} == {"sink:warehouse", "sink:chat"}
    assert [(each.target, each.kind) for each in graph.leaving("topic:audit.dlq")] == [("route:again", "events")]
    assert graph.nodes["source:hook"].special_dlq == "hook.dead"
    assert graph.nodes["route:lines"].dlq == "shop.lines.dlq"
    assert graph.nodes["route:lines"].special_dlq is None
    assert graph.footnote == "dead letters go to shop.UNIT.dlq"


def test_dead_letters_can_be_left_out(shop: Deployment) -> None:
    """What is read all the same stays."""
    graph = draw(shop, dlqs=False)
    assert not [each for each in graph.edges if each.kind == "dead letters"]
    assert not graph.footnote
    assert all(each.dlq is None for each in graph.nodes.values())
    assert [each.target for each in graph.leaving("topic:audit.dlq")] == ["route:again"]


def test_event_types_that_nothing_reads_are_counted(shop: Deployment) -> None:
    """And drawn when asked for."""
    types = len(shop.sources["hook"].topics())
    graph = draw(shop)
    assert {each.target for each in graph.leaving("source:hook")} == {"topic:github.push", "topic:github.release"}
    assert graph.nodes["source:hook"].notes == (f"and {types - 2} event types that nothing reads",)
    whole = draw(shop, every=True)
    assert len([each for each in whole.leaving("source:hook") if each.kind == "events"]) == types
    assert whole.nodes["source:hook"].notes == ()


def test_one_unit_and_what_it_touches(shop: Deployment) -> None:
    """Only what can reach it, and what it can reach."""
    graph = draw(shop).around("route:lines")
    assert set(graph.nodes) == {"topic:orders", "route:lines", "topic:order.line"}
    assert len(graph.edges) == 2


def test_replies_flow_back(shop: Deployment) -> None:
    """From the sink to the topic of its answers."""
    assert edges(draw(shop), "sink:crm") == {("topic:crm.answer", "reply", None)}


def test_json_names_everything(shop: Deployment) -> None:
    """Every end of an edge is a node that is there."""
    document = draw(shop).to_json()
    ids = {each["id"] for each in document["nodes"]}
    assert {each[end] for each in document["edges"] for end in ("source", "target")} <= ids
    assert next(each for each in document["nodes"] if each["id"] == "route:sizes")["position"] == "shop.yaml:49:3"
