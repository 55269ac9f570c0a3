"""The picture of a running deployment as lines of text: servers, units, ledger; at most 100 columns wide.

kafka     Apache Kafka 4.1.0 at 127.0.0.1:9092, .hub/kafka       ready in 3.1 s
rabbitmq  amqp://127.0.0.1:5672, .hub/rabbitmq                   ready in 5.2 s
                                                                 delivered filtered dead lag
source    deliveries  http://127.0.0.1:8080/webhooks/github      RUNNING  1,204   11    ·   ·
sink      announce    chat.example                               PAUSED   1,109    ·    ·  41
                      circuit open, next probe in 12 s
received 2,354 · delivered 2,313 · filtered 11 · dead-lettered 0 · in flight 41 (lag included)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from hub.cli.output import WIDTH, plural, printable
from hub.engine.ledger.ledger import Totals
from hub.engine.unit import State, Unit

_STATES = {
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.FAILED: "bold red",
    State.STOPPED: "dim",
    State.UNASSIGNED: "dim",
}
_HEADINGS = ("delivered", "filtered", "dead", "lag")
_COLOURS = ("", "", "red", "yellow")
_KIND = 10  # `rabbitmq` and two spaces
_STATE = max(len(state) for state in (State.RUNNING, State.PAUSED, State.STOPPED))
_NARROWEST_FLOW = 16
_LONGEST_NAME = 20
_REASON_LINES = 3
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
# The time in a cursor, as RFC 3339 has it; what else a cursor holds is for `hub cursors show`.
_TIME = re.compile(r'"(\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d))"')


@dataclass
class Server:
    """A server that units need.

    Attributes:
        name: e.g. ``kafka``.
        what: what it is and where, or what is being done to start it.
        ready: how it came about, once it is ready.
    """

    name: str
    what: str
    ready: str | None = None


@dataclass(frozen=True)
class Row:
    """A unit at one moment."""

    kind: str
    name: str
    flow: str
    state: State
    reason: str = ""
    totals: Totals = field(default_factory=Totals)

    @classmethod
    def of(cls, unit: Unit) -> Self:
        """A snapshot."""
        flow = unit.flow
        if unit.cursor is not None and (found := _TIME.search(unit.cursor)):
            flow = f"{flow.partition(' → ')[0]}, cursor {found[1]}"
        return cls(unit.kind, unit.name, flow, unit.state, unit.detail, unit.ledger.totals(unit.lag))

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """What the columns show."""
        totals = self.totals
        return (totals.delivered, sum(totals.filtered.values()), sum(totals.dead_lettered.values()), totals.lag)


@dataclass
class View:
    """All there is to see.

    Attributes:
        servers: by name, in the order in which they are started.
        rows: the units.
        footer: where to look further, or what is being done to end.
    """

    servers: dict[str, Server] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    footer: str = ""

    def lines(self, width: int = WIDTH, height: int | None = None, frame: int = 0) -> list[Text]:
        """The picture.

        Args:
            width: columns that it may take.
            height: lines that it may take; units that find no room are counted, those at work first.
            frame: counts pictures, so that something moves where something is being done.
        """
        layout = _Layout(self.rows, width)
        lines = [line for server in self.servers.values() for line in layout.server(server, frame)]
        tail = [ledger_line(Totals.sum(row.totals for row in self.rows), width)] if self.rows else []
        if self.footer:
            tail.append(Text(_cut(f" {self.footer}", width), "dim"))
        room = None if height is None else height - len(lines) - len(tail) - 2
        return [*lines, *layout.units(self.rows, room), *tail]


def ledger_line(totals: Totals, width: int = WIDTH) -> Text:
    """A ledger in one line for people."""
    numbers = {
        "received": totals.received,
        "delivered": totals.delivered,
        "filtered": sum(totals.filtered.values()),
        "dead-lettered" if width >= WIDTH else "dead": sum(totals.dead_lettered.values()),
        "in flight": totals.in_flight,
    }
    line = Text(" ")
    for index, (name, number) in enumerate(numbers.items()):
        colour = "bold red" if name.startswith("dead") and number else "bold"
        line.append(" · " if index else "", "dim").append(f"{name} ").append(f"{number:,}", colour)
    note = " (lag included)" if totals.in_flight else ""
    if cell_len(line.plain) + len(note) <= width:
        line.append(note, "dim")
    line.truncate(width, overflow="ellipsis")
    return line


class _Layout:
    """Widths of the columns, from what they hold."""

    def __init__(self, rows: Sequence[Row], width: int) -> None:
        self.width = width
        self.name = min(max((cell_len(row.name) for row in rows), default=0), _LONGEST_NAME) + 2
        columns = list(zip(*(row.numbers for row in rows), strict=True)) or [(0,)] * len(_HEADINGS)
        self.shown = [any(column) for column in columns]
        self.numbers = [
            max(len(heading), *(len(f"{number:,}") for number in column))
            for heading, column in zip(_HEADINGS, columns, strict=True)
        ]
        while self.flow < _NARROWEST_FLOW and any(self.shown):
            # On a narrow terminal rather the end of the numbers than the middle of the picture.
            self.shown[max(index for index, shown in enumerate(self.shown) if shown)] = False

    @property
    def flow(self) -> int:
        """Columns that are left for what a unit reads and writes."""
        numbers = sum(width + 1 for width, shown in zip(self.numbers, self.shown, strict=True) if shown)
        return self.width - 1 - _KIND - self.name - _STATE - 2 - numbers - 1

    def server(self, server: Server, frame: int) -> Iterator[Text]:
        room = max(self.width - 1 - _KIND - 2 - len(server.ready or ""), _NARROWEST_FLOW)
        if server.ready is None:
            moving = _SPINNER[frame % len(_SPINNER)]
            yield Text.assemble(" ", (_pad(server.name, _KIND), "dim"), (f"{moving} ", "cyan"), _cut(server.what, room))
            return
        what = _pad(_cut(server.what, room), min(self.name + self.flow, room))
        yield Text.assemble(" ", (_pad(server.name, _KIND), "dim"), what, "  ", (server.ready, "green"))

    def units(self, rows: Sequence[Row], room: int | None) -> Iterator[Text]:
        if any(self.shown):
            yield self._headings()
        lines = [(row, list(self._unit(row))) for row in rows]
        left_out = 0
        if room is not None and sum(len(each) for _, each in lines) > room:
            lines, left_out = _fitting(lines, max(room - 1, 1))
        for _, each in lines:
            yield from each
        if left_out:
            yield Text(f" {'':{_KIND}}and {plural(left_out, 'unit')} more", "dim")

    def _headings(self) -> Text:
        line = Text(" " * (1 + _KIND + self.name + self.flow + 2 + _STATE))
        for heading, width, shown in zip(_HEADINGS, self.numbers, self.shown, strict=True):
            line.append(f" {heading:>{width}}" if shown else "", "dim")
        return line

    def _unit(self, row: Row) -> Iterator[Text]:
        line = Text.assemble(
            " ",
            (_pad(row.kind, _KIND), "dim"),
            (_pad(_cut(row.name, self.name - 2), self.name), "bold"),
            _pad(_cut(row.flow, self.flow), self.flow + 2),
            (_pad("…" if row.state is State.UNASSIGNED else row.state, _STATE), _STATES[row.state]),
        )
        for number, width, colour, shown in zip(row.numbers, self.numbers, _COLOURS, self.shown, strict=True):
            if shown:
                line.append(f" {number:>{width},}" if number else f" {'·':>{width}}", colour if number else "dim")
        yield line
        if row.reason and row.state in (State.PAUSED, State.FAILED):
            indent = " " * (1 + _KIND + self.name)
            for piece in _wrap(printable(row.reason), self.width - len(indent)):
                yield Text(indent + piece, _STATES[row.state])


def _fitting(lines: Sequence[tuple[Row, list[Text]]], room: int) -> tuple[list[tuple[Row, list[Text]]], int]:
    """Units that find room, in their order; those that aren't simply at work come first."""
    chosen: set[int] = set()
    for index, (_, each) in sorted(enumerate(lines), key=lambda item: item[1][0].state is State.RUNNING):
        if len(each) <= room:
            chosen.add(index)
            room -= len(each)
    return [each for index, each in enumerate(lines) if index in chosen], len(lines) - len(chosen)


def _wrap(text: str, width: int) -> Iterable[str]:
    pieces: list[str] = []
    for word in text.split():
        if pieces and cell_len(pieces[-1]) + 1 + cell_len(word) <= width:
            pieces[-1] += f" {word}"
        else:
            pieces.append(_cut(word, width))
    if len(pieces) > _REASON_LINES:
        pieces[_REASON_LINES - 1] = _cut(f"{pieces[_REASON_LINES - 1]} …", width)
    return pieces[:_REASON_LINES]


def _cut(text: str, width: int) -> str:
    text = printable(text).replace("\n", " ")
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _pad(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))
