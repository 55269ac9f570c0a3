"""``hub cursors``: where polling sources stand, and how to put them elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, NamedTuple, cast

import orjson
import typer
from pydantic import ValidationError

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.output import DirectoryOption, Json, ago, commands, console, plural, print_json, run_async, table
from hub.deployment import Deployment
from hub.engine.sources.backfill import BackfillPosition, named, position_of
from hub.engine.sources.cursors import CursorStore, Stored
from hub.engine.status import read_reports
from hub.engine.unit import State
from hub.kafka import names, nearby
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import table_topic
from hub.kafka.topics import describe_topics, ensure_topics
from hub.sdk import ConfigError, Cursor, HubError, PollingSource, StreamsCursor, StreamState
from hub.sdk.remembered import count

app = commands(no_args_is_help=True)


@app.callback()
def cursors(*, json: Json = False) -> None:  # noqa: ARG001  its callback notes it for the commands
    """List, show, set or reset the positions of polling sources."""
    configure(level=Level.ERROR)


Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A polling source of the deployment.")]
Force = Annotated[bool, typer.Option("--force", help="Also while the source runs: it goes on from there.")]


_MODULE = re.compile(r"\b(?:\w+\.)+(?=\w)")  # before the name of a type
_LONGEST = 2000  # characters of a cursor that are shown


class StillRunning(HubError):
    """A source's cursor isn't set while the source works, but on purpose."""


class Position(NamedTuple):
    """Where a source stands.

    Attributes:
        source: its name.
        cursor: as stored; None before its first poll.
        at: when that was stored.
        problem: why the source can't go on from there.
        backfill: the range of the backfill that stands there, instead of the source itself.
    """

    source: str
    cursor: Any
    at: datetime | None
    problem: str | None
    backfill: str | None = None


@app.command("list")
def list_(*, directory: DirectoryOption = None, json: Json = False) -> None:
    """List the cursors of all polling sources. `--json` prints an array."""
    deployment = workspace.deployment(directory)
    positions = run_async(_positions(deployment, nearby.kafka()))
    if json:
        print_json([each._asdict() for each in positions])
        return
    out = console()
    if not positions:
        out.print("no polling sources")
        return
    rows = [
        (
            f"{each.source} (backfill)" if each.backfill else each.source,
            "never polled" if each.at is None else f"{ago(each.at)} ago",
            each.problem or (_progress(each) if each.backfill else _text(each.cursor)),
        )
        for each in positions
    ]
    out.print(table(("source", "stored", "cursor"), rows))


@app.command()
def show(source: Source, *, directory: DirectoryOption = None, json: Json = False) -> None:
    """Show a source's cursor."""
    deployment = workspace.deployment(directory)
    everything = run_async(_positions(deployment, nearby.kafka()))
    positions = {each.source: each for each in everything if each.backfill is None}
    if source not in positions:
        _model(deployment, source)
    found = positions[source]
    if json:
        print_json(found._asdict())
        return
    out = console()
    if found.at is None:
        out.print(f"source {source} has no cursor yet: it begins with {_text(_model(deployment, source)())}")
        return
    streams = _streams(found.cursor)
    if streams is None:
        out.print(orjson.dumps(found.cursor, option=orjson.OPT_INDENT_2).decode(), soft_wrap=True)
    else:
        rows = [
            (name or "its only stream", _place(state), plural(count(state.seen), "change"))
            for name, state in streams.streams.items()
        ]
        out.print(table(("stream", "position", "remembered"), rows))
        if more := {name: value for name, value in found.cursor.items() if name != "streams" and value}:
            out.print(_shortened(more), soft_wrap=True)
    out.print(f"stored {ago(found.at)} ago", style="dim")
    if found.problem:
        out.print(found.problem, style="yellow")
    for each in everything:
        if each.source == source and each.backfill:
            out.print(f"backfill {_progress(each)}", style="dim", soft_wrap=True)


