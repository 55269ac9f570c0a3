"""``hub new connector``: a connector to start from, that passes its tests.

What it writes lies in ``scaffold/templates`` beside this module.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import Json, commands, console, print_json
from hub.cli.scaffold import Kind, Wanted, check_name, check_title, files
from hub.cli.writing import write_new
from hub.deployment import Registry
from hub.sdk import ConfigError

app = commands(no_args_is_help=True)

_GUIDE = "docs/writing-a-connector.md"


@app.callback()
def new(*, json: Json = False) -> None:
    """Start something new that is written in Python."""


@app.command()
def connector(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `use: NAME`.", show_default=False)],
    *,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            "--kind", help="What it has, a polling source if nothing is said; may be repeated.", show_default=False
        ),
    ] = None,
    package: Annotated[
        bool, typer.Option("--package", help="A package of your own, that pip installs beside the hub.")
    ] = False,
    title: Annotated[
        str | None, typer.Option("--title", help="The system's name, for people.", show_default=False)
    ] = None,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write it.")] = Path(),
    json: Json = False,
) -> None:
    """Start a new connector, as a folder of the hub's project or as a package of its own.

    What is written works, for an API that was made up: its tests pass, it keeps its contract, it is formatted and
    typed. docs/writing-a-connector.md goes through its files and says what to change for your API. Nothing that is
    there is overwritten.
    """
    check_name(name)
    title = name.replace("_", " ").title() if title is None else title.strip()
    check_title(title)
    wanted = Wanted(name, title, tuple(dict.fromkeys(kind or [Kind.SOURCE])), package)
    _check_place(wanted, into)
    texts = files(wanted)
    write_new(into, texts)
    if json:
        print_json({"connector": name, "directory": str(into / wanted.folder), "files": [str(each) for each in texts]})
        return
    out = console()
    for path in texts:
        out.print(f"wrote  {into / path}", soft_wrap=True)
    for number, line in enumerate(_next(wanted, into)):
        out.print(f"{'' if number else 'next':<7}{line}", style="dim" if number else "bold", soft_wrap=True)


def _next(wanted: Wanted, into: Path) -> list[str]:
    place = shlex.quote(str(into / wanted.folder))
    if wanted.package:
        return [
            f"cd {place} && pip install --no-deps --editable . && pytest",
            f"{_GUIDE} of the hub says what to change",
        ]
    return [f"pytest {place}", f"{_GUIDE} says what to change"]


def _check_place(wanted: Wanted, into: Path) -> None:
    """Whether a connector can go there.

    Raises:
        ConfigError: there is one, or something else in its place, or no project.
    """
    registry = Registry()
    if wanted.name in registry.names:
        raise ConfigError(
            f"there is a connector `{wanted.name}` already, from {' and '.join(registry.origins(wanted.name))}; "
            "give another name"
        )
    if into.exists() and not into.is_dir():
        raise ConfigError(f"expected a directory to write to; {into} is a file")
    if not wanted.package and not (into / "connectors" / "__init__.py").is_file():
        raise ConfigError(
            f"expected the hub's own project, with its package `connectors`; {into.absolute()} is none; "
            "--package writes a package of your own, --into DIR writes elsewhere"
        )
    if (into / wanted.folder).exists():
        raise ConfigError(f"{into / wanted.folder} is there already, and nothing is overwritten; give another name")
