"""A graph in Mermaid's language, which GitHub, GitLab and many editors draw within Markdown.

Syntax by mermaid.js.org/syntax/flowchart.html. Every text stands in quotes, with what HTML or Mermaid would read as
something else written as entities.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.workbench.graph.model import Edge, Graph, Node
from hub.workbench.graph.terminal import cut

_LONGEST = 48
"""Characters of a predicate that fit a box."""
_SHAPES = {
    "source": ('(["', '"])'),
    "topic": ('[("', '")]'),
    "inbox": ('[("', '")]'),
    "dlq": ('[("', '")]'),
    "route": ('["', '"]'),
    "sink": ('[["', '"]]'),
    "asked": ('(["', '"])'),
    "field": ('(["', '"])'),
    "setting": ('[["', '"]]'),
}
_ENTITIES = {"#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}
_COLOURS = {
    "source": "fill:#e6f4ea,stroke:#1e8e3e,color:#0d3b1c",
    "topic": "fill:#f1f3f4,stroke:#80868b,color:#202124",
    "inbox": "fill:#f1f3f4,stroke:#80868b,color:#202124",
    "route": "fill:#e8f0fe,stroke:#1a73e8,color:#0b2e66",
    "sink": "fill:#f3e8fd,stroke:#9334e6,color:#3c1361",
    "dlq": "fill:#fce8e6,stroke:#d93025,color:#5c120c",
    "asked": "fill:#fff6dd,stroke:#bf8700,color:#4d3500",
    "field": "fill:#f1f3f4,stroke:#80868b,color:#202124",
    "setting": "fill:#f3e8fd,stroke:#9334e6,color:#3c1361",
}


def mermaid(graph: Graph) -> str:
    """The text of a Mermaid flowchart."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    names = {key: f"n{number}" for number, key in enumerate(graph.nodes, start=1)}
    yield "flowchart LR"
    yield f"  accTitle: {_plain(graph.title)}"
    yield f"  accDescr: {_plain(graph.summary)}"
    for key, node in graph.nodes.items():
        opening, closing = _SHAPES[node.kind]
        yield f"  {names[key]}{opening}{_label(node)}{closing}:::{node.kind}"
    for edge in graph.edges:
        yield f"  {names[edge.source]} {_arrow(edge, graph)} {names[edge.target]}"
    if graph.footnote:
        yield f"  %% {_plain(graph.footnote)}"
    for kind in dict.fromkeys(node.kind for node in graph.nodes.values()):
        yield f"  classDef {kind} {_COLOURS[kind]}"


def _label(node: Node) -> str:
    lines = [f"<b>{_text(node.name)}</b>" if node.kind in ("source", "route", "sink") else _text(node.name)]
    if node.detail:
        lines.append(_text(cut(node.detail, _LONGEST)))
    lines += [_text(note) for note in node.notes]
    if node.special_dlq:
        lines.append(_text(f"✕ {node.special_dlq}"))
    return "<br/>".join(lines)


def _arrow(edge: Edge, graph: Graph) -> str:
    when = next((each.when for each in graph.nodes[edge.source].branches if each.name == edge.branch), "")
    words = {"choice": "one of", "reply": "reply", "dead letters": "dead letters", "decides": "decides"}
    label = " · ".join(filter(None, (cut(when, _LONGEST), words.get(edge.kind, edge.label))))
    line = "-.->" if edge.kind in words else "-->"
    return f'{line}|"{_text(label)}"|' if label else line


def _text(text: str) -> str:
    return "".join(_ENTITIES.get(each, each) for each in text if each.isprintable())


def _plain(text: str) -> str:
    """What may stand in a line without quotes."""
    return "".join(each if each.isprintable() and each not in '{};#<>"`' else " " for each in text).strip() or "graph"
