"""``hub schemas``: compare versions of contracts, keep them in a registry, export them for subscribers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli import evolution as shown
from hub.cli.editors import editor
from hub.cli.logs import Level, configure
from hub.cli.output import RUNTIME, Directory, Json, commands, console, print_json, run_async
from hub.contracts.compatibility import Compatibility

app = commands(no_args_is_help=True)


@app.callback()
def schemas(*, json: Json = False) -> None:  # noqa: ARG001  its callback notes it for the commands
    """Compare versions of contracts, keep them in a schema registry, export them for subscribers."""
    configure(level=Level.ERROR)


Version = Annotated[Path, typer.Argument(help="A schema file, a folder of them, or a deployment.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask the registry, and change nothing.", show_default=False)]


@app.command()
def check(
    old: Version,
    new: Version,
    *,
    mode: Annotated[
        Compatibility,
        typer.Option(help="Backward: new reads old data. Forward: old reads new data. Full: both."),
    ] = Compatibility.BACKWARD,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Take an object that doesn't mention further fields as open, as Confluent's registry does.",
            show_default=False,
        ),
    ] = False,
    deployment: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Tell which of its routes and sinks the change breaks.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Compare two versions of schemas: exit code 0 if they are compatible, 1 if not.

    Every incompatibility has its path and reason. With `--deployment` the routes and sinks are listed whose expressions
    or outputs are right with the old version and wrong with the new one; such a change fails, too.
    """
    from hub.workbench.evolution import breakages, comparisons, schemas_at  # noqa: PLC0415  of this command

    before, after = schemas_at(old), schemas_at(new)
    found = comparisons(before, after, mode, strict=strict)
    broken = breakages(deployment, before, after) if deployment is not None else []
    if json:
        print_json(
            {"mode": mode, "schemas": [each.to_json() for each in found], "breaks": [each.to_json() for each in broken]}
        )
    else:
        shown.show(found, broken, console())
    if broken or any(each.incompatibilities for each in found):
        raise typer.Exit(RUNTIME)


@app.command()
def push(
    directory: Directory,
    *,
    subjects: Annotated[
        shown.Naming,
        typer.Option(help="What subjects are called: by event type, or by topic as TOPIC-value."),
    ] = shown.Naming.TYPE,
    every: Annotated[
        bool, typer.Option("--all", help="The contracts that connectors bring, too.", show_default=False)
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Store a deployment's contracts in the schema registry that HUB_REGISTRY__URL names.

    A contract that is there already stays as it is. Exit code 1 if the registry's rules refuse one; the others are
    stored all the same.
    """
    from hub.deployment import load  # noqa: PLC0415  of some commands
    from hub.workbench.subjects import publish  # noqa: PLC0415  of this command

    results = run_async(publish(load(directory), by_topic=subjects is shown.Naming.TOPIC, every=every, dry_run=dry_run))
    if json:
        print_json([each.to_json() for each in results])
    else:
        shown.show_published(results, console(), dry_run=dry_run)
    if any(each.refusal for each in results):
        raise typer.Exit(RUNTIME)


@app.command()
def pull(directory: Directory, *, json: Json = False) -> None:
    """Take the schemas that a deployment names by `registry:` from the registry into its lock file.

    What the file holds is what is checked and run, until this is called again: `version: latest` is the newest one now.
    """
    from hub.workbench.subjects import renew  # noqa: PLC0415  of this command

    results = run_async(renew(directory))
    if json:
        print_json([each.to_json() for each in results])
    else:
        shown.show_pulled(results, console())


@app.command("list")
def list_(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Only what this deployment takes from it.", show_default=False),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """List the subjects of the schema registry, or what a deployment takes from it and whether there is newer."""
    from hub.workbench.subjects import listing, taken  # noqa: PLC0415  of this command

    results: list[Any] = run_async(listing() if directory is None else taken(directory))
    if json:
        print_json([each.to_json() for each in results])
    elif directory is None:
        shown.show_subjects(results, console())
    else:
        shown.show_taken(results, console())


@app.command()
def export(
    directory: Directory,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="OUT", help="Directory to write to.", show_default=False)],
    every: Annotated[
        bool,
        typer.Option("--all", help="Models also of events that no route and no sink reads.", show_default=False),
    ] = False,
    json: Json = False,
) -> None:
    """Write what subscribers need: pydantic models of events' data, an AsyncAPI 3 document of all topics and events.

    Models are made by datamodel-code-generator: `pip install 'integration-hub[models]'`.
    """
    from hub.deployment import load  # noqa: PLC0415  of some commands
    from hub.workbench.export import export as write  # noqa: PLC0415  of this command

    written = write(load(directory), to, every=every)
    if json:
        print_json([str(each) for each in written])
        return
    shown.show_written(written, to, console())


app.command()(editor)
