"""Payloads of dead letters as people see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from hub.cli.letters import payload, shortened
from hub.engine.dlq.deadletter import Origin, dead_letter_headers, read_dead_letter
from hub.engine.dlq.deadletters import Letter
from hub.sdk import Event, Permanent


def letter(data: object) -> Letter:
    message = Event(type="review.wanted", source="/s", data=data).to_kafka()
    headers = dead_letter_headers(message.headers, unit="u", connector="http", stage="write", error=Permanent("no"))
    stamp = int(datetime.now(UTC).timestamp() * 1000)
    origin = Origin("dlq", 0, 0)
    return Letter("u", origin, stamp, message.key, message.value, headers, read_dead_letter(headers), None)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "… (201 characters)"),
        ({"body": ["y" * 4012, 1, None]}, {"body": ["y" * 200 + "… (4,012 characters)", 1, None]}),
        ({"n": 5, "flag": True, "none": {}}, {"n": 5, "flag": True, "none": {}}),
    ],
)
def test_long_texts_are_cut_wherever_they_stand(data: object, shown: object) -> None:
    """Each for itself, with its length; what is short or no text stays."""
    assert shortened(data, 200) == shown


def test_a_payload_is_cut_only_if_asked() -> None:
    """The same text whole, and cut; what is short is shown either way."""
    one = letter({"title": "short", "body": "z" * 4012})
    assert orjson.loads(payload(one)) == {"title": "short", "body": "z" * 4012}
    assert orjson.loads(payload(one, longest=200)) == {"title": "short", "body": "z" * 200 + "… (4,012 characters)"}


@pytest.mark.parametrize("longest", [None, 200])
def test_a_payload_of_too_many_levels_is_shown_as_it_came(longest: int | None) -> None:
    """JSON may be nested deeper than can be written with indents."""
    deep = "[" * 600 + "]" * 600
    one = replace(letter({}), value=deep.encode())
    assert payload(one, longest=longest) == deep
