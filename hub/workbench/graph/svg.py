"""A graph as SVG: one file that shows well in light and dark, with nothing fetched and nothing that runs.

Texts are measured, not guessed: they stand in a monospace font, whose characters are 0.602 em wide or less in the
fonts that are named (DejaVu Sans Mono 0.602, Menlo 0.602, Liberation Mono 0.600, Consolas 0.550).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from rich.cells import cell_len

from hub.workbench.graph.layout import Box, Layout, Placed, lay_out
from hub.workbench.graph.model import Edge, Graph, Node
from hub.workbench.graph.style import DASHED, KINDS, STYLE, WORDS
from hub.workbench.graph.wrapping import wrapped

_EM = 0.602
_NAME, _SMALL = 13.0, 11.0
"""Font sizes in pixels."""
_LINE, _ROW = 16.0, 20.0
_PAD = 12.0
_MARGIN = 28.0
_HEAD, _FOOT = 44.0, 40.0
_LONGEST_NAME, _LONGEST_TEXT = 40, 38
"""Characters; a longer name is cut, a longer text wraps. The whole stands in the node's title."""
_TEXT_LINES = 3
_ROUND = frozenset(("topic", "inbox", "dlq", "asked", "field"))


@dataclass(frozen=True)
class _Content:
    """What a box says.

    Attributes:
        name: as it fits.
        lines: below it.
        rows: one per branch.
        dlq: topic of dead letters, as it fits.
    """

    name: str
    lines: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    dlq: str | None

    @property
    def head(self) -> float:
        """Height of all above the rows."""
        return 2 * 9 + _LINE + len(self.lines) * (_LINE - 1) + (_LINE if self.dlq else 0) - 2

    def box(self, group: str) -> Box:
        """What it takes; boxes of a group are equally wide in a column."""
        small = [*self.lines, *(text for _, text in self.rows), *([f"✕ {self.dlq}"] if self.dlq else [])]
        width = max([cell_len(self.name) * _NAME, *(cell_len(each) * _SMALL for each in small)]) * _EM + 2 * _PAD + 6
        ports = {name: self.head + _ROW * (index + 0.5) for index, (name, _) in enumerate(self.rows)}
        return Box(max(width, 96), self.head + _ROW * len(self.rows), ports, group)


def svg(graph: Graph) -> str:
    """The text of an SVG file."""
    contents = {key: _content(node) for key, node in graph.nodes.items()}
    layout = lay_out(
        {key: content.box("round" if _round(graph.nodes[key]) else "") for key, content in contents.items()},
        [(each.source, each.target, each.branch) for each in graph.edges],
    )
    return "\n".join(_document(graph, contents, layout)) + "\n"


def _content(node: Node) -> _Content:
    lines = [*wrapped(node.detail, _LONGEST_TEXT, _TEXT_LINES)] if node.detail else []
    for note in node.notes:
        lines += wrapped(note, _LONGEST_TEXT, _TEXT_LINES)
    rows = tuple((each.name, wrapped(each.when, _LONGEST_TEXT, 1)[0]) for each in node.branches)
    dlq = wrapped(node.special_dlq, _LONGEST_TEXT - 2, 1)[0] if node.special_dlq else None
    return _Content(wrapped(node.name, _LONGEST_NAME, 1)[0], tuple(lines), rows, dlq)


def _document(graph: Graph, contents: dict[str, _Content], layout: Layout) -> Iterator[str]:
    title = wrapped(graph.title, 90, 1)[0]
    legend, legend_width = _legend(graph)
    width = max(layout.width, cell_len(title) * 18 * _EM, legend_width, 240) + 2 * _MARGIN
    height = layout.height + _HEAD + _FOOT + 2 * _MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">'
    yield f'<title id="title">{_text(graph.title)}</title>'
    yield f'<desc id="desc">{_text(graph.summary)} {_text(_told(graph))}</desc>'
    yield f"<style>{STYLE}</style>"
    yield "<defs>"
    yield from _arrowheads(graph)
    yield "</defs>"
    yield '<rect class="paper" width="100%" height="100%"/>'
    yield f'<text class="heading" x="{_MARGIN:g}" y="{_MARGIN + 18:g}">{_text(title)}</text>'
    yield f'<g transform="translate({_MARGIN:g} {_MARGIN + _HEAD:g})">'
    for edge, path in zip(graph.edges, layout.paths, strict=True):
        yield _edge(edge, path)
    for key, node in graph.nodes.items():
        yield from _node(node, contents[key], layout.boxes[key])
    yield "</g>"
    yield f'<g transform="translate({_MARGIN:g} {height - _MARGIN:g})">{legend}</g>'
    yield "</svg>"


