"""The deployments under ``schemas/examples`` are valid with the connectors that the project brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import check

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
DEPLOYMENTS = sorted({path.parent for path in EXAMPLES.rglob("*.yaml")})


@pytest.mark.parametrize("directory", DEPLOYMENTS, ids=lambda each: each.name)
def test_examples_are_valid(directory: Path) -> None:
    """No error, and no warning either."""
    assert [str(each) for each in check(directory).findings] == []


def test_there_are_examples() -> None:
    """The quickstart of the README is among them."""
    assert EXAMPLES / "quickstart" in DEPLOYMENTS
