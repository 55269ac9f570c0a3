"""``hub run``: units of a deployment on a Kafka that is there, until a signal comes. Made for containers."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.logs import Level, LogFormat, configure
from hub.cli.output import Directory, Json, commands, print_json, run_async
from hub.cli.superior import Superior
from hub.cli.worker import Signals, Worker
from hub.deployment import Deployment, load
from hub.engine.instance import Claim, passing, unclaimed
from hub.engine.settings import MOST_WORKERS, IngressSettings, WorkerSettings, numbered
from hub.ingress import listening_socket
from hub.kafka import nearby
from hub.sdk import WebhookSource

app = commands()
_BACKLOG = 2048

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="UNIT,…", help="Run these units; all by default.", show_default=False),
]
DrainLimit = Annotated[
    float,
    typer.Option("--drain-limit", metavar="SECONDS", min=0, help="Time to settle what is open when it is to end."),
]
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", min=1, max=MOST_WORKERS, help="Processes to run, for as many cores.")
]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance", metavar="NAME", help="A name that no other machine's workers have.", envvar="HUB_WORKER__INSTANCE"
    ),
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
    workers: Workers = 1,
    instance: Instance = None,
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

    With --workers, several processes share the partitions, the webhooks and the polling sources. One that dies is
    started again; its log lines begin with its number. The admin API answers for all of them. They have names that they
    keep (--instance and their numbers; by default the host's name), so that a restart within
    HUB_WORKER__SESSION_TIMEOUT, 10 s by default, moves no partitions to other workers and back. After Ctrl-C, and with
    HUB_WORKER__LEAVE=true, nothing waits for them.

    With --watch, a schema file that has changed is checked and compiled, and swapped in between two batches; one that
    is invalid changes nothing and says why. /readyz and `hub status` tell which generation is at work.

    Exit code 0 after all was drained, 1 if a unit had to be cut off or had failed for good. With --json, standard
    output gets one document when all units have started and one when they have ended.
    """
    form = LogFormat.JSON if json else log_format
    who = WorkerSettings() if instance is None else WorkerSettings(instance=instance)
    configure(form, log_level, worker=who.index)
    if workers == 1:
        raise typer.Exit(run_async(_run(directory, named(only), drain_limit, who, json=json, watch=watch)))
    arguments = [
        *("run", str(directory), "--drain-limit", str(drain_limit)),
        *("--log-format", form, "--log-level", log_level),
        *(("--only", ",".join(named(only))) if only else ()),
        *(("--watch",) if watch else ()),
    ]
    running = _run_several(directory, named(only), drain_limit, who, workers, arguments, json=json, watch=watch)
    raise typer.Exit(run_async(running))


async def _run(
    directory: Path, only: list[str], drain_limit: float, who: WorkerSettings, *, json: bool, watch: bool
) -> int:
    deployment = load(directory)
    deployment.check_references(os.environ, only)
    superior = Superior.find(who)
    if superior is None:
        # Nobody shall wait for several that ran here before.
        families = [who.instance] if who.instance else unclaimed(deployment.name)
        who = who.model_copy(update={"families": ",".join(families), "count": 0})
    with Signals() as signals:
        worker = Worker(deployment, nearby.kafka(), signals, only=only, drain_limit=drain_limit, watch=watch, who=who)
        if superior is not None:
            return await _serve(superior, worker, signals, who)
        code = await worker.run(lambda: print_json(worker.report("started")) if json else None)
        if json:
            print_json(worker.report("ended"))
        return code


async def _serve(superior: Superior, worker: Worker, signals: Signals, who: WorkerSettings) -> int:
    """Runs as one of several processes, for the one that has started us."""
    worker.hold(paused=named([who.paused]), stopped=named([who.stopped]))

    async def obey() -> None:
        signals.send(await superior.order())

    obeying = asyncio.create_task(obey(), name="superior")
    code = await worker.run(
        lambda: superior.tell(worker.report("started")),
        lambda: superior.tell({"phase": "listening", "admin": worker.admin.url}),
    )
    obeying.cancel()
    superior.tell({**worker.report("ended"), "signal": signals.number})
    return code


async def _run_several(
    directory: Path,
    only: list[str],
    drain_limit: float,
    who: WorkerSettings,
    workers: int,
    arguments: list[str],
    *,
    json: bool,
    watch: bool,
) -> int:
    from hub.cli.fleet import Fleet  # noqa: PLC0415  a worker that is alone doesn't need it

    deployment = load(directory)
    deployment.check_references(os.environ, only)
    # Held until we end: another `hub run` of the same deployment on this machine gets the next one.
    claim = Claim(deployment.name) if who.instance is None else None
    name = claim.name if claim else who.instance
    if name is not None:
        WorkerSettings(instance=numbered(name, workers))  # what can't be a name is told once, and here
    with Signals() as signals:
        fleet = Fleet(
            workers,
            arguments,
            os.environ,
            signals,
            drain_limit=drain_limit,
            instance=name,
            leave=who.leave or (True if who.leave is None and claim and passing() else None),
            listener=_listener(deployment, only, watch=watch),
        )
        code = await fleet.run(lambda: print_json(fleet.report("started")) if json else None)
        if json:
            print_json(fleet.report("ended"))
        return code


def _listener(deployment: Deployment, only: list[str], *, watch: bool) -> socket.socket | None:
    """The socket where webhooks arrive, for all workers; None where none can.

    Raises:
        EnvironmentProblem: the port is taken.
    """
    chosen = [spec for name, spec in deployment.sources.items() if not only or name in only]
    listens = any(issubclass(spec.cls, WebhookSource) for spec in chosen)
    if not listens and not watch:
        return None
    settings = IngressSettings()
    listener = listening_socket(settings.host, settings.port, "ingress")
    if listens:
        # From now on requests wait until the first worker is ready, and while the only one is started again.
        listener.listen(_BACKLOG)
    return listener
