"""What every command prints and takes: tables and JSON, errors with their exit codes, the options that many share.

Results go to standard output; errors, questions and progress to standard error. With ``--json`` a result is one JSON
document on one line (a command that streams prints one line per item), and an error is one too, on standard error:
``{"error": {"type": …, "message": …, "exit_code": …}}``.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

T = TypeVar("T")

WIDTH = 100
"""Columns that output takes at most, and takes where there is no terminal."""

OK, RUNTIME, INVALID, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: fine; failed at run time; invalid input; something the hub needs is missing; Ctrl-C."""

_JSON = "hub.json"
# C0 and C1 control characters but line break and tab: a terminal would obey them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def commands(**options: Any) -> typer.Typer:
    """A Typer for one command, or for a group of commands, as each module of this package exports one as ``app``."""
    # Tracebacks with local variables would show payloads and secrets.
    settings: dict[str, Any] = {
        "add_completion": False,
        "pretty_exceptions_enable": False,
        "rich_markup_mode": "markdown",
    }
    return typer.Typer(**settings | options)


def _json(context: typer.Context, value: bool) -> bool:  # noqa: FBT001  the form of a typer callback
    if value:
        context.meta[_JSON] = True
    return wants_json(context)


def wants_json(context: typer.Context) -> bool:
    """Whether ``--json`` was given, before or after the command's name."""
    return bool(context.meta.get(_JSON))


Json = Annotated[
    bool, typer.Option("--json", callback=_json, help="Print JSON for programs.", show_default=False, is_eager=True)
]
"""The type of the parameter ``json`` of every command; its default is ``False``."""

Directory = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Directory of the deployment's schema files.", show_default=False),
]
"""The type of the argument that names the deployment."""

DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        "-C",
        metavar="DIR",
        envvar="HUB_DIR",
        help="Directory of the deployment; by default the one that `hub up` runs here, or this one.",
        show_default=False,
    ),
]
"""The same as an option, for commands whose argument is something else; see `hub.cli.workspace.deployment`."""


def console(*, stderr: bool = False) -> Console:
    """Where to print for people: colours on a terminal only, at most 100 columns, text taken as it is (no markup)."""
    from rich.console import Console  # noqa: PLC0415  programs that read JSON don't wait for it

    found = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
    found.width = min(found.width, WIDTH) if found.is_terminal else WIDTH
    return found


def print_json(document: Any) -> None:
    """One JSON document on one line of standard output, at once."""
    sys.stdout.write(as_json(document))
    sys.stdout.flush()


def as_json(document: Any) -> str:
    """One JSON document, and a line break."""
    import orjson  # noqa: PLC0415  as above

    try:
        return orjson.dumps(document, default=_plain, option=orjson.OPT_APPEND_NEWLINE).decode()
    except orjson.JSONEncodeError as error:
        if "ecursion" not in str(error):
            raise
        return _deep(document)


def _deep(document: Any) -> str:
    """The same with a payload in it that has all the levels that orjson writes, so that the whole has more."""
    import json  # noqa: PLC0415  rarely needed

    import orjson  # noqa: PLC0415  as above

    def plain(value: Any) -> Any:
        return orjson.loads(orjson.dumps(value, default=_plain))

    return json.dumps(document, default=plain, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be printed as JSON")


def table(headings: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, right: Iterable[str] = ()) -> Table:
    """A table without lines, to be printed by `console`.

    Args:
        headings: of the columns; the last one takes what width is left, and its cells wrap.
        rows: a cell per column, text as it is or a rich object.
        right: headings of the columns that are aligned right, as numbers are.
    """
    from rich.table import Table  # noqa: PLC0415  as above

    flush = set(right)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for index, heading in enumerate(headings):
        last = index == len(headings) - 1
        made.add_column(heading, justify="right" if heading in flush else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        made.add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def printable(text: str) -> str:
    """Text from outside with each control character, which a terminal would obey, shown as its escape sequence."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit: ``3 s``, ``12 min``, ``5 h``, ``9 d``."""
    seconds = max(0, round(((now or datetime.now(UTC)) - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def plural(number: int, noun: str) -> str:
    """``1 event``, ``1,204 events``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Runs a command's asynchronous part under uvloop. Ctrl-C cancels it and exits 130 without a word."""
    import uvloop  # noqa: PLC0415  as above

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def exit_code(error: Exception) -> int:
    """The exit code that an error of the hub ends a command with."""
    from hub.sdk import ConfigError, EnvironmentProblem, NotConnected  # noqa: PLC0415  as above

    if isinstance(error, ConfigError):
        return INVALID
    return ENVIRONMENT if isinstance(error, EnvironmentProblem | NotConnected) else RUNTIME


def fail(error: Exception, *, json: bool = False) -> NoReturn:
    """Prints an error of the hub as one clear message and ends the command.

    Commands needn't call it: they raise, and `hub.cli.main` does.
    """
    from hub.secrecy import hidden  # noqa: PLC0415  as above

    code, said = exit_code(error), hidden(str(error))
    if json:
        import orjson  # noqa: PLC0415  as above

        document: dict[str, Any] = {"type": type(error).__name__, "message": said, "exit_code": code}
        if findings := getattr(error, "findings", None):
            document["findings"] = [each.to_json() for each in findings]
        sys.stderr.write(orjson.dumps({"error": document}, option=orjson.OPT_APPEND_NEWLINE).decode())
    elif findings := getattr(error, "findings", None):
        from hub.cli.findings import show  # noqa: PLC0415  as above

        show(findings, console(stderr=True))
    else:
        out = console(stderr=True)
        out.print("error", style="bold red", end="  ")
        out.print(printable(said), soft_wrap=True)
    raise typer.Exit(code)
