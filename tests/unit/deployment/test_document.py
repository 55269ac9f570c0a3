"""Places in a file: of values, and of the characters within a value, whatever its quoting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString
from ruamel.yaml.scalarstring import SingleQuotedScalarString as Single

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Scalar, data


def read(text: str) -> tuple[Document, Mapping]:
    document, findings = Document("f.yaml", text), Findings()
    root = compose(document, findings)
    assert isinstance(root, Mapping), findings.sorted()
    return document, root


def marked(text: str, key: str, needle: str) -> str:
    """What of the file is marked for a piece of a value."""
    document, root = read(text)
    scalar = root.get(key)
    assert isinstance(scalar, Scalar)
    start = scalar.text.index(needle)
    span = document.within(scalar, start, start + len(needle))
    assert span.text is not None
    return span.text[span.start.column - 1 : span.start.column - 1 + span.width]


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("a: = data.first + second", "second"),
        ("a: '= \"it''s\" + second'", "second"),
        ('a: "= \\"x\\" + \\u0041 + second"', "second"),
        ("a: |\n  = data.first\n    + second\n", "second"),
        ("a: |2-\n   = data.first +\n\n  second", "second"),
        ("a: >-\n  = data.first\n  + second\n", "+ second"),
        ("a: = data.first\n  + second\nb: 1", "second"),
        ("a: 'one\n\n  second'", "second"),
        ("a: &anchor = data.first + second", "second"),
        ("a: !!str second", "second"),
    ],
)
def test_characters_are_found_in_every_kind_of_scalar(text: str, needle: str) -> None:
    """A piece of a value is marked where it is written, in plain, quoted, literal and folded text."""
    assert marked(text, "a", needle) == needle


def test_an_escape_is_marked_as_it_is_written() -> None:
    """A character written as an escape is marked at its backslash."""
    document, root = read('a: "x \\u00e9 y"')
    scalar = root.get("a")
    assert isinstance(scalar, Scalar)
    assert str(document.within(scalar, 2, 3).start) == "f.yaml:1:7"
    assert str(document.within(scalar, 4, 5).start) == "f.yaml:1:14"


def test_the_end_of_a_value_is_behind_its_last_character() -> None:
    """An error at the end of an expression points behind it."""
    document, root = read("a: = data.x +\nb: 1")
    scalar = root.get("a")
    assert isinstance(scalar, Scalar)
    assert str(document.within(scalar, len(scalar.text), len(scalar.text) + 1).start) == "f.yaml:1:14"


def test_lines_end_by_any_newline() -> None:
    """Windows' and old Mac's line ends count as one each."""
    document, root = read("a: 1\r\nb: 2\r\nc: 3")
    assert [str(document.position(key.start)) for key, _ in root.pairs] == ["f.yaml:1:1", "f.yaml:2:1", "f.yaml:3:1"]


WORDS = st.text(st.sampled_from("ab =+.'\"\\é#:-\n"), min_size=1, max_size=40)
STYLES = st.sampled_from([str, Single, DoubleQuotedScalarString, LiteralScalarString, FoldedScalarString])


@given(WORDS, STYLES)
def test_each_visible_character_of_a_value_is_where_it_is_said_to_be(value: str, style: type[str]) -> None:
    """For any text in any style, each character's place in the file holds that character or its escape."""
    out = StringIO()
    yaml = YAML()
    yaml.dump({"key": [style(value)]}, out)
    document, root = read(out.getvalue())
    items = root.get("key")
    scalar = items.items[0]  # type: ignore[union-attr]  a list was dumped
    assert isinstance(scalar, Scalar)
    for index, character in enumerate(scalar.text):
        if not character.isspace():
            position = document.within(scalar, index, index + 1).start
            line = out.getvalue().splitlines()[position.line - 1]
            assert line[position.column - 1] in (character, "\\", "'")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:02:11Z", "2026-11-20T10:02:11Z"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("12:30", "12:30"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_values_mean_what_yaml_says(written: str, value: object) -> None:
    """Values are those of YAML 1.2's core schema; times, yes and on are text, and what JSON can't hold is, too."""
    _, root = read(f"a: {written}\n")
    assert data(root) == {"a": value}
    assert type(data(root)["a"]) is type(value)


def test_anchors_and_merges_work() -> None:
    """What is shared by an anchor is there wherever it is named, and own keys win over merged ones."""
    _, root = read("a: &shared { x: 1, y: 2 }\nb: { <<: *shared, y: 3 }\nc: *shared\nd: { <<: [*shared, { z: 4 }] }\n")
    assert data(root) == {
        "a": {"x": 1, "y": 2},
        "b": {"y": 3, "x": 1},
        "c": {"x": 1, "y": 2},
        "d": {"x": 1, "y": 2, "z": 4},
    }
