"""A pytest plugin that keeps the results of the conformance suites.

``pytest --write-conformance`` writes to ``conformance.json`` the results of every class whose checks all ran, and none
failed. Without that, a check that turns out otherwise than is kept there fails: the documentation stands on it.

`hub.testing.fixtures` brings it along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from hub.testing.conformance.results import FAILED, PASSED, Result, checks_of, place_of, read, write
from hub.testing.conformance.unit import NOT_APPLICABLE, UnitSuite
from hub.testing.recordings import recording as recording  # noqa: PLC0414  a fixture of this plugin

_PROPERTY = "hub-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("hub")
    group.addoption(
        "--write-conformance", action="store_true", help="keep the results of conformance suites in conformance.json"
    )
    group.addoption("--record", action="store_true", help="ask the real APIs, and keep their answers as recordings")
    group.addoption("--update-recordings", action="store_true", help="write the events of recordings anew")


def pytest_configure(config: pytest.Config) -> None:
    """Sets up who collects, in the process that reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(config), "hub-conformance-collector")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes a check's outcome with its report, and holds it against what is kept."""
    report = yield
    suite = getattr(item, "cls", None)
    if not (isinstance(suite, type) and issubclass(suite, UnitSuite) and isinstance(item, pytest.Function)):
        return report
    outcome = _outcome(report, call)
    if outcome is None:
        return report
    check = item.name.removeprefix("test_")
    place = place_of(item.path)
    kept = read(place).get(suite.__name__)
    if (
        not item.config.getoption("--write-conformance")
        and kept is not None
        and outcome not in (FAILED, kept.checks.get(check))
    ):
        report.outcome = "failed"
        before = kept.checks.get(check, "nothing")
        report.longrepr = (
            f"{place.name} of {kept.use} says `{before}` of {check}, which is now `{outcome}`; "
            "write it anew with `pytest --write-conformance`, and the documentation that is made of it"
        )
    noted: dict[str, Any] = {
        "place": str(place),
        "class": suite.__name__,
        "use": suite.use(),
        "suite": suite.suite,
        "check": check,
        "outcome": outcome,
        "all": sorted(checks_of(suite)),
    }
    report.user_properties.append((_PROPERTY, noted))
    return report


def pytest_report_teststatus(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
    """Counts a check that has no meaning for a unit as that, and not among what was skipped and should have run."""
    for name, noted in getattr(report, "user_properties", ()):
        if name == _PROPERTY and report.skipped and noted["outcome"].startswith(NOT_APPLICABLE):
            return "not applicable", "-", "NOT APPLICABLE"
    return None


def _outcome(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str | None:
    """What became of a check, once that is clear; None where it didn't run."""
    if report.failed:
        return FAILED
    if report.skipped:
        reason = str(getattr(getattr(call.excinfo, "value", None), "msg", ""))
        return reason if reason.startswith(NOT_APPLICABLE) else None
    return PASSED if report.when == "call" else None


class _Collector:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: defaultdict[Path, dict[str, Result]] = defaultdict(dict)
        self._wanted: dict[tuple[Path, str], set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes in the outcome of a check, also from another process."""
        for name, noted in report.user_properties:
            if name == _PROPERTY and isinstance(noted, dict):
                place, cls = Path(noted["place"]), noted["class"]
                result = self._found[place].setdefault(cls, Result(noted["use"], noted["suite"]))
                if result.checks.get(noted["check"]) != FAILED:
                    result.checks[noted["check"]] = noted["outcome"]
                self._wanted[place, cls] = set(noted["all"])

    def pytest_sessionfinish(self) -> None:
        """Keeps what ran as a whole."""
        if not self._config.getoption("--write-conformance"):
            return
        for place, results in self._found.items():
            kept = read(place)
            for cls, result in results.items():
                if self._wanted[place, cls] <= result.checks.keys() and FAILED not in result.checks.values():
                    kept[cls] = result
            write(place, kept)
