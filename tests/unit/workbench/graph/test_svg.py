"""A picture as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from hub.deployment import Deployment
from hub.workbench.graph import Branch, Edge, Graph, Node, draw, svg
from hub.workbench.graph.style import _DARK, _LIGHT
from tests.unit.workbench.graph.conftest import made_up

SVG = "{http://www.w3.org/2000/svg}"


def parsed(graph: Graph) -> ET.Element:
    return ET.fromstring(svg(graph))


def test_it_is_told_to_those_who_do_not_see_it(shop: Deployment) -> None:
    """A role, a title and a description that says what feeds what."""
    root = parsed(draw(shop))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert root.findtext(f"{SVG}title") == "shop"
    assert "route again feeds warehouse" in (root.findtext(f"{SVG}desc") or "")


def test_nothing_is_fetched_and_nothing_runs(shop: Deployment) -> None:
    """No link, no script, no image, no font by URL."""
    text = svg(draw(shop))
    assert not re.search(r"<(a|script|image|foreignObject|use)\b|href|@import|url\((?!#)|\bon\w+=", text)


def test_colours_follow_the_reader(shop: Deployment) -> None:
    """One style sheet for light and dark."""
    assert "@media (prefers-color-scheme:dark)" in svg(draw(shop))
    assert _LIGHT.keys() == _DARK.keys()


@pytest.mark.parametrize("scheme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_texts_can_be_read(scheme: dict[str, str | tuple[str, str]]) -> None:
    """A contrast of at least 4.5:1, by the formula of WCAG 2.2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    papers = [each if isinstance(each, str) else each[0] for name, each in scheme.items() if name == "paper"]
    papers += [each[0] for each in scheme.values() if isinstance(each, tuple)]
    for ink in ("ink", "dim", "red"):
        for paper in papers:
            light, dark = sorted((luminance(str(scheme[ink])), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("seed", range(6))
def test_texts_fit_their_boxes(seed: int) -> None:
    """By the width of the widest of the fonts that are named."""
    root = parsed(made_up(seed))
    sizes = {"name": 13, "more": 11, "when": 11, "dead": 11}
    for group in root.iter(f"{SVG}g"):
        box = next((each for each in group.findall(f"{SVG}rect") if each.get("class") == "box"), None)
        for text in group.findall(f"{SVG}text") if box is not None else ():
            width = len("".join(text.itertext())) * sizes[text.get("class", "")] * 0.602
            assert float(text.get("x", 0)) + width <= float(box.get("width", 0))
            assert float(text.get("y", 0)) <= float(box.get("height", 0))


def test_what_is_cut_stands_in_the_title() -> None:
    """Which browsers show when the pointer rests on a box."""
    name, detail = "n" * 90, "where " + "x" * 400
    root = parsed(Graph("g", "", {"r": Node("r", "route", name, detail, position="hub.yaml:3:1")}, ()))
    (node,) = (each for each in root.iter(f"{SVG}g") if (each.get("class") or "").startswith("node"))
    title = node.findtext(f"{SVG}title") or ""
    assert all(each in title for each in (name, detail, "hub.yaml:3:1"))
    assert max(len("".join(each.itertext())) for each in node.findall(f"{SVG}text")) <= 40


def test_any_text_gives_an_svg_that_can_be_read() -> None:
    """Tags, entities, quotes, and characters that XML doesn't allow."""
    evil = "</title><script>x</script>&amp;\"'\x00\x1b\ud800\ufffe"
    nodes = {
        "r": Node("r", "route", evil, evil, (Branch("1", evil),), evil, notes=(evil,)),
        "t": Node("t", "topic", evil),
    }
    root = parsed(Graph(evil, evil, nodes, (Edge("r", "t", branch="1", label=evil),), evil))
    assert not list(root.iter(f"{SVG}script"))


def test_every_edge_ends_in_a_head_that_is_there(shop: Deployment) -> None:
    """One marker for each kind of edge."""
    root = parsed(draw(shop))
    markers = {each.get("id") for each in root.iter(f"{SVG}marker")}
    used = {(each.get("marker-end") or "")[5:-1] for each in root.iter(f"{SVG}path") if each.get("marker-end")}
    assert used == markers


def test_nothing_to_draw() -> None:
    """Is a picture with a title."""
    assert parsed(Graph("empty", "", {}, ())).findtext(f"{SVG}title") == "empty"
