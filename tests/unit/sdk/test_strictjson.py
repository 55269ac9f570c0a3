"""JSON that can't be read and written again without loss is told from JSON that can, whatever it looks like."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.errors import InvalidPayload
from hub.sdk.strictjson import LEVELS, parse, read, verbatim, written


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


def refused(raw: bytes) -> str:
    with pytest.raises(InvalidPayload) as error:
        parse(raw)
    assert error.value.__cause__ is None  # orjson's error holds the document
    assert error.value.__suppress_context__
    return str(error.value)


BAD = {
    b"": "nothing: the payload is empty",
    b" \n": "nothing: the payload is empty",
    b"{": "unexpected end of data, at line 1, column 2",
    b'{"a": NaN}': "NaN, which JSON doesn't have, at line 1, column 7",
    b'{\n"a": -Infinity}': "Infinity, which JSON doesn't have, at line 2, column 7",
    b'{"a": 1e999}': "a number too large for 64 bits, at line 1, column 7",
    b'{"a":"\xff"}': "bytes that are no UTF-8, at byte 6",
    b'{"a":"\xed\xa0\x80"}': "bytes that are no UTF-8, at byte 6",
    b'{"a":"\\ud83d"}': "half of a surrogate pair in a text, at line 1, column 7",
    b'{"a":"\\udc00x"}': "half of a surrogate pair in a text, at line 1, column 7",
    b'{"\\ud83dx":1}': "half of a surrogate pair in a text, at line 1, column 3",
    b"\xef\xbb\xbf{}": "a byte order mark, which JSON doesn't begin with, at line 1, column 1",
    b"{} {}": "something behind the end of the document, at line 1, column 4",
    b'{"a":1,"b":{"x":1,"x":2}}': "the key 'x' twice in one object, at line 1, column 23",
    b'{"a":1, "\\u0061":1}': "the key 'a' twice in one object, at line 1, column 18",
    b'{"a":{"b":[0,18446744073709551616]}}': "an integer beyond 64 bits at /a/b/1",
    b'{"a/b":{"~":-9223372036854775809}}': "an integer beyond 64 bits at /a~1b/~0",
    b"18446744073709551616": "an integer beyond 64 bits",
    b'{"a":' + b"9" * 400 + b"}": "a number too large for 64 bits, at line 1, column 6",
    nested(LEVELS + 1): "nested deeper than 254 levels",
    nested(1024): "nested deeper than 254 levels",
    nested(100_000): "nested deeper than 254 levels",
    b'{"a":' * 300 + b"1" + b"}" * 300: "nested deeper than 254 levels",
    b" " + nested(LEVELS + 1): "nested deeper than 254 levels",
}


@pytest.mark.parametrize(("raw", "what"), BAD.items(), ids=list(BAD.values()))
def test_bad_json_is_refused_with_what_and_where(raw: bytes, what: str) -> None:
    """For people: what it is and where it stands, never what a field holds."""
    assert refused(raw) == what


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        "",
        0,
        -(2**63),
        2**63 - 1,
        2**63,
        2**64 - 1,
        1.5,
        -0.0,
        1e300,
        5e-324,
        "\u0000é😀\u2028",
        {"a": [{"b": None}, {"b": True}], "": {"": ""}},
        {"a": 1, "A": 2},
    ],
)
def test_good_json_is_taken(value: Any, *, spaced: bool) -> None:
    """Compact or not: integers to the ends of int64 and uint64 keep their value, and so does all else."""
    raw = json.dumps(value, separators=(" , ", " : ") if spaced else (",", ":")).encode()
    found = parse(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("levels", [199, 200, 201, 253, 254])
def test_the_limit_of_levels_is_the_same_for_every_spelling(levels: int) -> None:
    """What jiter reads ends at 200; with spaces as without, all that orjson can write is taken."""
    assert parse(nested(levels)) == parse(b" " + nested(levels))
    with pytest.raises(InvalidPayload, match="the key 'a' twice in one object"):
        parse(nested(levels - 1, b"[ ").replace(b"[ ]", b'[{"a":1,"a":2}]'))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_parse_takes_exactly_what_can_be_written(value: Any) -> None:
    """Whatever the spelling: the same verdict, and the same value as Python's own parser, which hides nothing here."""
    for text in (
        json.dumps(value),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, indent=1, ensure_ascii=False),
    ):
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            continue
        try:
            expected = written(value)
        except InvalidPayload:
            with pytest.raises(InvalidPayload):
                parse(raw)
        else:
            assert orjson.dumps(parse(raw)) == expected


