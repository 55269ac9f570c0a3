"""A group whose commands are imported when they are called, and which ends commands that fail."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from hub.cli.output import fail, wants_json


class Summary(NamedTuple):
    """A command in the list of commands."""

    name: str
    help: str
    panel: str


_START, _LOOK, _SERVE = "Write and run", "Look inside and repair", "Servers and environment"

COMMANDS = {
    each.name: each
    for each in (
        Summary("init", "Start a new deployment in a directory.", _START),
        Summary("validate", "Check the schema files of a deployment.", _START),
        Summary("graph", "Draw a deployment, or where a field comes from and goes.", _START),
        Summary("test", "Run the tests in the schema files of a deployment.", _START),
        Summary("diff", "Run retained events through two versions of the routes, and tell what differs.", _START),
        Summary("run", "Run a deployment, or some of its units, on your Kafka.", _START),
        Summary("up", "Run a deployment here with the servers that it needs, and watch it.", _START),
        Summary("schemas", "Compare versions of contracts, keep them in a registry, export them.", _START),
        Summary("new", "Start a new connector, in Python.", _START),
        Summary("lsp", "Serve an editor: findings, types and completion while you write.", _START),
        Summary("status", "Show what every worker runs, and which version of the files.", _LOOK),
        Summary("ledger", "Show what became of every event, and whether that adds up.", _LOOK),
        Summary("topics", "List a deployment's topics, who writes and who reads them.", _LOOK),
        Summary("tap", "Watch events of a topic or unit as they come.", _LOOK),
        Summary("explain", "Explain what routes do with an event, or what became of one.", _LOOK),
        Summary("dlq", "List, show, replay or discard dead letters.", _LOOK),
        Summary("backfill", "Read a range of a source again, beside the source.", _LOOK),
        Summary("cursors", "List, show, set or reset the positions of sources.", _LOOK),
        Summary("auth", "Sign services in and out, and see how that stands.", _SERVE),
        Summary("kafka", "Start or stop the embedded Apache Kafka.", _SERVE),
        Summary("doctor", "Check what this machine has and what the hub needs.", _SERVE),
    )
}
"""In the order in which a user needs them; each is the module of its name in this package."""


class LazyGroup(TyperGroup):
    """The root command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Enough to be listed and suggested; nothing is imported.
        for each in COMMANDS.values():
            self.add_command(TyperCommand(each.name, help=each.help, rich_help_panel=each.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, imported now."""
        name, listed, rest = super().resolve_command(ctx, args)
        if listed is None or name is None:
            return name, listed, rest
        loaded = get_command(import_module(f"hub.cli.{name}").app)
        loaded.name = name
        if not gc.isenabled():
            gc.freeze()  # what was imported stays, and need never be looked at
            gc.enable()
        return name, loaded, rest

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; an error of the hub ends it with a message and its exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from hub.sdk.errors import HubError  # noqa: PLC0415  takes a while, and is needed in trouble only

            if isinstance(error, HubError):
                fail(error, json=wants_json(ctx))
            raise
