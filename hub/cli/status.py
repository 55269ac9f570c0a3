"""``hub status``: what every worker of a deployment runs, as they report it on Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.output import Json, ago, commands, console, print_json, printable, run_async, table
from hub.deployment import Deployment
from hub.engine.reading.absence import Absence, absent
from hub.engine.status import Report, read_reports
from hub.engine.unit import State, Status
from hub.kafka import nearby

app = commands()

_COLOURS = {State.RUNNING: "green", State.PAUSED: "yellow", State.FAILED: "bold red"}


@app.command()
def status(
    directory: workspace.Here = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Workers that are gone, too, with their last report.")] = False,
    json: Json = False,
) -> None:
    """Show what each worker runs: units, states, lag, and the generation of the schema files.

    A worker that was started with --watch takes new schema files as a new generation; where it refused them, the reason
    stands here. Workers with the same digest run the same. A unit that nobody has run for so long that the brokers soon
    forget where it stood is told. The exit code is 1 where a unit has failed.
    """
    configure(level=Level.ERROR)
    deployment = workspace.deployment(directory)
    reports, absences = run_async(_read(deployment))
    shown = [each for each in reports if every or not each.stale]
    if json:
        print_json([_described(each) for each in shown])
    else:
        _show(shown, deployment)
        for absence in absences:
            console().print(Text(str(absence), "yellow"))
    raise typer.Exit(1 if any(each.status.state is State.FAILED for each in shown if not each.stale) else 0)


async def _read(deployment: Deployment) -> tuple[list[Report], list[Absence]]:
    settings = nearby.kafka()
    reports = await read_reports(settings, deployment.name)
    return reports, [each for each in await absent(settings, deployment) if each.near]


def _described(report: Report) -> dict[str, Any]:
    return {**report.model_dump(mode="json"), "stale": report.stale}


def _show(reports: Sequence[Report], deployment: Deployment) -> None:
    out = console()
    if not reports:
        out.print(
            f"no worker runs {deployment.name}; `hub run` or `hub up` starts one, --all shows those that are gone"
        )
        return
    workers = {each.worker: each for each in reports}
    for worker, report in workers.items():
        seen = f", last seen {ago(report.at)}" if report.stale else ""
        out.print(Text(f"{worker}  generation {report.generation} ({report.digest or 'unknown'}){seen}", "bold"))
        if report.refused:
            out.print(Text(f"newer schema files are refused: {printable(report.refused)}", "yellow"))
        rows = [_row(each.status) for each in reports if each.worker == worker]
        out.print(table(("unit", "kind", "state", "lag", "gen", "detail"), rows, right=("lag", "gen")))
    live = {each.digest for each in workers.values() if not each.stale}
    if len(live) > 1:
        out.print(Text(f"workers run {len(live)} different versions of the schema files", "yellow"))
    elif live and deployment.digest not in live:
        out.print(Text(f"the schema files here ({deployment.digest}) are another version than what runs", "yellow"))


def _row(unit: Status) -> tuple[str | Text, ...]:
    state = Text(unit.state, _COLOURS.get(unit.state, ""))
    return unit.unit, unit.kind, state, f"{unit.totals.lag:,}", str(unit.generation), unit.detail
