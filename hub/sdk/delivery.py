"""What a sink is handed: an event, on its way to one far side."""

from __future__ import annotations

from typing import Any

from hub.sdk.event import Event


class Delivery:
    """One event to be written by one sink.

    Args:
        event: what to write.
        idempotency_key: the same for every attempt and every redelivery of this event to this sink, and different for
            any other event: hand it to the far side where it can use it (``message_id``, ``Idempotency-Key``, upsert).
        attempt: 1 for the first try.
    """

    __slots__ = ("attempt", "event", "idempotency_key")

    def __init__(self, event: Event, idempotency_key: str, attempt: int = 1) -> None:
        self.event = event
        self.idempotency_key = idempotency_key
        self.attempt = attempt

    def reply(self, type: str, data: Any, *, source: str | None = None, **attributes: str) -> Event:  # noqa: A002
        """An event that answers this delivery, for the sink's ``reply:`` topic, with the same id at every attempt."""
        attributes.setdefault("causationid", self.event.id)
        return Event(
            type=type,
            source=source or self.event.source,
            id=f"{self.event.id}/reply/{self.idempotency_key}",
            data=data,
            partitionkey=self.event.key,
            headers=[header for header in self.event.headers if header[0] in ("traceparent", "tracestate")],
            **attributes,
        )

    def __repr__(self) -> str:
        return f"Delivery({self.event!r}, attempt={self.attempt})"
