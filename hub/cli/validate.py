"""``hub validate``: everything that is wrong with a deployment, at once."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.output import INVALID, Json, commands, console, plural, print_json
from hub.deployment import check

if TYPE_CHECKING:
    from rich.console import Console

    from hub.deployment import Report

app = commands()


@app.command()
def validate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the deployment's schema files.", show_default=False)
    ],
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Look closer, and let warnings fail too.", show_default=False)
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Correct the mistakes whose right spelling is known.", show_default=False)
    ] = False,
    sarif: Annotated[
        Path | None,
        typer.Option(
            "--sarif", metavar="FILE", help="Write the findings as SARIF 2.1.0; - for here.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check the schema files of a deployment: exit code 0 if they are valid, 2 if not.

    Everything is listed at once, with file, line and column. `--json` prints an array of findings, `--sarif` writes
    them for CI systems that annotate changes, `--fix` writes corrected files and lists what is left.
    """
    # A tenth of a check's time is the collector's, which finds next to nothing in it.
    collects = gc.isenabled()
    gc.disable()
    try:
        report = check(directory, strict=strict)
    finally:
        if collects:
            gc.enable()
    piped = sarif is not None and str(sarif) == "-"
    quiet = json or piped
    if fix:
        report = _fixed(report, directory, None if quiet else console(), strict=strict)
    if sarif is not None:
        _write_sarif(report, None if piped else sarif)
    if json:
        print_json([each.to_json() for each in report.findings])
    elif not piped:
        _print(report)
    if not report.valid:
        raise typer.Exit(INVALID)


def _print(report: Report) -> None:
    if not report.findings:
        # Without rich, which takes as long as a check of twenty routes.
        typer.secho(report.summary(), fg=typer.colors.GREEN, color=False if os.environ.get("NO_COLOR") else None)
        return
    from hub.cli.findings import show  # noqa: PLC0415  only where there is something to show

    out = console()
    show(report.findings, out)
    out.print(report.summary())


def _fixed(report: Report, directory: Path, out: Console | None, *, strict: bool) -> Report:
    from hub.cli.findings import show_changes  # noqa: PLC0415  most calls don't need it
    from hub.deployment.repairs import repair  # noqa: PLC0415  as above

    changes = repair(report)
    if out is not None:
        show_changes(changes, out)
        files = plural(len({each.path for each in changes}), "file")
        out.print(f"corrected {plural(len(changes), 'place')} in {files}" if changes else "nothing to correct")
        out.print()
    return check(directory, strict=strict) if changes else report


def _write_sarif(report: Report, file: Path | None) -> None:
    from importlib.metadata import version  # noqa: PLC0415  as above

    import orjson  # noqa: PLC0415  as above

    from hub.deployment.sarif import sarif  # noqa: PLC0415  as above
    from hub.sdk import ConfigError  # noqa: PLC0415  as above

    document = sarif(report, version=version("integration-hub"), root=Path.cwd())
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if file is None:
        sys.stdout.write(text.decode())
        return
    try:
        file.write_bytes(text)
    except OSError as error:
        raise ConfigError(f"can't write {file}: {error.strerror or error}; give another path to --sarif") from error
