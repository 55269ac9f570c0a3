"""``hub test``: the tests in a deployment's schema files."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import RUNTIME, Directory, Json, commands, console, print_json
from hub.deployment import load
from hub.workbench.coverage import Coverage, Recorder
from hub.workbench.trials import Result, run, select

app = commands()

_SILENCE = logging.NullHandler()


@app.command()
def run_tests(
    directory: Directory,
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Tell what no test has seen happen.", show_default=False)
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", metavar="PERCENT", min=0, max=100, help="Fail below this coverage.",
                     show_default=False),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option("-k", metavar="PATTERN", help="Run tests with this in their name; * and ? stand for anything.",
                     show_default=False),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, for CI.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Run the tests in the schema files of a deployment: exit code 0 if all pass, 1 if not, 2 if the files are invalid.

    Nothing is needed for it: no Kafka, no connection, no environment variable. `--coverage` lists outcomes of
    predicates and branches that no test has seen.
    """
    started = time.perf_counter()
    # Contracts log what they only warn of; that is of no interest here.
    logging.getLogger("hub").addHandler(_SILENCE)
    deployment = load(directory)
    recorder = Recorder(deployment) if coverage or fail_under is not None else None
    results: list[Result] = []
    for result in run(deployment, select(deployment.tests.values(), pattern)):
        results.append(result)
        if recorder is not None:
            recorder.take(result.passage.steps, result.tracers)
    seen = recorder.coverage() if recorder is not None else None
    seconds = time.perf_counter() - started
    if junit is not None:
        _write_junit(junit, deployment.name, results, seconds)
    under = fail_under is not None and seen is not None and seen.percent < fail_under
    if json:
        from hub.workbench.report import report  # noqa: PLC0415  people need another one

        print_json(report(results, seen, seconds))
    else:
        _print(results, seen, seconds, fail_under if under else None)
    if under or not all(result.passed for result in results):
        raise typer.Exit(RUNTIME)


def _print(results: list[Result], coverage: Coverage | None, seconds: float, wanted: float | None) -> None:
    from hub.cli.trials import show  # noqa: PLC0415  programs that read JSON don't wait for it

    show(results, coverage, seconds, wanted, console())


def _write_junit(file: Path, name: str, results: list[Result], seconds: float) -> None:
    from hub.sdk import ConfigError  # noqa: PLC0415  most calls don't need it
    from hub.workbench.junit import junit  # noqa: PLC0415  as above

    try:
        file.write_bytes(junit(name, results, seconds))
    except OSError as error:
        raise ConfigError(f"can't write {file}: {error.strerror or error}; give another path to --junit") from error
