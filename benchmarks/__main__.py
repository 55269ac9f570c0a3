"""``python -m benchmarks [NAME …]``: runs the benchmarks, all of them if none is named."""

from __future__ import annotations

import asyncio
import importlib
import sys

BENCHMARKS = (
    "delivery",
    "stages",
    "profile",
    "partitions",
    "fused",
    "latency",
    "start",
    "memory",
    "ingest",
    "payloads",
    "routes",
    "sinks",
    "trials",
    "validate",
    "figures",  # last: it draws what the others have found
)

if __name__ == "__main__":
    names = sys.argv[1:] or BENCHMARKS
    if unknown := set(names) - set(BENCHMARKS):
        sys.stderr.write(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}\n")
        sys.exit(2)
    for name in names:
        asyncio.run(importlib.import_module(f"benchmarks.{name}").main())
