"""What the documentation says that connectors were held against is what the suites found, and what they contain now."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.deployment import Registry
from hub.sdk import Connector
from hub.testing.conformance import UnitSuite
from hub.testing.conformance.matrix import column_of, results_below, suite_of, untested, with_tables
from hub.testing.conformance.results import FILE, PASSED, checks_of, read
from hub.testing.conformance.unit import NOT_APPLICABLE

PROJECT = Path(__file__).parents[2]
MODULES = "tests/test_conformance*.py"
FOLDERS = sorted({each.parents[1] for each in (PROJECT / "connectors").glob(f"*/{MODULES}")})
DOCUMENT = PROJECT / "docs" / "connectors.md"


def suites(folder: Path) -> Iterator[type[UnitSuite]]:
    """The classes of a connector's tests that are run."""
    for path in sorted(folder.glob(MODULES)):
        module = importlib.import_module(f"connectors.{folder.name}.tests.{path.stem}")
        for name, each in vars(module).items():
            if name.startswith("Test") and inspect.isclass(each) and issubclass(each, UnitSuite):
                yield each


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_results_are_those_of_the_suites(folder: Path) -> None:
    """Of every class that there is, and of no other; each check that it has now, passed or with a reason why not."""
    kept = read(folder / FILE)
    found = {each.__name__: each for each in suites(folder)}
    assert kept.keys() == found.keys(), "run `make conformance`"
    for name, suite in found.items():
        result = kept[name]
        assert result.checks.keys() == set(checks_of(suite)), f"{name}: run `make conformance`"
        assert (result.use, result.suite) == (suite.use(), suite_of(suite.unit_class()))
        assert all(each == PASSED or each.startswith(NOT_APPLICABLE) for each in result.checks.values()), result
        applicable = [check for check, outcome in result.checks.items() if outcome == PASSED]
        assert len(applicable) > len(result.checks) // 2, f"{name}: most of the suite is said to have no meaning"
        assert not (unknown := set(suite.exempt) - names(suite)), f"{name}: `exempt` names what there isn't: {unknown}"


def names(suite: type[UnitSuite]) -> set[str]:
    """What may be exempted: checks, and faults."""
    return {part.rstrip("]") for check in checks_of(suite) for part in (check, *check.split("["))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_check_has_a_column(folder: Path) -> None:
    """So that the table leaves out none."""
    for result in read(folder / FILE).values():
        assert not [check for check in result.checks if column_of(check) is None]


def connectors() -> list[Connector]:
    """All that this project has."""
    folders = sorted((PROJECT / "connectors").glob("*/__init__.py"))
    assert folders, "there are no connectors"
    return [Registry().connector(each.parent.name) for each in folders]


@pytest.mark.parametrize("connector", connectors(), ids=lambda connector: connector.name)
def test_every_unit_is_held_against_its_suite(connector: Connector) -> None:
    """Each source, sink and look-up."""
    missing = untested([connector], results_below(PROJECT / "connectors"))
    assert not missing, f"derive a suite in `tests/test_conformance.py`, and run `make conformance`: {missing}"


def test_the_table_is_made_of_the_results() -> None:
    """And of nothing else."""
    text = DOCUMENT.read_text()
    assert text == with_tables(text, results_below(PROJECT / "connectors"), connectors()), "run `make conformance`"
