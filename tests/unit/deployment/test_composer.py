"""Two parsers read schema files, a fast one and one that explains: they must read the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.deployment.composer import _Composer, _fast_events, _Refused, _slow_events, _Unreadable, compose
from hub.deployment.document import Document
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence
from tests.unit.deployment.test_robustness import EDITS, GOLDEN, QUICKSTART, edited


def plain(node: Node | None) -> Any:
    """A tree with all its places; an empty value has none that could be seen."""
    match node:
        case Scalar():
            place = (node.start, node.end) if node.start < node.end else ()
            return (*place, node.text, node.style, node.value, node.broken)
        case Mapping():
            return (node.start, [(plain(key), plain(value)) for key, value in node.pairs])
        case Sequence():
            return (node.start, [plain(item) for item in node.items])
    return None


def read(text: str, events: Any) -> Any:
    findings = Findings()
    try:
        tree = plain(_Composer(Document("hub.yaml", text), text, findings, events(text)).run())
    except _Unreadable:
        tree = "unreadable"
    return tree, [(each.code, each.message) for each in findings.sorted()]


@settings(max_examples=300, deadline=None, derandomize=True)  # libyaml's leniency has no end of rare forms
@given(st.sampled_from([QUICKSTART, *GOLDEN]), EDITS)
def test_both_parsers_read_the_same(text: str, edits: list[tuple[float, int, str]]) -> None:
    """Real files with random edits: what the fast parser reads, the other one reads alike, to the place."""
    content = edited(text, edits)
    try:
        fast = read(content, _fast_events)
    except _Refused:
        return
    assert fast == read(content, _slow_events)


def test_a_right_file_is_read_without_the_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most files are right, and most of a check's time is reading them."""

    def refuse(_: str) -> Any:
        raise AssertionError("the slow parser was asked")

    monkeypatch.setattr("hub.deployment.composer._slow_events", refuse)
    findings = Findings()
    assert compose(Document("quickstart.yaml", QUICKSTART), findings) is not None
    assert findings.sorted() == []
