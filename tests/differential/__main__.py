"""Compares many random expressions with the reference: ``python -m tests.differential [CASES] [SEED]``.

Writes the counts to benchmarks/results/differential.json. Exit code 1 if something differs.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential.comparison import Differs, compared
from tests.differential.expressions import data, expressions

RESULTS = Path("benchmarks/results/differential.json")
ROUND = 2000  # cases after which Hypothesis starts anew, since it remembers all that it has tried


def run(size: int, start: int) -> tuple[Counter[str], list[str]]:
    """One round: counts of outcomes, and the texts of what differs."""
    counts: Counter[str] = Counter()
    different: list[str] = []

    def case(source: str, payload: Any) -> None:
        try:
            counts[compared(source, payload)] += 1
        except Differs as problem:
            different.append(str(problem))

    options = settings(
        max_examples=size,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(start)(options(given(expressions, data)(case)))()
    return counts, different


def rounds(cases: int, start: int) -> tuple[Counter[str], list[str]]:
    """All rounds, on all cores."""
    counts: Counter[str] = Counter()
    different: list[str] = []
    sizes = [min(ROUND, cases - done) for done in range(0, cases, ROUND)]
    with ProcessPoolExecutor() as pool:
        for number, (found, texts) in enumerate(pool.map(run, sizes, range(start, start + len(sizes))), 1):
            counts.update(found)
            different += texts
            sys.stdout.write("".join(f"\n{text}\n\n" for text in texts))
            sys.stdout.write(f"{sum(sizes[:number]):>9,} cases, {len(different)} differ\n")
            sys.stdout.flush()
    return counts, different


def main() -> int:
    """Runs, prints and writes."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    start = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    counts, different = rounds(cases, start)
    results = {
        "cases": sum(counts.values()) + len(different),
        "both_have_the_same_value": counts.pop("value", 0),
        "both_fail": counts.pop("error", 0),
        "known_divergences": dict(counts.most_common()),
        "differ": len(different),
        "seed": start,
        "reference": f"cel-expr-python {version('cel-expr-python')}",
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
