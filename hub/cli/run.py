"""``hub run``: units of a deployment on a Kafka that is there, until a signal comes. Made for containers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.logs import Level, LogFormat, configure
from hub.cli.output import Directory, Json, commands, print_json, run_async
from hub.cli.worker import Signals, Worker
from hub.deployment import load
from hub.kafka import nearby

app = commands()

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="UNIT,…", help="Run these units; all by default.", show_default=False),
]
DrainLimit = Annotated[
    float,
    typer.Option("--drain-limit", metavar="SECONDS", min=0, help="Time to settle what is open when it is to end."),
]
Watching = Annotated[
    bool, typer.Option("--watch", help="Put changed schema files to work; invalid ones change nothing.")
]
Format = Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written, on standard error.")]
Verbosity = Annotated[Level, typer.Option("--log-level", help="What is logged of the hub's own doings.")]


def named(only: list[str] | None) -> list[str]:
    """Names out of options that each may hold several, separated by commas."""
    return [name.strip() for each in only or () for name in each.split(",") if name.strip()]


@app.command()
def run(
    directory: Directory,
    *,
    only: Only = None,
    drain_limit: DrainLimit = 20.0,
    watch: Watching = False,
    log_format: Format = LogFormat.PLAIN,
    log_level: Verbosity = Level.INFO,
    json: Json = False,
) -> None:
    """Run a deployment, or some of its units, on your Kafka, until SIGTERM or Ctrl-C.

    Kafka is where HUB_KAFKA__BOOTSTRAP_SERVERS says, or the embedded one that `hub kafka start` or `hub up` runs here.
    The admin API (/healthz, /readyz, /metrics, /connectors) is at HUB_ADMIN__HOST and HUB_ADMIN__PORT, by default
    127.0.0.1:8081; webhooks arrive at HUB_INGRESS__HOST and HUB_INGRESS__PORT, by default 127.0.0.1:8080.

    With --watch, a schema file that has changed is checked and compiled, and swapped in between two batches; one that
    is invalid changes nothing and says why. /readyz and `hub status` tell which generation is at work.

    Exit code 0 after all was drained, 1 if a unit had to be cut off or had failed for good. With --json, standard
    output gets one document when all units have started and one when they have ended.
    """
    configure(LogFormat.JSON if json else log_format, log_level)
    raise typer.Exit(run_async(_run(directory, named(only), drain_limit, json=json, watch=watch)))


async def _run(directory: Path, only: list[str], drain_limit: float, *, json: bool, watch: bool) -> int:
    deployment = load(directory)
    deployment.check_references(os.environ, only)
    with Signals() as signals:
        worker = Worker(deployment, nearby.kafka(), signals, only=only, drain_limit=drain_limit, watch=watch)
        code = await worker.run(lambda: print_json(worker.report("started")) if json else None)
        if json:
            print_json(worker.report("ended"))
        return code
