"""``python -m tests.chaos.report``: the figures of the last long run, as a table.

With ``--write`` they are put into the document, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from tests.chaos.rows import ROWS
from tests.chaos.scale import RESULTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- chaos -->\n", "<!-- end of chaos -->"
MISSING = "**not run yet**"
_ABOUT = frozenset(("name", "seed", "at", "python", "cpus", "fault", "faults", "events", "outputs", "seconds"))
_CHECKED = {"lost": "lost", "duplicated": "duplicated", "order_violations": "out of order"}
_TIMED = {"resume_p95_s": "resumed within {:g} s (p95)", "resume_max_s": "{:g} s at most"}
_WORDS = {
    "unsure": "not answered 2xx at first",
    "repeated": "sent again though accepted",
    "stored_twice": "of those not answered 2xx, stored twice",
    "gap_p95_s": "the next leader's first commit within (p95)",
    "gap_max_s": "the next leader's first commit within (at most)",
    "miscounted": "wrong in the ledger",
    "nodes": "nodes",
    "places": "different places",
    "longest_end_s": "ended within",
    "while_it_rode": "while it was read for",
    "rss_growth_mb": "growth of memory in MB",
    "fenced": "commands stopped by the other",
}
"""What names of figures mean, where they don't say it themselves."""
_QUIET = frozenset(("resume_p50_s", "reader_disagreements", "unresumed"))
"""Shown only where they are not as they should be, or not at all."""


def table(results: Path = RESULTS) -> str:
    """One line per fault and result: what was injected, and what was found.

    Args:
        results: directory of the results; a row without one is shown as not run.
    """
    lines = ["| fault | must hold | injected | found |", "| --- | --- | --- | --- |"]
    for row in ROWS:
        before = (row.fault, row.holds)
        for name in row.results:
            path = results / f"{name}.json"
            figures = orjson.loads(path.read_bytes()) if path.exists() else None
            cells = (f"`{name}`", MISSING) if figures is None else (injected(figures), found(figures))
            lines.append("| " + " | ".join((*before, *cells)) + " |")
            before = ("", "")
    return "\n".join(lines)


def injected(figures: Mapping[str, Any]) -> str:
    """How often what was done, and in how many events."""
    events = figures.get("events")
    among = "" if events is None else f"; {events:,} events"
    seconds = figures.get("seconds")
    lasting = "" if seconds is None else f" in {seconds:,.0f} s"
    often = "once" if figures["faults"] == 1 else f"{figures['faults']:,} times"
    return f"{figures['fault']}, {often}{among}{lasting}"


def found(figures: Mapping[str, Any]) -> str:
    """What was lost, repeated or disordered, how soon it went on, and what else there is to say."""
    parts = [f"{figures[name]:,} {words}" for name, words in _CHECKED.items() if name in figures]
    parts += [words.format(figures[name]) for name, words in _TIMED.items() if figures.get(name) is not None]
    if figures.get("reader_disagreements") == 0:
        parts.append("the reader agrees")
    shown = {*_ABOUT, *_CHECKED, *_TIMED}
    for name, value in figures.items():
        quiet = name in _QUIET and (name == "resume_p50_s" or not value)
        if name not in shown and not quiet and value is not None:
            words = _WORDS.get(name, name.removesuffix("_s").replace("_", " "))
            parts.append(f"{words} {_shown(value)}{' s' if name.endswith('_s') else ''}")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name} {_shown(each)}" for name, each in value.items()) + ")"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def write(document: Path = DOCUMENT) -> None:
    """Puts the table into the document, between its two marks."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    assert mark, f"{document} lacks the marks of the table"
    document.write_text(before + BEGIN + table() + "\n" + END + after)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    sys.stdout.write(table() + "\n")