def _told(graph: Graph) -> str:
    """The picture in words, for those who hear it."""
    feeds = (
        f"{node.kind} {node.name} feeds "
        + ", ".join(dict.fromkeys(graph.nodes[each.target].name for each in graph.leaving(key)))
        for key, node in graph.nodes.items()
        if graph.leaving(key)
    )
    return "; ".join(feeds) + "." if graph.edges else ""


def _arrowheads(graph: Graph) -> Iterator[str]:
    for kind in dict.fromkeys(_class(each) for each in graph.edges):
        yield (
            f'<marker id="head-{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path class="head {kind}" d="M0 0.8 L8 4 L0 7.2 Z"/></marker>'
        )


def _class(edge: Edge) -> str:
    return DASHED.get(edge.kind, "events")


def _edge(edge: Edge, path: Sequence[tuple[float, float]]) -> str:
    parts = [f"M{_number(path[0][0])} {_number(path[0][1])}"]
    for index, ((x, y), (to_x, to_y)) in enumerate(pairwise(path)):
        if x == to_x:
            continue
        if index % 2 == 0 or abs(y - to_y) < 0.5:  # noqa: PLR2004  half a pixel
            parts.append(f"L{_number(to_x)} {_number(to_y)}")
        else:
            half = (x + to_x) / 2
            parts.append(
                f"C{_number(half)} {_number(y)} {_number(half)} {_number(to_y)} {_number(to_x)} {_number(to_y)}"
            )
    kind = _class(edge)
    tip = f"<title>{_text(edge.label)}</title>" if edge.label else ""
    return f'<path class="edge {kind}" marker-end="url(#head-{kind})" d="{" ".join(parts)}">{tip}</path>'


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _node(node: Node, content: _Content, at: Placed) -> Iterator[str]:
    radius = min(at.height / 2, 17) if _round(node) else 7
    yield f'<g class="node {node.kind}" transform="translate({_number(at.x)} {_number(at.y)})">'
    yield f"<title>{_text(_tip(node))}</title>"
    yield f'<rect class="box" width="{_number(at.width)}" height="{_number(at.height)}" rx="{radius:g}"/>'
    if not _round(node):
        bow = _number(at.height - 14)
        yield f'<path class="band" d="M5 0.5 a4.5 6.5 0 0 0 -4.5 6.5 v{bow} a4.5 6.5 0 0 0 4.5 6.5 z"/>'
    y = 9 + 12.0
    yield f'<text class="name" x="{_PAD + 3:g}" y="{y:g}">{_text(content.name)}</text>'
    for line in content.lines:
        y += _LINE - 1
        yield f'<text class="more" x="{_PAD + 3:g}" y="{y:g}">{_text(line)}</text>'
    if content.dlq:
        y += _LINE
        yield f'<text class="dead" x="{_PAD + 3:g}" y="{y:g}">✕ {_text(content.dlq)}</text>'
    for index, (_, when) in enumerate(content.rows):
        top = content.head + _ROW * index
        yield f'<path class="rule" d="M5 {_number(top)} H{_number(at.width)}"/>'
        yield f'<text class="when" x="{_PAD + 3:g}" y="{_number(top + 14)}">{_text(when)}</text>'
    yield "</g>"


def _round(node: Node) -> bool:
    """Whether it is something where events rest; what does something has corners and a band at its side."""
    return node.kind in _ROUND


def _tip(node: Node) -> str:
    parts = [f"{WORDS[node.kind]} {node.name}", node.detail, *(each.when for each in node.branches), *node.notes]
    parts += [f"dead letters: {node.dlq}" if node.dlq else "", f"declared at {node.position}" if node.position else ""]
    return "\n".join(filter(None, parts))


def _legend(graph: Graph) -> tuple[str, float]:
    """What colours and lines mean, as far as they occur; and how wide that is."""
    parts: list[str] = []
    x = 0.0
    for kind in KINDS:
        if any(node.kind == kind for node in graph.nodes.values()):
            parts.append(f'<rect class="box {kind}" x="{x:g}" y="-10" width="14" height="12" rx="3"/>')
            parts.append(f'<text class="key" x="{x + 20:g}" y="0">{WORDS[kind]}</text>')
            x += 20 + len(WORDS[kind]) * _SMALL * _EM + 22
    for kind, name in DASHED.items():
        if any(edge.kind == kind for edge in graph.edges):
            word = WORDS[kind]
            parts.append(f'<path class="edge {name}" d="M{x:g} -4 h26"/>')
            parts.append(f'<text class="key" x="{x + 33:g}" y="0">{word}</text>')
            x += 33 + len(word) * _SMALL * _EM + 22
    if graph.footnote:
        parts.append(f'<text class="key" x="{x:g}" y="0">{_text(graph.footnote)}</text>')
        x += cell_len(graph.footnote) * _SMALL * _EM
    return "".join(parts), x


def _text(text: str) -> str:
    """Text as XML takes it; a character that it doesn't take is shown as a box."""
    return escape("".join(each if each.isprintable() or each == "\n" else "�" for each in text))
