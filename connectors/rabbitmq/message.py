"""How an event becomes an AMQP message.

The body is the event's payload, byte for byte. Attributes travel as headers with the prefix ``cloudEvents:``, as in the
CloudEvents AMQP protocol binding 1.0.2 § 3.1.3 (made for AMQP 1.0, whose application properties are headers here).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors.rabbitmq import frames
from connectors.rabbitmq.config import SHORT_STRING, RabbitMQConfig, header_name, priority, short
from connectors.rabbitmq.frames import Message
from hub.sdk import Delivery, Event, InvalidEvent, Mapped, Permanent
from hub.sdk.config import parse_duration
from hub.sdk.event import SPECVERSION

T = TypeVar("T")

_TRAVELLING = ("traceparent", "tracestate", "hub_origin")


def message(delivery: Delivery, config: RabbitMQConfig, app_id: str) -> Message:
    """The message for a delivery.

    Raises:
        Permanent: a mapped field has no usable value for this event.
    """
    event = delivery.event
    id_ = message_id(delivery.idempotency_key)
    expiration = _value("expiration", config.expiration, event, _milliseconds)
    urgency = _value("priority", config.priority, event, priority)
    headers = _headers(event, config)
    try:
        properties = frames.properties(
            headers,
            message_id=id_,
            app_id=_fitting(app_id),
            content_type=None if event.raw is None else _fitting(event.datacontenttype),
            priority=urgency,
            expiration=expiration,
            timestamp=_timestamp(event.time),
            type_=_fitting(event.type),
        )
    except (ValueError, TypeError, OverflowError, struct.error) as error:
        raise Permanent(f"expected a message that AMQP can carry: {error}") from error
    return Message(id_, properties, event.raw or b"")


def routing_key(event: Event, config: RabbitMQConfig) -> str:
    """The routing key for an event.

    Raises:
        Permanent: the expression has no usable value for it.
    """
    if config.routing_key is None:
        to_queue = config.exchange is None and config.queue is not None
        return config.queue.name if to_queue and config.queue else _checked("routing_key", event.type, _text)
    key = _value("routing_key", config.routing_key, event, _text)
    if key is None:
        raise Permanent("routing_key: expected text; got null")
    return key


def message_id(key: str) -> str:
    """The idempotency key, or its SHA-256 where it is longer than an AMQP short string may be."""
    return key if len(key.encode()) <= SHORT_STRING else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _headers(event: Event, config: RabbitMQConfig) -> dict[str, Any]:
    headers: dict[str, Any] = {"cloudEvents:specversion": SPECVERSION}
    for name, value in event.attributes.items():
        if name != "datacontenttype":
            headers[f"cloudEvents:{name}"] = value
    for header, data in event.headers:
        if header in _TRAVELLING and data is not None:  # Kafka allows a header without a value
            headers[header] = data.decode(errors="replace")
    for name, mapped in config.headers.items():
        if (field := _value(f"headers.{name}", mapped, event, _field)) is not None:
            headers[name] = field
    return headers


def _value(field: str, mapped: Mapped[Any] | None, event: Event, check: Callable[[Any], T]) -> T | None:
    if mapped is None:
        return None
    try:
        value = mapped(event)
    except InvalidEvent as error:
        raise Permanent(f"{field}: {error}") from error
    return None if value is None else _checked(field, value, check)


def _checked(field: str, value: Any, check: Callable[[Any], T]) -> T:
    try:
        return check(value)
    except ValueError as error:
        raise Permanent(f"{field}: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text; got {type(value).__name__}")  # noqa: TRY004  all of these are ValueErrors
    return short(value)


def _field(value: Any) -> Any:
    """A JSON value as one of a field table. Numbers with a fraction go as text: pamqp halves their precision."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise ValueError("expected a whole number of 64 bits")
    if isinstance(value, list):
        return [_field(each) for each in value]
    if isinstance(value, dict):
        return {header_name(str(name)): _field(each) for name, each in value.items()}
    return value


def _milliseconds(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a duration such as 30s; got {type(value).__name__}")  # noqa: TRY004  as above
    return str(parse_duration(value) // timedelta(milliseconds=1))


def _timestamp(time: str | None) -> int | None:
    """AMQP's whole seconds since 1970; none for times that don't fit. The header keeps the exact time."""
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None  # a leap second, or more digits than Python reads
    seconds = moment.timestamp()
    return int(seconds) if seconds >= 0 else None


def _fitting(value: str) -> str | None:
    """A property that is a convenience alone is left out where AMQP has no room for it."""
    return value if len(value.encode()) <= SHORT_STRING else None
