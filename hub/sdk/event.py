"""CloudEvents 1.0: the one form in which everything travels through the hub.

An event's attributes are kept as the strings that travel on the wire, its payload as bytes that are parsed when
somebody looks. So an event that is only passed on is forwarded byte for byte.

Kafka carries events by the CloudEvents Kafka protocol binding 1.0.2: binary content mode is written (``ce_*`` headers,
``content-type``), structured mode (``application/cloudevents+json``) is read and can be written.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from hub.sdk import payload, strictjson
from hub.sdk.attributes import validate as validate  # noqa: PLC0414  events are made of valid attributes: see `Event.of`
from hub.sdk.errors import InvalidEvent, InvalidPayload
from hub.sdk.payload import JSON as JSON  # noqa: PLC0414  these two belong to events for those who import them from here
from hub.sdk.payload import is_json as is_json  # noqa: PLC0414  as above

SPECVERSION = "1.0"
STRUCTURED = "application/cloudevents+json"

_CE = "ce_"
NOT_PARSED: Any = object()
"""In place of data that nobody has parsed yet."""
_UNSET: Any = object()
_CONTENT_TYPE = "content-type"

Header = tuple[str, bytes]

CHECKED: Header = ("hub_json", b"strict")
"""Kafka header of events whose payload was found to be strict JSON when they were taken in, or was written by the hub:
readers need not look again. What other programs write has none and is looked at by everyone who reads its data."""


class KafkaMessage(NamedTuple):
    """A record's content as Kafka clients take it."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


