"""What the records of a stream are known by, and the events that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.http.lists import digest
from connectors.http.moments import Form, Moment
from connectors.http.paths import MISSING, JsonPath
from connectors.http.reading import at_one_of
from connectors.http.streams import Stream
from hub.sdk import Change, Event, Permanent, Source

# What an id may hold: all that is printable and ASCII, but for what stands between its parts.
_UNENCODED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%@/')


class Records:
    """The records of one stream.

    Args:
        source: whose events they become.
        name: of the stream.
        stream: with what holds for all streams.
    """

    def __init__(self, source: Source[Any], name: str, stream: Stream) -> None:
        self.name = name
        self.stream = stream
        self.form = Form(stream.incremental.format) if stream.incremental is not None else Form("text")
        self._source = source
        self._primary = [JsonPath(each) for each in stream.primary_key]

    def key(self, record: Any) -> str:
        """What a record is known by within its list.

        Raises:
            Permanent: its primary key isn't there.
        """
        if not self._primary:
            return digest(record)
        return ",".join(part(self._scalar(each, record)) for each in self._primary)

    def at(self, record: Any) -> Moment:
        """A record's cursor value, for comparison.

        Raises:
            Permanent: there is none, or one of another form.
        """
        try:
            return self.form.read(self._shown_at(record))
        except ValueError as error:
            raise Permanent(f"{self._shown}: {self._fields}: {error}; see `incremental.format`") from None

    def change(self, record: Any, values: Mapping[str, Any], prefix: str) -> Change:
        """A record of a stream that tells what is new.

        Args:
            record: as the API gave it.
            values: of the placeholders with which it was asked for.
            prefix: of its key: the parent's.
        """
        incremental = self.stream.incremental
        assert incremental is not None
        at, key = self.at(record), prefix + self.key(record)
        version = part(self._shown_at(record))
        if incremental.version == "content" or (incremental.version is None and self.form.coarse):
            version += f"-{digest(record)}"
        return Change(key, at, self.event(record, values, key, version, str(at) if self.form.is_time else None))

    def event(self, record: Any, values: Mapping[str, Any], key: str, version: str, time: str | None = None) -> Event:
        """One version of a record, or its tombstone.

        Args:
            record: as the API gave it.
            values: of the placeholders with which it was asked for.
            key: what it is known by.
            version: what tells it from its other versions.
            time: of the event, where its stream doesn't say where that stands.
        """
        stream = self.stream
        data = merged(record, stream, values)
        attributes: dict[str, Any] = {"id": self._id(key, version), "time": self._time(data, time)}
        subject = MISSING if stream.subject is None else at_one_of(data, [stream.subject])
        if subject is not MISSING:
            attributes["subject"] = "".join(each if each.isprintable() else " " for each in str(subject))
        found = at_one_of(data, stream.partition_key)
        partition = key if found is MISSING or isinstance(found, (dict, list)) else str(found)
        if stream.deleted is not None and _says(data, stream.deleted.path, stream.deleted.values):
            return self._source.deleted(str(stream.type), key=partition, **attributes)
        return self._source.event(str(stream.type), data, partitionkey=partition, **attributes)

    def gone(self, key: str, version: str) -> Event:
        """The tombstone of a record that isn't there any more."""
        return self._source.deleted(str(self.stream.type), key=key, id=self._id(key, version))

    @property
    def _shown(self) -> str:
        return f"stream {self.name}"

    @property
    def _fields(self) -> str:
        incremental = self.stream.incremental
        return " or ".join(f"`{each}`" for each in incremental.cursor_field) if incremental else ""

    def _id(self, key: str, version: str) -> str:
        return f"{self.name}/{key}@{version}"

    def _shown_at(self, record: Any) -> Any:
        incremental = self.stream.incremental
        assert incremental is not None
        found = at_one_of(record, incremental.cursor_field)
        if found is MISSING:
            raise Permanent(f"{self._shown}: expected a cursor value at {self._fields} of each record; one has none")
        return found

    def _scalar(self, place: JsonPath, record: Any) -> Any:
        value = place.one(record)
        if value is MISSING or value is None or isinstance(value, (dict, list)):
            said = f"expected text or a number at `{place.text}`, its `primary_key`, in each record"
            raise Permanent(f"{self._shown}: {said}; one has none")
        return value

    def _time(self, data: Any, otherwise: str | None) -> str | None:
        place = self.stream.time
        found = MISSING if place is None else JsonPath(place).one(data)
        if found is MISSING or found is None:
            return otherwise
        try:
            return str(Form("iso").read(found))
        except ValueError as error:
            raise Permanent(f"{self._shown}: `{place}`, its `time`: {error}") from None


def merged(record: Any, stream: Stream, values: Mapping[str, Any]) -> Any:
    """A record with what its stream copies from the parent's."""
    copied = dict(_copied(stream, values))
    return {**record, **copied} if copied and isinstance(record, dict) else record


def part(value: Any) -> str:
    """A value as a part of an id."""
    return quote(str(value).lower() if isinstance(value, bool) else str(value), safe=_UNENCODED)


def _copied(stream: Stream, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, place in stream.for_each.copy_.items() if stream.for_each else ():
        found = JsonPath(place).one(values.get("parent"))
        yield name, None if found is MISSING else found


def _says(record: Any, place: str, wanted: list[Any]) -> bool:
    found = JsonPath(place).one(record)
    if wanted:
        return any(type(each) is type(found) and each == found for each in wanted)
    return found is not MISSING and bool(found)
