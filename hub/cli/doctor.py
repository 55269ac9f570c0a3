"""``hub doctor``: what this machine has, and what is missing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from hub.cli.checks import Check, as_json, checks
from hub.cli.output import ENVIRONMENT, Json, commands, console, print_json, printable, run_async

app = commands()

_COLOURS = {"ok": "green", "info": "dim", "warn": "yellow", "fail": "bold red"}


@app.command()
def doctor(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A deployment whose needs are checked as well.", show_default=False),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Check what this machine has and what the hub needs; exit code 3 if something is missing.

    Kafka is checked where the environment names one or an embedded one runs here. Nothing is written or started.
    """
    # What goes wrong is reported as a check's result.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = run_async(_look(directory, json=json))
    failed = [check for check in found if check.level == "fail"]
    if json:
        print_json({"ok": not failed, "checks": [as_json(check) for check in found]})
    if failed:
        raise typer.Exit(ENVIRONMENT)


async def _look(directory: Path | None, *, json: bool) -> list[Check]:
    out = console()
    found = []
    async for check in checks(directory):
        found.append(check)
        if not json:
            out.print(_row(check))
    return found


def _row(check: Check) -> Any:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=4)
    row.add_column(width=15)
    row.add_column()
    text = Text(printable(check.found))
    if check.advice:
        text.append(f"\n→ {printable(check.advice)}", "" if check.level in ("warn", "fail") else "dim")
    row.add_row(Text(check.level, _COLOURS[check.level]), check.name, text)
    return row
