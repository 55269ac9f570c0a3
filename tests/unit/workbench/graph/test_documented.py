"""What docs/graph.md shows is what the commands give; lines of the files may move."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hub.deployment import load
from hub.workbench.graph import draw, svg
from hub.workbench.lineage import Tracer, lineage_tree

ROOT = Path(__file__).parents[4]
_POSITION = re.compile(r"(\.yaml):\d+:\d+")


def unplaced(text: str) -> str:
    return _POSITION.sub(r"\1", text)


def test_the_picture_of_the_quickstart() -> None:
    """As it is drawn today; ``UPDATE_GOLDEN=1`` draws it anew."""
    drawn = svg(draw(load(ROOT / "schemas" / "examples" / "quickstart")))
    file = ROOT / "docs" / "quickstart.svg"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(drawn)
    assert unplaced(file.read_text()) == unplaced(drawn)


def test_the_lineage_of_a_field() -> None:
    """Word for word."""
    (found,) = Tracer(load(ROOT / "schemas" / "examples" / "quickstart")).lineages("data.title", "review.wanted")
    shown = "\n".join(line.plain for line in lineage_tree(found))
    assert unplaced(shown) in unplaced((ROOT / "docs" / "graph.md").read_text())
