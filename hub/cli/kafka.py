"""``hub kafka``: the embedded Apache Kafka, for those who want it to go on running beside what they do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli import workspace
from hub.cli.output import ENVIRONMENT, Json, ago, commands, console, print_json, run_async
from hub.kafka.embedded import DIRECTORY, EmbeddedKafka, Status

_PAUSE = 3.0  # seconds between two lines of one step, where there is no terminal

app = commands(no_args_is_help=True)


@app.callback()
def kafka(*, json: Json = False) -> None:
    """Start or stop the embedded Apache Kafka."""


DataDirectory = Annotated[
    Path, typer.Option("--directory", "-d", metavar="DIR", file_okay=False, help="Where it keeps data, settings, log.")
]


@app.command()
def start(
    *,
    directory: DataDirectory = DIRECTORY,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="For clients, on 127.0.0.1; by default the last one or a free one.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start Apache Kafka in the background, and wait until it answers.

    It goes on running until `hub kafka stop`. One that runs already is left as it is.
    """
    if directory == DIRECTORY:
        workspace.prepare()
    began = time.monotonic()
    with progress() as told:
        server = EmbeddedKafka(directory, port, progress=told)
        run_async(server.start(detached=True))
    found = server.status()
    if json:
        print_json(found)
        return
    out = console()
    took = f"ready in {time.monotonic() - began:.1f} s" if server.ours else "runs already"
    out.print(f"Apache Kafka {found.version}  {found.bootstrap}  {directory}  {took}")
    out.print("The hub's commands find it from here; for other programs and places:", style="dim")
    out.print(f"export HUB_KAFKA__BOOTSTRAP_SERVERS={found.bootstrap}", soft_wrap=True)


@app.command()
def stop(*, directory: DataDirectory = DIRECTORY, json: Json = False) -> None:
    """Stop it in order; its data stay for the next start."""
    server = EmbeddedKafka(directory)
    ran = run_async(server.stop())
    if json:
        print_json({"stopped": ran, "directory": server.directory})
    else:
        console().print(f"Apache Kafka in {directory} " + ("has stopped" if ran else "was not running"))


@app.command()
def status(*, directory: DataDirectory = DIRECTORY, json: Json = False) -> None:
    """Tell whether it runs, and where: exit code 0 if it does, 3 if it doesn't."""
    found = EmbeddedKafka(directory).status()
    if json:
        print_json(found)
    else:
        console().print(_line(found, directory), soft_wrap=True)
    if not found.running:
        raise typer.Exit(ENVIRONMENT)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Shows what is being done on standard error: one line that changes on a terminal, elsewhere a line per step."""
    out = console(stderr=True)
    if out.is_terminal:
        with out.status("") as spinner:
            yield spinner.update
    else:
        shown: dict[str, float] = {}

        def tell(line: str) -> None:
            # Of a row of counts ("fetching 12 of 46 jars, …") one every few seconds is enough.
            step = line.split(" ", 1)[0]
            if time.monotonic() - shown.get(step, -_PAUSE) >= _PAUSE:
                shown[step] = time.monotonic()
                out.print(line, soft_wrap=True)

        yield tell


def _line(found: Status, directory: Path) -> str:
    if not found.running:
        return f"Apache Kafka {found.version}  not running  {directory}"
    assert found.started is not None
    since = ago(datetime.fromtimestamp(found.started, UTC))
    return f"Apache Kafka {found.version}  {found.bootstrap}  {directory}  process {found.pid}, up for {since}"
