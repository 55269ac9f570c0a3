"""Places in a text as editors count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position

from hub.workbench.editor.text import Text

SAMPLE = "ab\r\nüx😀y\rlast\n"


@pytest.mark.parametrize(("encoding", "column"), [("utf-16", 4), ("utf-32", 3), ("utf-8", 7)])
def test_columns(encoding: str, column: int) -> None:
    """Code units of the encoding that was agreed on."""
    text = Text(SAMPLE, encoding)
    index = SAMPLE.index("y")
    assert text.position(index) == Position(1, column)
    assert text.index(Position(1, column)) == index


def test_places_beyond_the_text_are_brought_back() -> None:
    """As the protocol has it: behind the end of a line is its end, before its break."""
    text = Text(SAMPLE)
    assert text.index(Position(0, 99)) == 2
    assert text.index(Position(99, 0)) == len(SAMPLE)
    assert text.index(Position(2, 99)) == SAMPLE.index("\n", 5)
    assert text.position(999) == Position(3, 0)
    assert text.position(-5) == Position(0, 0)


def test_half_a_character_is_the_next_one() -> None:
    """A place between the two units of a picture."""
    assert SAMPLE[Text(SAMPLE).index(Position(1, 3))] == "y"


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
def test_there_and_back(content: str, encoding: str, data: st.DataObject) -> None:
    """Each character but the second of a line break has a place of its own."""
    text = Text(content, encoding)
    index = data.draw(st.integers(0, len(content)))
    if content[index - 1 : index + 1] != "\r\n" or index == 0:
        assert text.index(text.position(index)) == index


def test_findings_count_from_one() -> None:
    """Lines and columns, in characters."""
    assert Text(SAMPLE).at(2, 4) == SAMPLE.index("y")
    assert Text(SAMPLE).at(99, 1) == len(SAMPLE)
