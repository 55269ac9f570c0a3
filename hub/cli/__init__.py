"""The command ``hub``: reads what the user asks for, wires the parts, forwards signals. One file per command or group.

Each module exports its commands as ``app`` (see `hub.cli.output.commands`) and is imported only when its command is
called, so that a command waits for nothing that it doesn't need. Nothing is imported from here but `main`.
"""

from __future__ import annotations

import gc
from importlib.metadata import version as distribution_version
from typing import Annotated

import typer
from typer.main import get_command

from hub.cli.lazy import LazyGroup
from hub.cli.output import Json, commands

__all__ = ["app", "main"]

app = commands(
    cls=LazyGroup,
    add_completion=True,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001  the form of a typer callback
    if wanted:
        typer.echo(f"hub {distribution_version('integration-hub')}")
        raise typer.Exit


@app.callback()
def hub(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    json: Json = False,
) -> None:
    """An event-streaming integration hub on Kafka: nothing lost, nothing silently dropped.

    Exit codes: 0 fine, 1 failed at run time, 2 invalid input, 3 something that the hub needs is missing.
    """


def main() -> None:
    """Entry point of the console script."""
    # A seventh of the time until a command begins is the collector's, which finds nothing; `LazyGroup` turns it on.
    gc.disable()
    get_command(app)(prog_name="hub")
