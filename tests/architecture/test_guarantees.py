"""docs/guarantees.md can't rot: the tests that it names exist, every connector is in it, its figures are the last."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from hub.sdk import PollingSource
from tests.chaos import report

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "guarantees.md"
TEXT = DOCUMENT.read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)))
FOLDERS = sorted(each.parent.name for each in (PROJECT / "connectors").glob("*/__init__.py"))


@cache
def defined(path: Path) -> frozenset[str]:
    """Names of the test functions of a file."""
    tree = ast.parse(path.read_text())
    return frozenset(
        each.name
        for each in tree.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
    )


def missing(file: str, name: str, root: Path = PROJECT) -> str:
    """Why a named test isn't one; empty where it is."""
    path = root / file if file.startswith("connectors/") else root / "tests" / file
    if not path.is_file():
        return f"there is no file {path.relative_to(root)}"
    return "" if name in defined(path) else f"{path.relative_to(root)} has no test {name}"


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_named_test_exists(file, name):
    """Who renames or removes a test changes what is promised, and the document with it."""
    assert not missing(file, name)


def test_a_test_that_is_gone_is_found(tmp_path):
    """By its file, and by its name; what only looks like a test doesn't count."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("def test_one():\n    def test_two(): ...\n")
    assert missing("test_it.py", "test_one", tmp_path) == ""
    assert missing("test_it.py", "test_two", tmp_path) == "tests/test_it.py has no test test_two"
    assert missing("test_other.py", "test_one", tmp_path) == "there is no file tests/test_other.py"


def test_no_test_is_named_in_another_form():
    """Else it would go unchecked."""
    bare = set(re.findall(r"\btest_\w+", TEXT)) - {name for _, name in NAMED}
    assert bare <= {Path(file).stem for file, _ in NAMED}
    assert len(NAMED) > 50, "the document names hardly any test"


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_connector_has_its_promise(folder):
    """Every source and sink, by the name that stands in schema files."""
    connector = importlib.import_module(f"connectors.{folder}").connector
    names = [f"{connector.name}.{each}" if each else connector.name for each in (*connector.sources, *connector.sinks)]
    assert not [name for name in names if f"`{name}`" not in TEXT]
    polled = TEXT.partition("## Polling source")[2].partition("\n## ")[0]
    for each, source in connector.sources.items():
        name = f"`{connector.name}.{each}`" if each else f"`{connector.name}`"
        assert (name in polled) == issubclass(source, PollingSource), name


def test_each_link_within_the_document_leads_somewhere():
    """GitHub's anchors: lower case, blanks become hyphens, other marks vanish."""
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors


def test_the_measured_figures_are_those_of_the_last_run():
    """``make chaos`` writes them into the document."""
    assert TEXT.count(report.BEGIN) == TEXT.count(report.END) == 1
    shown = TEXT.partition(report.BEGIN)[2].partition(report.END)[0]
    assert shown == report.table() + "\n", "python -m tests.chaos.report --write mends it"
