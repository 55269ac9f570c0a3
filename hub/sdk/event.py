"""CloudEvents 1.0: the one form in which everything travels through the hub.

An event's attributes are kept as the strings that travel on the wire, its payload as bytes that are parsed when
somebody looks. So an event that is only passed on is forwarded byte for byte.

Kafka carries events by the CloudEvents Kafka protocol binding 1.0.2: binary content mode is written (``ce_*`` headers,
``content-type``), structured mode (``application/cloudevents+json``) is read and can be written.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
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
# RFC 3339 § 5.6 date-time as bytes, with the ranges of its fields, and only days that every month has.
_PLAIN_TIME = re.compile(
    rb"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?"
    rb"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)\Z"
)
_NAME = re.compile(r"[a-z0-9]+\Z")  # of an attribute
_CONTROLS = bytes((*range(0x20), 0x7F))
_NOTHING: frozenset[str] = frozenset()

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

    # Defaults of the class, and no slots: an event that comes from Kafka then sets three names, of eight.
    _attributes: dict[str, str] | None = None
    _headers: tuple[Header, ...] | None = None
    _data: Any = NOT_PARSED
    _raw: bytes | None
    # Of an event that came from Kafka: its record's key and headers, which of these don't belong to it any more, and
    # which do beside them; whether its payload is known to be strict JSON without another look.
    _key: bytes | None
    _wire: Sequence[Header] | None
    _removed: frozenset[str] = _NOTHING
    _added: Sequence[Header] = ()
    _strict = False

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
        self._data = data
        self._headers = tuple(headers)
        self._wire = None
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
        self._headers = tuple(headers)
        self._wire = None
        return self

    @classmethod
    def strict(cls, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> Event:
        """The event of a record that is marked as `CHECKED`; nothing is looked at, and headers are read when needed."""
        self = cls.__new__(cls)
        self._key = key
        self._raw = value
        self._wire = headers
        self._strict = True
        return self

    @classmethod
    def _changed(
        cls,
        key: bytes | None,
        raw: bytes | None,
        wire: Sequence[Header],
        removed: frozenset[str],
        added: Sequence[Header],
    ) -> Event:
        """An event of a valid record, but for headers that don't belong to it any more, and others that do."""
        self = cls.__new__(cls)
        self._key = key
        self._raw = raw
        self._wire = wire
        self._removed = removed
        self._added = added
        return self

    def _read(self) -> dict[str, str]:
        """Reads the headers that came from Kafka."""
        attributes: dict[str, str] = {}
        others: list[Header] = []
        for header in self._spliced():
            name = header[0]
            if name.startswith(_CE):
                attributes[name[3:]] = header[1].decode()
            elif name == _CONTENT_TYPE:
                attributes["datacontenttype"] = header[1].decode()
            else:
                others.append(header)
        del attributes["specversion"]
        if self._key is not None and "partitionkey" not in attributes:
            attributes["partitionkey"] = self._key.decode(errors="replace")
        self._attributes, self._headers = attributes, tuple(others)
        return attributes

    def _spliced(self) -> list[Header]:
        """The headers of an event that came from Kafka, with what has changed."""
        wire, removed = self._wire or (), self._removed
        return [*([each for each in wire if each[0] not in removed] if removed else wire), *self._added]

    def derived(
        self,
        raw: bytes | None,
        removed: frozenset[str],
        fixed: tuple[Header, ...],
        computed: tuple[tuple[str, str], ...] = (),
        key: Any = _UNSET,
    ) -> Event:
        """A copy with another payload and other headers, made without reading those that stay. Nothing is checked.

        Args:
            raw: the payload.
            removed: names of the Kafka headers that go: of attributes that change, too.
            fixed: headers that come.
            computed: names of headers that come, and their texts.
            key: the partition key as text, if it changes; None where it has none any more.
        """
        added = (*fixed, *[(name, text.encode()) for name, text in computed]) if computed else fixed
        wire: Sequence[Header]
        if self._wire is None:
            message = self.to_kafka()
            old, wire = message.key, message.headers
        else:
            old, wire = self._key, self._wire
            if self._added or self._removed:
                added = (*[each for each in self._added if each[0] not in removed], *added)
                removed |= self._removed
        if key is not _UNSET:
            old = None if key is None else key.encode()
        return Event._changed(old, raw, wire, removed, added)

    # Attributes

    @property
    def id(self) -> str:
        """Unique within ``source``."""
        return self.attributes["id"]

    @property
    def source(self) -> str:
        """URI-reference of the context in which the event happened."""
        return self.attributes["source"]

    @property
    def type(self) -> str:
        """What happened."""
        return self.attributes["type"]

    @property
    def time(self) -> str | None:
        """When it happened, as RFC 3339 text."""
        return self.attributes.get("time")

    @property
    def subject(self) -> str | None:
        """What it is about, within the source."""
        return self.attributes.get("subject")

    @property
    def datacontenttype(self) -> str:
        """Media type of the payload; JSON where the event doesn't say."""
        return self.attributes.get("datacontenttype", JSON)

    @property
    def key(self) -> str | None:
        """The partition key: events of one key keep their order."""
        return self.attributes.get("partitionkey")

    @property
    def attributes(self) -> Mapping[str, str]:
        """All attributes but ``specversion``, extensions included."""
        return self._attributes if self._attributes is not None else self._read()

    @property
    def headers(self) -> tuple[Header, ...]:
        """Kafka headers that travel along and are no attributes."""
        if self._headers is None:
            self._read()
        return self._headers  # type: ignore[return-value]  # `_read` sets it

    # Payload

    @property
    def raw(self) -> bytes | None:
        """The payload as it travels; ``None`` is a tombstone."""
        return self._raw

    @property
    def data(self) -> Any:
        """The payload, parsed on first use: a JSON value, ``str`` for ``text/*``, else ``bytes``. Don't change it.

        Raises:
            InvalidPayload: the bytes are not of the content type, or JSON that can't be read without loss.
        """
        if self._data is NOT_PARSED:
            if self._strict and self._raw is not None:
                try:
                    self._data = orjson.loads(self._raw)  # it was found to be JSON when it was taken in
                except ValueError:
                    self._data = payload.decode(self._raw, self.datacontenttype)  # or so it says
            else:
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
        return Event.of(dict(self.attributes), self._raw, (CHECKED, *self.headers), data)

    # Copies

    def carrying(self, *headers: Header) -> Event:
        """The event with further headers behind its own."""
        return Event.of(dict(self.attributes), self._raw, (*self.headers, *headers), self._data)

    def replace(self, *, data: Any = _UNSET, headers: Iterable[Header] = _UNSET, **attributes: str | None) -> Event:
        """A copy with other attributes (``None`` removes one), headers or data. Unchanged data stays as its bytes."""
        merged: dict[str, str] = {**self.attributes}
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
        if self._wire is not None:
            return KafkaMessage(self._key, self._raw, self._spliced())
        attributes = self.attributes
        headers: list[Header] = [("ce_specversion", b"1.0")]
        for name, value in attributes.items():
            headers.append((_CONTENT_TYPE if name == "datacontenttype" else _CE + name, value.encode()))
        headers.extend(self.headers)
        key = attributes.get("partitionkey")
        return KafkaMessage(None if key is None else key.encode(), self.raw, headers)

    def to_structured(self) -> KafkaMessage:
        """The event as a Kafka record in structured content mode, JSON format."""
        document: dict[str, Any] = {"specversion": SPECVERSION, **self.attributes}
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
        if CHECKED in headers:
            return cls.strict(key, value, headers)
        if _plain(headers):
            return cls._changed(key, value, headers, _NOTHING, ())
        return _thorough(key, value, headers)

    def header(self, name: str) -> str | None:
        """The last value of a Kafka header that is no attribute, as text."""
        for each, value in reversed(self.headers):
            if each == name and value is not None:  # Kafka allows a header without a value
                return value.decode(errors="replace")
        return None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.attributes == other.attributes and self.raw == other.raw and self.headers == other.headers

    def __hash__(self) -> int:
        return hash((self.source, self.id))

    def __repr__(self) -> str:
        return f"Event(type={self.type!r}, source={self.source!r}, id={self.id!r})"


