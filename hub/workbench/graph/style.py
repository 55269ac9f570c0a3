"""Colours and words of the SVG.

Text has a contrast of at least 4.5:1 on what is behind it, in both schemes (WCAG 2.2, criterion 1.4.3).
"""

from __future__ import annotations

KINDS = ("source", "topic", "inbox", "route", "sink", "dlq", "asked", "field", "setting")
"""Kinds of nodes, in the legend's order."""

WORDS = {
    "source": "source",
    "topic": "topic",
    "inbox": "inbox",
    "route": "route",
    "sink": "sink",
    "dlq": "dead letter topic",
    "asked": "the field asked for",
    "field": "field",
    "setting": "setting",
    "choice": "one of several",
    "reply": "reply",
    "dead letters": "dead letters",
    "decides": "decides",
}
"""What kinds of nodes and edges are called."""

DASHED = {"choice": "choice", "reply": "reply", "dead letters": "letters", "decides": "decides"}
"""Kinds of edges that aren't plain → their class."""

_LIGHT: dict[str, str | tuple[str, str]] = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "dim": "#57606a",
    "line": "#8c959f",
    "rule": "#d0d7de",
    "red": "#b3261e",
    "violet": "#8250df",
    "source": ("#e9f7ee", "#2da44e"),
    "topic": ("#f3f5f7", "#8c959f"),
    "inbox": ("#f3f5f7", "#8c959f"),
    "route": ("#e8f2ff", "#0969da"),
    "sink": ("#f6edff", "#8250df"),
    "dlq": ("#ffefee", "#cf222e"),
    "asked": ("#fff6dd", "#bf8700"),
    "field": ("#f3f5f7", "#8c959f"),
    "setting": ("#f6edff", "#8250df"),
}
_DARK: dict[str, str | tuple[str, str]] = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "dim": "#9aa4af",
    "line": "#6e7781",
    "rule": "#30363d",
    "red": "#ff8a80",
    "violet": "#c297ff",
    "source": ("#0f2a1a", "#3fb950"),
    "topic": ("#1b2129", "#6e7781"),
    "inbox": ("#1b2129", "#6e7781"),
    "route": ("#0c2342", "#539bf5"),
    "sink": ("#27184a", "#a371f7"),
    "dlq": ("#3a1416", "#f85149"),
    "asked": ("#322606", "#d29922"),
    "field": ("#1b2129", "#6e7781"),
    "setting": ("#27184a", "#a371f7"),
}


def _variables(scheme: dict[str, str | tuple[str, str]]) -> str:
    made: list[str] = []
    for name, value in scheme.items():
        if isinstance(value, tuple):
            made += [f"--{name}-fill:{value[0]}", f"--{name}-edge:{value[1]}"]
        else:
            made.append(f"--{name}:{value}")
    return ";".join(made)


_KIND = "\n".join(
    f".{kind} .box,.box.{kind}{{fill:var(--{kind}-fill);stroke:var(--{kind}-edge)}}"
    f".{kind} .band{{fill:var(--{kind}-edge)}}"
    for kind in KINDS
)

STYLE = f"""
:root{{color-scheme:light dark;{_variables(_LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{_variables(_DARK)}}}}}
text{{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:var(--ink)}}
.paper{{fill:var(--paper)}}
.heading{{font-size:18px;font-weight:600}}
.name{{font-size:13px;font-weight:600}}
.topic .name,.inbox .name,.dlq .name,.field .name{{font-weight:400}}
.more,.when,.key{{font-size:11px;fill:var(--dim)}}
.dead{{font-size:11px;fill:var(--red)}}
.box{{stroke-width:1.2}}
.inbox .box{{stroke-dasharray:3 3}}
.rule{{stroke:var(--rule);fill:none}}
.edge{{fill:none;stroke:var(--line);stroke-width:1.4}}
.head{{fill:var(--line)}}
.choice,.decides{{stroke-dasharray:5 4}}
.reply{{stroke-dasharray:2 3}}
.edge.letters{{stroke:var(--red);stroke-dasharray:2 3}}
.head.letters{{fill:var(--red);stroke:none}}
.head{{stroke:none}}
{_KIND}
"""
"""The style sheet."""
