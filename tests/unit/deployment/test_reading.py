"""Options of how a source reads, held against what the source is ordered by."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import Registry, check, load
from hub.sdk import CursorOptions
from hub.testing.scripted import Script

TEXT = """
deployment: reading
topics: {{ script.event: {{}} }}
sources:
  feed: {{ use: script.{kind}, cursor: {cursor} }}
"""


@pytest.mark.parametrize(
    ("kind", "cursor", "said"),
    [
        ("rows", "{ hold_back: 5s }", "the source's cursor values are numbers, so it must be a number"),
        ("rows", "{ lookback_window: -5 }", "expected no less than 0"),
        ("rows", "{ lookback_window: yesterday }", "expected a duration such as 250ms"),
        ("rows", "{ step: true }", "expected a duration such as 30s, for cursor values that are times, or a number"),
        ("rows", "{ start: soon }", "`start` is no cursor value of `script.rows`: expected a whole number"),
        ("rows", "{ window: 5 }", "`cursor` has no key `window`"),
        ("poll", "{ step: 5 }", "`script.poll` keeps its place in a way of its own, so that `step` says nothing to it"),
        ("rows", "{ remember: 0 }", "can't tell it without remembering"),
        ("hook", "{ remember: 5 }", "doesn't poll, so it has no cursor"),
    ],
)
def test_what_does_not_fit_is_found_where_it_stands(tmp_path: Path, kind: str, cursor: str, said: str) -> None:
    """With what would."""
    (tmp_path / "hub.yaml").write_text(TEXT.format(kind=kind, cursor=cursor))
    report = check(tmp_path, registry=Registry([Script().connector]))
    found = [each for each in report.findings if said in each.message]
    assert len(found) == 1, [str(each) for each in report.findings]
    assert found[0].line == 5


def test_what_fits_reaches_the_source(tmp_path: Path) -> None:
    """As it was written."""
    cursor = "{ start: 3, lookback_window: 10, step: 1000, remember: 5 }"
    (tmp_path / "hub.yaml").write_text(TEXT.format(kind="rows", cursor=cursor))
    spec = load(tmp_path, registry=Registry([Script().connector])).sources["feed"]
    assert spec.cursor_options == CursorOptions(start=3, lookback_window=10, step=1000, remember=5)
