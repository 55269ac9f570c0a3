"""``hub dlq``: what could not be delivered and why, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

import typer

from hub.cli import letters as shown
from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.moment import moment
from hub.cli.outcomes import say
from hub.cli.output import OK, RUNTIME, DirectoryOption, Json, commands, console, plural, print_json, run_async
from hub.cli.where import explained
from hub.deployment import Deployment
from hub.engine.dlq.census import Census, census
from hub.engine.dlq.deadletters import DeadLetters, Letter, check_units, queues_of
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.resolutions import Resolutions
from hub.engine.dlq.selection import Selection, Where
from hub.kafka import nearby
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import HubError

app = commands(no_args_is_help=True)


@app.callback()
def dlq(*, json: Json = False) -> None:  # noqa: ARG001  its callback notes it for the commands
    """List, show, replay or discard dead letters: events that a unit could not deliver, with the cause."""
    configure(level=Level.ERROR)


Units = Annotated[list[str] | None, typer.Argument(metavar="UNIT", help="Of these units.", show_default=False)]
Errors = Annotated[
    list[str] | None,
    typer.Option("--error", metavar="CLASS", help="Whose cause is of this class, e.g. Permanent.", show_default=False),
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="Whose event has this partition key.", show_default=False),
]
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id", help="The event of this id, or the dead letter at TOPIC-PARTITION@OFFSET.", show_default=False
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=moment, metavar="TIME", help="Given up since: 11:52, 2h (ago), an RFC 3339 time.", show_default=False
    ),
]
Until = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="Given up until then.", show_default=False)
]
Expression = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPRESSION",
        help="Of which this is true, e.g. 'error.status == 403'. It sees `error` (class, message, status, attempts, "
        "stage, at, replays, unit), and `event`, `data`, `key` and `headers` as routes do.",
        show_default=False,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="So many at most, the oldest first.", show_default=False)]
Everything = Annotated[bool, typer.Option("--all", help="Also those that were replayed or discarded.")]
AllUnits = Annotated[bool, typer.Option("--all-units", help="Of every unit, where none is named.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")]


@app.command("list")
def list_(
    units: Units = None,
    *,
    error: Errors = None,
    key: Keys = None,
    id: Ids = None,  # noqa: A002  the option's name
    since: Since = None,
    until: Until = None,
    where: Expression = None,
    every: Everything = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Count dead letters by unit and cause. `--json` prints an array of units."""
    selection = _selection(units, error, key, id, since, until, where, None, resolved=every)
    deployment = workspace.deployment(directory)
    counted = run_async(_count(deployment, nearby.kafka(), selection))
    found = [each for each in counted.values() if each.open or each.resolved]
    if json:
        print_json([each.to_json() for each in found])
        return
    out = console()
    if found:
        out.print(shown.listing(found))
    else:
        out.print("no dead letters" + (" of that kind" if _narrowed(selection) else ""))
    _tell_unevaluated(selection)


