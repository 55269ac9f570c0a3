"""What `hub new connector` writes is fit as it is: formatted, linted, typed, tested, and with all its parts."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.cli.scaffold import KINDS
from tests.architecture.test_connectors import missing_files, missing_in_manifest

PROJECT = Path(__file__).parents[2]
LONGEST = "a_system_with_a_very_long_name"
CONNECTORS = {
    "only_source": ("source",),
    "only_webhook": ("webhook",),
    "only_sink": ("sink",),
    "only_lookup": ("lookup",),
    "hook_and_sink": ("webhook", "sink"),
    "hook_and_lookup": ("webhook", "lookup"),
    LONGEST: tuple(KINDS),
}


def new(into: Path, name: str, kinds: tuple[str, ...], *options: str) -> None:
    chosen = [part for kind in kinds for part in ("--kind", kind)]
    result = CliRunner().invoke(app, ["new", "connector", name, *chosen, *options, "--into", str(into)])
    assert result.exit_code == 0, result.output


def runs(directory: Path, *command: str) -> str:
    """Runs a tool of this environment, as the authors do; fails with what it says if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [program, *command[1:]],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's project with new connectors beside none of its own."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "pyproject.toml", directory)
    (directory / "hub").symlink_to(PROJECT / "hub")
    (directory / "connectors").mkdir()
    (directory / "connectors" / "__init__.py").write_text('"""New connectors."""\n')
    for name, kinds in CONNECTORS.items():
        new(directory, name, kinds)
    return directory


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of somebody else's, with all kinds and the longest name."""
    directory = tmp_path_factory.mktemp("packages")
    new(directory, LONGEST, tuple(KINDS), "--package", "--title", "i" + "X" * 29)
    return directory / f"hub-connector-{LONGEST.replace('_', '-')}"


def test_folders_are_formatted_and_linted(project: Path) -> None:
    """By the project's own rules, with every choice of kinds, and with the longest name."""
    runs(project, "ruff", "format", "--no-cache", "--check", "connectors")
    runs(project, "ruff", "check", "--no-cache", "connectors")


def test_folders_are_typed(project: Path) -> None:
    """By mypy's strict mode; and they import what a connector may."""
    runs(project, "mypy", "--follow-imports", "silent", "connectors")  # the hub itself is checked elsewhere
    assert "0 broken" in runs(project, "lint-imports", "--no-logo", "--no-cache")


def test_the_tests_of_folders_pass(project: Path) -> None:
    """Conformance suites included."""
    runs(project, "pytest", "-q", "-p", "no:cacheprovider", "connectors")


@pytest.mark.parametrize("name", CONNECTORS)
def test_folders_have_all_their_parts(project: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `tests/architecture` wants them of every connector."""
    monkeypatch.setattr("connectors.__path__", [str(project / "connectors")])
    folder = project / "connectors" / name
    manifest = importlib.import_module(f"connectors.{name}").connector
    assert not missing_files(folder) + missing_in_manifest(manifest, folder)
    for each in [each for each in sys.modules if each.startswith(f"connectors.{name}")]:
        monkeypatch.delitem(sys.modules, each)


def test_a_package_is_formatted_linted_and_typed(package: Path) -> None:
    """By the rules in its own pyproject.toml."""
    runs(package, "ruff", "format", "--no-cache", "--check", ".")
    runs(package, "ruff", "check", "--no-cache", ".")
    runs(package, "mypy")
    runs(package, "mypy", f"hub_connector_{LONGEST}", "tests")


def test_the_tests_of_a_package_pass(package: Path) -> None:
    """Without being installed."""
    runs(package, "pytest", "-q", "-p", "no:cacheprovider")
