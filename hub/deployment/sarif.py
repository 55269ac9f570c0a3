"""Findings as SARIF 2.1.0, which CI systems show beside the lines of a change.

OASIS Standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", section numbers in the comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from hub.deployment.codes import CODES
from hub.deployment.finding import Finding, Report, Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report, *, version: str, root: Path) -> dict[str, Any]:
    """The log of one run, as a JSON document.

    Args:
        report: what a check found.
        version: of the hub.
        root: directory that paths are written relative to, as CI systems want them: that of the repository.
    """
    codes = sorted({each.code for each in report.findings})
    driver = {
        "name": "hub validate",
        "semanticVersion": version,
        "rules": [_rule(code) for code in codes],
    }
    directory = Path(report.directory)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                # § 3.14.17: columns count characters, not UTF-16 code units.
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, codes.index(each.code), directory, root) for each in report.findings],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    meaning = CODES.get(code, code)
    text = f"{meaning[:1].upper()}{meaning[1:]}."
    return {
        "id": code,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": f"{text} See the table of findings in docs/schema-files.md."},
    }


def _result(finding: Finding, rule: int, directory: Path, root: Path) -> dict[str, Any]:
    text = " ".join(_sentence(each) for each in (finding.message, finding.suggestion) if each)
    location = {"uri": _uri(directory, finding.path, root)}
    physical: dict[str, Any] = {"artifactLocation": location}
    if finding.span.lines:
        region = _region(finding.span)
        if finding.span.text is not None:
            region["snippet"] = {"text": _snippet(finding.span)}
        physical["region"] = region
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": physical}],
    }
    if finding.fix is not None and finding.span.lines:
        replacement = {"deletedRegion": _region(finding.span), "insertedContent": {"text": finding.fix}}
        change = {"artifactLocation": location, "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": f"write {finding.fix}"}, "artifactChanges": [change]}]
    return result


def _region(span: Span) -> dict[str, Any]:
    """§ 3.30: lines and columns from 1, the last column being the one behind the last character."""
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end_line,
        "endColumn": max(span.end_column, span.start.column + (span.end_line == span.start.line)),
    }


def _snippet(span: Span) -> str:
    """The region's text as it is shown, secrets hidden."""
    assert span.shown is not None
    lines = [span.shown(number) for number in range(span.start.line, span.end_line + 1)]
    lines[-1] = lines[-1][: max(span.end_column - 1, 0)]
    lines[0] = lines[0][span.start.column - 1 :]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    # An event type, a path or a command that comes first is a name, and stays as it is.
    word = text.split(" ", 1)[0].removesuffix(",")
    begin = text[:1].upper() + text[1:] if word.isalpha() else text
    return begin + ("" if text.endswith((".", "?", "!")) else ".")


def _uri(directory: Path, path: str, root: Path) -> str:
    """§ 3.4.3: relative to the repository where the file lies below it, else absolute."""
    real = located(directory, path).resolve()
    base = root.resolve()
    return quote(real.relative_to(base).as_posix()) if real.is_relative_to(base) else real.as_uri()


def located(directory: Path, path: str) -> Path:
    """The file that a finding's path means: below the deployment's directory, or below the shared ``schemas``."""
    if not Path(path).is_absolute() and not (directory / path).exists():
        for each in directory.resolve().parents:
            if each.name == "schemas" and (each / path).exists():
                return each / path
    return directory / path
