"""A plugin of pytest: tests in schema files are collected and run beside all others.

It collects nothing by itself. Deployments are named by the ini option ``hub_deployments`` (paths or patterns relative
to pytest's root directory) or by ``--hub-deployment DIR``; a schema file that is given on pytest's command line is
collected, too. As any other test it must lie where pytest looks: below ``testpaths``, or below what is given.

pytest loads this module in every project where the hub is installed: it imports nothing of the hub until it must.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hub.deployment.trials import TrialSpec
    from hub.workbench.trials import Result, Runner

_SUFFIXES = (".yaml", ".yml")
_SECTION = re.compile(r"^(tests|\"tests\"|'tests')\s*:", re.MULTILINE)
_RUNNERS = pytest.StashKey[dict[Path, "Runner | str"]]()
_DEPLOYMENTS = pytest.StashKey[frozenset[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    text = "directory of a deployment of the integration hub, whose tests in schema files are to be run"
    group = parser.getgroup("hub", "integration hub")
    group.addoption("--hub-deployment", action="append", default=[], metavar="DIR", help=text)
    parser.addini("hub_deployments", type="args", default=[], help=f"{text}: paths or patterns")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A schema file with tests, if it is one of a deployment that was named, or was named itself."""
    if file_path.suffix not in _SUFFIXES or file_path.name.startswith("."):
        return None
    named = file_path.parent.resolve() in _deployments(parent.config) or parent.session.isinitpath(file_path)
    if not named or not _SECTION.search(file_path.read_text("utf-8", errors="replace")):
        return None
    collected: pytest.Collector = SchemaFile.from_parent(parent, path=file_path)
    return collected


def _deployments(config: pytest.Config) -> frozenset[Path]:
    if _DEPLOYMENTS not in config.stash:
        found = {Path(config.invocation_params.dir, each).resolve() for each in config.getoption("--hub-deployment")}
        for pattern in config.getini("hub_deployments"):
            absolute = Path(pattern).is_absolute()
            found |= {Path(pattern)} if absolute else {each.resolve() for each in config.rootpath.glob(pattern)}
        config.stash[_DEPLOYMENTS] = frozenset(found)
    return config.stash[_DEPLOYMENTS]


class SchemaFile(pytest.File):
    """A schema file; its tests are those of its ``tests:`` section."""

    def collect(self) -> Iterable[pytest.Item]:
        """Its tests. The deployment is read once, whatever number of files it has."""
        runner = self._runner()
        if isinstance(runner, str):
            raise self.CollectError(runner)
        for trial in runner.trials:
            if trial.entry.place.document.name == self.path.name:
                yield SchemaTest.from_parent(self, name=trial.name, trial=trial, runner=runner)

    def _runner(self) -> Runner | str:
        """What runs the deployment's tests, or what is wrong with it."""
        from hub.deployment import InvalidDeployment, load  # noqa: PLC0415  most projects have no schema files
        from hub.workbench.trials import Runner  # noqa: PLC0415  as above

        known = self.config.stash.setdefault(_RUNNERS, {})
        directory = self.path.parent
        if directory not in known:
            try:
                known[directory] = Runner(load(directory))
            except InvalidDeployment as error:
                known[directory] = str(error)
        return known[directory]


class SchemaTest(pytest.Item):
    """A test of a schema file."""

    def __init__(self, *, trial: TrialSpec, runner: Runner, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._trial = trial
        self._runner = runner

    def runtest(self) -> None:
        """Runs it."""
        result = self._runner.run(self._trial)
        if not result.passed:
            raise _Failed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is printed when it failed: as `hub test` does, in plain text."""
        if not isinstance(excinfo.value, _Failed):
            return super().repr_failure(excinfo, style)
        from hub.workbench.report import text  # noqa: PLC0415  needed when a test fails

        result = excinfo.value.result
        directory = self.path.parent
        return "\n".join(
            f"{_shown(directory, self.config.rootpath)}{self._trial.span(*miss.where)}: {text(result, miss)}"
            for miss in result.misses
        )

    def reportinfo(self) -> tuple[Path, int, str]:
        """Its file, its line counted from 0, and its name."""
        return self.path, self._trial.span().start.line - 1, self.name


def _shown(directory: Path, root: Path) -> str:
    """The directory as the beginning of a path that editors and terminals can follow from the root directory."""
    relative = directory.relative_to(root) if directory.is_relative_to(root) else directory
    return "" if relative == Path() else f"{relative.as_posix()}/"


class _Failed(Exception):
    def __init__(self, result: Result) -> None:
        super().__init__(result.trial.name)
        self.result = result
