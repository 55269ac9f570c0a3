"""Runs measured programs as child processes, in turn, and collects what they report about themselves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson


class Failed(Exception):
    """A program ended with an error, or didn't end."""


async def run(module: str, *arguments: str) -> dict[str, float]:
    """Runs ``python -m MODULE ARGUMENTS`` to its end; its last line is a JSON object of figures."""
    try:
        return await run_script(sys.executable, "-m", module, *arguments)
    except Failed as error:
        raise SystemExit(str(error)) from error


async def run_script(*command: str, limit: float = 600.0) -> dict[str, float]:
    """Runs a command to its end; its last line that starts like a JSON object holds figures.

    Raises:
        Failed: it ended with an error, or took longer than ``limit`` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    name = " ".join(Path(each).name for each in command)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), limit)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Failed(f"{name} did not end within {limit:g} s") from None
    lines = [line for line in output.splitlines() if line.startswith(b"{")]
    if process.returncode or not lines:
        last = (errors.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{name} failed with exit code {process.returncode}: {last}")
    figures: dict[str, float] = orjson.loads(lines[-1])
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
