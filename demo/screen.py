"""What the demo shows: acts, a live table on a terminal, plain lines elsewhere, and the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.engine.ledger.ledger import Totals
from hub.engine.unit import State, Status

WIDTH = 100
_COLOURS = {State.RUNNING: "green", State.PAUSED: "yellow", State.FAILED: "red"}
_PLAIN_EVERY = 2.0
"""Seconds between two lines where there is no terminal."""


class Watched(Protocol):
    """What the live view asks."""

    async def statuses(self) -> Sequence[Status]:
        """Every unit's status."""


class Screen:
    """The terminal, or whatever stands in for it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal or self._console.width > WIDTH:
            self._console.width = WIDTH
        self._began = time.monotonic()

    def act(self, title: str, about: str = "") -> None:
        """Begins a part."""
        self._console.print()
        self._console.print(Text.assemble(("▌ ", "cyan"), (title, "bold"), f"  {about}" if about else ""))

    def say(self, text: str) -> None:
        """A line."""
        self._console.print(f"  {text}")

    def starting(self, name: str) -> None:
        """Says what is being started."""
        self.say(f"starting {name} …")

    def fail(self, text: str) -> None:
        """Says what is wrong."""
        self._console.print(Text.assemble(("  error  ", "bold red"), text))

    @contextmanager
    def live(self, watched: Watched, deliveries: int = 0) -> Iterator[Progress]:
        """Shows the units at work while the block runs."""
        progress = Progress(deliveries)
        if self._console.is_terminal:
            with Live(console=self._console, refresh_per_second=8) as view:
                task = asyncio.ensure_future(self._follow(watched, progress, view))
                yield progress
                task.cancel()
        else:
            task = asyncio.ensure_future(self._tell(watched, progress))
            yield progress
            task.cancel()

    async def _follow(self, watched: Watched, progress: Progress, view: Live) -> None:
        while True:
            view.update(self._picture(await watched.statuses(), progress))
            await asyncio.sleep(0.15)

    async def _tell(self, watched: Watched, progress: Progress) -> None:
        last = ""
        while True:
            line = f"{progress}{self.line(await watched.statuses())}"
            if line != last:
                self.say(line)
                last = line
            await asyncio.sleep(_PLAIN_EVERY)

    def line(self, statuses: Sequence[Status]) -> str:
        """All units in one line."""
        totals = Totals.sum(status.totals for status in statuses)
        return (
            f"received {totals.received:,} · delivered {totals.delivered:,}"
            f" · filtered {sum(totals.filtered.values()):,}"
            f" · dead-lettered {sum(totals.dead_lettered.values()):,} · in flight {totals.in_flight:,}"
        )

    def _picture(self, statuses: Sequence[Status], progress: Progress) -> RenderableType:
        return Group(units(statuses), Text(f"  {progress}{self.line(statuses)}"))

    def letters(self, rows: Sequence[tuple[str, str, str, int]]) -> None:
        """Dead letters by unit, event type and cause, and how many."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("  unit")
        table.add_column("event")
        table.add_column("", justify="right")
        table.add_column("cause", overflow="fold")
        for unit, what, cause, count in rows:
            table.add_row(f"  {unit}", what, f"{count}", cause)
        self._console.print(table)

    def ledger(self, statuses: Sequence[Status]) -> None:
        """The ledger of every unit, with the reasons."""
        self._console.print(units(statuses, reasons=True))

    def what_next(self, left: str, suggestions: Sequence[tuple[str, str]]) -> None:
        """What to try after the demo.

        Args:
            left: what of the hub is left running.
            suggestions: commands, and what they are good for.
        """
        self.act("What to try next", f"(that took {time.monotonic() - self._began:.0f} s; {left})")
        for command, about in suggestions:
            self._console.print(Text.assemble("  ", (f"{command:<54}", "cyan"), about))

    def last(self, totals: Totals) -> None:
        """The demo's last line."""
        self._console.print()
        self._console.out(
            f"ledger: received={totals.received} delivered={totals.delivered} "
            f"filtered={sum(totals.filtered.values())} dead_lettered={sum(totals.dead_lettered.values())} "
            f"replayed={totals.replayed} in_flight={totals.in_flight}",
            highlight=False,
        )


class Progress:
    """How many deliveries were sent."""

    def __init__(self, of: int) -> None:
        self.of = of
        self.done = 0

    def sent(self, _: int) -> None:
        """One more was answered."""
        self.done += 1

    def __str__(self) -> str:
        return f"sent {self.done:,} of {self.of:,} · " if self.of else ""


def units(statuses: Sequence[Status], *, reasons: bool = False) -> Table:
    """A table of units and their ledgers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("  unit")
    for heading in ("received", "delivered", "filtered", "dead", "replayed", "in flight"):
        table.add_column(heading, justify="right")
    if reasons:
        table.add_column("why", max_width=34)
    else:
        table.add_column("state", overflow="ellipsis", no_wrap=True, max_width=34)
    for status in statuses:
        totals = status.totals
        table.add_row(
            f"  {status.kind:<6} {status.unit}",
            f"{totals.received:,}",
            f"{totals.delivered:,}",
            f"{sum(totals.filtered.values()):,}",
            f"{sum(totals.dead_lettered.values()):,}",
            f"{totals.replayed:,}",
            f"{totals.in_flight:,}",
            _why(totals) if reasons else _state(status),
        )
    return table


def _state(status: Status) -> Text:
    detail = f" {status.detail}" if status.state in (State.PAUSED, State.FAILED) else ""
    return Text.assemble((status.state, _COLOURS.get(status.state, "dim")), detail[:60])


def _why(totals: Totals) -> str:
    parts = [f"filtered {reason} {count:,}" for reason, count in totals.filtered.items() if count]
    parts += [f"dead {error} {count:,}" for error, count in totals.dead_lettered.items() if count]
    parts += [f"refused {reason} {count:,}" for reason, count in totals.refused.items() if count]
    return ", ".join(parts)
