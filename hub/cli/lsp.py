"""``hub lsp``: the language server that editors start."""

from __future__ import annotations

import typer

from hub.cli.output import RUNTIME, commands
from hub.sdk.errors import EnvironmentProblem

app = commands()


@app.command()
def lsp() -> None:
    """Serve an editor: findings, types, completion and definitions in schema files, while they are written.

    Speaks the Language Server Protocol on standard input and output; editors start it (see docs/editors.md).
    Exit code 0 if the editor took leave, 1 if it hung up.
    """
    try:
        from hub.workbench.editor.server import serve  # noqa: PLC0415  an extra, and it takes a while
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise EnvironmentProblem(
            "the language server needs pygls, which isn't installed; install the hub with it: "
            "pip install 'integration-hub[editor]'"
        ) from error
    if not serve():
        raise typer.Exit(RUNTIME)
