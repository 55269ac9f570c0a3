"""What is wrong with a schema: where in which file, and what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub.contracts.keywords import Path as Steps
from hub.contracts.violation import pointer
from hub.sdk.errors import ConfigError

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class SchemaProblem:
    """One thing that is wrong, or looks wrong, with a schema.

    Attributes:
        code: stable dotted word, e.g. ``event.schema``.
        message: what was expected and what came.
        file: the schema file; None where the schema stands in the deployment's own file.
        at: path to the place within that file, or within the schema.
        offset: of the place in the file's text, where it can't be found by its path.
        suggestion: what to do.
        fix: text that would be right in its place.
        severity: an error keeps the schema from being used.
        of_value: whether the value at the place is wrong, and not its key.
    """

    code: str
    message: str
    file: Path | None = None
    at: Steps = ()
    offset: int | None = None
    suggestion: str | None = None
    fix: str | None = None
    severity: Literal["error", "warning"] = "error"
    of_value: bool = False

    def __str__(self) -> str:
        place = f"{self.file}" if self.file else "schema"
        text = f"{place}#{pointer(self.at)}: {self.message}"
        return f"{text}; {self.suggestion}" if self.suggestion else text

    def span(self, text: str) -> tuple[int, int]:
        """Where its place starts and ends in its file's text, in characters."""
        if self.offset is not None:
            return self.offset, self.offset + 1
        return locate(text, self.at, of_value=self.of_value)


class InvalidSchema(ConfigError):
    """A schema that can't be used.

    Args:
        problems: all of them; at least one is an error.
    """

    def __init__(self, problems: Iterable[SchemaProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(each) for each in self.problems if each.severity == "error"))


def locate(text: str, path: Sequence[str | int], *, of_value: bool = False) -> tuple[int, int]:
    """Where a value stands in a JSON text: its key, if it has one, else the value itself.

    Args:
        text: valid JSON.
        path: of keys and indices; where it leads nowhere, the place that it comes nearest to is given.
        of_value: gives the value even where it has a key.
    """
    start = end = _skip(text, 0)
    end = _end(text, start)
    key = (start, start + 1)
    for step in path:
        found = _member(text, start, step)
        if found is None:
            break
        key, start, end = found
    else:
        return key if path and isinstance(path[-1], str) and not of_value else (start, end)
    return key if key[0] != start else (start, min(end, start + 1))


def _member(text: str, start: int, step: str | int) -> tuple[tuple[int, int], int, int] | None:
    """The place of a member's key and of its value; None where the container hasn't got it."""
    if text[start] == "{":
        at = _skip(text, start + 1)
        while text[at] == '"':
            name, behind = json.JSONDecoder().raw_decode(text, at)
            value = _skip(text, _skip(text, behind) + 1)
            end = _end(text, value)
            if name == str(step):
                return (at, behind), value, end
            at = _skip(text, end)
            at = _skip(text, at + 1) if text[at] == "," else at
            if text[at] == "}":
                break
    elif text[start] == "[" and str(step).isdecimal():
        at = _skip(text, start + 1)
        for index in range(int(step) + 1):
            if text[at] == "]":
                return None
            end = _end(text, at)
            if index == int(step):
                return (at, end), at, end
            at = _skip(text, end)
            at = _skip(text, at + 1) if text[at] == "," else at
    return None


def _end(text: str, start: int) -> int:
    _, end = json.JSONDecoder().raw_decode(text, start)
    return end


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
