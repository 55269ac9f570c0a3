"""Mistakes that people make, one per file in ``mistakes/``, and what they read about it: the text beside it.

Written anew by ``UPDATE_GOLDEN=1 pytest tests/unit/deployment/test_mistakes.py``; read the difference before you keep
it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.cli.findings import render
from hub.deployment import Registry, Report, check

MISTAKES = Path(__file__).parent / "mistakes"
CASES = sorted(each.stem for each in MISTAKES.glob("*.yaml"))


@pytest.fixture(scope="module")
def installed() -> Registry:
    """The connectors that the project brings, with the contracts of their events."""
    return Registry()


def checked(case: str, registry: Registry, directory: Path) -> Report:
    (directory / "hub.yaml").write_text((MISTAKES / f"{case}.yaml").read_text())
    return check(directory, registry=registry, strict=case.startswith("strict_"))


def rendered(report: Report) -> str:
    lines = [line.plain.rstrip() for finding in report.findings for line in render(finding)]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_reads_as_agreed(case: str, installed: Registry, tmp_path: Path) -> None:
    """What is printed is what the file says, word for word, and fits a terminal of 100 columns."""
    text = rendered(checked(case, installed, tmp_path))
    expected = MISTAKES / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_is_one_finding(case: str, installed: Registry, tmp_path: Path) -> None:
    """What follows from a mistake isn't told as another one."""
    assert len(checked(case, installed, tmp_path).findings) == 1


@pytest.mark.parametrize("case", [each for each in CASES if each.startswith("strict_")])
def test_what_only_a_strict_check_tells(case: str, installed: Registry, tmp_path: Path) -> None:
    """Without --strict there is nothing to complain about."""
    checked(case, installed, tmp_path)
    assert check(tmp_path, registry=installed).findings == ()


def test_there_are_at_least_forty() -> None:
    """Each has its text, and no text is left over."""
    assert len(CASES) >= 40
    assert sorted(each.stem for each in MISTAKES.glob("*.txt")) == CASES
