"""A line of ``hub tap``: cut to the terminal, whole through a pipe."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.cli.tap import SHORTEST, line, to_json
from hub.engine.dlq.deadletter import Origin
from hub.engine.programs.tap import Sighting
from hub.sdk import Event


def sighting(event: Event | None, value: bytes | None = None, problem: str = "") -> Sighting:
    at = datetime(2026, 11, 20, 12, 4, 7, 113_999, tzinfo=UTC)
    return Sighting(Origin("orders", 3, 1842), at, b"k", value, (), event, problem)


def event(**attributes: object) -> Event:
    return Event(**{"type": "t", "source": "/s", "id": "1", "data": {"n": "x" * 200}, **attributes})


def test_a_line_is_as_wide_as_the_terminal():
    """The data is cut, and the cut is marked."""
    text = line(sighting(event()), 100).plain
    assert len(text) == 100
    assert ".113  orders-3@1842  k  t  1  " in text
    assert text.endswith("x…")


def test_on_a_narrow_terminal_some_of_the_data_is_shown_all_the_same():
    """Else a long key or topic would leave nothing of it."""
    assert line(sighting(event()), 10).plain.endswith('{"n":"' + "x" * (SHORTEST - 7) + "…")


def test_without_a_width_nothing_is_cut():
    """Through a pipe."""
    assert line(sighting(event()), None).plain.endswith("x" * 200 + '"}')


def test_data_that_is_no_text_is_counted():
    """Bytes mean nothing to a reader; no data is something else."""
    png = event(data=b"\xff" * 1234, datacontenttype="image/png")
    assert line(sighting(png), None).plain.endswith("(1,234 bytes of image/png)")
    assert line(sighting(event(data=None)), None).plain.endswith("(no data)")


def test_line_breaks_stay_within_the_line():
    """One event is one line."""
    text = event(data="one\n  two\r\nthree", datacontenttype="text/plain")
    assert line(sighting(text), None).plain.endswith("one two three")


def test_json_has_text_as_text_and_bytes_as_base64():
    """A program can tell them apart."""
    assert to_json(sighting(event(data="hi", datacontenttype="text/plain")))["data"] == "hi"
    assert to_json(sighting(event(data=b"\xff", datacontenttype="image/png")))["data_base64"] == "/w=="
    assert to_json(sighting(event(data=None)))["data"] is None
    assert to_json(sighting(None, b"\xff", "no event"))["problem"] == "no event"
