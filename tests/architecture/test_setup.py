"""The set-up says what is missing and what to type, and does nothing when it can't go on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TOOLS = [
    "bash",
    "env",
    "dirname",
    "mktemp",
    "rm",
    "cat",
    "sed",
    "awk",
    "grep",
    "sha256sum",
    "cut",
    "timeout",
    "tail",
    "tee",
    "python3",
]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The PATH of a machine with the tools of a bare system, for a user without rights; programs may be added."""
    for tool in TOOLS:
        found = shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin")
        assert found, tool
        (tmp_path / tool).symlink_to(found)
    program(tmp_path / "id", "echo 1000")
    return tmp_path


def program(path: Path, script: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def setup(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the set-up of this checkout on such a machine."""
    return subprocess.run(
        ["bin/setup", *arguments],
        cwd=PROJECT,
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_wrong_purpose_is_a_usage_error(machine: Path) -> None:
    """There are two purposes, and the error names them."""
    result = setup(machine, "everything")
    assert (result.returncode, result.stderr) == (2, "usage: bin/setup demo|test\n")


@pytest.mark.parametrize("python", [None, "exit 1"], ids=["none", "too old"])
def test_without_a_python_that_is_new_enough_it_says_so(machine: Path, python: str | None) -> None:
    """No python3, or one older than 3.11, is told with what to do."""
    (machine / "python3").unlink()
    if python:
        program(machine / "python3", python)
    result = setup(machine, "test")
    assert result.returncode == 3
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "make PYTHON=/path/to/python3" in result.stderr


def test_without_rights_it_prints_the_command_to_type(machine: Path) -> None:
    """On a Debian where neither root nor sudo is to be had, the exact command is given."""
    program(machine / "apt-get", "echo must not be called; exit 1")
    result = setup(machine, "test")
    assert result.returncode == 3
    assert result.stdout == ""
    command = re.search(r"^  (sudo apt-get .*)$", result.stderr, re.MULTILINE)
    assert command
    assert re.fullmatch(
        r"sudo apt-get update && sudo apt-get install --no-install-recommends (rabbitmq-server )?npm( redis-server)?",
        command[1],
    )


def test_a_sudo_that_wants_a_password_counts_as_none(machine: Path) -> None:
    """Nobody is asked for a password in the middle of a set-up."""
    program(machine / "apt-get", "echo must not be called; exit 1")
    program(machine / "sudo", "echo 'sudo: a password is required' >&2; exit 1")
    result = setup(machine, "test")
    assert result.returncode == 3
    assert "sudo apt-get install" in result.stderr
    assert "password" not in result.stderr


def test_on_another_system_it_names_what_is_missing(machine: Path) -> None:
    """Where there is no apt-get, the missing things are named."""
    result = setup(machine, "test")
    assert result.returncode == 3
    assert re.search(
        r"Missing on this machine: (rabbitmq-server )?npm( redis-server)? \(Debian's names\)", result.stderr
    )


def test_make_help_lists_every_command() -> None:
    """Every target that is meant for people has a line in `make help`, which is what `make` alone prints."""
    listed = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=True).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    for target in targets[1].split():
        assert re.search(rf"^  make {target} +\w", listed, re.MULTILINE), target
