"""Events to compare or explain routes by: records, lines of a file, a file with one event."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from hub.sdk import ConfigError, Event, InvalidEvent
from hub.workbench.samples import of_document, of_file, of_record

WHOLE = {"specversion": "1.0", "id": "7", "source": "/s", "type": "t", "subject": "a", "data": {"n": 1}}
TAPPED = {
    "at": "2026-11-20T10:00:00+00:00",
    "topic": "in",
    "partition": 2,
    "offset": 9,
    "key": "k",
    "event": {"id": "7", "source": "/s", "type": "t", "partitionkey": "k"},
    "data": {"n": 1},
    "headers": {"x": "1", "hub_error_cause": "no"},
}


def test_a_record_is_read_as_a_route_reads_it():
    """With its place and time; what tells of an earlier failure doesn't count."""
    event = Event(type="t", source="/s", id="7", data={"n": 1}, headers=[("x", b"1"), ("hub_error_cause", b"no")])
    record = SimpleNamespace(topic="in", partition=2, offset=9, timestamp=1_000, **event.to_kafka()._asdict())
    sample = of_record(record)
    assert (sample.topic, sample.place, sample.at.timestamp()) == ("in", "in-2@9", 1.0)
    assert sample.event.headers == (("x", b"1"),)


def test_lines_of_a_file_are_events_in_either_form(tmp_path: Path):
    """What `hub tap --json` prints bears its place; a CloudEvent goes to the topic of its type."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(orjson.dumps(WHOLE) + b"\n\n" + orjson.dumps(TAPPED) + b"\n")
    first, second = of_file(file, lambda event: f"topic.of.{event.type}")
    assert (first.topic, first.place, first.event.data) == ("topic.of.t", "events.jsonl:1", {"n": 1})
    assert (second.topic, second.place, second.at.isoformat()) == ("in", "in-2@9", "2026-11-20T10:00:00+00:00")
    assert (second.event.key, second.event.headers) == ("k", (("x", b"1"),))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "expected a JSON document"),
        (b"[1]", "expected a JSON object; got list"),
        (b'{"specversion":"1.0","id":"1"}', "'source'"),
    ],
)
def test_a_line_that_is_no_event_is_told_with_its_number(tmp_path: Path, line: bytes, message: str):
    """The others are read."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(orjson.dumps(WHOLE) + b"\n" + line + b"\n" + orjson.dumps(WHOLE))
    first, error, last = of_file(file, lambda _: "in")
    assert isinstance(error, InvalidEvent)
    assert str(error).startswith(f"{file}:2: ")
    assert message in str(error)
    assert first.event.id == last.event.id == "7"


def test_a_file_that_is_not_there_is_wrong_input(tmp_path: Path):
    """Said with the reason."""
    with pytest.raises(ConfigError, match="No such file"):
        list(of_file(tmp_path / "none", lambda _: "in"))


@pytest.mark.parametrize(
    ("document", "event_type", "topic"),
    [(WHOLE, None, None), (TAPPED, None, "in"), ({"type": "t", "data": {"n": 1}}, None, None), ({"n": 1}, "t", None)],
)
def test_one_event_may_be_given_in_four_forms(document, event_type, topic):
    """A CloudEvent, some attributes of one, what `hub tap --json` prints, or a payload with its type."""
    event, found = of_document(orjson.dumps(document), event_type)
    assert (event.type, event.data, found) == ("t", {"n": 1}, topic)


def test_a_payload_stays_as_it_is_written():
    """Byte for byte, so that what the engine would choke on is choked on."""
    event, _ = of_document(b' {"n": 1.0,  "n": 2}\n', "t")
    assert event.raw == b'{"n": 1.0,  "n": 2}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "expected an event as JSON"),
        (b"[1]", "give its event type: --type"),
        (b'{"n":1}', "give its event type: --type"),
        (b'{"type":"t","time":"noon"}', "this is no event"),
    ],
)
def test_what_is_no_event_is_wrong_input(text: bytes, message: str):
    """With what to do."""
    with pytest.raises(ConfigError, match=message):
        of_document(text, None)
