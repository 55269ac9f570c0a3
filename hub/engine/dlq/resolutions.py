"""What became of dead letters: a compacted topic says which were replayed and which were discarded.

Nothing is deleted from a DLQ topic. A resolution names a dead letter by its place, ``topic-partition@offset``, and also
by its timestamp: after a topic was deleted and made anew, the new record at the same place is another one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from aiokafka import TopicPartition
from pydantic import BaseModel, ConfigDict, ValidationError

from hub.engine.dlq.deadletter import Origin
from hub.engine.status import worker_name
from hub.kafka import names
from hub.kafka.compacted import CompactedTable
from hub.kafka.publisher import Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics

ANNOUNCED = 60.0
"""Seconds after which the announcement of a replay counts no longer: whoever made it renews it, or is gone."""
_ANNOUNCEMENT = b"replaying "
_log = logging.getLogger("hub.engine.dlq.resolutions")

Kind = Literal["replayed", "discarded"]


class Resolution(BaseModel):
    """What was decided about one dead letter.

    Attributes:
        kind: what was done.
        at: when.
        by: the process that did it, host and process id.
        timestamp: of the dead letter's record, milliseconds since 1970.
        reason: the operator's words.
        sequenced: of a replay, whether its key is held until it has ended: the sink keeps order over dead letters.
        ended: whether such a replay was delivered, or dead-lettered again.
        again: in the latter case, where it lies now, ``topic-partition@offset``.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    at: datetime
    by: str
    timestamp: int
    reason: str = ""
    sequenced: bool = False
    ended: bool = False
    again: str = ""


class Resolutions:
    """The resolutions of a deployment, as of the last `refresh`; none before the first."""

    def __init__(self, settings: KafkaSettings, deployment: str) -> None:
        self.topic = names.resolutions(deployment)
        self._settings = settings
        self._table = CompactedTable(settings, self.topic)
        self._started = False
        self._known: Mapping[Origin, Resolution] = {}

    async def refresh(self) -> None:
        """Reads them all, or what was added since; an open transaction that writes some is waited for.

        Raises:
            HubError: Kafka can't be reached, or the transaction stays open.
        """
        if self._started:
            await self._table.refresh()
        elif self.topic in await describe_topics(self._settings, [self.topic]):
            await self._table.start()
            self._started = True
        else:
            return  # nothing was ever resolved
        self._known = dict(_read((await self._table.items()).items()))

    async def stop(self) -> None:
        """Disconnects."""
        await self._table.stop()

    def of(self, record: Any) -> Resolution | None:
        """What was decided about a record of a DLQ topic; None if nothing was."""
        found = self._known.get(Origin(record.topic, record.partition, record.offset))
        return found if found is not None and found.timestamp == record.timestamp else None

    def mark(self, place: Origin, timestamp: int, kind: Kind, reason: str = "", *, sequenced: bool = False) -> Record:
        """The record that resolves a dead letter, to be written in one transaction with what was done."""
        decided = Resolution(
            kind=kind, at=datetime.now(UTC), by=worker_name(), timestamp=timestamp, reason=reason, sequenced=sequenced
        )
        return Record(self.topic, str(place).encode(), decided.model_dump_json().encode())

    def announce(self, unit: str, *, over: bool = False) -> Record:
        """The record that says of a unit which keeps order over dead letters that they are being replayed, or no more.

        Meanwhile the unit parks nothing more, but waits: what it parks while dead letters are gathered would be left.
        """
        return Record(self.topic, announcement(unit), None if over else b"{}")

    def outlived(self, beginnings: Mapping[TopicPartition, int]) -> list[Record]:
        """Tombstones for resolutions whose dead letters retention has deleted, so that the table doesn't grow for ever.

        Args:
            beginnings: offset of the first record that is left, of the partitions to look at.
        """
        return [
            Record(self.topic, str(place).encode(), None)
            for place in self._known
            if place.offset < beginnings.get(TopicPartition(place.topic, place.partition), 0)
        ]


def announcement(unit: str) -> bytes:
    """The key under which it stands that a unit's dead letters are being replayed."""
    return _ANNOUNCEMENT + unit.encode()


def _read(entries: Iterable[tuple[bytes, Any]]) -> Iterable[tuple[Origin, Resolution]]:
    for key, entry in entries:
        if key.startswith(_ANNOUNCEMENT):
            continue
        place = Origin.parse(key.decode(errors="replace"))
        try:
            resolution = Resolution.model_validate_json(entry.value)
        except ValidationError as error:
            # Taken for unresolved: to show a dead letter once too often is better than to hide one.
            first = error.errors(include_input=False, include_url=False)[0]
            _log.warning("the resolution of %s can't be read: %s", key.decode(errors="replace"), first["msg"])
            continue
        if place is not None:
            yield place, resolution
