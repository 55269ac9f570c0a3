"""``python -m tests.chaos.report``: the figures of the last long run, as a table for the documents."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import orjson

from tests.chaos.scale import RESULTS

_COLUMNS = ("events", "lost", "duplicated", "order_violations", "resume_p95_s")


def table() -> str:
    """One line per fault: how often, in how many events, what was lost, repeated or disordered, how soon it went on."""
    lines = [
        "| fault | times | events | lost | duplicated | out of order | resumed, p95 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        figures: Mapping[str, Any] = orjson.loads(path.read_bytes())
        events, lost, duplicated, disorder, resumed = (figures.get(name) for name in _COLUMNS)
        seconds = "" if resumed is None else f"{resumed:g} s"
        lines.append(
            f"| {figures.get('fault', figures['name'])} | {_number(figures.get('faults'))} | {_number(events)} | "
            f"{_number(lost)} | {_number(duplicated)} | {_number(disorder)} | {seconds} |"
        )
    return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
