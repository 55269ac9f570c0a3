"""``hub up``: a deployment with the servers that it needs, here and now, with a picture of what it does.

Servers that the environment names are used as they are. Otherwise Kafka is the embedded one, and RabbitMQ the one that
is installed on this machine, as a child process of ours; both keep their data in ``.hub`` and end with us.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from hub.cli import workspace
from hub.cli.display import LOG, AbovePicture, Display, LineDisplay, LiveDisplay, ReportDisplay, log_file
from hub.cli.logs import LogFormat, configure
from hub.cli.output import INTERRUPTED, Directory, Json, commands, console, print_json, run_async
from hub.cli.run import DrainLimit, Only, Watching, named
from hub.cli.servers import RABBITMQ, Servers, alone, check_rabbitmq, needs
from hub.cli.worker import Signals, Worker
from hub.deployment import Deployment, load

app = commands()

_LOST_LIMIT = 2.0
_log = logging.getLogger("hub")


@app.command()
def up(
    directory: Directory,
    *,
    only: Only = None,
    drain_limit: DrainLimit = 20.0,
    watch: Watching = False,
    json: Json = False,
) -> None:
    """Run a deployment here with the servers that it needs, and watch it; Ctrl-C drains and stops all of it.

    Kafka is an embedded one, unless HUB_KAFKA__BOOTSTRAP_SERVERS is set. Where the deployment refers to AMQP_URL and it
    isn't set, RabbitMQ is the one installed on this machine. Both keep their data in .hub, and so does the log.

    Without a terminal there are log lines on standard error. With --json, standard output gets a report whenever
    something has changed, at most one a second.
    """
    raise typer.Exit(run_async(_up(directory, named(only), drain_limit, json=json, watch=watch)))


async def _up(directory: Path, only: list[str], drain_limit: float, *, json: bool, watch: bool) -> int:
    deployment = load(directory)
    environ = dict(os.environ)
    rabbitmq = RABBITMQ not in environ and needs(deployment, only, RABBITMQ)
    # All that can be told beforehand is told before a server is started.
    deployment.check_references({RABBITMQ: "amqp://127.0.0.1/"} | environ if rabbitmq else environ, only)
    if rabbitmq:
        check_rabbitmq()
    with alone(), Signals() as signals, _display(json=json) as display:
        servers = Servers(display, rabbitmq=rabbitmq)
        signals.at_once += [display.close, servers.kill]
        keeping = asyncio.create_task(display.keep(), name="display")
        try:
            if not await signals.unless(servers.start()):
                return INTERRUPTED
            worker = Worker(
                deployment,
                servers.kafka,
                signals,
                only=only,
                drain_limit=drain_limit,
                environ={**environ, **servers.environ},
                watch=watch,
            )
            return await _work(worker, deployment, servers, display, json=json)
        finally:
            display.ending("stopping the servers")
            await servers.stop()
            display.ending(f"ended; data and log stay in {workspace.HOME}")
            keeping.cancel()


async def _work(worker: Worker, deployment: Deployment, servers: Servers, display: Display, *, json: bool) -> int:
    """Runs the units, for as long as Kafka lives."""

    def started() -> None:
        workspace.Up(str(deployment.directory.absolute()), os.getpid(), worker.admin.url).write()
        if json:
            print_json(worker.report("started"))

    display.show(worker)
    running = asyncio.create_task(worker.run(started), name="worker")
    watching = asyncio.create_task(servers.watch(), name="servers")
    try:
        await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            worker.end(_LOST_LIMIT)  # without Kafka nothing can be settled
            await asyncio.wait({running})
            watching.result()
        code = running.result()
    finally:
        watching.cancel()
    if json:
        print_json(worker.report("ended"))
    return code


@contextmanager
def _display(*, json: bool) -> Iterator[Display]:
    """A display for what standard output is, with the log where it belongs."""
    out = console()
    display: Display
    if json:
        configure(LogFormat.JSON)
        display = ReportDisplay()
    elif out.is_terminal and not out.is_dumb_terminal:
        configure(handlers=[log_file(LOG), AbovePicture(out)])
        display = LiveDisplay(out)
    else:
        configure()
        display = LineDisplay()
    try:
        yield display
    finally:
        display.close()
