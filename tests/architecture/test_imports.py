"""The import directions hold, and the check that says so would notice if they didn't."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = [
    "cli", "operate", "testing", "workbench", "engine", "deployment", "routes",
    "contracts", "kafka", "services", "ingress", "sdk",
]  # fmt: skip

LAYERS = "each room of the hub imports only from the rooms below it"
NO_CONNECTORS = "the hub knows no connector"
ONLY_SDK = "a connector imports only hub.sdk of the hub"
APART = "connectors don't know each other"


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter with the project's contracts on the code in a directory."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """A project of the same contracts whose rooms are empty, and which has two connectors."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    packages = ["hub", *(f"hub/{room}" for room in ROOMS), "connectors", "connectors/first", "connectors/second"]
    for package in packages:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for module in ("hub/process.py", "hub/cache.py", "hub/secrecy.py", "hub/sdk/event.py"):
        (tmp_path / module).touch()
    return tmp_path


def test_the_project_keeps_its_import_directions() -> None:
    """All contracts are kept by what is here now."""
    result = lint(PROJECT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("hub/sdk/event.py", "import hub.kafka", LAYERS),
        ("hub/sdk/event.py", "from hub.process import ChildProcess", LAYERS),
        ("hub/kafka/topics.py", "from hub.engine import runtime", LAYERS),
        ("hub/kafka/topics.py", "import hub.services", LAYERS),
        ("hub/engine/runtime.py", "import hub.cli", LAYERS),
        ("hub/operate/admin.py", "def late():\n    import hub.testing", LAYERS),
        ("hub/workbench/trials.py", "import hub.operate", LAYERS),
        ("hub/engine/runtime.py", "import hub.workbench", LAYERS),
        ("hub/engine/runtime.py", "import connectors.first", NO_CONNECTORS),
        ("hub/cli/run.py", "def late():\n    from connectors import second", NO_CONNECTORS),
        ("connectors/first/source.py", "from hub.kafka import clients", ONLY_SDK),
        ("connectors/first/source.py", "import hub", ONLY_SDK),
        ("connectors/first/source.py", "import hub.testing.servers", ONLY_SDK),
        ("connectors/first/source.py", "from connectors.second import connector", APART),
    ],
)
def test_a_wrong_import_is_caught(skeleton: Path, module: str, statement: str, contract: str) -> None:
    """An import against the directions breaks its contract, also one inside a function."""
    for imported in ("hub/kafka/clients.py", "hub/engine/runtime.py", "hub/testing/servers.py"):
        (skeleton / imported).touch()
    (skeleton / module).write_text(statement + "\n")
    result = lint(skeleton)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in " ".join(result.stdout.split())


def test_the_right_imports_are_let_through(skeleton: Path) -> None:
    """What the directions allow passes, so that the test above can't pass for another reason."""
    (skeleton / "hub/cli/run.py").write_text("import hub.operate, hub.engine, hub.sdk\n")
    (skeleton / "hub/kafka/topics.py").write_text("from hub.process import ChildProcess\nimport hub.cache, hub.sdk\n")
    (skeleton / "connectors/first/source.py").write_text("import hub.sdk\nfrom hub.sdk.event import Event\n")
    (skeleton / "connectors/first/tests").mkdir()
    (skeleton / "connectors/first/tests/__init__.py").touch()
    (skeleton / "connectors/first/tests/test_source.py").write_text("from hub.testing import servers\n")
    (skeleton / "hub/testing/servers.py").touch()
    result = lint(skeleton)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 kept, 0 broken" in result.stdout
