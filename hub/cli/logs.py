"""Log lines of the commands that run units: one per change of state, for people or as JSON, without payloads."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import orjson

from hub.cli.output import printable
from hub.secrecy import hidden

# They log requests and payloads at DEBUG, and what passes by itself as warnings and errors, again and again. What
# matters of it comes to us as exceptions, and is logged in our words.
_CLIENTS = ("aiokafka", "aio_pika", "aiormq", "aiohttp", "jgo", "urllib3")
_REPEAT = 60.0


class LogFormat(StrEnum):
    """How log lines are written."""

    PLAIN = "plain"
    JSON = "json"


class Level(StrEnum):
    """What is logged of the hub's own doings."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Plain(logging.Formatter):
    """``2026-11-20T10:02:11.482Z warning  sink tasks: PAUSED: …``; further lines are indented.

    Args:
        worker: which of several processes this is; then its number, in brackets, comes before the text.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = "" if worker is None else f"[{worker}] "

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        text = printable(hidden(text)).replace("\n", "\n    ")
        return f"{_time(record)} {record.levelname.lower():<8} {self._worker}{text}"


class Json(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "message": …}``, with ``exception`` where there is one.

    Args:
        worker: which of several processes this is; then it stands there as ``worker``.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker: dict[str, int] = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        document = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hidden(record.getMessage()),
            **self._worker,
        }
        if record.exc_info:
            document["exception"] = hidden(self.formatException(record.exc_info))
        return orjson.dumps(document).decode()


class Sparing(logging.Filter):
    """Lets a client library say the same thing once a minute, without a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        if record.name == "asyncio":
            return not _of_client(record)
        if record.name.partition(".")[0] not in _CLIENTS:
            return True
        what = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._said.get(what, -_REPEAT) < _REPEAT:
            return False
        self._said[what] = now
        record.exc_info = record.exc_text = None
        return True


def _of_client(record: logging.LogRecord) -> bool:
    """Whether asyncio complains of what a client library left lying about, e.g. when its server died."""
    error = record.exc_info[1] if record.exc_info else None
    frames = traceback.extract_tb(error.__traceback__) if error else []
    places = [
        record.getMessage().lower(),
        type(error).__module__,
        *(Path(frame.filename).parts for frame in frames[-1:]),
    ]
    return any(client in place for client in _CLIENTS for place in places)


def configure(
    form: LogFormat = LogFormat.PLAIN,
    level: Level = Level.INFO,
    handlers: Iterable[logging.Handler] = (),
    *,
    worker: int | None = None,
) -> None:
    """Logs to standard error, or to the handlers that are given, which keep their formatters.

    Args:
        form: how lines are written.
        level: what is logged of the hub's own doings.
        handlers: to log to.
        worker: which of several processes this is.
    """
    given = list(handlers)
    if not given:
        given.append(logging.StreamHandler(sys.stderr))
        given[0].setFormatter(Json(worker) if form is LogFormat.JSON else Plain(worker))
    for handler in given:
        handler.addFilter(Sparing())
    root = logging.getLogger()
    root.handlers[:] = given
    root.setLevel(logging.WARNING)
    logging.getLogger("hub").setLevel(level.upper())
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING if level is Level.DEBUG else logging.CRITICAL)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
