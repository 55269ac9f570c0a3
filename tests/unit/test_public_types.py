"""The public API is typed: a strict type checker agrees with what its users are told."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

ROOT = Path(__file__).parents[2]


def test_the_examples_are_accepted_by_mypy():
    """With the settings of a strict user, and each line that is wrong on purpose refused."""
    checked = run(
        [sys.executable, "-m", "mypy", "--strict", str(ROOT / "tests" / "typing" / "subscribers.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
