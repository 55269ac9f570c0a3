"""The examples of docs/testing-routes.md are tests that pass."""

from __future__ import annotations

import re
from pathlib import Path

from hub.deployment import check, load
from hub.workbench.report import text
from hub.workbench.trials import run

PAGE = Path(__file__).parents[3] / "docs" / "testing-routes.md"


def test_examples_are_valid_and_pass(tmp_path: Path) -> None:
    """Its first block is a deployment, the others are tests of it; none is left out."""
    page = PAGE.read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
    assert [str(each) for each in check(tmp_path).findings] == []
    results = list(run(load(tmp_path)))
    assert [text(result, miss) for result in results for miss in result.misses] == []
    assert len(results) == page.count("    given: ")
