"""A text as editors count it: lines from 0, columns in code units of UTF-16 unless both sides agreed on others."""

from __future__ import annotations

import re
from bisect import bisect_right

from lsprotocol.types import Position, PositionEncodingKind, Range

# LSP 3.17 § "Text Documents": lines end with these.
_BREAK = re.compile(r"\r\n|\n|\r")


class Text:
    """A text and its lines.

    Args:
        content: the text.
        encoding: of columns, as agreed on when the connection was made.
    """

    def __init__(self, content: str, encoding: str | None = None) -> None:
        self.content = content
        self.encoding = encoding or PositionEncodingKind.Utf16
        self._starts = [0, *(match.end() for match in _BREAK.finditer(content))]

    def index(self, position: Position) -> int:
        """The character at a position; one behind the end of a line is that end."""
        if position.line >= len(self._starts):
            return len(self.content)
        start = self._starts[max(position.line, 0)]
        units = 0
        for index in range(start, self._end(position.line)):
            if units >= position.character:
                return index
            units += self._units(self.content[index])
        return self._end(position.line)

    def position(self, index: int) -> Position:
        """Where a character stands."""
        index = max(0, min(index, len(self.content)))
        line = bisect_right(self._starts, index) - 1
        return Position(line, sum(map(self._units, self.content[self._starts[line] : index])))

    def range(self, start: int, end: int) -> Range:
        """The piece between two characters."""
        return Range(self.position(start), self.position(end))

    def at(self, line: int, column: int) -> int:
        """The character at a line and column, both from 1 and in characters, as findings count."""
        if line > len(self._starts):
            return len(self.content)
        return min(self._starts[max(line, 1) - 1] + max(column, 1) - 1, len(self.content))

    def _end(self, line: int) -> int:
        """Where a line ends, its break not counted."""
        if line + 1 == len(self._starts):
            return len(self.content)
        end = self._starts[line + 1]
        return end - (2 if self.content[end - 2 : end] == "\r\n" else 1)

    def _units(self, character: str) -> int:
        if self.encoding == PositionEncodingKind.Utf32:
            return 1
        if self.encoding == PositionEncodingKind.Utf8:
            return len(character.encode("utf-8", "surrogatepass"))
        return 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004  the basic multilingual plane
