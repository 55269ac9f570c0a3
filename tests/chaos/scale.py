"""How long the suite runs, and where its figures go."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from tests.chaos.rows import NAMES

LONG = os.environ.get("HUB_CHAOS") == "long"
"""Whether the counts are those of the guarantees, rather than a few of each for every change."""
SEED = int(os.environ.get("HUB_CHAOS_SEED", "1"))
MINUTES = float(os.environ.get("HUB_CHAOS_MINUTES", "inf"))
"""How long faults are repeated in one test at most, where there isn't time for all; results say how many there were."""
RESULTS = Path(__file__).with_name("results")

Choice = TypeVar("Choice")


def scaled(short: Choice, long: Choice) -> Choice:
    """One of two values: for every change, and for the figures."""
    return long if LONG else short


def turns(count: int) -> Iterator[int]:
    """So many, or as many as there is time for."""
    end = time.monotonic() + 60.0 * MINUTES
    for turn in range(count):
        if turn and time.monotonic() > end:
            return
        yield turn


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which a share of them lies; None of nothing."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Writes what was measured; only the long form's figures are kept.

    Args:
        name: a result of the table's, see `tests.chaos.rows`.
        figures: ``fault`` and ``faults``, what was injected and how often; and what was found.
    """
    assert name in NAMES, f"{name} is in no row of the table"
    assert {"fault", "faults"} <= figures.keys(), figures
    logging.getLogger("tests.chaos").info("%s: %s", name, figures)
    if not LONG:
        return
    RESULTS.mkdir(exist_ok=True)
    document = {
        "name": name,
        "seed": SEED,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        **figures,
    }
    (RESULTS / f"{name}.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
