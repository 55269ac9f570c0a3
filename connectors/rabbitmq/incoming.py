"""How an AMQP message becomes an event.

A CloudEvent, by the AMQP protocol binding 1.0.2, stays the one that it is: in binary mode its attributes are headers
with the prefix ``cloudEvents:`` or ``cloudEvents_`` (made for AMQP 1.0, whose application properties are headers here),
in structured mode the body holds all. Any other message is the data of an event whose attributes are configured.

What AMQP says of a message is kept as extensions of the event, named ``amqp…``; its headers travel as Kafka headers
with the prefix ``amqp_``, so that none of them can be taken for one of the hub's.
"""

from __future__ import annotations

import json
import re
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from aiormq.abc import DeliveredMessage

from connectors.rabbitmq.consumption import RabbitMQSourceConfig
from hub.sdk import Event, InvalidEvent, InvalidPayload, Mapped, Permanent, Received, Unreadable
from hub.sdk.attributes import validate
from hub.sdk.event import SPECVERSION, STRUCTURED, Header

_PREFIXES = ("cloudEvents:", "cloudEvents_")
_SPECVERSIONS = tuple(f"{prefix}specversion" for prefix in _PREFIXES)
_TRACES = ("traceparent", "tracestate")
# Of the broker, and kept as extensions.
_DELIVERY_COUNT, _DEATH, _STREAM = "x-delivery-count", "x-death", "x-stream-offset"
_BROKERS = (_DELIVERY_COUNT, _DEATH, _STREAM, "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason")
# CloudEvents 1.0 § "Type System": String.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff%]")
_BYTES = "application/octet-stream"
# Content encodings that change nothing; Celery and others name the charset here.
_IDENTITY = frozenset({"", "identity", "utf-8", "utf8", "us-ascii", "ascii", "binary", "8bit", "7bit"})
# zlib's window bits (its manual, § "inflateInit2"): 31 expects gzip's header, 15 zlib's, which HTTP calls deflate.
_COMPRESSIONS = {"gzip": 31, "x-gzip": 31, "deflate": 15, "zlib": 15}


