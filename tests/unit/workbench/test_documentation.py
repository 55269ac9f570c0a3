"""The examples of docs/testing-routes.md are tests that pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.deployment import check, load
from hub.workbench.report import text
from hub.workbench.trials import run

PAGE = Path(__file__).parents[3] / "docs" / "testing-routes.md"


def fenced(language: str) -> list[str]:
    """The page's blocks of a language; those of a terminal have none."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [content for kind, content in blocks if kind == language]


def test_examples_are_valid_and_pass(tmp_path: Path) -> None:
    """Its first block is a deployment, the others are tests of it; none is left out."""
    blocks = fenced("yaml")
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
    assert [str(each) for each in check(tmp_path).findings] == []
    results = list(run(load(tmp_path)))
    assert [text(result, miss) for result in results for miss in result.misses] == []
    assert len(results) == PAGE.read_text().count("    given: ")


def test_what_it_shows_of_the_terminal_is_what_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the time that it takes."""
    deployment, tests, *_ = fenced("yaml")
    covered, failed = fenced("")
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    for content, expected, options in (
        (tests, covered.removeprefix("$ hub test shop --coverage\n"), ["--coverage"]),
        (tests.replace("size: small", "size: large"), failed, ["-k", "a small"]),
    ):
        Path("shop/shop.yaml").write_text(deployment + content)
        shown = CliRunner().invoke(app, ["test", "shop", *options]).output
        assert re.sub(r"[\d,]+ ms", "21 ms", shown).startswith(expected)
