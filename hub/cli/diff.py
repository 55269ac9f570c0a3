"""``hub diff``: what a change of routes changes, by the events that are retained."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.logs import Level, configure
from hub.cli.moment import moment
from hub.cli.output import OK, RUNTIME, Json, commands, console, print_json, run_async

if TYPE_CHECKING:
    from hub.deployment import Deployment

app = commands()

LAST = 10_000
"""Events that are compared where nothing else is asked for."""


@app.command()
def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD_DIR", help="The deployment as it was: a directory, or REV:PATH in Git.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW_DIR", help="The deployment as it shall be, likewise.")],
    *,
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", metavar="TOPIC", help="Events of these; by default of all that routes read."),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"The newest N events, over all topics; {LAST} by default."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="All since then: 11:52, 1h (ago), an RFC 3339 time."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from-file", metavar="FILE", help="Events of a file instead of Kafka's: CloudEvents, one per line."
        ),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, metavar="N", help="Show N events of each difference.")] = 0,
    values: Annotated[
        bool, typer.Option("--values/--no-values", help="Whether examples show values, or their types alone.")
    ] = True,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="What look-ups answer, as under `lookups:` of a test."),
    ] = None,
    json: Json = False,
) -> None:
    """Run retained events through two versions of the routes, and tell what differs.

    Per route: which events it newly matches or no longer does, what comes out other than before, what goes elsewhere,
    and what fails. It reads only: no consumer group, no position, no topic is made. Exit code 0 if nothing differs,
    1 if something does. Look-ups ask nobody. A line of `--from-file` is a CloudEvent, or what `hub tap --json` prints.
    """
    from hub.cli.differences import show, to_json  # noqa: PLC0415  wrong options needn't wait for what follows
    from hub.workbench.answers import read_answers  # noqa: PLC0415  as above
    from hub.workbench.difference import Difference  # noqa: PLC0415  as above

    configure(level=Level.ERROR)
    given = {"--last": last, "--since": since, "--from-file": file}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise typer.BadParameter(f"give one of --last, --since and --from-file; got {' and '.join(chosen)}")
    with ExitStack() as stack:
        before, after = (_load(each, stack, json=json) for each in (old, new))
    given_answers = read_answers(answers) if answers is not None else None
    difference = Difference(before, after, os.environ, topics=topics or (), examples=examples, answers=given_answers)
    if file is not None:
        difference.read_file(file)
    else:
        from hub.kafka import nearby  # noqa: PLC0415  as above

        run_async(difference.read_kafka(nearby.kafka(), last=last or (None if since else LAST), since=since))
    if json:
        print_json(to_json(difference, values=values))
    else:
        show(difference, console(), console(stderr=True), values=values)
    raise typer.Exit(RUNTIME if difference.differs else OK)


def _load(given: str, stack: ExitStack, *, json: bool) -> Deployment:
    from hub.deployment import InvalidDeployment, load  # noqa: PLC0415  as above
    from hub.workbench.revision import directory_of  # noqa: PLC0415  as above

    try:
        return load(stack.enter_context(directory_of(given)))
    except InvalidDeployment:
        if not json:
            # Findings name files as they lie in the directory, and there are two.
            console(stderr=True).print(f"the deployment in {given} is not valid", style="bold", soft_wrap=True)
        raise
