"""Plots as SVG, written by hand: bars and lines that show well in light and dark, with nothing fetched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from xml.sax.saxutils import escape

FIGURES = Path(os.environ.get("BENCH_FIGURES") or Path(__file__).parent.parent / "docs" / "figures")
_WIDTH, _ROW, _BAR, _GAP = 760, 23, 15, 12
_LEFT, _RIGHT, _TOP = 180, 160, 66
_STYLE = """
:root{color-scheme:light dark;--paper:#ffffff;--ink:#1f2328;--dim:#59636e;--rule:#d1d9e0;--hub:#0969da;--other:#9aa4af;
--goal:#bc4c00}
@media (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--rule:#30363d;--hub:#4493f8;
--other:#656c76;--goal:#f0883e}}
text{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:12px;
fill:var(--ink)}
text{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.paper{fill:var(--paper)}.title{font-size:15px;font-weight:600}.heading,.ours{font-weight:600}.dim{fill:var(--dim)}
.hub{fill:var(--hub)}.spread{stroke:var(--ink);stroke-width:1.5}.cut{stroke:var(--paper);stroke-width:4}
.other{fill:var(--other)}.rule{stroke:var(--rule)}
.goal{stroke:var(--goal);stroke-dasharray:5 4}.goaltext{fill:var(--goal)}
.line{fill:none;stroke:var(--hub);stroke-width:1.6}
"""


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        label: what was measured.
        value: how much.
        text: behind the bar.
        beside: at the right edge.
        ours: whether it is the hub's.
        spread: the least and the most of what was measured, drawn as a line.
    """

    label: str
    value: float
    text: str
    beside: str = ""
    ours: bool = False
    spread: tuple[float, float] | None = None


@dataclass(frozen=True)
class Group:
    """Bars under a heading.

    Attributes:
        heading: over them.
        each: the bars, from the top.
        goal: a value to be reached, drawn as a line over them.
    """

    heading: str
    each: Sequence[Bar]
    goal: float | None = None


def bars(name: str, title: str, note: str, groups: Sequence[Group], *, most: float, beside: str = "") -> None:
    """Writes ``docs/figures/NAME.svg``: a bar in each row.

    Args:
        name: of the file.
        title: what it shows.
        note: the unit, and what is good.
        groups: from the top.
        most: where the scale ends; longer bars are cut, and say so by a gap and their text.
        beside: heading over the right edge.
    """
    height = _TOP + sum(_ROW * (len(group.each) + 1) + _GAP for group in groups) + 6
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    parts = _head(title, note, height)
    y = _TOP
    for index, group in enumerate(groups):
        parts.append(_text(20, y + 12, group.heading, kind="heading"))
        if not index:
            parts.append(_text(_WIDTH - 20, y + 12, beside, kind="dim", anchor="end"))
        y += _ROW
        if group.goal is not None:
            x = _LEFT + group.goal * scale
            parts.append(f'<path class="goal" d="M{x:.1f} {y - 5} V{y + _ROW * len(group.each) - 3}"/>')
            parts.append(_text(x, y - 9, f"goal: {group.goal:g}", kind="goaltext", anchor="middle"))
        for bar in group.each:
            parts += _bar(bar, y, scale, most)
            y += _ROW
        y += _GAP
    _write(name, [*parts, "</svg>"])


def _bar(bar: Bar, y: float, scale: float, most: float) -> list[str]:
    width = min(bar.value, most) * scale
    kind = "hub" if bar.ours else "other"
    parts = [
        _text(_LEFT - 8, y + 12, bar.label, kind="ours" if bar.ours else "", anchor="end"),
        f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
    ]
    if bar.value > most:  # a gap near the end says that the bar goes on
        x = _LEFT + width - 14
        parts.append(f'<path class="cut" d="M{x:.1f} {y + _BAR + 2} l6 -{_BAR + 4}"/>')
    after = width
    if bar.spread is not None and bar.spread[1] <= most:
        least, longest = (each * scale for each in bar.spread)
        middle = y + _BAR / 2
        parts.append(f'<path class="spread" d="M{_LEFT + least:.1f} {middle} H{_LEFT + longest:.1f}"/>')
        after = max(width, longest)
    parts.append(_text(_LEFT + after + 6, y + 12, bar.text))
    if bar.beside:
        parts.append(_text(_WIDTH - 20, y + 12, bar.beside, kind="dim", anchor="end"))
    return parts


def line(name: str, title: str, note: str, points: Sequence[Sequence[float]], *, axes: tuple[str, str]) -> None:
    """Writes ``docs/figures/NAME.svg``: a line through points, from zero on both axes.

    Args:
        name: of the file.
        title: what it shows.
        note: how to read it.
        points: x and y.
        axes: units of x and y.
    """
    height, left, bottom = 320, 80, 46
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points) * 1.15
    scale_x, scale_y = (_WIDTH - left - 40) / most_x, (height - _TOP - bottom) / most_y
    parts = _head(title, note, height)
    for value in _ticks(most_y):
        y = height - bottom - value * scale_y
        parts.append(f'<path class="rule" d="M{left} {y:.1f} H{_WIDTH - 40}"/>')
        parts.append(_text(left - 8, y + 4, f"{value:g} {axes[1]}", kind="dim", anchor="end"))
    for value in _ticks(most_x):
        x = left + value * scale_x
        parts.append(_text(x, height - bottom + 18, _short(value), kind="dim", anchor="middle"))
    parts.append(_text(_WIDTH - 40, height - 8, axes[0], kind="dim", anchor="end"))
    path = " ".join(f"{left + x * scale_x:.1f},{height - bottom - y * scale_y:.1f}" for x, y in points)
    parts.append(f'<polyline class="line" points="{path}"/>')
    _write(name, [*parts, "</svg>"])


def _head(title: str, note: str, height: float) -> list[str]:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="6"/>',
        _text(20, 26, title, kind="title"),
        _text(20, 44, note, kind="dim"),
    ]


def _text(x: float, y: float, text: str, *, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(most: float) -> list[float]:
    """Round numbers up to the largest, four to nine of them."""
    step = 10.0 ** floor(log10(most))
    while most / step < 4:
        step /= 2
    return [step * index for index in range(int(most / step) + 1)]


def _short(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def _write(name: str, parts: Sequence[str]) -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}.svg").write_text("\n".join(parts) + "\n")
    print(f"drawn to {os.path.relpath(FIGURES)}/{name}.svg")
