"""Points in time as people give and read them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import typer

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?\Z")


def moment(text: str) -> datetime:
    """Reads ``2026-11-20T10:00:00Z``, ``2026-11-20``, ``11:52`` (today, local time) or ``2h`` (so long ago).

    Raises:
        typer.BadParameter: says what was expected.
    """
    from hub.sdk.config import parse_duration  # noqa: PLC0415  only where a time is given

    now = datetime.now().astimezone()
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(f"{now.date()}T{text}" if _CLOCK.match(text) else text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a time such as 2026-11-20T10:00:00Z or 11:52, or how long ago, such as 2h or 7d; got {text!r}"
        ) from None
    return read if read.tzinfo else read.astimezone()


def clock(at: datetime, now: datetime | None = None) -> str:
    """``11:52:10`` for today, ``2026-11-20 11:52`` for another day; local time."""
    local, today = at.astimezone(), (now or datetime.now(UTC)).astimezone()
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M}"