@given(pairs=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=6), spaced=st.booleans())
def test_a_key_that_stands_twice_is_always_found(pairs: list[tuple[str, int]], *, spaced: bool) -> None:
    """Even with the same value twice."""
    raw = ("{" + (", " if spaced else ",").join(f'"{name}":{value}' for name, value in pairs) + "}").encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert parse(raw) == dict(pairs)
    else:
        assert "twice in one object" in refused(raw)


def test_a_name_in_a_message_is_cut() -> None:
    """A payload can't fill the log by a long name."""
    name = b"x" * 100_000
    assert len(refused(b'{"' + name + b'":1,"' + name + b'":2}')) < 150
    assert len(refused(b'{"' + name + b'":18446744073709551616}')) < 250


def test_a_large_payload_is_looked_at_in_full() -> None:
    """The last key of ten megabytes counts as well."""
    body = b",".join(b'{"id":%d,"text":"%s"}' % (number, b"x" * 80) for number in range(100_000))
    good = b"[" + body + b"]"
    assert len(good) > 10_000_000
    assert len(parse(good)) == 100_000
    assert refused(good[:-2] + b',"id":1}]').startswith("the key 'id' twice in one object")


@dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"a": [1.0, math.nan]}, "NaN or an infinity, which JSON doesn't have at /a/1"),
        ((None, math.inf), "NaN or an infinity, which JSON doesn't have at /1"),
        (-math.inf, "NaN or an infinity, which JSON doesn't have"),
        ({"p": Point(math.nan)}, "NaN or an infinity, which JSON doesn't have at /p/x"),
        ({"a": {"b": 2**64}}, "an integer beyond 64 bits at /a/b"),
        ("\ud83d", "a text with half of a surrogate pair"),
        ({"\ud83d": 1}, "a text with half of a surrogate pair"),
        ({1: 2}, "Dict key must be str"),
        (object(), "Type is not JSON serializable: object"),
    ],
)
def test_what_json_cant_hold_is_not_written(data: Any, what: str) -> None:
    """By itself orjson would make null of NaN."""
    with pytest.raises(InvalidPayload) as error:
        written(data)
    assert str(error.value) == what


def test_too_many_levels_are_not_written() -> None:
    """As they wouldn't be read."""
    deep: Any = 1
    for _ in range(LEVELS + 1):
        deep = [deep]
    with pytest.raises(InvalidPayload, match="nested deeper than 254 levels"):
        written(deep)
    assert written(deep[0]) == nested(LEVELS).replace(b"[]", b"[1]")


@pytest.mark.parametrize("value", [2**64, -(2**70), math.inf, "\ud83d", [None, {"a": 2**100}]])
def test_what_cant_be_written_is_kept_verbatim(value: Any) -> None:
    """For the dead letter: the bytes are refused as the value was, and hold all of it."""
    raw = verbatim({"a": value})
    assert json.loads(raw) == {"a": value}
    assert refused(raw)


def test_verbatim_takes_what_orjson_takes_beside_json() -> None:
    """Times and data classes among the values; and says so where nothing helps."""
    assert json.loads(verbatim([Point(math.inf), math.nan])) == [{"x": None}, pytest.approx(math.nan, nan_ok=True)]
    with pytest.raises(InvalidPayload, match="not JSON serializable"):
        verbatim([object(), math.nan])
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidPayload, match="nested deeper"):
        verbatim(deep)


def test_answers_of_others_are_read_with_their_values() -> None:
    """Large integers and NaN stay what they are, deep ones are read, and what is no JSON is orjson's error."""
    assert read(b'{"a":18446744073709551616,"b":[1]}') == {"a": 2**64, "b": [1]}
    assert math.isnan(read(b"[NaN]")[0])
    assert read(nested(500)) == orjson.loads(nested(500))
    with pytest.raises(orjson.JSONDecodeError):
        read(b"{")