class Event:
    """An immutable CloudEvents 1.0 event.

    Args:
        type: what happened, e.g. ``github.pull_request``.
        source: URI-reference of the context in which it happened.
        data: the payload: a JSON value, ``str`` or ``bytes`` by ``datacontenttype``; ``None`` is a tombstone.
        id: unique per source; a UUID if not given.
        time: when it happened, RFC 3339 or an aware datetime; now if not given.
        subject: what it is about, within the source.
        datacontenttype: media type of the payload.
        dataschema: URI of the payload's schema.
        partitionkey: events of one key keep their order; becomes the Kafka key.
        headers: Kafka headers that travel along and are no attributes (``traceparent``, ``hub_*``).
        extensions: further attributes, names of lower-case letters and digits.

    Raises:
        InvalidEvent: an attribute breaks CloudEvents 1.0.
        InvalidPayload: data that its content type can't hold, such as NaN in JSON.
    """

    __slots__ = ("_attributes", "_data", "_raw", "headers")

    def __init__(
        self,
        *,
        type: str,  # noqa: A002  CloudEvents' own word
        source: str,
        data: Any = None,
        id: str | None = None,  # noqa: A002  CloudEvents' own word
        time: str | datetime | None = None,
        subject: str | None = None,
        datacontenttype: str = JSON,
        dataschema: str | None = None,
        partitionkey: str | None = None,
        headers: Iterable[Header] = (),
        **extensions: str,
    ) -> None:
        attributes = {"id": uuid.uuid4().hex if id is None else id, "source": source, "type": type}
        if time is None:
            time = datetime.now(UTC)
        attributes["time"] = time.isoformat().replace("+00:00", "Z") if isinstance(time, datetime) else time
        optional = {"subject": subject, "dataschema": dataschema, "partitionkey": partitionkey, **extensions}
        attributes.update((name, value) for name, value in optional.items() if value is not None)
        attributes["datacontenttype"] = datacontenttype
        validate(attributes)
        self._attributes = attributes
        self._data: Any = data
        self._raw: Any = _UNSET
        self.headers: tuple[Header, ...] = tuple(headers)
        self._raw = payload.encode(data, datacontenttype)

    @classmethod
    def of(
        cls, attributes: dict[str, str], raw: bytes | None, headers: Iterable[Header] = (), data: Any = NOT_PARSED
    ) -> Event:
        """An event of attributes that are known to be valid and of a payload as bytes; nothing is checked or copied.

        Args:
            attributes: as strings.
            raw: the payload.
            headers: that travel along.
            data: what `hub.sdk.strictjson.parse` made of the payload, where that was done already.
        """
        self = cls.__new__(cls)
        self._attributes = attributes
        self._raw = raw
        self._data = data
        self.headers = tuple(headers)
        return self

    # Attributes

    @property
    def id(self) -> str:
        """Unique within ``source``."""
        return self._attributes["id"]

    @property
    def source(self) -> str:
        """URI-reference of the context in which the event happened."""
        return self._attributes["source"]

    @property
    def type(self) -> str:
        """What happened."""
        return self._attributes["type"]

    @property
    def time(self) -> str | None:
        """When it happened, as RFC 3339 text."""
        return self._attributes.get("time")

    @property
    def subject(self) -> str | None:
        """What it is about, within the source."""
        return self._attributes.get("subject")

    @property
    def datacontenttype(self) -> str:
        """Media type of the payload; JSON where the event doesn't say."""
        return self._attributes.get("datacontenttype", JSON)

    @property
    def key(self) -> str | None:
        """The partition key: events of one key keep their order."""
        return self._attributes.get("partitionkey")

    @property
    def attributes(self) -> Mapping[str, str]:
        """All attributes but ``specversion``, extensions included."""
        return self._attributes

    # Payload

    @property
    def raw(self) -> bytes | None:
        """The payload as it travels; ``None`` is a tombstone."""
        return self._raw  # type: ignore[no-any-return]  # _UNSET is gone once constructed

    @property
    def data(self) -> Any:
        """The payload, parsed on first use: a JSON value, ``str`` for ``text/*``, else ``bytes``. Don't change it.

        Raises:
            InvalidPayload: the bytes are not of the content type, or JSON that can't be read without loss.
        """
        if self._data is NOT_PARSED:
            self._data = payload.decode(self._raw, self.datacontenttype, checked=CHECKED in self.headers)
        return self._data

    def checked(self) -> Event:
        """The event, marked as one whose payload is known to be strict JSON; itself where it is none or marked already.

        Raises:
            InvalidPayload: it isn't strict JSON.
        """
        if self._raw is None or CHECKED in self.headers or not is_json(self.datacontenttype):
            return self
        # What was parsed or written before needs no second look.
        data = payload.decode(self._raw, self.datacontenttype) if isinstance(self._data, bytes) else self.data
        return Event.of(self._attributes, self._raw, (CHECKED, *self.headers), data)

    # Copies

    def carrying(self, *headers: Header) -> Event:
        """The event with further headers behind its own."""
        return Event.of(self._attributes, self._raw, (*self.headers, *headers), self._data)

    def replace(self, *, data: Any = _UNSET, headers: Iterable[Header] = _UNSET, **attributes: str | None) -> Event:
        """A copy with other attributes (``None`` removes one), headers or data. Unchanged data stays as its bytes."""
        merged: dict[str, str] = {**self._attributes}
        for name, value in attributes.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        validate(merged)
        raw = self._raw if data is _UNSET else payload.encode(data, merged.get("datacontenttype", JSON))
        return Event.of(merged, raw, self.headers if headers is _UNSET else headers)

    # Kafka

    def to_kafka(self) -> KafkaMessage:
        """The event as a Kafka record in binary content mode."""
        attributes = self._attributes
        headers: list[Header] = [("ce_specversion", b"1.0")]
        for name, value in attributes.items():
            headers.append((_CONTENT_TYPE if name == "datacontenttype" else _CE + name, value.encode()))
        headers.extend(self.headers)
        key = attributes.get("partitionkey")
        return KafkaMessage(None if key is None else key.encode(), self.raw, headers)

    def to_structured(self) -> KafkaMessage:
        """The event as a Kafka record in structured content mode, JSON format."""
        document: dict[str, Any] = {"specversion": SPECVERSION, **self._attributes}
        raw = self.raw
        if raw is not None:
            if is_json(self.datacontenttype):
                document["data"] = orjson.Fragment(raw)
            else:
                document["data_base64"] = base64.b64encode(raw).decode()
        key = self.key
        return KafkaMessage(
            None if key is None else key.encode(),
            orjson.dumps(document),
            [(_CONTENT_TYPE, STRUCTURED.encode()), *self.headers],
        )

    @classmethod
    def from_kafka(cls, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> Event:
        """Reads a Kafka record of either content mode.

        Raises:
            InvalidEvent: the record is no CloudEvent, or an invalid one.
        """
        attributes: dict[str, str] = {}
        others: list[Header] = []
        specversion = None
        try:
            for header in headers:
                name = header[0]
                if name.startswith(_CE):
                    if name == "ce_specversion":
                        specversion = header[1].decode()
                    else:
                        attributes[name[3:]] = header[1].decode()
                elif name == _CONTENT_TYPE:
                    attributes["datacontenttype"] = header[1].decode()
                else:
                    others.append(header)
        except (UnicodeDecodeError, AttributeError) as error:
            raise InvalidEvent(f"expected UTF-8 text in the record's header {name!r}; got {header[1]!r:.60}") from error
        if specversion is None:
            content_type = attributes.get("datacontenttype", "")
            if content_type.startswith(STRUCTURED):
                return _from_document(value, key, others)
            raise InvalidEvent(
                "expected a CloudEvent: a record with ce_* headers, or with the content-type "
                f"{STRUCTURED}; got one with headers {[name for name, _ in headers]} and content-type {content_type!r}"
            )
        if specversion != SPECVERSION:
            raise InvalidEvent(f"expected CloudEvents specversion {SPECVERSION}; got {specversion!r}")
        if key is not None and "partitionkey" not in attributes:
            attributes["partitionkey"] = key.decode(errors="replace")
        validate(attributes)
        return cls.of(attributes, value, others)

    def header(self, name: str) -> str | None:
        """The last value of a Kafka header that is no attribute, as text."""
        for each, value in reversed(self.headers):
            if each == name and value is not None:  # Kafka allows a header without a value
                return value.decode(errors="replace")
        return None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self._attributes == other._attributes and self.raw == other.raw and self.headers == other.headers

    def __hash__(self) -> int:
        return hash((self.source, self.id))

    def __repr__(self) -> str:
        return f"Event(type={self.type!r}, source={self.source!r}, id={self.id!r})"


def _from_document(value: bytes | None, key: bytes | None, headers: list[Header]) -> Event:
    """An event in structured mode. The payload's bytes are those of its JSON value."""
    try:
        document = strictjson.parse(value or b"")
    except InvalidPayload as error:
        raise InvalidPayload(f"expected a structured CloudEvent as JSON; got {error}") from None
    if not isinstance(document, dict) or document.pop("specversion", None) != SPECVERSION:
        raise InvalidEvent("expected a JSON object with specversion 1.0 as structured CloudEvent")
    attributes = {
        name: _text(name, each)
        for name, each in document.items()
        if name not in ("data", "data_base64") and each is not None
    }
    attributes.setdefault("datacontenttype", JSON)
    if key is not None:
        attributes.setdefault("partitionkey", key.decode(errors="replace"))
    validate(attributes)
    raw: bytes | None = None
    if "data_base64" in document:
        try:
            raw = base64.b64decode(document["data_base64"], validate=True)
        except (TypeError, ValueError) as error:
            raise InvalidEvent(f"expected base64 in data_base64: {error}") from error
    elif "data" in document:
        data = document["data"]
        textual = isinstance(data, str) and not is_json(attributes["datacontenttype"])
        raw = data.encode() if textual else orjson.dumps(data)
    return Event.of(attributes, raw, headers)


def _text(name: str, value: Any) -> str:
    """CloudEvents' canonical string of an attribute value in JSON: Boolean and Integer beside String."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    raise InvalidEvent(f"expected text, a whole number or a Boolean in the attribute {name!r}; got {value!r:.60}")
