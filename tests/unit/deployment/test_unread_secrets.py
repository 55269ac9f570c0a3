"""What may be a secret isn't shown either where a file can't be read, so that nobody knows yet what is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.findings import render
from hub.deployment import check

SECRET = "hunter2secret"


@pytest.mark.parametrize(
    "auth",
    [
        f' {{ token: "{SECRET} }}',
        f"\n      token: {SECRET}: b",
        f"\n\ttoken: {SECRET}",
        f" {{ token: a, token: {SECRET} }}",
        f"\n      - api_key: {SECRET}\n       x: 1",
    ],
)
def test_no_line_shows_it(tmp_path: Path, auth: str) -> None:
    """The finding is there, its line too, with dots in the secret's place."""
    text = f"deployment: x\nservices:\n  a:\n    use: http\n    auth:{auth}\n"
    (tmp_path / "hub.yaml").write_text(text)
    report = check(tmp_path)
    shown = "\n".join(line.plain for finding in report.findings for line in render(finding))
    assert report.findings
    assert SECRET not in shown
    assert SECRET not in str([finding.to_json() for finding in report.findings])


def test_references_and_expressions_are_shown(tmp_path: Path) -> None:
    """They tell where a secret is, not what it is."""
    (tmp_path / "hub.yaml").write_text('deployment: x\nservices:\n  a: { auth: { token: "${env:TOKEN}" }\n')
    shown = "\n".join(line.plain for finding in check(tmp_path).findings for line in render(finding))
    assert "\u2022" not in shown
