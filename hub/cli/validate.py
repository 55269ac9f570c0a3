"""``hub validate``: everything that is wrong with a deployment, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.findings import show
from hub.cli.output import INVALID, Json, commands, console, print_json
from hub.deployment import check

app = commands()


@app.command()
def validate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the deployment's schema files.", show_default=False)
    ],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Check the schema files of a deployment: exit code 0 if they are valid, 2 if not.

    Everything is listed at once, with file, line and column. `--json` prints an array of findings.
    """
    report = check(directory)
    if json:
        print_json([each.to_json() for each in report.findings])
    else:
        out = console()
        show(report.findings, out)
        out.print(report.summary(), style=None if report.findings else "green")
    if not report.valid or (strict and report.findings):
        raise typer.Exit(INVALID)
