"""``hub tap``: what goes by on a topic, or at a unit, as it comes."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from hub.cli import workspace
from hub.cli.letters import event_json
from hub.cli.logs import LogFormat, configure
from hub.cli.moment import moment
from hub.cli.output import DirectoryOption, Json, commands, console, plural, print_json, printable, run_async
from hub.cli.where import explained
from hub.deployment import Deployment, InvalidDeployment, RouteSpec, SourceSpec
from hub.engine.programs.calls import tap as look
from hub.engine.programs.tap import Sighting, Tap
from hub.kafka import nearby
from hub.sdk.errors import ConfigError, InvalidEvent

app = commands()

SHORTEST = 20
"""Characters of an event's data that a line shows at least."""


@app.command()
def tap(
    names: Annotated[list[str], typer.Argument(metavar="TOPIC|UNIT", help="Topics, or units of the deployment.")],
    *,
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPRESSION", help="Only events of which this is true.", show_default=False),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Begin N events before the end.", show_default=False),
    ] = None,
    from_: Annotated[
        str,
        typer.Option(
            "--from", metavar="START", help="Begin at `earliest`, `latest`, or a time: 11:52, 2h (ago), RFC 3339."
        ),
    ] = "latest",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after N events.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All attributes, headers and data.")] = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Watch events of a topic or unit as they come, until Ctrl-C.

    Of a source or route it shows what it publishes, of a sink what it reads. It moves nobody's position, goes on over
    restarts of the hub and of Kafka, and picks up topics that are made later. `--json` prints one event per line.
    """
    configure(LogFormat.JSON if json else LogFormat.PLAIN)
    deployment = _deployment(directory)
    topics = _topics(names, deployment)
    start = from_ if from_ in ("latest", "earliest") else moment(from_)
    if last is not None and from_ != "latest":
        raise typer.BadParameter("give one of --last and --from", param_hint="--last")
    with explained():
        tapped = look(*topics, settings=nearby.kafka(), start=start, last=last, where=where)
    try:
        run_async(_watch(tapped, names, deployment, limit, full=full, json=json))
    finally:
        if tapped.unevaluated:
            console(stderr=True).print(
                f"{plural(tapped.unevaluated, 'event')} left out, for which --where has no value: {tapped.problem}",
                style="yellow",
            )


async def _watch(
    tapped: Tap, names: Sequence[str], deployment: Deployment | None, limit: int | None, *, full: bool, json: bool
) -> None:
    out = console()
    seen = 0
    async with aclosing(tapped.sightings(lambda missing: _tell_missing(missing, names, deployment))) as sightings:
        async for sighting in sightings:
            if json:
                print_json(to_json(sighting))
            elif full:
                _show(out, sighting)
            else:
                # Only a terminal has an edge: what goes through a pipe may be searched.
                out.print(line(sighting, out.width if out.is_terminal else None), soft_wrap=True)
            seen += 1
            if seen == limit:
                return


def _deployment(directory: Path | None) -> Deployment | None:
    """The deployment whose units may be meant; a topic can be watched without one."""
    try:
        return workspace.deployment(directory)
    except InvalidDeployment as error:
        if directory is not None:
            raise
        first = error.findings[0]
        console(stderr=True).print(
            f"the deployment here is not valid, so only topics are known by name: {first.message}", style="yellow"
        )
    except ConfigError:
        if directory is not None:
            raise
    return None


def _topics(names: Sequence[str], deployment: Deployment | None) -> list[str]:
    """The topics that are meant: a unit's, where the deployment has one of that name."""
    found: dict[str, None] = {}
    for name in names:
        unit = deployment.units.get(name) if deployment else None
        if unit is None:
            meant = [name]
        elif isinstance(unit, SourceSpec):
            meant = unit.topics()
        elif isinstance(unit, RouteSpec):
            meant = unit.outputs
        else:
            meant = [*unit.inputs, unit.inbox]
        found |= dict.fromkeys(meant)
    return list(found)


def _tell_missing(missing: set[str], names: Sequence[str], deployment: Deployment | None) -> None:
    units = list(deployment.units) if deployment else []
    known = [*units, *(spec.name for spec in deployment.topic_specs())] if deployment else []
    for name in sorted(missing):
        close = difflib.get_close_matches(name, known, 1) if name in names else []
        hint = f"; did you mean {close[0]}?" if close else ""
        console(stderr=True).print(f"the topic {name} doesn't exist yet, waiting for it{hint}", style="yellow")


def line(sighting: Sighting, width: int | None) -> Text:
    """One line: time, place, key, type, id, and as much of the data as fits; all of it without a width."""
    at = f"{sighting.at.astimezone():%H:%M:%S}.{sighting.at.microsecond // 1000:03d}"
    key = "-" if sighting.key is None else sighting.key.decode(errors="replace")
    text = Text.assemble((at, "dim"), "  ", (str(sighting.place), "cyan"), "  ", printable(key), "  ")
    event = sighting.event
    if event is None:
        return text.append(printable(sighting.problem), "red")
    text.append(printable(event.type), "bold").append(f"  {printable(event.id)}  ")
    data = " ".join(_data(event.raw, event.datacontenttype).split())
    room = len(data) if width is None else max(SHORTEST, width - len(text.plain))
    return text.append(printable(data if len(data) <= room else f"{data[: room - 1]}…"))


def _data(raw: bytes | None, content_type: str) -> str:
    if raw is None:
        return "(no data)"
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"({len(raw):,} bytes of {content_type})"


def _show(out: Console, sighting: Sighting) -> None:
    import orjson  # noqa: PLC0415  with --full only

    out.print(line(sighting, 0), soft_wrap=True)
    event = sighting.event
    if event is not None:
        for name, value in event.attributes.items():
            out.print(Text.assemble("  ", (f"{name:<16}", "dim"), printable(value)), soft_wrap=True)
        for name, header in event.headers:
            value = header.decode(errors="replace")
            out.print(Text.assemble("  ", (f"{name:<16}", "dim"), printable(value)), soft_wrap=True)
    raw = sighting.value if event is None else event.raw
    text = _data(raw, "" if event is None else event.datacontenttype)
    if event is not None:
        try:
            if not isinstance(event.data, str | bytes) and event.raw is not None:
                with contextlib.suppress(orjson.JSONEncodeError):  # more levels than can be indented; shown as it came
                    text = orjson.dumps(event.data, option=orjson.OPT_INDENT_2).decode()
        except InvalidEvent as error:
            text = f"{error}\n{text}"
    out.print(Text("  " + printable(text).replace("\n", "\n  ")), soft_wrap=True)
    out.print()


def to_json(sighting: Sighting) -> dict[str, Any]:
    """One event for programs."""
    place, event = sighting.place, sighting.event
    headers = event.headers if event is not None else sighting.headers
    return {
        "at": sighting.at,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "key": None if sighting.key is None else sighting.key.decode(errors="replace"),
        **event_json(event, sighting.value),
        **({"problem": sighting.problem} if sighting.problem else {}),
        "headers": {name: value.decode(errors="replace") for name, value in headers},
    }
