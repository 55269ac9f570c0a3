"""Text within the width of a box."""

from __future__ import annotations

from rich.cells import cell_len

from hub.workbench.graph.terminal import cut


def wrapped(text: str, width: int, lines: int) -> list[str]:
    """Text in lines of at most ``width`` columns, broken between words; what is beyond the last line becomes ``…``."""
    found: list[str] = []
    rest = text
    while rest and len(found) < lines - 1 and cell_len(rest) > width:
        end = _break(rest, width)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*found, cut(rest, width)]


def _break(text: str, width: int) -> int:
    """Where to break: behind the last space that fits, else where the width ends."""
    fits = len(cut(text, width)) - 1
    space = text.rfind(" ", 0, fits + 1)
    return space + 1 if space > width // 3 else max(fits, 1)