def header_name(attribute: str) -> str:
    """The Kafka header of an attribute, by the CloudEvents Kafka protocol binding."""
    return _CONTENT_TYPE if attribute == "datacontenttype" else _CE + attribute


def _thorough(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> Event:
    """An event of any record, or what is wrong with it."""
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
        raise InvalidEvent(f"expected UTF-8 text in the record's header {name!r}; got bytes that are none") from error
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
    return Event.of(attributes, value, others)


def _plain(headers: Sequence[Header]) -> bool:
    """Whether headers are those of a valid event in binary mode, as far as that can be told without decoding them.

    It is asked for every record: ASCII without control characters, and a time whose day every month has.
    """
    try:
        named = dict(headers)
        text = b"".join(named.values())
        time = named.get("ce_time")
        return (
            text.isascii()
            and len(named) == len(headers)  # of two with one name only the last is looked at
            and len(text.translate(None, _CONTROLS)) == len(text)
            and named["ce_specversion"] == b"1.0"
            and named["ce_id"] != b""
            and named["ce_type"] != b""
            and b" " not in (named["ce_source"] or b" ")
            and named.get("ce_subject") != b""
            and (time is None or _PLAIN_TIME.match(time) is not None)
            and _known(tuple(named))
        )
    except (KeyError, TypeError):
        return False


@lru_cache(maxsize=1024)
def _known(names: tuple[str, ...]) -> bool:
    """Whether these are names that headers of an event may have; there are few combinations in any system."""
    return all(not name.startswith(_CE) or _NAME.match(name[3:]) for name in names)


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
    kind = type(value).__name__
    raise InvalidEvent(f"expected text, a whole number or a Boolean in the attribute {name!r}; got {kind}")
