"""What one record on Kafka tells of the way of its event, by its headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.engine.dlq.deadletter import ORIGIN, ROUTE, DeadLetter, Origin, earlier_failures, read_dead_letter
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event, Header

REPLAY_OF = "hub_replay_of"


@dataclass(frozen=True)
class Footprint:
    """A record of an event.

    Attributes:
        place: where it lies.
        at: the record's timestamp.
        id, type, source: of the event; empty where the record holds none.
        origin: where the event first lay, by the record's header; None at its first place.
        routes: the routes that it has come through.
        failure: what a dead letter, or a replayed one, tells of its last failure.
        failed: all places at which it failed, the first first.
        replay_of: the dead letter that was replayed.
        record: the record itself; None where it was too much to keep.
    """

    place: Origin
    at: datetime
    id: str
    type: str
    source: str
    origin: Origin | None
    routes: tuple[str, ...]
    failure: DeadLetter | None
    failed: tuple[Origin, ...]
    replay_of: Origin | None
    record: Any = field(default=None, repr=False, compare=False)

    @property
    def root(self) -> Origin:
        """The place from which all of the event's records can be followed, as far as this one knows."""
        return self.origin or (self.failed[0] if self.failed else self.place)

    @property
    def event(self) -> Event | None:
        """The event, where the record is kept and holds one."""
        if self.record is None:
            return None
        try:
            return Event.from_kafka(self.record.key, self.record.value, self.record.headers)
        except InvalidEvent:
            return None


def footprint(record: Any) -> Footprint:
    """Reads a record's headers; never fails, whatever they hold."""
    headers: list[Header] = [(name, value) for name, value in record.headers if value is not None]
    texts = {name: value.decode(errors="replace") for name, value in headers}
    names = {name: texts.get(f"ce_{name}", "") for name in ("id", "type", "source")}
    if not names["id"]:
        names |= _structured(record)
    failure = read_dead_letter(headers) if any(name.startswith("__connect.errors.") for name in texts) else None
    failures = [*earlier_failures(headers), *([failure] if failure else [])]
    return Footprint(
        place=place_of(record),
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        origin=Origin.parse(texts.get(ORIGIN, "")),
        routes=tuple(filter(None, texts.get(ROUTE, "").split("/"))),
        failure=failure,
        failed=tuple(each.origin for each in failures if each.origin is not None),
        replay_of=Origin.parse(texts.get(REPLAY_OF, "")),
        record=record,
        **names,
    )


def place_of(record: Any) -> Origin:
    """Where a record lies."""
    return Origin(record.topic, record.partition, record.offset)


def _structured(record: Any) -> dict[str, str]:
    """Attributes of an event in structured mode, which stand in the record's value."""
    try:
        event = Event.from_kafka(record.key, record.value, record.headers)
    except InvalidEvent:
        return {}
    return {"id": event.id, "type": event.type, "source": event.source}
