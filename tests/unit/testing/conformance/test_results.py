"""Results of the suites: what is kept, what a run says that finds them otherwise, and the table made of them."""

from pathlib import Path

import pytest

from hub.sdk import Connector
from hub.testing.conformance import LookupSuite, PollingSourceSuite, SinkSuite, WebhookSourceSuite
from hub.testing.conformance.consuming import ConsumingSourceSuite
from hub.testing.conformance.matrix import BEGIN, END, column_of, tables, with_tables
from hub.testing.conformance.results import Result, checks_of, place_of, read, write

from . import records
from .hooks import Hook

pytest_plugins = ["pytester"]

CALM = """
from hub.sdk import Connector
from hub.testing.conformance import WebhookSourceSuite, not_applicable
from tests.unit.testing.conformance.test_webhook_suite import Suite


class TestHook(Suite):
    exempt = {"it_doesn_t_wait": "EXEMPT"}

    async def test_memory_is_bounded(self, far_side):
        assert OUTCOME
"""
SUITES = (PollingSourceSuite, WebhookSourceSuite, ConsumingSourceSuite, SinkSuite, LookupSuite)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs a connector's suite in a project of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))

    def once(*options: str, passing: bool = True, exempt: str = "it is a plain function") -> pytest.RunResult:
        path = pytester.path / "connector" / "tests" / "test_conformance.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CALM.replace("OUTCOME", str(passing)).replace("EXEMPT", exempt))
        plugins = ("-p", "pytest_asyncio.plugin", "-p", "hub.testing.conformance.plugin", "-p", "no:cacheprovider")
        return pytester.runpytest_subprocess(*plugins, "-o", "asyncio_mode=auto", *options, str(path))

    return once


def test_results_are_kept_beside_the_connector(run, pytester: pytest.Pytester) -> None:
    """All checks of a class that ran as a whole; and a later run that finds the same passes."""
    assert run("--write-conformance").ret == 0
    kept = read(pytester.path / "connector" / "conformance.json")["TestHook"]
    assert (kept.use, kept.suite) == ("hook", "webhook source")
    assert kept.checks["a_forged_request_is_refused"] == "passed"
    assert kept.checks["it_doesn_t_wait"] == "not applicable: it is a plain function"
    assert kept.checks.keys() == set(checks_of(WebhookSourceSuite))
    assert run().ret == 0


def test_a_run_that_finds_them_otherwise_fails(run) -> None:
    """Even if each check by itself would do: what is kept, the documentation says."""
    run("--write-conformance")
    result = run(exempt="nobody asked for it")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*conformance.json of hook says `not applicable: it is a plain function`*"])


def test_nothing_is_kept_of_what_failed_or_ran_in_part(run, pytester: pytest.Pytester) -> None:
    """Otherwise the documentation would claim it."""
    path = pytester.path / "connector" / "conformance.json"
    assert run("--write-conformance", passing=False).ret == 1
    assert read(path) == {}
    run("--write-conformance", "-k", "forged")
    assert read(path) == {}


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """In an order that stays; the folder is the one above the tests."""
    path = tmp_path / "conformance.json"
    results = {"TestB": Result("b", "sink", {"z": "passed", "a": "not applicable: so"}), "TestA": Result("a", "sink")}
    write(path, results)
    assert read(path) == results
    assert path.read_text().index("TestA") < path.read_text().index("TestB")
    assert place_of(tmp_path / "tests" / "test_conformance.py") == path


@pytest.mark.parametrize("suite", SUITES, ids=lambda each: each.suite)
def test_every_check_has_a_column(suite) -> None:
    """So that the table leaves out none."""
    assert not [check for check in checks_of(suite) if column_of(check) is None]


def test_the_table_claims_what_passed_alone() -> None:
    """Of two classes of one unit both must have passed; what has no meaning is said below, what is missing too."""
    checks = {"no_secret_is_shown": "passed", "memory_is_bounded": "passed", "nothing_is_lost[reset]": "passed"}
    lacking = {**checks, "memory_is_bounded": "not applicable: it holds nothing", "no_secret_is_shown": "failed"}
    text = tables([Result("a", "sink", checks), Result("b", "sink", checks), Result("b", "sink", lacking)])
    assert text.splitlines() == [
        "**Sinks**",
        "",
        "| use | connections refused, reset | memory | secrets |",
        "| --- | :-: | :-: | :-: |",
        "| `a` | ✓ | ✓ | ✓ |",
        "| `b` | ✓ | ✓· | ✗ |",
        "",
        "- `b` without “memory is bounded”: it holds nothing.",
    ]
    connectors = [records.connector(), Connector("hook", "Hook", sources={"": Hook})]
    document = with_tables(
        f"before\n{BEGIN}\nold\n{END}\nafter\n", [Result("hook", "webhook source", checks)], connectors
    )
    assert document.startswith(f"before\n{BEGIN}\n\n**Sources that are called**")
    assert document.endswith(f"Not held against their suite yet: source `sample.records`.\n\n{END}\nafter\n")
    assert with_tables(document, [Result("hook", "webhook source", checks)], connectors) == document
    with pytest.raises(ValueError, match="expected the lines"):
        with_tables("no markers", [])