@app.command("set")
def set_(
    source: Source,
    cursor: Annotated[
        str, typer.Argument(metavar="JSON", help='The new cursor, e.g. \'{"since": "2026-11-01T00:00:00Z"}\'.')
    ],
    *,
    force: Force = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Put a source elsewhere: it goes on from this cursor when it starts.

    Stop the source first; with --force, one that runs is interrupted and goes on from there.
    """
    deployment = workspace.deployment(directory)
    new = _parsed(_model(deployment, source), source, cursor)
    old = run_async(_store(deployment, nearby.kafka(), source, new, force=force))
    _tell_change(source, old, new, json=json)


@app.command()
def reset(
    source: Source,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    force: Force = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Forget where a source stands: it begins anew, and reads everything again.

    Also forgets the cursor of a source that the deployment no longer has.
    """
    deployment = workspace.deployment(directory)
    settings = nearby.kafka()
    if source not in {each.source for each in run_async(_positions(deployment, settings)) if not each.backfill}:
        _model(deployment, source)
    if not yes:
        typer.confirm(f"Source {source} will begin anew and read everything again. Go on?", abort=True, err=True)
    old = run_async(_store(deployment, settings, source, None, force=force))
    _tell_change(source, old, None, json=json)


def _tell_change(source: str, old: Any, new: Cursor | None, *, json: bool) -> None:
    if json:
        print_json({"source": source, "old": old, "new": new})
        return
    out = console()
    out.print(f"source {source}")
    out.print(f"  old  {'none' if old is None else _text(old)}", soft_wrap=True)
    out.print(f"  new  {'none: it begins anew' if new is None else _text(new)}", soft_wrap=True)


def _text(cursor: Any) -> str:
    """A cursor in a line: the positions of an incremental source, all of others."""
    if isinstance(cursor, Cursor):
        cursor = cursor.model_dump(mode="json")
    streams = _streams(cursor)
    if streams is None:
        return _shortened(cursor)
    positions = [f"{name} {_place(state)}".strip() for name, state in streams.streams.items()]
    return ", ".join(positions)


def _place(state: StreamState) -> str:
    return "in its first range" if state.position is None else str(state.position)


def _streams(cursor: Any) -> StreamsCursor | None:
    """The streams of an incremental source's cursor; None of others'."""
    if not isinstance(cursor, dict) or not isinstance(cursor.get("streams"), dict) or not cursor["streams"]:
        return None
    try:
        return StreamsCursor(streams=cursor["streams"])
    except ValidationError:
        return None


def _shortened(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters; all of it with --json)"


def _progress(one: Position) -> str:
    """How far a backfill has come."""
    position = cast("BackfillPosition", one.cursor)
    if position.done is not None:
        return f"{one.backfill}: done {ago(position.done)} ago"
    at = _text(position.cursor)
    return f"{one.backfill}: " + (f"at {at}" if position.cursor.streams else "begun")


def _model(deployment: Deployment, source: str) -> type[Cursor]:
    """The cursor's model of a polling source.

    Raises:
        ConfigError: there is no such source, or it doesn't poll.
    """
    spec = deployment.sources.get(source)
    if spec is not None and issubclass(spec.cls, PollingSource):
        return spec.cls.cursor_type()
    polling = [name for name, each in deployment.sources.items() if issubclass(each.cls, PollingSource)]
    those = f"those with a cursor: {', '.join(polling)}" if polling else "no source of the deployment has one"
    if spec is not None:
        raise ConfigError(f"source {source} is called instead of polling, so it has no cursor; {those}")
    raise ConfigError(f"no polling source named {source}; {those}")


def _parsed(model: type[Cursor], source: str, text: str) -> Cursor:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, each['loc'])) or 'cursor'}: {each['msg']}" for each in error.errors(include_url=False)
        ]
        fields = ", ".join(
            f"{name} ({_MODULE.sub('', str(field.annotation))})"
            if not isinstance(field.annotation, type)
            else f"{name} ({field.annotation.__name__})"
            for name, field in model.model_fields.items()
        )
    raise ConfigError(f"that is no cursor of {source}: {'; '.join(wrong)}. Its fields: {fields}")


@asynccontextmanager
async def _opened(settings: KafkaSettings, deployment: str) -> AsyncIterator[CursorStore]:
    store = CursorStore(settings, deployment)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def _stored(settings: KafkaSettings, deployment: str) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """Cursors of sources, and of backfills."""
    if not await _exists(settings, names.cursors(deployment)):
        return {}, {}  # it has never run
    async with _opened(settings, deployment) as store:
        return dict(await store.stored()), dict(await store.backfills())


async def _exists(settings: KafkaSettings, topic: str) -> bool:
    return topic in await describe_topics(settings, [topic])


async def _positions(deployment: Deployment, settings: KafkaSettings) -> list[Position]:
    """Every polling source, then what is stored of sources that are there no more, then backfills."""
    stored, backfills = await _stored(settings, deployment.name)
    found: list[Position] = []
    for name, spec in deployment.sources.items():
        if not issubclass(spec.cls, PollingSource):
            continue
        one = stored.pop(name, None)
        if one is None:
            found.append(Position(name, None, None, None))
            continue
        cursor, problem = _read(one.cursor)
        if problem is None:
            try:
                spec.cls.cursor_type().model_validate_json(one.cursor)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                problem = f"it doesn't fit the source: {'.'.join(map(str, first['loc'])) or 'cursor'}: {first['msg']}"
        found.append(Position(name, cursor, one.at, problem))
    for name, one in stored.items():
        found.append(Position(name, _read(one.cursor)[0], one.at, "the deployment has no such polling source"))
    for place, one in backfills.items():
        source, range_ = named(place)
        position = position_of(one)
        problem = None if position is not None else "it can't be read; `hub backfill --again` begins anew"
        found.append(Position(source, position, one.at, problem, range_))
    return found


def _read(text: str) -> tuple[Any, str | None]:
    try:
        return orjson.loads(text), None
    except orjson.JSONDecodeError:
        return text, "it is no JSON"


async def _store(
    deployment: Deployment, settings: KafkaSettings, source: str, new: Cursor | None, *, force: bool
) -> Any:
    """Stores a cursor, or none, and gives the old one."""
    if not force:
        await _check_stopped(deployment, settings, source)
    await ensure_topics(settings, [table_topic(names.cursors(deployment.name))])
    async with _opened(settings, deployment.name) as store:
        old = await store.get(source)
        if new is None:
            await store.reset(source)
        else:
            await store.put(source, new.model_dump_json())
    return None if old is None else _read(old)[0]


async def _check_stopped(deployment: Deployment, settings: KafkaSettings, source: str) -> None:
    if not await _exists(settings, names.status(deployment.name)):
        return
    for report in await read_reports(settings, deployment.name):
        status = report.status
        if status.unit == source and status.state in (State.RUNNING, State.PAUSED) and not report.stale:
            raise StillRunning(
                f"source {source} is {status.state} at {report.worker}, where it would be interrupted: "
                "stop that hub, or run it without the source, then do this again; --force does it all the same"
            )
