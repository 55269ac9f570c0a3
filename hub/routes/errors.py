"""Errors of the expression language: one for what can't be compiled, one for what can't be computed of an event.

ConfigError
└── ExpressionError     the source is wrong; says where, what was expected, and what was probably meant
Permanent
└── EvaluationError     this event can't be handled by this expression; it goes to the DLQ with this as its cause
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hub.sdk.errors import ConfigError, Permanent

EXCERPT = 60  # characters of an expression that an error repeats


class ExpressionError(ConfigError):
    """An expression that can't be compiled.

    Args:
        code: stable dotted code, e.g. ``route.syntax``.
        message: what was expected and what came.
        source: the whole expression.
        start: offset of the first character at fault, in code points.
        end: offset after the last one.
        suggestion: what was probably meant, as text for people.

    Attributes:
        path: where the expression stands in the section that was compiled, e.g. ``("map", "data", "title")``.
        others: further errors of the same section, so that all can be reported at once.
    """

    def __init__(
        self, code: str, message: str, *, source: str, start: int, end: int, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.source = source
        self.start = start
        self.end = max(end, start)
        self.suggestion = suggestion
        self.path: tuple[str | int, ...] = ()
        self.others: tuple[ExpressionError, ...] = ()

    @property
    def line(self) -> int:
        """Line within the expression, from 1."""
        return position(self.source, self.start)[0]

    @property
    def column(self) -> int:
        """Column within the line in code points, from 1."""
        return position(self.source, self.start)[1]

    def excerpt(self) -> str:
        """The line at fault, with carets below the place."""
        text = (self.source.splitlines() or [""])[self.line - 1 : self.line] or [""]
        width = max(1, min(self.end - self.start, len(text[0]) - self.column + 1))
        return f"{text[0]}\n{' ' * (self.column - 1)}{'^' * width}"

    def __str__(self) -> str:
        where = f"{path_text(self.path)} " if self.path else ""
        hint = f"; {self.suggestion}" if self.suggestion else ""
        return f"{where}{self.line}:{self.column}: {self.message}{hint}"


class EvaluationError(Permanent):
    """An expression that has no value for an event. Its text names types, never values of the event.

    Args:
        message: what was expected and the type that came.
        source: the whole expression.
        start: offset of the part that failed, in code points.
        end: offset after it.
        path: where the expression stands in its section.
    """

    def __init__(
        self, message: str, *, source: str = "", start: int = 0, end: int = 0, path: tuple[str | int, ...] = ()
    ) -> None:
        part = " ".join(source[start:end].split())
        if len(part) > EXCERPT:
            part = part[: EXCERPT - 1] + "…"
        self.detail = message
        self.expression = source
        self.start = start
        self.end = end
        self.line, self.column = position(source, start)
        self.path = path
        where = " ".join(filter(None, (path_text(path), f"{self.line}:{self.column}" if source else "")))
        super().__init__(": ".join(filter(None, (part, message))) + (f" ({where})" if where else ""))


class Failure(Exception):
    """Raised by the language's functions: what was expected and what type came.

    It never leaves this package: it becomes an `EvaluationError`. ``{at}`` in it becomes the source of the operand.
    """


def position(source: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1, in code points."""
    before = source[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def path_text(path: Iterable[str | int]) -> str:
    """A path into a section as people write it: ``map.data.labels[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A suggestion where a known name is close to one that isn't."""
    known = sorted(known)
    lowered = {each.lower(): each for each in reversed(known)}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f"did you mean `{lowered[close[0]]}`?" if close else None
