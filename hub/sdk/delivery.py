"""What a sink is handed: an event, on its way to one far side."""

from __future__ import annotations

from typing import Any

from hub.sdk.errors import InvalidPayload
from hub.sdk.event import Event
from hub.sdk.strictjson import verbatim

_TRACE = ("traceparent", "tracestate")


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

    def reply(
        self,
        type: str,  # noqa: A002  CloudEvents' own word
        data: Any,
        *,
        source: str | None = None,
        part: str = "",
        **attributes: str | None,
    ) -> Event:
        """An event that answers this delivery, for the sink's ``reply:`` topic.

        It has the same id at every attempt, the key of the event that it answers, so that it stays in order with it,
        that event's id as ``causationid``, its ``correlationid`` and its trace.

        Data that JSON can't hold, such as NaN, are kept in the nearest notation; the engine dead-letters such a reply:
        what was delivered stays delivered.

        Args:
            type: event type, one of the sink's ``events`` where it declares some.
            data: the payload.
            source: URI-reference of who answers; that of the event if not given.
            part: tells several replies to one delivery apart, the same at every attempt.
            attributes: further attributes.

        Raises:
            InvalidEvent: an attribute breaks CloudEvents.
        """
        event = self.event
        given: dict[str, Any] = {
            "type": type,
            "source": source or event.source,
            "id": f"{event.id}/reply/{self.idempotency_key}{f'/{part}' if part else ''}",
            "partitionkey": event.key,
            "causationid": event.id,
            "correlationid": event.attributes.get("correlationid"),
            "headers": [header for header in event.headers if header[0] in _TRACE],
            **attributes,
        }
        try:
            return Event(data=data, **given)
        except InvalidPayload:
            return Event(data=verbatim(data), **given)

    def __repr__(self) -> str:
        return f"Delivery({self.event!r}, attempt={self.attempt})"
