"""Figures of a benchmark: printed as a table, written as flat JSON with the machine and the versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

RESULTS = Path(os.environ.get("BENCH_RESULTS") or Path(__file__).parent / "results")
"""Where figures go: small forms of a benchmark, run to see whether it works, are kept apart by ``BENCH_RESULTS``."""
_PACKAGES = ("aiokafka", "orjson", "uvicorn", "uvloop")


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        **{f"version_{name}": version(name) for name in _PACKAGES},
    }


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Writes ``results/NAME.json``."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    document = orjson.dumps({**_rounded(figures), **machine()}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (RESULTS / f"{name}.json").write_bytes(document)
    print(f"\nwritten to {os.path.relpath(RESULTS)}/{name}.json")


def _rounded(value: Any) -> Any:
    """Four digits of each number; text stays, and groups and lists of figures are done likewise."""
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value if isinstance(value, str) else float(f"{value:.4g}")


def load() -> float:
    """How many processes wanted the processor in the last minute, ours among them."""
    return os.getloadavg()[0]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, first column left, others right."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    for row in (headings, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
