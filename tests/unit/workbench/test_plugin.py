"""The plugin of pytest: what it collects, what it says of what failed, and that it stays out of everybody's way."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hub.workbench.report
import hub.workbench.trials  # noqa: F401  both are there already, so that no session below imports them anew

pytest_plugins = ["pytester"]

HUB = """\
deployment: d
topics: { in: , out: }
routes: { r: { from: in, where: data.n > 1, to: out } }
"""
TESTS = """\
tests:
  a large one: { given: { type: in, data: { n: 2 } }, expect: { out: {} } }
  a small one: { given: { type: in, data: { n: 1 } }, expect: { out: {} } }
"""

LOADED = ("-p", "hub.workbench.plugin", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the plugins of this environment: quick, and the same whether or not ours is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def deployment(pytester: pytest.Pytester) -> Path:
    """A deployment below ``schemas``, with one test that passes and one that fails, beside a test of Python."""
    directory = pytester.path / "schemas" / "shop"
    directory.mkdir(parents=True)
    (directory / "hub.yaml").write_text(HUB)
    (directory / "tests.yaml").write_text(TESTS)
    pytester.makepyfile(test_python="def test_it():\n    pass\n")
    return directory


def test_nothing_is_collected_unasked(pytester: pytest.Pytester, deployment: Path) -> None:
    """Other people's YAML is none of our business."""
    result = pytester.runpytest(*LOADED)
    result.assert_outcomes(passed=1)


def test_an_option_names_a_deployment(pytester: pytest.Pytester, deployment: Path) -> None:
    """Its tests run beside those of Python; the one that fails says where, what and why."""
    result = pytester.runpytest(*LOADED, "--hub-deployment", "schemas/shop")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*a small one*",
            "schemas/shop/tests.yaml:3:65: expected an event at `out`; none came",
            "  route `r` filtered it: data.n > 1 is false: data.n is 1",
            "FAILED schemas/shop/tests.yaml::a small one*",
        ]
    )


@pytest.mark.parametrize("pattern", ["schemas/*", "schemas/shop", "**/shop"])
def test_an_ini_option_names_deployments(pytester: pytest.Pytester, deployment: Path, pattern: str) -> None:
    """By paths or patterns, relative to the root directory."""
    pytester.makeini(f"[pytest]\nhub_deployments = {pattern}\n")
    pytester.runpytest(*LOADED).assert_outcomes(passed=2, failed=1)
    pytester.runpytest(*LOADED, "-k", "large").assert_outcomes(passed=1, deselected=2)
    pytester.runpytest(*LOADED, "test_python.py").assert_outcomes(passed=1)


def test_an_absolute_path_names_a_deployment(pytester: pytest.Pytester, deployment: Path) -> None:
    """As well as a relative one."""
    pytester.makeini(f"[pytest]\nhub_deployments = {deployment}\n")
    pytester.runpytest(*LOADED).assert_outcomes(passed=2, failed=1)


def test_a_file_or_test_may_be_given(pytester: pytest.Pytester, deployment: Path) -> None:
    """On pytest's command line, without any option."""
    pytester.runpytest(*LOADED, "schemas/shop/tests.yaml").assert_outcomes(passed=1, failed=1)
    pytester.runpytest(*LOADED, "schemas/shop/tests.yaml::a large one").assert_outcomes(passed=1)


def test_files_without_tests_are_left_alone(pytester: pytest.Pytester, deployment: Path) -> None:
    """Also those of a deployment that was named."""
    result = pytester.runpytest(*LOADED, "--hub-deployment", "schemas/shop", "--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == [
        "schemas/shop/tests.yaml::a large one",
        "schemas/shop/tests.yaml::a small one",
        "test_python.py::test_it",
    ]


def test_an_invalid_deployment_is_an_error_of_collection(pytester: pytest.Pytester, deployment: Path) -> None:
    """It says what is wrong, once per file with tests, and other tests could run."""
    (deployment / "hub.yaml").write_text(HUB.replace("to: out", "to: owt"))
    result = pytester.runpytest(*LOADED, "--hub-deployment", "schemas/shop")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["hub.yaml:3:49  error  route.unknown_target: nothing declares `owt`*"])


def test_it_costs_other_projects_nothing(pytester: pytest.Pytester) -> None:
    """Nothing of the hub is imported but the plugin itself, whatever files there are."""
    (pytester.path / "values.yaml").write_text("tests:\n  a: 1\n")
    pytester.makepyfile(
        test_python="""
        import sys

        def test_it():
            loaded = {each for each in sys.modules if each.split(".")[0] == "hub"}
            assert loaded == {"hub", "hub.workbench", "hub.workbench.plugin"}
        """
    )
    pytester.runpytest_subprocess(*LOADED).assert_outcomes(passed=1)


def test_it_is_declared_as_an_entry_point() -> None:
    """By the group ``pytest11`` pytest finds it, and its module can be imported without pytest running."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    name = project["project"]["entry-points"]["pytest11"]["hub"]
    subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
