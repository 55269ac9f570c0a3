"""Findings as people read them: place, code, the line with a caret, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from hub.cli.output import WIDTH, printable
from hub.deployment import Finding

if TYPE_CHECKING:
    from hub.deployment.finding import Span
    from hub.deployment.repairs import Change

_COLOURS = {"error": "bold red", "warning": "bold yellow"}
_MARGIN = 6


def show(findings: Iterable[Finding], on: Console) -> None:
    """Prints each finding."""
    for finding in findings:
        for line in render(finding, min(on.width, WIDTH)):
            on.print(line, no_wrap=True, crop=False, overflow="ignore")


def show_changes(changes: Iterable[Change], on: Console) -> None:
    """Prints each change as lines before and after."""
    for change in changes:
        on.print(Text(printable(f"{change.path}:{change.line}"), "bold"))
        for sign, lines, colour in (("-", change.before, "red"), ("+", change.after, "green")):
            for number, line in enumerate(lines, change.line):
                text = f"{number:>{_MARGIN - 1}} {sign} {_plain(line)}"
                if cell_len(text) > min(on.width, WIDTH):
                    text = set_cell_size(text, min(on.width, WIDTH) - 1).rstrip() + "…"
                on.print(Text(text, colour), no_wrap=True, crop=False, overflow="ignore")


def render(finding: Finding, width: int = WIDTH) -> Iterator[Text]:
    """The lines of one finding."""
    colour = _COLOURS[finding.severity]
    yield Text.assemble(
        (printable(str(finding.span)), "bold"),
        "  ",
        (finding.severity, colour),
        "  ",
        finding.code,
    )
    if finding.span.text is not None and finding.span.text.strip():
        yield from excerpt(finding.span, width, colour)
    for text in filter(None, (finding.message, finding.suggestion)):
        for line in printable(text).splitlines():
            yield from wrapped(line, width)


def excerpt(span: Span, width: int, colour: str) -> Iterator[Text]:
    """The line of the file, cut around the place where it is too long, and carets below it."""
    source = _plain(span.text or "")
    start = span.start.column - 1
    room = width - _MARGIN - 3
    begin = 0
    if cell_len(source) > room and start > room // 2:
        begin = min(start - room // 3, len(source) - 1)
    shown = ("…" if begin else "") + source[begin + 1 if begin else 0 :]
    before = cell_len(("…" if begin else "") + source[begin + 1 if begin else 0 : start])
    marked = cell_len(source[start : start + span.width]) or 1
    if cell_len(shown) > room:
        shown = set_cell_size(shown, room - 1).rstrip() + "…"
    number = f"{span.start.line:>{_MARGIN - 1}} │ "
    yield Text.assemble((number, "dim"), shown.rstrip())
    carets = "^" * max(1, min(marked, room - before))
    yield Text.assemble((" " * _MARGIN + "│ ", "dim"), " " * before, (carets, colour))


def _plain(text: str) -> str:
    """The text with each control character as one visible column, so that carets fit and terminals don't obey."""
    return "".join(" " if each == "\t" else "�" if not each.isprintable() else each for each in text)


def wrapped(line: str, width: int) -> Iterator[Text]:
    """A line of text below an excerpt, broken between words."""
    indent = " " * (_MARGIN + len(line) - len(line.lstrip()))
    current = ""
    for word in line.split(" ") if line.strip() == line else [line.lstrip()]:
        longer = f"{current} {word}" if current else word
        if current and cell_len(indent + longer) > width:
            yield Text(indent + current)
            longer = word
        current = longer
    yield Text(indent + current)
