"""Runs measured programs as child processes, in turn, and collects what they report about themselves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import orjson


async def run(module: str, *arguments: str) -> dict[str, float]:
    """Runs ``python -m MODULE ARGUMENTS`` to its end; its last line is a JSON object of figures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed with exit code {process.returncode}")
    figures: dict[str, float] = orjson.loads(output.splitlines()[-1])
    return figures


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over the rounds."""
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def ratio(a: Sequence[Mapping[str, float]], b: Sequence[Mapping[str, float]], figure: str) -> float:
    """The median over rounds of a figure's ratio: neighbours in time, so that the machine's drift cancels out."""
    return median(x[figure] / y[figure] for x, y in zip(a, b, strict=True))


def number(value: Any) -> str:
    """For the tables."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
