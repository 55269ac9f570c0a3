"""``python -m benchmarks [NAME …]``: runs the benchmarks, all of them if none is named; ``--help`` lists them."""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
from pathlib import Path

BENCHMARKS = (
    "delivery",
    "stages",
    "profile",
    "partitions",
    "fused",
    "workers",
    "latency",
    "start",
    "memory",
    "ingest",
    "payloads",
    "routes",
    "services",
    "sinks",
    "trials",
    "validate",
    "figures",  # last: it draws what the others have found
)
VARIABLES = """\
environment variables (each benchmark's module has its own, too, named BENCH_…):
  BENCH_EVENTS, BENCH_ROUNDS   how many, e.g. 20000 and 1 to see whether it works
  BENCH_PEERS=0                leaves the other frameworks out of `delivery`
  BENCH_RESULTS, BENCH_FIGURES directories to write to; benchmarks/results and docs/figures
"""


def summary(name: str) -> str:
    """The first line of a benchmark's docstring; nothing is imported for it."""
    text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text())) or ""
    return text.splitlines()[0]


def main() -> None:
    """Runs what was asked for, in that order."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Runs benchmarks and writes their figures; all of them, half an hour, if none is named.",
        epilog="\n".join([*(f"  {name:11}{summary(name)}" for name in BENCHMARKS), "", VARIABLES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="one of these:")
    names = parser.parse_args().name
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        asyncio.run(importlib.import_module(f"benchmarks.{name}").main())


if __name__ == "__main__":
    main()
