"""``hub backfill``: reads a range of a polling source again, beside the source."""

from __future__ import annotations

import os
import re
import shlex
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.moment import moment
from hub.cli.output import DirectoryOption, Json, ago, commands, console, plural, print_json, printable, run_async
from hub.engine.assembly import Assembly
from hub.engine.sources.backfill import Asked, Backfill
from hub.ingress import HttpServer
from hub.kafka import nearby
from hub.kafka.topics import ensure_topics
from hub.sdk import ConfigError, HubError
from hub.sdk.config import parse_duration

if TYPE_CHECKING:
    from pathlib import Path

    from rich.status import Status

    from hub.deployment import Deployment
    from hub.kafka.settings import KafkaSettings
    from hub.sdk import IncrementalSource, Value

app = commands()

_TOLD_EVERY = 30.0  # seconds between two lines of progress where there is no terminal


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A polling source of the deployment.")],
    *,
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="VALUE",
            help="First cursor value: a time such as 2026-11-01, how long ago (7d), a number.",
        ),
    ],
    to: Annotated[str, typer.Option(metavar="VALUE", help="The one behind the last.")],
    window: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Longest range to ask for at once, such as 1d; the source's own `step`."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.001, help="Events per second at most; no limit if not given.")
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this stream of the source; may be repeated.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Begin anew, also if it was done or begun before.")] = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Read a range of a source again, while the source goes on.

    The source's own cursor isn't moved. Events have the ids that they have had before. One that was interrupted goes on
    where it was when the same command is given again.
    """
    configure(level=Level.ERROR)
    deployment = workspace.deployment(directory)
    settings = nearby.kafka()
    shown = _Progress(_beside(window, rate, stream or [], directory), json=json)
    try:
        done = run_async(
            _run(deployment, settings, source, (from_, to, window), shown, rate=rate, streams=stream or [], again=again)
        )
    except (HubError, KeyboardInterrupt):
        shown.interrupted()
        raise
    finally:
        shown.end()
    if json:
        print_json(shown.document(done))
    else:
        shown.tell(done)


async def _run(
    deployment: Deployment,
    settings: KafkaSettings,
    name: str,
    written: tuple[str, str, str | None],
    shown: _Progress,
    *,
    rate: float | None,
    streams: list[str],
    again: bool,
) -> Backfill:
    assembly = Assembly(deployment, settings, HttpServer("127.0.0.1", 0, name="none"), os.environ)
    try:
        source = assembly.incremental(name)
        start, end = (
            _value(source, option, text) for option, text in zip(("--from", "--to"), written[:2], strict=True)
        )
        asked = Asked(name, start, end, tuple(streams), _window(written[2]), rate, again)
        await ensure_topics(settings, deployment.topic_specs())
        work = assembly.backfill(asked, source, shown.follow)
        shown.begin(asked, work)
        await work.run()
    finally:
        await assembly.stop()
    return work


def _beside(window: str | None, rate: float | None, streams: list[str], directory: Path | None) -> list[str]:
    given = [("--window", window), ("--rate", None if rate is None else f"{rate:g}"), ("--dir", directory)]
    given += [("--stream", name) for name in streams]
    return [str(each) for option, value in given if value is not None for each in (option, value)]


def _value(source: IncrementalSource[Any], option: str, text: str) -> Value:
    """A cursor value as the far side writes it; times may be told as people tell them."""
    if source.values.distance is timedelta and not re.fullmatch(r"-?\d+", text):
        text = moment(text).isoformat()
    try:
        return source.values.parse(text)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None


def _window(text: str | None) -> timedelta | int | None:
    if text is None or re.fullmatch(r"\d+", text):
        return None if text is None else int(text)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--window: {error}, or a number where cursor values are numbers") from None


class _Progress:
    """What a backfill does, for people; on standard error while it is at work.

    Args:
        beside: the options that were given beside the range, for the command that goes on.
        json: whether programs read it: then it says nothing.
    """

    def __init__(self, beside: list[str], *, json: bool) -> None:
        self._beside = beside
        self._json = json
        self._err = console(stderr=True)
        self._status: Status | None = None
        self._asked: Asked | None = None
        self._work: Backfill | None = None
        self._last = time.monotonic()

    def begin(self, asked: Asked, work: Backfill) -> None:
        self._asked, self._work = asked, work
        if self._err.is_terminal and not self._json:
            self._status = self._err.status(self._text(work))
            self._status.start()

    def follow(self, work: Backfill, said: str) -> None:
        if self._json:
            return
        if self._status is not None:
            self._status.update(self._text(work) + (f" · {printable(said)}" if said else ""))
        elif said or time.monotonic() - self._last >= _TOLD_EVERY:
            self._last = time.monotonic()
            self._err.print(printable(said) or self._text(work), soft_wrap=True)

    def end(self) -> None:
        if self._status is not None:
            self._status.stop()

    def interrupted(self) -> None:
        """How to go on."""
        work, asked = self._work, self._asked
        if work is None or asked is None or not (work.counts.taken or work.resumed) or self._json:
            return
        self.end()
        self._err.print(f"{plural(work.counts.taken, 'event')} so far; to go on:", style="dim")
        command = ["hub", "backfill", asked.source, "--from", str(asked.start), "--to", str(asked.end), *self._beside]
        self._err.print(f"  {shlex.join(command)}", style="dim", soft_wrap=True)

    def tell(self, work: Backfill) -> None:
        """What was done."""
        asked, counts, out = self._asked, work.counts, console()
        assert asked is not None
        range_ = f"{asked.start} to {asked.end}"
        if work.resumed and not counts.taken and work.position.done is not None and not work.finished:
            out.print(
                f"source {asked.source}: {range_} was read again already, {ago(work.position.done)} ago; "
                "--again does it once more",
                soft_wrap=True,
            )
            return
        parts = [f"{plural(counts.delivered, 'event')} published"]
        if counts.dead_lettered.total():
            parts.append(f"{counts.dead_lettered.total():,} dead-lettered")
        if work.resumed:
            parts.append(f"gone on from a run that was begun {ago(work.position.began)} ago")
        out.print(f"source {asked.source}: {range_} read again", soft_wrap=True)
        out.print(f"  {' · '.join(parts)}", soft_wrap=True)
        out.print("  the source's own cursor is where it was", style="dim")

    def document(self, work: Backfill) -> dict[str, Any]:
        asked = self._asked
        assert asked is not None
        return {
            "source": asked.source,
            "from": asked.start,
            "to": asked.end,
            "streams": list(asked.streams),
            "resumed": work.resumed,
            "began": work.position.began,
            "done": work.position.done,
            "published": work.counts.delivered,
            "dead_lettered": work.counts.dead_lettered.total(),
        }

    def _text(self, work: Backfill) -> str:
        streams = work.position.cursor.streams
        at = ""
        if streams:
            name, state = list(streams.items())[-1]  # they are read one after the other
            at = f", at {name} {state.position}" if state.position is not None else f", in the first range of {name}"
        return plural(work.counts.taken, "event") + printable(at.rstrip().removesuffix(" of"))
