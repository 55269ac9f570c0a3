"""What users read when a schema file is wrong: each directory in ``golden/`` beside its ``expected.txt``.

Written anew by ``UPDATE_GOLDEN=1 pytest tests/unit/deployment/test_golden.py``; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hub.cli.findings import render
from hub.deployment import Registry, check
from hub.deployment.codes import CODES
from hub.routes.checker import CODES as CHECKED

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[3]
CASES = sorted(each.name for each in GOLDEN.iterdir())

# Codes that need another world than files: connectors that break, files of many megabytes, missing variables.
ELSEWHERE = {
    "connector.ambiguous",
    "connector.broken",
    "deployment.directory",
    "deployment.empty",
    "file.encoding",
    "file.too_large",
    "file.unreadable",
    "include.too_many",
    "reference.unresolved",
    "yaml.too_deep",
    "yaml.too_large",
}


def rendered(case: str, registry: Registry) -> str:
    report = check(GOLDEN / case, registry=registry)
    lines = [line.plain.rstrip() for finding in report.findings for line in render(finding)]
    return "\n".join([*lines, report.summary().rpartition(" · ")[0], ""])


@pytest.mark.parametrize("case", CASES)
def test_findings_read_as_agreed(case: str, registry: Registry) -> None:
    """What is printed for a directory is what its file says, word for word."""
    expected = GOLDEN / case / "expected.txt"
    text = rendered(case, registry)
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("case", CASES)
def test_output_fits_a_hundred_columns(case: str, registry: Registry) -> None:
    """No line is wider than a terminal of 100 columns, whatever the file's lines are like."""
    assert max(len(line) for line in rendered(case, registry).splitlines()) <= 100


def test_every_code_is_shown() -> None:
    """Each code that a check can give appears in a golden file, or has its test elsewhere."""
    texts = [*GOLDEN.glob("*/expected.txt"), *GOLDEN.parent.glob("mistakes/*.txt")]
    words = {word for each in texts for word in each.read_text().split()}
    assert {code for code in CODES if code not in words} == ELSEWHERE


def test_every_shown_code_is_listed() -> None:
    """No finding has a code that `CODES` doesn't explain."""
    lines = "\n".join((GOLDEN / case / "expected.txt").read_text() for case in CASES).splitlines()
    codes = {line.split()[2] for line in lines if (line[:1].strip() and "  error  " in line) or "  warning  " in line}
    assert codes <= set(CODES)


def test_every_code_of_the_language_is_listed() -> None:
    """The checker's codes and meanings are among `CODES`, as are all that the compiler gives."""
    assert CHECKED.items() <= CODES.items()
    sources = [each.read_text() for each in (ROOT / "hub" / "routes").rglob("*.py")]
    given = {code for text in sources for code in re.findall(r'"(route\.[a-z_]+)"', text)}
    assert given <= CODES.keys() | {"route.py"}


def test_every_code_is_documented() -> None:
    """The table in the documentation is `CODES`, in its order."""
    text = (ROOT / "docs" / "schema-files.md").read_text()
    table = text.partition("| code | what is wrong |\n| --- | --- |\n")[2]
    assert table.splitlines() == [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
