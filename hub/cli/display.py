"""Shows what a deployment does while it runs: a picture on a terminal, log lines elsewhere, reports for programs."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hub.cli.logs import Plain
from hub.cli.output import WIDTH, print_json, printable
from hub.cli.picture import Row, Server, View
from hub.cli.worker import Worker, summary
from hub.cli.workspace import HOME

LOG = HOME / "hub.log"
"""Where the log goes while the terminal shows a picture."""

_FRAME = 0.2
_REPORT_EVERY = 1.0
_LEDGER_EVERY = 10.0
_PROGRESS_EVERY = 5.0
_LOG_SIZE = 4 * 2**20
_log = logging.getLogger("hub")


class Display(Protocol):
    """Shows servers, then units, until it is closed."""

    def server(self, name: str, what: str, ready: str | None = None) -> None:
        """A server is being started, or ``ready`` says that it is there."""

    def show(self, worker: Worker) -> None:
        """The units of a worker are being started."""

    def ending(self, what: str) -> None:
        """The end has begun."""

    async def keep(self) -> None:
        """Keeps up to date until it is cancelled."""

    def close(self) -> None:
        """Shows the last state, and leaves a terminal as it was."""


class LiveDisplay:
    """The picture on a terminal; errors are printed above it.

    Args:
        console: of a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view = View()
        self._worker: Worker | None = None
        self._frame = 0
        self._ending = ""
        self._drawn: Any = None
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def server(self, name: str, what: str, ready: str | None = None) -> None:
        """See `Display`."""
        self._view.servers[name] = Server(name, what, ready)
        self._draw()

    def show(self, worker: Worker) -> None:
        """See `Display`."""
        self._worker = worker

    def ending(self, what: str) -> None:
        """See `Display`."""
        self._ending = what
        self._draw()

    async def keep(self) -> None:
        """See `Display`."""
        while True:
            self._frame += 1
            self._draw()
            await asyncio.sleep(_FRAME)

    def close(self) -> None:
        """See `Display`."""
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        self._view.footer = self._ending or self._footer()
        if self._worker is not None:
            self._view.rows = [Row.of(unit) for unit in self._worker.runtime.supervisor.units.values()]
        # Asked anew each time: a terminal is resized when its user likes.
        size = shutil.get_terminal_size()
        self._console.width = min(size.columns, WIDTH)
        lines = self._view.lines(self._console.width, size.lines, self._frame)
        if (lines, size) != self._drawn:
            self._live.update(Group(*lines), refresh=True)
            self._drawn = (lines, size)

    def _footer(self) -> str:
        if self._worker is None:
            return "Ctrl-C stops"
        if self._worker.draining:
            return "draining; Ctrl-C once more ends at once"
        return f"admin {self._worker.admin.url} · log {LOG} · Ctrl-C drains and stops"


class LineDisplay:
    """Log lines: servers as they get ready, the ledger now and then; units log their changes of state themselves."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._told = 0.0

    def server(self, name: str, what: str, ready: str | None = None) -> None:
        """See `Display`."""
        if ready is not None:
            _log.info("%s: %s: %s", name, what, ready)
        elif time.monotonic() - self._told > _PROGRESS_EVERY:
            self._told = time.monotonic()
            _log.info("%s: %s", name, what)

    def show(self, worker: Worker) -> None:
        """See `Display`."""
        self._worker = worker

    def ending(self, what: str) -> None:
        """See `Display`."""

    async def keep(self) -> None:
        """See `Display`."""
        last: dict[str, int] = {}
        while True:
            await asyncio.sleep(_LEDGER_EVERY)
            if self._worker is None:
                continue
            now = summary(self._worker.runtime.totals())
            if now != last:
                _log.info("ledger: %s", " ".join(f"{name}={value}" for name, value in now.items()))
                last = now

    def close(self) -> None:
        """See `Display`."""


class ReportDisplay(LineDisplay):
    """Reports as JSON on standard output: one when something has changed, at most one a second. Log lines beside."""

    async def keep(self) -> None:
        """See `Display`."""
        last: Any = None
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            if self._worker is None:
                continue
            report = self._worker.report("running")
            now = (report["ledger"], [(status.state, status.detail) for status in report["units"]])
            if now != last:
                print_json(report)
                last = now


class AbovePicture(logging.Handler):
    """Prints log records above a picture: errors, and warnings that no unit's row shows."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record, if it is worth it."""
        if record.levelno < logging.ERROR and record.name.startswith("hub.unit."):
            return
        colour = "red" if record.levelno >= logging.ERROR else "yellow"
        self._console.print(Text.assemble((f" {record.levelname.lower()}  ", colour), printable(record.getMessage())))


def log_file(path: Path) -> logging.Handler:
    """A handler that keeps the last few megabytes of log lines."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_SIZE, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(Plain())
    return handler
