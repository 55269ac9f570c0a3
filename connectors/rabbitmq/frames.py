"""A message as the bytes that AMQP 0-9-1 has for it, made with as little work as possible: it is done for each event.

pamqp makes the same bytes but for the order of headers (a test compares them), in several times the time: it looks up
each property's type and each value's, and builds objects in between.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pamqp import encode

# AMQP 0-9-1 § 2.3.5 "Frame Details", § 4.2.3: type, channel, size, payload, end.
_FRAME = struct.Struct(">BHI")
_METHOD, _HEADER, _BODY, _END = 1, 2, 3, b"\xce"
OVERHEAD = _FRAME.size + len(_END)
"""Bytes of a frame beside its payload."""
# § 1.8 class "basic": its number and that of its method "publish", a reserved field.
_PUBLISH = struct.Struct(">HHH").pack(60, 40, 0)
_MANDATORY = 1
# § 4.2.6.1 "The Content Header": class, weight, size of the body; its own frame's beginning before that.
_CONTENT = struct.Struct(">BHIHHQ")
_CONTENT_FIELDS = _CONTENT.size - _FRAME.size
_LONG, _TIME = struct.Struct(">I"), struct.Struct(">Q")
_PERSISTENT = b"\x02"

# § 1.8.1 "Properties": a bit of the flags for each, in the order in which they stand.
_CONTENT_TYPE, _HEADERS, _DELIVERY_MODE, _PRIORITY = 1 << 15, 1 << 13, 1 << 12, 1 << 11
_EXPIRATION, _MESSAGE_ID, _TIMESTAMP, _TYPE, _APP_ID = 1 << 8, 1 << 7, 1 << 6, 1 << 5, 1 << 3


class Message(NamedTuple):
    """A message but for where it goes.

    Attributes:
        message_id: what the broker's returns name it by.
        properties: as `properties` makes them.
        body: the payload.
    """

    message_id: str
    properties: bytes
    body: bytes


def properties(
    headers: Mapping[str, Any],
    *,
    message_id: str,
    app_id: str | None,
    content_type: str | None = None,
    priority: int | None = None,
    expiration: str | None = None,
    timestamp: int | None = None,
    type_: str | None = None,
) -> bytes:
    """The properties of a persistent message: flags, and those that are not None.

    Args:
        headers: names of 1 to 128 bytes → values that a field table may hold.
        message_id: text of at most 255 bytes, as the others.
        app_id: who sends it.
        content_type: of the body.
        priority: 0 to 255.
        expiration: milliseconds, as text.
        timestamp: seconds since 1970.
        type_: of the event.

    Raises:
        ValueError, TypeError, OverflowError, struct.error: there is no AMQP for a value.
    """
    flags = _HEADERS | _DELIVERY_MODE | _MESSAGE_ID
    parts: list[bytes] = [b""]
    if content_type is not None:
        flags |= _CONTENT_TYPE
        parts.append(_familiar(content_type))
    parts += (_table(headers), _PERSISTENT)
    if priority is not None:
        flags |= _PRIORITY
        parts.append(priority.to_bytes())
    if expiration is not None:
        flags |= _EXPIRATION
        parts.append(_short(expiration))
    parts.append(_short(message_id))
    if timestamp is not None:
        flags |= _TIMESTAMP
        parts.append(_TIME.pack(timestamp))
    if type_ is not None:
        flags |= _TYPE
        parts.append(_familiar(type_))
    if app_id is not None:
        flags |= _APP_ID
        parts.append(_familiar(app_id))
    parts[0] = flags.to_bytes(2)
    return b"".join(parts)


def published(
    outgoing: Sequence[tuple[Message, str]], *, channel: int, exchange: str, mandatory: bool, frame_max: int
) -> bytes:
    """The frames that publish messages one after the other.

    Args:
        outgoing: messages with their routing keys.
        channel: number.
        exchange: name; empty for the default exchange.
        mandatory: whether a message that no queue takes comes back.
        frame_max: bytes that a frame may have, as agreed with the broker.
    """
    parts: list[bytes] = []
    room = frame_max - OVERHEAD
    for message, routing_key in outgoing:
        listed, body = message.properties, message.body
        size = len(body)
        parts += (
            _method(channel, exchange, routing_key, mandatory),
            _CONTENT.pack(_HEADER, channel, _CONTENT_FIELDS + len(listed), 60, 0, size),
            listed,
            _END,
        )
        if size <= room:
            if size:
                parts += (_FRAME.pack(_BODY, channel, size), body, _END)
            continue
        for start in range(0, size, room):
            piece = body[start : start + room]
            parts += (_FRAME.pack(_BODY, channel, len(piece)), piece, _END)
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:  # noqa: FBT001  a field of AMQP's
    payload = _PUBLISH + _short(exchange) + _short(routing_key) + (_MANDATORY if mandatory else 0).to_bytes()
    return _FRAME.pack(_METHOD, channel, len(payload)) + payload + _END


def _table(headers: Mapping[str, Any]) -> bytes:
    parts = [b""]
    for name, value in headers.items():
        if type(value) is str:
            data = value.encode()
            parts += (_text_field(name), _LONG.pack(len(data)), data)
        else:
            parts += (_short(name), encode.encode_table_value(value))
    table = b"".join(parts)
    return _LONG.pack(len(table)) + table


@lru_cache(maxsize=1024)
def _text_field(name: str) -> bytes:
    """How a field begins whose value is a long string (§ 4.2.1, "S"); there are few names."""
    return _short(name) + b"S"


def _short(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes() + data


@lru_cache(maxsize=1024)
def _familiar(text: str) -> bytes:
    """A short string that comes again and again."""
    return _short(text)
