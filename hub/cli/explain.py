"""``hub explain``: why routes do with an event what they do, and what became of one that went through."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.logs import Level, configure
from hub.cli.moment import moment
from hub.cli.output import RUNTIME, Json, commands, console, print_json, run_async

if TYPE_CHECKING:
    from hub.deployment import Deployment
    from hub.sdk.event import Event
    from hub.workbench.explanation import Explanation

app = commands()

WINDOW = timedelta(hours=24)
"""How far back an event is looked for where nothing else is asked for."""


def _duration(text: str) -> timedelta:
    from hub.sdk.config import parse_duration  # noqa: PLC0415  only where one is given

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def explain(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="The deployment; by default the one that `hub up` runs here, or this directory.",
            envvar="HUB_DIR",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="EVENT.json", help="An event to explain; - reads it from here.", show_default=False),
    ] = None,
    *,
    id: Annotated[  # noqa: A002  the option's name
        str | None,
        typer.Option("--id", metavar="ID", help="An event of the running deployment, or TOPIC-PARTITION@OFFSET."),
    ] = None,
    window: Annotated[
        timedelta | None,
        typer.Option(parser=_duration, metavar="TIME", help="With --id: how far back to look, e.g. 6h or 7d; 24h."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="With --id: look around this time instead of back from now."),
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="The file holds the payload of such an event.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="The event lies on this topic; by default that of its type.")
    ] = None,
    routes: Annotated[
        list[str] | None, typer.Option("--route", metavar="ROUTE", help="Explain these routes alone.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values/--no-values", help="Whether to show values of the event, or their types alone.")
    ] = True,
    full: Annotated[bool, typer.Option("--full", help="All fields that change, and all hops.")] = False,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="What look-ups answer, as under `lookups:` of a test."),
    ] = None,
    json: Json = False,
) -> None:
    """Explain what routes do with an event, or with --id what became of one in the running deployment.

    `hub explain DIR EVENT.json` tells of each route which part of its predicate decided, what comes out, or what fails;
    nothing needs to run. `hub explain --id ID` follows an event over topics, units, dead letters and replays; it reads
    only, from the newest events back. Exit code 1 if the event isn't found.
    """
    configure(level=Level.ERROR)
    if id is None and file is None and directory is not None and (directory.is_file() or str(directory) == "-"):
        directory, file = None, directory
    if (id is None) == (file is None):
        raise typer.BadParameter("give a deployment and an event, DIR EVENT.json, or the id of an event, --id ID")
    if id is not None:
        _trace(directory, id, window or WINDOW, at, values=values, full=full, json=json)
        return
    from hub.cli import workspace  # noqa: PLC0415  wrong options needn't wait for it
    from hub.cli.explanations import show, to_json  # noqa: PLC0415  as above
    from hub.workbench.samples import of_document  # noqa: PLC0415  as above

    assert file is not None
    event, lay_on = of_document(_read(file), event_type)
    deployment = workspace.deployment(directory)
    known = [spec.scope for spec in deployment.routes.values()]
    topic = topic or lay_on or (known[0].topic(event.type) if known else event.type)
    found = _chosen(_explained(deployment, topic, event, answers), routes)
    if json:
        print_json(to_json(event, topic, found, values=values))
    else:
        show(console(), event, topic, found, values=values, full=full)


def _read(file: Path) -> bytes:
    from hub.sdk import ConfigError  # noqa: PLC0415  as above

    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from error


def _explained(deployment: Deployment, topic: str, event: Event, answers: Path | None) -> list[Explanation]:
    from hub.workbench.answers import read_answers  # noqa: PLC0415  as above
    from hub.workbench.explanation import Explainer  # noqa: PLC0415  as above

    given = read_answers(answers) if answers is not None else None
    return Explainer(deployment, os.environ, given).explain(topic, event)


def _chosen(found: list[Explanation], routes: list[str] | None) -> list[Explanation]:
    from hub.sdk import ConfigError  # noqa: PLC0415  as above

    names = [each.route.name for each in found]
    unknown = sorted(set(routes or ()) - set(names))
    if unknown:
        raise ConfigError(f"no route named {', '.join(unknown)}; the deployment has {', '.join(names) or 'none'}")
    return [each for each in found if not routes or each.route.name in routes]


def _trace(
    directory: Path | None, wanted: str, window: timedelta, at: datetime | None, *, values: bool, full: bool, json: bool
) -> None:
    from hub.cli import workspace  # noqa: PLC0415  as above
    from hub.cli.journeys import Judging, show, tell_searched  # noqa: PLC0415  as above
    from hub.kafka import nearby  # noqa: PLC0415  as above
    from hub.workbench.journey.journey import trace  # noqa: PLC0415  as above
    from hub.workbench.journey.window import Window  # noqa: PLC0415  as above

    if not wanted:
        raise typer.BadParameter("expected the id of an event", param_hint="--id")
    deployment = workspace.deployment(directory)
    span = Window.last(window) if at is None else Window.around(at, window)
    judging = Judging(deployment, os.environ, values=values)
    journey = run_async(trace(nearby.kafka(), deployment, wanted, span, judging))
    if json:
        print_json(journey.to_json())
    elif journey.hops:
        show(console(), journey, wanted, full=full)
    if not journey.hops:
        if not json:
            tell_searched(console(stderr=True), journey, wanted, span)
        raise typer.Exit(RUNTIME)
