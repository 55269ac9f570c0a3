"""Mistakes whose right spelling is known, put right in the files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.deployment.document import Document
from hub.deployment.finding import Finding, Report
from hub.deployment.text import BOM
from hub.routes.checker.spelling import is_slip
from hub.sdk import EnvironmentProblem


@dataclass(frozen=True)
class Change:
    """One line or block of a file before and after, secrets hidden.

    Attributes:
        path: of the file, relative to the deployment's directory.
        line: number of its first line.
        before: lines as they were.
        after: lines as they are now.
    """

    path: str
    line: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def repair(report: Report) -> list[Change]:
    """Writes what is surely right in place of what is wrong.

    A name that only resembles the one that was written stays a suggestion: `alerts.low` may be declared and
    `alerts.mid` be meant, and a file that is valid afterwards would hide that.

    Only the deployment's own schema files are written, each at once or not at all; a file that has changed since the
    check isn't touched, nor a place that overlaps an earlier one.

    Args:
        report: what a check found.

    Returns:
        What was changed, by file and line.

    Raises:
        EnvironmentProblem: a file can't be read or written; those before it have been.
    """
    changes: list[Change] = []
    for path in report.files:
        wrong = [each for each in report.findings if each.path == path and each.fix is not None and each.span.shown]
        try:
            changes += _repair_file(Path(report.directory) / path, path, wrong) if wrong else []
        except OSError as error:
            raise EnvironmentProblem(f"can't correct {path}: {error.strerror or error}; it is as it was") from error
    return changes


def _repair_file(file: Path, path: str, wrong: list[Finding]) -> list[Change]:
    raw = file.read_bytes()
    document = Document(path, raw.removeprefix(BOM).decode())
    if any(_stale(document, each) for each in wrong):
        return []
    places = list(_apart(document, wrong))
    if not places:
        return []
    pieces: list[str] = []
    done = 0
    for start, end, finding in places:
        pieces += [document.text[done:start], finding.fix or ""]
        done = end
    text = "".join([*pieces, document.text[done:]])
    _write(file, (BOM if raw.startswith(BOM) else b"") + text.encode())
    return list(_changes(path, [finding for _, _, finding in places]))


def _stale(document: Document, finding: Finding) -> bool:
    span = finding.span
    if span.end_line > document.lines:
        return True
    seen = span.shown(span.start.line) if span.shown else ""
    # What is hidden in a finding's line can't be compared.
    now = document.line(span.start.line)
    return len(seen) != len(now) or any(old not in (new, "•") for old, new in zip(seen, now, strict=True))


def _apart(document: Document, wrong: Iterable[Finding]) -> Iterator[tuple[int, int, Finding]]:
    done = 0
    for finding in sorted(wrong, key=lambda each: each.order):
        start = document.index(finding.span.start.line, finding.span.start.column)
        end = document.index(finding.span.end_line, finding.span.end_column)
        if start >= done and end >= start and _is_sure(finding, document.text[start:end]):
            yield start, end, finding
            done = max(end, start + 1)


def _is_sure(finding: Finding, written: str) -> bool:
    guessed = "did you mean" in f"{finding.message} {finding.suggestion}"
    return not guessed or is_slip(written, finding.fix or "")


def _changes(path: str, findings: list[Finding]) -> Iterator[Change]:
    """One change for each run of lines that the repaired places touch."""
    groups: list[list[Finding]] = []
    for finding in findings:
        if groups and finding.span.start.line <= groups[-1][-1].span.end_line:
            groups[-1].append(finding)
        else:
            groups.append([finding])
    for group in groups:
        first, last = group[0].span.start.line, group[-1].span.end_line
        shown = group[0].span.shown
        assert shown is not None
        before = [shown(number) for number in range(first, last + 1)]
        shadow = Document(path, "\n".join(before))
        text, done = "", 0
        for finding in group:
            span = finding.span
            text += shadow.text[done : shadow.index(span.start.line - first + 1, span.start.column)]
            text += finding.fix or ""
            done = shadow.index(span.end_line - first + 1, span.end_column)
        text += shadow.text[done:]
        yield Change(path, first, tuple(before), tuple(text.split("\n")))


def _write(file: Path, content: bytes) -> None:
    """Replaces a file's content at once, so that a crash leaves the old or the new one."""
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(content)
        Path(name).chmod(target.stat().st_mode & 0o7777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
