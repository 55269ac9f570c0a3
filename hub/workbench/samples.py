"""Events to compare routes by: records of Kafka, and lines of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from hub.engine.dlq.deadletter import is_failure_header
from hub.sdk.errors import ConfigError, InvalidEvent
from hub.sdk.event import STRUCTURED, Event, Header
from hub.workbench.differing import Sample


def of_record(record: Any) -> Sample:
    """A record's event, as a route would read it.

    Raises:
        InvalidEvent: it holds none.
    """
    headers: list[Header] = [header for header in record.headers if not is_failure_header(header[0])]
    event = Event.from_kafka(record.key, record.value, headers)
    at = datetime.fromtimestamp(max(0, record.timestamp) / 1000, UTC)
    return Sample(record.topic, f"{record.topic}-{record.partition}@{record.offset}", at, event)


def of_document(text: bytes, event_type: str | None) -> tuple[Event, str | None]:
    """The event that a file holds, and the topic that it lay on, where the file says it.

    Args:
        text: a CloudEvent in structured mode, or with only some of its attributes; what ``hub tap --json`` prints; or,
            where a type is given, a payload.
        event_type: type of the event that the payload is of.

    Raises:
        ConfigError: it is none of these.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"expected an event as JSON: {error}") from error
    try:
        if isinstance(document, dict) and isinstance(document.get("event"), dict) and "topic" in document:
            sample = _of_tap(document)
            return sample.event, sample.topic
        if event_type is not None and not (isinstance(document, dict) and "specversion" in document):
            event = Event(type=event_type, source="/explain", id="explain")
            return event.replace(data=text.strip()), None
        if isinstance(document, dict) and isinstance(document.get("type"), str):
            whole = {"id": "explain", "source": "/explain", **document, "specversion": "1.0"}
            whole["type"] = event_type or document["type"]
            value = orjson.dumps(whole)
            return Event.from_kafka(None, value, [("content-type", STRUCTURED.encode())]), None
    except InvalidEvent as error:
        raise ConfigError(f"this is no event: {error}") from error
    raise ConfigError(
        "expected a CloudEvent, a JSON object with `type` and `data`; for a payload alone give its event type: --type"
    )


def of_file(path: Path, topic_of: Callable[[Event], str]) -> Iterator[Sample | InvalidEvent]:
    """The events of a file, one JSON document per line; lines that hold none as the error.

    A line is a CloudEvent in structured mode, or what ``hub tap --json`` prints.

    Args:
        path: of the file.
        topic_of: the topic of an event whose line doesn't name one.

    Raises:
        ConfigError: the file can't be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield _of_line(line, f"{path.name}:{number}", topic_of)
                    except InvalidEvent as error:
                        yield InvalidEvent(f"{path}:{number}: {error}")
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error


def _of_line(line: bytes, place: str, topic_of: Callable[[Event], str]) -> Sample:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent(f"expected a JSON document: {error}") from error
    if not isinstance(document, dict):
        raise InvalidEvent(f"expected a JSON object; got {type(document).__name__}")
    if isinstance(document.get("event"), dict) and "topic" in document:
        return _of_tap(document)
    event = Event.from_kafka(None, line, [("content-type", STRUCTURED.encode())])
    return Sample(topic_of(event), place, _time(event.time), event)


def _of_tap(document: Mapping[str, Any]) -> Sample:
    """What ``hub tap --json`` prints: attributes, data and headers beside the place."""
    attributes = {**document["event"], "specversion": "1.0"}
    payload = {name: document[name] for name in ("data", "data_base64") if document.get(name) is not None}
    headers = document.get("headers") or {}
    kept: list[Header] = [(name, str(text).encode()) for name, text in headers.items() if not is_failure_header(name)]
    value = orjson.dumps({**attributes, **payload})
    event = Event.from_kafka(None, value, [("content-type", STRUCTURED.encode()), *kept])
    place = f"{document['topic']}-{document.get('partition', 0)}@{document.get('offset', 0)}"
    return Sample(str(document["topic"]), place, _time(document.get("at")), event)


def _time(text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
