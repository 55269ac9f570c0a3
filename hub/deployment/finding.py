"""What a check of schema files finds: where, what was expected, what came, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.sdk.errors import ConfigError

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Position:
    """A place in a schema file.

    Attributes:
        path: of the file, relative to the deployment's directory.
        line: counted from 1.
        column: in characters, counted from 1.
    """

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Span:
    """A piece of a schema file, with the line it starts on; what is shown with a caret under it.

    Attributes:
        start: its first character.
        end_line: line of its last character.
        end_column: column behind its last character.
        width: how many characters of its first line belong to it, at least 1.
        shown: gives a line of the file by its number, secrets hidden; asked when the line is shown, since what is a
            secret is known only after the whole file has been checked.
        lines: whether the place has lines; a directory doesn't, nor a path that can't be read.
    """

    start: Position
    end_line: int
    end_column: int
    width: int = 1
    shown: Callable[[int], str] | None = field(default=None, repr=False, compare=False)
    lines: bool = True

    def __str__(self) -> str:
        return str(self.start) if self.lines else self.start.path

    @property
    def text(self) -> str | None:
        """The whole first line; ``None`` where there is no text to show."""
        return self.shown(self.start.line) if self.shown else None

    @classmethod
    def of_file(cls, path: str) -> Span:
        """A file as a whole, or one that couldn't be read."""
        return cls(Position(path), 1, 1)

    @classmethod
    def of_directory(cls, path: str) -> Span:
        """What was given as the deployment's directory, as it was given."""
        return cls(Position(path), 1, 1, lines=False)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong, in a deployment.

    Attributes:
        severity: an error keeps the deployment from running, a warning doesn't.
        code: stable dotted word for programs, e.g. ``route.unknown_target``.
        message: what was expected and what came; one sentence.
        span: where.
        suggestion: what to do, for people.
        fix: text that would be right in place of the span, for programs.
    """

    severity: Severity
    code: str
    message: str
    span: Span
    suggestion: str | None = None
    fix: str | None = None

    @property
    def path(self) -> str:
        """File, relative to the deployment's directory; that directory as it was given, where it is the matter."""
        return self.span.start.path

    @property
    def line(self) -> int:
        """Counted from 1."""
        return self.span.start.line

    @property
    def column(self) -> int:
        """In characters, counted from 1."""
        return self.span.start.column

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts findings by place."""
        return (self.span.start, self.severity, self.code, self.message)

    def to_json(self) -> dict[str, Any]:
        """The finding for programs; its keys are stable."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "end_line": self.span.end_line,
            "end_column": self.span.end_column,
            "suggestion": self.suggestion,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        text = f"{self.span}  {self.severity}  {self.code}: {self.message}"
        return f"{text}; {self.suggestion}" if self.suggestion else text


MOST = 1000
"""So many findings are listed at most."""


@dataclass
class Findings:
    """Collects findings, each place and message once, and no more than `MOST`."""

    found: dict[tuple[Any, ...], Finding] = field(default_factory=dict)
    strict: bool = False
    """Whether to note what is fine in most deployments, but not in one that wants to be sure."""

    @property
    def full(self) -> bool:
        """Whether there are so many that nobody reads more; looking for further ones is a waste of time."""
        return len(self.found) >= MOST

    def error(
        self, code: str, message: str, span: Span, suggestion: str | None = None, *, fix: str | None = None
    ) -> None:
        """Notes what keeps the deployment from running."""
        self._add(Finding("error", code, message, span, suggestion, fix))

    def warning(
        self, code: str, message: str, span: Span, suggestion: str | None = None, *, fix: str | None = None
    ) -> None:
        """Notes what looks wrong."""
        self._add(Finding("warning", code, message, span, suggestion, fix))

    def doubt(
        self, code: str, message: str, span: Span, suggestion: str | None = None, *, fix: str | None = None
    ) -> None:
        """Notes what only a strict check complains about."""
        if self.strict:
            self.warning(code, message, span, suggestion, fix=fix)

    def _add(self, finding: Finding) -> None:
        if not self.full:
            self.found.setdefault(finding.order, finding)

    def sorted(self) -> list[Finding]:
        """By file, line and column."""
        return sorted(self.found.values(), key=lambda each: each.order)

    def has(self, path: str) -> bool:
        """Whether anything was found in a file."""
        return any(each.path == path for each in self.found.values())

    @property
    def errors(self) -> int:
        """How many are errors."""
        return sum(each.severity == "error" for each in self.found.values())


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        directory: as it was given.
        findings: by place.
        files: schema files that were read.
        units: how many of each kind the deployment has, e.g. ``{"route": 3}``.
        seconds: how long the check took.
    """

    directory: str
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    units: Mapping[str, int]
    seconds: float

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(each.severity == severity for each in self.findings)

    @property
    def valid(self) -> bool:
        """Whether the deployment can run: no errors."""
        return not self.count("error")

    def summary(self) -> str:
        """One line, e.g. ``1 error in 1 file · 3 routes · 38 ms``."""
        counted = [_plural(self.count(kind), kind) for kind in ("error", "warning") if self.count(kind)]
        files = len({each.path for each in self.findings}) or len(self.files)
        parts = [f"{', '.join(counted) or 'nothing to complain about'} in {_plural(files, 'file')}"]
        parts += [_plural(number, kind) for kind, number in self.units.items() if number]
        if len(self.findings) >= MOST:
            parts[0] = f"{parts[0]}, and perhaps more"
        return " · ".join([*parts, f"{max(1, round(self.seconds * 1000))} ms"])


class InvalidDeployment(ConfigError):
    """A deployment that can't run.

    Args:
        findings: all of them; at least one is an error.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(each) for each in self.findings if each.severity == "error"))


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
