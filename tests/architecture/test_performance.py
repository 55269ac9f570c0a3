"""docs/performance.md tells what benchmarks/results says, and shows figures that are there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import document

ROOT = Path(__file__).parents[2]
TEXT = document.DOCUMENT.read_text()


def test_tables_are_those_of_the_results():
    """Every table is what `python -m benchmarks figures` would write now."""
    assert document.rendered(TEXT) == TEXT


@pytest.mark.parametrize("name", sorted(document.TABLES))
def test_every_table_is_shown(name):
    """No table is made for nothing, and none that the document asks for is empty."""
    found = re.search(f"<!-- figures: {name} -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    assert found is not None
    assert found[1].strip()


def test_a_table_that_differs_from_the_results_is_seen():
    """The first test can fail: a digit that was changed by hand is written back."""
    changed = re.sub(r"(<!-- figures: start -->.*?)(\d)(\.\d\d s)", r"\g<1>9\g<3>", TEXT, count=1, flags=re.DOTALL)
    assert changed != TEXT
    assert document.rendered(changed) == TEXT


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)\)", TEXT))))
def test_what_is_referred_to_exists(path):
    """Figures and files that the document points to are there."""
    assert (document.DOCUMENT.parent / path).exists()


@pytest.mark.parametrize("figure", sorted((ROOT / "docs" / "figures").glob("*.svg")), ids=lambda path: path.stem)
def test_figures_can_be_drawn_anywhere(figure):
    """Each is well-formed, says in words what it shows, fetches nothing, and is shown in the document."""
    root = ET.fromstring(figure.read_text())
    assert root.get("aria-label")
    assert "http" not in figure.read_text().replace("http://www.w3.org/2000/svg", "")
    assert f"figures/{figure.name}" in TEXT
