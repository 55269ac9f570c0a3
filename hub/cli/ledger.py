"""``hub ledger``: what became of every event that each unit received, and whether that adds up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.output import OK, RUNTIME, Json, ago, commands, console, print_json, run_async, table
from hub.engine.ledger.audit import Account, audit
from hub.kafka import nearby

app = commands()


@app.command()
def ledger(
    directory: workspace.Here = None,
    *,
    count: Annotated[
        bool, typer.Option("--count", help="Read the topics and count anew what lies there, settled events too.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what became of every event: received = delivered + filtered + dead-lettered + in flight, for each unit.

    The figures are those since the unit's first start. They are committed with its positions, in the same transactions
    where there are any, so that they are exact over crashes and restarts, and are read from Kafka alone: while it runs
    and when nothing does. What waits on topics is in flight; a trailing + marks an upper bound, where more waits than
    is counted by default.

    With --count, all events that retention has left are counted and compared with the ledger. The exit code is 1 where
    something doesn't add up.
    """
    configure(level=Level.ERROR)
    deployment = workspace.deployment(directory)
    accounts = run_async(audit(nearby.kafka(), deployment, count=count))
    if json:
        print_json([each.to_json() for each in accounts])
    else:
        _show(accounts)
    raise typer.Exit(OK if all(each.balanced for each in accounts) else RUNTIME)


def _show(accounts: Sequence[Account]) -> None:
    out = console()
    headings = ("unit", "received", "delivered", "filtered", "dead", "in flight", "")
    rows = [(*_row(each), _remark(each)) for each in accounts]
    if _width([headings, *rows]) <= out.width:
        out.print(table(headings, rows, right=headings[1:6]))
    else:
        # Beside so many figures a remark would be a column of single words.
        out.print(table(headings[:6], [row[:6] for row in rows], right=headings[1:6]))
        for account, (*_, remark) in zip(accounts, rows, strict=True):
            if remark:
                out.print(Text.assemble((f"{account.unit}: ", "dim"), remark))
    for each in accounts:
        for problem in each.problems:
            out.print(Text(f"{each.unit}: {problem}", "bold red"))
        for warning in each.warnings:
            out.print(Text(warning if warning.startswith(each.unit) else f"{each.unit}: {warning}", "yellow"))
    if all(each.balanced for each in accounts):
        out.print(Text("everything adds up", "green"))


def _width(rows: Sequence[Sequence[str | Text]]) -> int:
    """Columns of the terminal that a table needs so that nothing in it wraps."""
    return sum(max(Text(str(row[index])).cell_len for row in rows) + 2 for index in range(len(rows[0])))


def _row(account: Account) -> tuple[str | Text, ...]:
    counts = account.counts
    return (
        account.unit,
        _number(account.received, account.at_most),
        _number(counts.delivered),
        _number(counts.filtered.total()),
        Text(_number(counts.dead_lettered.total()), "yellow" if counts.dead_lettered.total() else ""),
        _number(account.waiting, account.at_most),
    )


def _number(number: int, at_most: bool = False) -> str:  # noqa: FBT001, FBT002  as it is called
    return f"{number:,}{'+' if at_most else ''}"


def _remark(account: Account) -> Text:
    """Why events were filtered and dead-lettered, and what else is to be known."""
    if account.problems:
        return Text("does not add up", "bold red")
    said = [account.note] if account.note else []
    said += [_causes(each) for each in (account.counts.filtered, account.counts.dead_lettered) if each]
    if account.counts.replayed:
        said.append(f"{account.counts.replayed:,} replayed")
    if account.oldest is not None and time.time() - account.oldest > 1:
        said.append(f"oldest waits {ago(datetime.fromtimestamp(account.oldest, UTC))}")
    if account.recounted is not None:
        said.append("counted anew")
    return Text("; ".join(said), "dim")


def _causes(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{cause} {count:,}" for cause, count in sorted(counter.items(), key=lambda each: -each[1]))
