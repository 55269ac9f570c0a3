"""A field's way through a deployment."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from hub.routes import ExpressionError
from hub.sdk.errors import ConfigError
from hub.workbench.graph import mermaid, svg
from hub.workbench.lineage import Lineage, Tracer, lineage_graph, lineage_tree


def lineage(tracer: Tracer, field: str, topic: str) -> Lineage:
    (found,) = tracer.lineages(field, topic)
    return found


def text(found: Lineage, width: int = 100) -> str:
    return "".join(f"{line.plain}\n" for line in lineage_tree(found, width))


def test_it_reads_as_agreed(tracer: Tracer) -> None:
    """Backwards to the sources, by the type of the event; forwards to a sink's setting."""
    assert (
        text(lineage(tracer, "data.who", "alerts.low"))
        == """\
data.who of alerts.low

comes from
├─ route sizes  keeps it
│  └─ data.who of orders
│     └─ other programs, which write the topic
└─ route pushes  map.data.who  shop.yaml:70:11
   │ = event.type == "github.push" ? data.pusher.name : data.release.author.login
   ├─ data.pusher.name of github.push
   │  └─ source hook  github.webhook
   └─ data.release.author.login of github.release
      └─ source hook  github.webhook

goes to
└─ sink chat
   └─ with.json.text  shop.yaml:90:55
        = data.who
"""
    )


def test_forwards_through_copies_conditions_and_settings(tracer: Tracer) -> None:
    """What is kept is followed to every target; conditions and settings that look at it are told."""
    found = text(lineage(tracer, "data.total", "orders"))
    assert "├─ route sizes  switch[0].when  decides  shop.yaml:56:15\n│    data.total > 1000\n" in found
    assert "data.total of order.big\n│  │  └─ sink crm\n" in found
    assert "sink warehouse  as data.total\n│  │  └─ with.json.all  shop.yaml:85:47\n│  │       = data\n" in found


def test_what_is_dropped_goes_nowhere(tracer: Tracer) -> None:
    """And what is set comes from its expression."""
    assert text(lineage(tracer, "data.customer.email", "orders")).endswith("goes to\n└─ nothing reads it\n")
    assert text(lineage(tracer, "data.lines[].note", "orders")).count("note") == 1
    found = lineage(tracer, "data.customer.name", "order.big").to_json()
    assert [(each["with"]["field"], each["how"]) for each in found["from"]] == [
        ("data.customer.first", "computes"),
        ("data.customer.last", "computes"),
    ]


def test_a_split_is_followed_into_the_elements(tracer: Tracer) -> None:
    """`item.sku` is a field of each line."""
    found = lineage(tracer, "data.sku", "order.line").to_json()
    assert [each["with"]["field"] for each in found["from"]] == ["data.lines[].sku"]


def test_a_computed_name_is_told(tracer: Tracer) -> None:
    """Any field may be the one, and nobody is left to believe that it is known."""
    found = text(lineage(tracer, "data.any", "alerts.low"))
    assert "(which field it reads is computed, so it may be another one)" in found
    assert "data[] of github.push" in found
    forth = lineage(tracer, "data.head", "github.push").to_json()
    assert [each["dynamic"] for each in forth["to"]] == [True]


def test_a_constant_comes_from_its_route(tracer: Tracer) -> None:
    """And so does what only depends on the environment."""
    found = lineage(tracer, "data.region", "order.line").to_json()
    assert [(each["origin"], each["unit"]) for each in found["from"]] == [("constant", "lines")]
    nowhere = lineage(tracer, "data.nothing", "order.line").to_json()
    assert [each["origin"] for each in nowhere["from"]] == ["nowhere"]


def test_dead_letters_and_replies_are_beginnings(tracer: Tracer) -> None:
    """Nothing is known of what they hold."""
    assert [each["origin"] for each in lineage(tracer, "data.x", "crm.answer").to_json()["from"]] == ["reply"]
    assert [each["origin"] for each in lineage(tracer, "data.x", "audit.dlq").to_json()["from"]] == ["outside"]


def test_without_a_topic_every_mention_counts(tracer: Tracer) -> None:
    """Topics whose events have the field as far as expressions show."""
    assert [each.place.topic for each in tracer.lineages("data.who")] == ["alerts.high", "alerts.low"]
    assert [each.place.topic for each in tracer.lineages("data.team")] == ["order.line"]


def test_a_sink_can_be_asked_for(tracer: Tracer) -> None:
    """By its name, for what routes send to it directly."""
    found = lineage(tracer, "data.customer.name", "warehouse")
    assert text(found).startswith("data.customer.name at sink warehouse\n")
    assert "with.json.who  shop.yaml" in text(found)


@pytest.mark.parametrize(
    ("field", "topic", "message"),
    [
        ("data.zzz", None, "no expression reads or makes `data.zzz`"),
        ("data.total", "ordres", "no unit reads or writes the topic `ordres`; there are"),
    ],
)
def test_what_is_not_there_is_said(tracer: Tracer, field: str, topic: str | None, message: str) -> None:
    """With what to do."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        tracer.lineages(field, topic)


def test_no_path_is_no_field(tracer: Tracer) -> None:
    """As in `set:` and `drop:`."""
    with pytest.raises(ExpressionError, match="expected"):
        tracer.lineages("user.name")


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(tracer: Tracer, width: int) -> None:
    """Expressions wrap, names are cut."""
    for field in ("data.who", "data.total", "data.lines[].amount"):
        for found in tracer.lineages(field):
            assert max(map(len, text(found, width).splitlines())) <= width


def test_it_can_be_drawn(tracer: Tracer) -> None:
    """As deployments are."""
    graph = lineage_graph(tracer.lineages("data.who"))
    assert {each.name for each in graph.nodes.values() if each.kind == "asked"} == {"data.who"}
    assert {each.name for each in graph.nodes.values() if each.kind == "setting"} == {"chat"}
    assert {each.name for each in graph.nodes.values() if each.kind == "source"} == {"hook", "other programs"}
    ET.fromstring(svg(graph))
    assert mermaid(graph).startswith("flowchart LR")
