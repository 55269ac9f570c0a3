"""Corrections of expressions: written into the file, they are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Registry, check
from hub.deployment.repairs import repair

TEXT = """
deployment: d
env: [REGION]
topics: {{ out: }}
tables: {{ teams: {{ a: b }} }}
events: {{ order: {{ schema: {{ type: object, required: [kind, name], properties: {{
  kind: {{ enum: [new, paid] }}, name: {{ type: string }}, count: {{ type: integer }} }} }} }} }}
routes:
  r:
    from: order
    where: {}
    map: {{ type: x, data: {{ a: = env.REGION, b: '= lookup("teams", "a")' }} }}
    to: out
"""


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('data.name = "a"', 'data.name == "a"'),
        ('data.name == "a" and data.kind == "new"', 'data.name == "a" && data.kind == "new"'),
        ('data.naem == "a"', 'data.name == "a"'),
        ('dtaa.name == "a"', 'data.name == "a"'),
        ('data.name.startWith("a")', 'data.name.startsWith("a")'),
        ("data.name == env.REGON", "data.name == env.REGION"),
        ('data.name == lookup("teems", "a")', 'data.name == lookup("teams", "a")'),
        ('data.kind == "nwe"', 'data.kind == "new"'),
        ('data.count > "5"', "data.count > 5"),
    ],
)
def test_a_correction_is_right(write: Callable[..., Path], registry: Registry, wrong: str, right: str) -> None:
    """One finding with a correction; once it is written there is nothing to complain about."""
    directory = write(TEXT.format(wrong))
    report = check(directory, registry=registry)
    told = [each for each in report.findings if each.code != "topic.unwritten"]
    assert [each.fix is not None for each in told] == [True]
    repair(report)
    assert (directory / "hub.yaml").read_text() == TEXT.format(right)
    assert [str(each) for each in check(directory, registry=registry).findings if each.code != "topic.unwritten"] == []