@app.command()
def show(
    units: Units = None,
    *,
    error: Errors = None,
    key: Keys = None,
    id: Ids = None,  # noqa: A002  the option's name
    since: Since = None,
    until: Until = None,
    where: Expression = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the oldest first.")] = 5,
    every: Everything = False,
    full: Annotated[
        bool, typer.Option("--full", help="The whole of long payloads, and of long texts in them.")
    ] = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Show dead letters with cause, headers, payload and earlier failures. `--json` prints one per line."""
    selection = _selection(units, error, key, id, since, until, where, limit, resolved=every or bool(id))
    deployment = workspace.deployment(directory)
    kinds = {name: unit.kind for name, unit in deployment.units.items()}
    out = console()
    count = 0

    def one(letter: Letter) -> None:
        nonlocal count
        count += 1
        if json:
            print_json(shown.to_json(letter))
        else:
            shown.show(out, letter, kinds.get(letter.unit, ""), full=full)

    run_async(_read(deployment, nearby.kafka(), selection, one))
    _tell_unevaluated(selection)
    if not count:
        console(stderr=True).print("no dead letters" + (" of that kind" if _narrowed(selection) else ""))
        raise typer.Exit(RUNTIME if id else OK)
    if count == limit and not json:
        out.print(f"the first {plural(count, 'dead letter')}; --limit shows more", style="dim")


@app.command()
def replay(
    units: Units = None,
    *,
    all_units: AllUnits = False,
    error: Errors = None,
    key: Keys = None,
    id: Ids = None,  # noqa: A002  the option's name
    since: Since = None,
    until: Until = None,
    where: Expression = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also what was replayed three times, and, named by --id, what was resolved."),
    ] = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Send dead letters back to the unit that failed, and to no other.

    Each goes back once, however often this is called: what was replayed is no longer listed. What fails again comes
    back as a new dead letter, which the same command doesn't take up again. Exit code 1 if some had to be left.
    """
    _check_chosen(units, all_units=all_units)
    selection = _selection(units, error, key, id, since, until, where, limit)
    deployment = workspace.deployment(directory)
    work = Replay(nearby.kafka(), deployment, selection, force=force)
    _run(work, work.rehearse() if dry_run else work.replay(), "replay", selection, dry_run=dry_run, json=json)


@app.command()
def discard(
    units: Units = None,
    *,
    all_units: AllUnits = False,
    error: Errors = None,
    key: Keys = None,
    id: Ids = None,  # noqa: A002  the option's name
    since: Since = None,
    until: Until = None,
    where: Expression = None,
    limit: Limit = None,
    reason: Annotated[str, typer.Option(help="Kept with them, and shown by `hub dlq show --all`.")] = "",
    dry_run: DryRun = False,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Write dead letters off: they stay on Kafka until their retention ends, and are no longer listed or replayed."""
    _check_chosen(units, all_units=all_units)
    selection = _selection(units, error, key, id, since, until, where, limit)
    deployment = workspace.deployment(directory)
    work = Replay(nearby.kafka(), deployment, selection)
    doing = work.rehearse("discarded") if dry_run else work.discard(reason)
    _run(work, doing, "discard", selection, dry_run=dry_run, json=json)


def _run(
    work: Replay, doing: Coroutine[Any, Any, None], verb: str, selection: Selection, *, dry_run: bool, json: bool
) -> None:
    """Does it, and says what was done, also where an error ended it."""
    try:
        run_async(doing)
    except (HubError, KeyboardInterrupt):
        if any(outcome.resolved for outcome in work.outcomes.values()):
            say(work.outcomes.values(), verb, dry_run=dry_run, json=json)
        raise
    say(work.outcomes.values(), verb, dry_run=dry_run, json=json)
    _tell_unevaluated(selection)
    if not dry_run and any(outcome.refusals for outcome in work.outcomes.values()):
        raise typer.Exit(RUNTIME)


async def _read(
    deployment: Deployment, settings: KafkaSettings, selection: Selection, each: Callable[[Letter], None]
) -> None:
    queues = queues_of(deployment)
    check_units(queues, selection.units)
    resolutions = Resolutions(settings, deployment.name)
    await resolutions.refresh()
    try:
        async with aclosing(DeadLetters(settings, queues, resolutions).read(selection)) as letters:
            async for letter in letters:
                each(letter)
    finally:
        await resolutions.stop()


async def _count(deployment: Deployment, settings: KafkaSettings, selection: Selection) -> dict[str, Census]:
    counted = census(queues_of(deployment))
    await _read(
        deployment,
        settings,
        selection,
        lambda letter: counted.setdefault(letter.unit, Census(letter.unit)).add(letter),
    )
    return counted


def _selection(
    units: list[str] | None,
    error: list[str] | None,
    key: list[str] | None,
    id: list[str] | None,  # noqa: A002  the option's name
    since: datetime | None,
    until: datetime | None,
    where: str | None,
    limit: int | None,
    *,
    resolved: bool = False,
) -> Selection:
    with explained():
        predicate = None if where is None else Where(where)
    return Selection(
        units=frozenset(units or ()),
        errors=frozenset(error or ()),
        keys=frozenset(key or ()),
        ids=frozenset(id or ()),
        since=since,
        until=until,
        where=predicate,
        resolved=resolved,
        limit=limit,
    )


def _check_chosen(units: list[str] | None, *, all_units: bool) -> None:
    if bool(units) == all_units:
        raise typer.BadParameter(
            "name units, or say --all-units, not both" if units else "name the units, or say --all-units",
            param_hint="UNIT",
        )


def _narrowed(selection: Selection) -> bool:
    return selection != Selection(resolved=selection.resolved, limit=selection.limit)


def _tell_unevaluated(selection: Selection) -> None:
    where = selection.where
    if isinstance(where, Where) and where.unevaluated:
        console(stderr=True).print(
            f"{plural(where.unevaluated, 'dead letter')} left out, for which --where has no value: {where.problem}",
            style="yellow",
        )
