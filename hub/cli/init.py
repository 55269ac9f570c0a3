"""``hub init``: a small deployment to start from.

What it writes lies in ``starter/`` beside this module: schema files as users write them, which name connectors; the
code here doesn't.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from hub.cli.output import Json, commands, console, print_json
from hub.cli.writing import write_new
from hub.deployment import suggested_name
from hub.sdk import ConfigError

app = commands()

_HUB = "hub"
_NAME = "${name}"


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.", show_default=False)],
    *,
    json: Json = False,
) -> None:
    """Start a new deployment in a directory; nothing that is there is overwritten."""
    written = write_starter(directory)
    if json:
        print_json({"directory": str(directory), "files": written})
        return
    out = console()
    for name in written:
        out.print(f"wrote  {directory / name}")
    place, readme = shlex.quote(str(directory)), shlex.quote(str(directory / "README.md"))
    out.print(f"next   {called()} validate {place} && cat {readme}", style="bold", soft_wrap=True)
    if called() != _HUB:
        folder = shlex.quote(str(Path(sys.argv[0]).absolute().parent))
        out.print("       What the README calls hub is not on the PATH of this shell; this puts it there:", style="dim")
        out.print(f"       export PATH={folder}:$PATH", soft_wrap=True)


def called() -> str:
    """This command as it can be called again from here: by its name where the PATH finds it, else by its shortest path.

    The name, too, where it was called otherwise, e.g. by Python from a module.
    """
    program = Path(sys.argv[0])
    if program.name != _HUB or not program.is_file():
        return _HUB
    found = shutil.which(_HUB)
    if found is not None and Path(found).resolve() == program.resolve():
        return _HUB
    relative = os.path.relpath(program)
    relative = relative if os.sep in relative else f"{os.curdir}{os.sep}{relative}"
    return shlex.quote(min(relative, str(program.absolute()), key=len))


def write_starter(directory: Path) -> list[str]:
    """Writes the starter.

    Returns:
        The files, relative to the directory.

    Raises:
        ConfigError: something is there already, which is left as it is.
        EnvironmentProblem: the files can't be written.
    """
    starter = dict(_starter())
    _check_free(directory, starter)
    name = suggested_name(directory)
    write_new(directory, {path: file.read_text("utf-8").replace(_NAME, name) for path, file in starter.items()})
    return [str(path) for path in starter]


def _check_free(directory: Path, starter: dict[PurePosixPath, Traversable]) -> None:
    if directory.exists() and not directory.is_dir():
        raise ConfigError(f"expected a directory, or a name for a new one; {directory} is a file")
    taken = [str(path) for path in starter if (directory / path).exists()]
    taken += sorted(path.name for path in directory.glob("*.y*ml") if path.name not in taken)
    if taken:
        raise ConfigError(
            f"expected a new or empty directory; {directory} already has {', '.join(taken)}, and nothing is overwritten"
        )


def _starter() -> Iterator[tuple[PurePosixPath, Traversable]]:
    def walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
        for each in sorted(folder.iterdir(), key=lambda each: each.name):
            if each.is_dir():
                yield from walk(each, path / each.name)
            else:
                yield path / each.name, each

    yield from walk(files("hub.cli") / "starter", PurePosixPath())
