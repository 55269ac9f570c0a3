"""The text of one schema file, and places in it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from hub.deployment.finding import Position, Span
from hub.deployment.nodes import Node, Scalar

_NEWLINE = re.compile(r"\r\n|\n|\r")
# YAML 1.2.2 § 5.7, escapes of double-quoted scalars with digits.
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b"} | {
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_HIDDEN = "•"
SECRET = re.compile(r"secret|token|passw|api_?key|credential", re.IGNORECASE)
"""What keys are called whose values are secrets, also where no connector says so."""
# A value behind such a key, in a file that can't be read as YAML; references and expressions aren't secrets.
_GUESSED = re.compile(
    rf"""(?:{SECRET.pattern})[\w-]*["']?\s*:\s*(?P<value>(?!["']?(?:=\s|\$\{{))[^\s{{\[].*)""", re.IGNORECASE
)


class Document:
    """A schema file.

    Args:
        name: its path relative to the deployment's directory.
        text: its content.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._lines = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        self._hidden: list[tuple[int, int]] = []
        self.unread = False
        """Whether parts of it can't be read as YAML: what may be a secret there is known by its line alone."""

    def position(self, index: int) -> Position:
        """Line and column of a character."""
        line = bisect_right(self._lines, index) - 1
        return Position(self.name, line + 1, index - self._lines[line] + 1)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self._lines)

    def index(self, line: int, column: int) -> int:
        """Index of the character at a line and column, both from 1."""
        return min(self._lines[line - 1] + column - 1, len(self.text))

    def line_start(self, index: int) -> int:
        """Index of the first character of the line that holds a character."""
        return self._lines[bisect_right(self._lines, index) - 1]

    def line_end(self, index: int) -> int:
        """Index behind the last character, without the line break, of the line that holds a character."""
        line = bisect_right(self._lines, index)
        if line == len(self._lines):
            return len(self.text)
        end = self._lines[line]
        return end - (2 if self.text[end - 2 : end] == "\r\n" else 1)

    def next_line(self, index: int) -> int | None:
        """Index of the first character of the next line; ``None`` on the last."""
        line = bisect_right(self._lines, index)
        return self._lines[line] if line < len(self._lines) and self._lines[line] < len(self.text) else None

    def hide(self, node: Node) -> None:
        """Shows dots in place of this value wherever a line of the file is shown, since it is a secret."""
        self._hidden.append((node.start, node.end))

    def hides(self, node: Node) -> bool:
        """Whether a value is a secret."""
        return (node.start, node.end) in self._hidden

    def line(self, number: int) -> str:
        """A line as it is shown."""
        start = self._lines[number - 1]
        line = self.text[start : self.line_end(start)]
        for hidden_start, hidden_end in self._hidden:
            left, right = max(hidden_start - start, 0), min(hidden_end - start, len(line))
            if left < right:
                line = line[:left] + _HIDDEN * (right - left) + line[right:]
        guessed = _GUESSED.search(line) if self.unread else None
        if guessed:
            line = line[: guessed.start("value")] + _HIDDEN * (len(line) - guessed.start("value"))
        return line

    def span(self, start: int, end: int) -> Span:
        """The piece between two indices, without white space at its end."""
        end = max(start + len(self.text[start:end].rstrip()), start)
        first, last = self.position(start), self.position(end)
        width = min(end, self.line_end(start)) - start
        return Span(first, last.line, last.column, max(1, width), self.line)

    def at(self, node: Node) -> Span:
        """Where a node stands; a block scalar's first line of text rather than its ``|``."""
        if isinstance(node, Scalar) and node.style in ("|", ">") and node.text.strip():
            return self.within(node, 0, len(node.text))
        return self.span(node.start, node.end)

    def within(self, scalar: Scalar, start: int, end: int) -> Span:
        """Where the characters ``start`` to ``end`` of a text's value stand in the file, whatever its quoting."""
        indices = self._indices(scalar)
        if not indices:
            return self.span(scalar.start, scalar.end)
        start = max(0, min(start, len(indices)))
        first = indices[start] if start < len(indices) else indices[-1] + 1
        last = indices[min(end, len(indices)) - 1] + 1 if end > start else first + 1
        return self.span(first, max(last, first + 1))

    def offset(self, scalar: Scalar, index: int) -> int:
        """Which character of a text's value stands at a character of the file, or behind it; whatever its quoting."""
        return bisect_left(self._indices(scalar), index)

    def at_offset(self, scalar: Scalar, offset: int) -> int:
        """Where a character of a text's value stands in the file."""
        indices = self._indices(scalar)
        return indices[max(0, min(offset, len(indices) - 1))] if indices else scalar.start

    def _indices(self, scalar: Scalar) -> list[int]:
        """For each character of a scalar's value, the index of the file's character that stands for it.

        Folding and block indentation change white space only, so everything else must appear in the same order.
        """
        written = self._written(scalar)
        indices: list[int] = []
        at, last = 0, scalar.start
        for character in scalar.text:
            if not character.isspace():
                while at < len(written) and written[at][1] != character:
                    at += 1
            if at < len(written):
                last = written[at][0]
                at += not character.isspace() or written[at][1].isspace()
            indices.append(last)
        return indices

    def _written(self, scalar: Scalar) -> list[tuple[int, str]]:
        """The characters of a scalar as written, escapes undone, without quotes and block header."""
        start, end = scalar.start, scalar.end
        if scalar.style in ("|", ">"):
            start = self.line_end(start)
        elif scalar.style:
            start, end = start + 1, end - 1
        written: list[tuple[int, str]] = []
        index = start
        while index < end:
            character, length = self._character(index, scalar.style)
            written.append((index, character))
            index += length
        return written

    def _character(self, index: int, style: str) -> tuple[str, int]:
        character = self.text[index]
        if style == "'" and character == "'":
            return "'", 2
        if style != '"' or character != "\\":
            return character, 1
        escaped = self.text[index + 1]
        if digits := _HEX_DIGITS.get(escaped):
            return chr(int(self.text[index + 2 : index + 2 + digits], 16)), 2 + digits
        return _ESCAPES.get(escaped, escaped), 2