class Incoming:
    """Makes events of messages.

    Args:
        config: of the source.
        declared: the event types that there may be.
        source: CloudEvents source of messages that are none, where the configuration names no other.
    """

    def __init__(self, config: RabbitMQSourceConfig, declared: Collection[str], source: str) -> None:
        self._config = config
        self._declared = declared
        self._source = source
        self._default = next(iter(declared))
        # Without a type for them, and with types for CloudEvents alone, nothing else is expected.
        self._only_cloud_events = config.type is None and bool(config.types)
        self._mapped: tuple[tuple[str, Mapped[str]], ...] = tuple(
            (attribute, mapped)
            for attribute, mapped in (
                ("type", config.type),
                ("id", config.id),
                ("source", config.source),
                ("subject", config.subject),
                ("time", config.time),
            )
            if mapped is not None
        )

    def received(self, message: DeliveredMessage) -> Received:
        """A message, as an event or as what is no event.

        Raises:
            Permanent: it comes from a stream, which isn't a queue.
        """
        handle, delivery = message.delivery_tag, message.delivery
        headers: Mapping[str, Any] = message.header.properties.headers or {}
        if _STREAM in headers:
            raise Permanent(
                f"the queue {self._config.queue.name} is a stream, which keeps no position of ours and forgets nothing "
                "when we acknowledge it: bind a quorum queue to the exchange that feeds it, and consume that"
            )
        redelivered = bool(getattr(delivery, "redelivered", False))
        known: str | None = None
        try:
            event, known = self._event(message, headers)
        except (InvalidEvent, Permanent) as error:
            invalid = error if isinstance(error, InvalidEvent) else InvalidEvent(str(error))
            unreadable = Unreadable(invalid, bytes(message.body), tuple(_all_headers(message, headers)))
            message_id = message.header.properties.message_id
            known = f"{self._source}\n{message_id}" if message_id else None
            return Received(handle, (), self._identity(known), redelivered, unreadable)
        return Received(handle, (event,), self._identity(known), redelivered)

    def _identity(self, known: str | None) -> str | None:
        return known if self._config.deduplicate else None

    def _event(self, message: DeliveredMessage, headers: Mapping[str, Any]) -> tuple[Event, str | None]:
        """The event, and what the message is known by."""
        properties = message.header.properties
        travelling = tuple(_travelling(headers))
        extensions = _extensions(message, headers)
        body, encoding = _decoded(bytes(message.body), properties.content_encoding, self._config.max_body)
        if (properties.content_type or "").startswith(STRUCTURED):
            document = Event.from_kafka(None, body, [("content-type", STRUCTURED.encode())])
            event = document.replace(headers=travelling, **extensions)
        elif any(name in headers for name in _SPECVERSIONS):
            event = self._binary(properties.content_type, headers, extensions, body, travelling)
        elif self._only_cloud_events:
            raise InvalidEvent(
                "expected a CloudEvent, since the source says no `type` for other messages; got a message with the "
                f"content type {properties.content_type!r} and headers {sorted(map(str, headers))}"
            )
        else:
            content_type = properties.content_type or self._config.content_type
            return self._wrapped(message, _BYTES if encoding else content_type, extensions, body, travelling)
        return self._finished(event), f"{event.source}\n{event.id}"

    def _finished(self, event: Event) -> Event:
        """A CloudEvent or another event with its key, if its type is one that was declared."""
        if event.type not in self._declared:
            raise InvalidEvent(
                f"expected an event type that the source declares ({', '.join(sorted(self._declared))}); "
                f"got {event.type!r}: add it to `types`"
            )
        if self._config.key is None or event.key is not None:
            return event
        return event.replace(partitionkey=_value("key", self._config.key, event) or None)

    @staticmethod
    def _binary(
        content_type: str | None,
        headers: Mapping[str, Any],
        extensions: Mapping[str, str],
        body: bytes,
        travelling: tuple[Header, ...],
    ) -> Event:
        attributes: dict[str, str] = {}
        for name, value in headers.items():
            if name.startswith(_PREFIXES) and value is not None:
                attributes[name[len(_PREFIXES[0]) :]] = _attribute(name, value)
        specversion = attributes.pop("specversion", None)
        if specversion != SPECVERSION:
            raise InvalidEvent(f"expected CloudEvents specversion {SPECVERSION}; got {specversion!r}")
        attributes |= extensions
        if content_type:
            attributes["datacontenttype"] = content_type
        validate(attributes)
        # Without a type of content there is no content: that is how a tombstone travels.
        return Event.of(attributes, body if body or content_type else None, travelling)

    def _wrapped(
        self,
        message: DeliveredMessage,
        content_type: str,
        extensions: Mapping[str, str],
        body: bytes,
        travelling: tuple[Header, ...],
    ) -> tuple[Event, str | None]:
        properties = message.header.properties
        attributes = {
            "id": properties.message_id or uuid.uuid4().hex,
            "source": self._source,
            "type": self._default,
            "time": _time(properties.timestamp or datetime.now(UTC)),
            "datacontenttype": content_type,
            **extensions,
        }
        validate(attributes)
        event = Event.of(attributes, body, travelling)
        changes: dict[str, Any] = {name: _value(name, mapped, event) for name, mapped in self._mapped}
        if changes:
            event = event.replace(**changes)
        known = f"{event.source}\n{event.id}" if properties.message_id or self._config.id is not None else None
        return self._finished(event), known


def _value(field: str, mapped: Mapped[str], event: Event) -> str:
    try:
        return mapped(event)
    except (InvalidPayload, Permanent) as error:
        raise InvalidEvent(f"{field}: {error}") from error


