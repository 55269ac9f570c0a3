"""Findings as editors show them."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol.types import Diagnostic, DiagnosticSeverity, DiagnosticTag, Range

from hub.deployment import Finding
from hub.workbench.editor.text import Text

SOURCE = "hub"
_SEVERITIES = {"error": DiagnosticSeverity.Error, "warning": DiagnosticSeverity.Warning}
_FADED = frozenset(("route.unreachable", "sink.unused"))


def diagnostics(findings: Iterable[Finding], text: Text) -> list[Diagnostic]:
    """The findings of one file.

    Args:
        findings: all of this file.
        text: what it says; places are counted in it.
    """
    return [_diagnostic(each, text) for each in findings]


def _diagnostic(finding: Finding, text: Text) -> Diagnostic:
    message = finding.message
    if finding.suggestion:
        message = f"{message}\n{finding.suggestion}"
    return Diagnostic(
        range=range_of(finding, text),
        message=message,
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        source=SOURCE,
        tags=[DiagnosticTag.Unnecessary] if finding.code in _FADED else None,
        data={"fix": finding.fix} if finding.fix is not None else None,
    )


def range_of(finding: Finding, text: Text) -> Range:
    """Where it is, in an editor's count; the start of the file where it has no place."""
    if not finding.span.lines:
        return text.range(0, 0)
    span = finding.span
    start, end = text.at(span.start.line, span.start.column), text.at(span.end_line, span.end_column)
    return text.range(start, max(start, end))