def _extensions(message: DeliveredMessage, headers: Mapping[str, Any]) -> dict[str, str]:
    """What AMQP says of a message."""
    delivery, properties = message.delivery, message.header.properties
    count = headers.get(_DELIVERY_COUNT)
    deaths = headers.get(_DEATH)
    found: dict[str, Any] = {
        "amqpexchange": getattr(delivery, "exchange", None),
        "amqproutingkey": getattr(delivery, "routing_key", None),
        "amqpredelivered": "true" if getattr(delivery, "redelivered", False) else None,
        "amqpdeliverycount": count,
        "amqppriority": properties.priority,
        "amqpexpiration": properties.expiration,
        "amqptimestamp": None if properties.timestamp is None else _time(properties.timestamp),
        "amqpmessageid": properties.message_id,
        "amqpcorrelationid": properties.correlation_id,
        "amqpreplyto": properties.reply_to,
        "amqptype": properties.message_type,
        "amqpappid": properties.app_id,
        "amqpuserid": properties.user_id,
        "amqpcontentencoding": properties.content_encoding,
    }
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        last = deaths[0]  # the broker puts the latest first
        found |= {
            "amqpdeathqueue": last.get("queue"),
            "amqpdeathreason": last.get("reason"),
            "amqpdeathexchange": last.get("exchange"),
            "amqpdeathcount": sum(_counted(each) for each in deaths),
            "amqpdeaths": _json(deaths).decode(),
        }
    return {name: _printable(str(value)) for name, value in found.items() if value not in (None, "")}


def _counted(death: Any) -> int:
    """How often a message died like this; whoever publishes may have written anything there."""
    count = death.get("count") if isinstance(death, dict) else None
    return count if isinstance(count, int) else 0


def _travelling(headers: Mapping[str, Any]) -> Iterator[Header]:
    """Headers that go along on Kafka."""
    for name, value in headers.items():
        if name in _TRACES and isinstance(value, str):
            yield name, value.encode(errors="replace")
        elif name not in _BROKERS and not name.startswith(_PREFIXES):
            yield f"amqp_{name}", _header_bytes(value)


def _all_headers(message: DeliveredMessage, headers: Mapping[str, Any]) -> Iterator[Header]:
    """All that AMQP says of a message, for a dead letter: properties by their names in AMQP, and headers."""
    delivery = message.delivery
    for name in ("exchange", "routing_key", "redelivered"):
        yield f"amqp-{name.replace('_', '-')}", _header_bytes(getattr(delivery, name, None))
    for name, value in message.header.properties:
        if name != "headers" and value is not None:
            yield f"amqp-{name.replace('_', '-')}", _header_bytes(value)
    for name, value in headers.items():
        yield f"amqp_{name}", _header_bytes(value)


def _header_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="replace")
    return bytes(value) if isinstance(value, bytes | bytearray) else _json(value)


def _attribute(name: str, value: Any) -> str:
    """An attribute as text, by CloudEvents' type system."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return _time(value)
    raise InvalidEvent(f"expected text in the header {name!r}; got {type(value).__name__}")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _printable(text: str) -> str:
    """Text without what attributes may not hold: such characters are percent-encoded, and so are percent signs then."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: "".join(f"%{b:02X}" for b in match[0].encode(errors="surrogatepass")), text)


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # nested too deeply for it
        return json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, Decimal):
        return str(value)
    return repr(value)


def _decoded(body: bytes, encoding: str | None, limit: int) -> tuple[bytes, str]:
    """A body with its content encoding undone, and the encoding if it isn't one that we know.

    Raises:
        InvalidPayload: it isn't encoded like that, or gets larger than the limit.
    """
    name = (encoding or "").strip().lower()
    if name in _IDENTITY or name.startswith("iso-8859"):
        return body, ""
    if name not in _COMPRESSIONS:
        return body, name
    unpacker = zlib.decompressobj(_COMPRESSIONS[name])
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidPayload(f"expected {name} by the content encoding; got {error}") from None
    if len(unpacked) > limit:
        raise InvalidPayload(f"expected at most {limit:,} bytes (`max_body`) once {name} is undone; got more")
    if not unpacker.eof:
        raise InvalidPayload(f"expected {name} by the content encoding; got bytes that end too early")
    if unpacker.unused_data:
        raise InvalidPayload(f"expected {name} by the content encoding, in one piece; got more behind its end")
    return unpacked, ""
