"""A compacted topic as a table: the latest value of each key, read whole at the start and kept up to date."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from aiokafka import ConsumerRecord

from hub.kafka.followed import FollowedTopic
from hub.kafka.publisher import Header, Publisher, Record
from hub.kafka.settings import KafkaSettings


class Entry(NamedTuple):
    """The latest record of a key.

    Args:
        value: its bytes.
        headers: in order.
        timestamp: milliseconds since 1970.
        partition: where it stands.
        offset: where it stands.
    """

    value: bytes
    headers: tuple[Header, ...]
    timestamp: int
    partition: int
    offset: int


class CompactedTable(FollowedTopic):
    """The latest value of each key of a topic.

    Only committed records count. What `put` and `delete` have written is seen by the next `get`. What others write is
    seen soon if the table follows its topic, and otherwise after `refresh`.

    Args:
        settings: which cluster.
        topic: must exist.
        follow: whether to keep reading in the background.
        retention: entries older than this are forgotten, for topics that are also deleted from.
        publisher: to write with; the table makes one of its own when it first writes, if none is given.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        follow: bool = False,
        retention: timedelta | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        super().__init__(settings, topic, follow=follow, publisher=publisher)
        self._retention = None if retention is None else int(retention.total_seconds() * 1000)
        self._entries: dict[bytes, Entry] = {}

    async def get(self, key: bytes) -> Entry | None:
        """The latest entry of a key.

        Raises:
            HubError: the table could not follow its topic any more.
        """
        self._check()
        entry = self._entries.get(key)
        return None if entry is None or self._expired(entry) else entry

    async def items(self) -> Mapping[bytes, Entry]:
        """All entries by key, as they are now: a copy."""
        self._check()
        return {key: entry for key, entry in self._entries.items() if not self._expired(entry)}

    async def put(self, key: bytes, value: bytes, headers: Sequence[Header] = ()) -> None:
        """Sets a key's value, acknowledged by all in-sync replicas.

        Raises:
            HubError: as `Publisher.send` says; whether the value is set may be open.
        """
        await self._write([Record(self.topic, key, value, headers)])

    async def put_all(self, values: Mapping[bytes, bytes]) -> None:
        """Sets several keys at once, for the price of one round trip; one that fails doesn't stop the others.

        Raises:
            HubError: the first error.
        """
        await self._write([Record(self.topic, key, value) for key, value in values.items()])

    async def delete(self, key: bytes) -> None:
        """Removes a key, by a tombstone."""
        await self._write([Record(self.topic, key, None)])

    def _clear(self) -> None:
        self._entries.clear()

    def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            # Popped first, so that the dictionary's order is that of writing, which `_tidy` relies on.
            self._entries.pop(record.key, None)
            if record.value is not None:
                self._entries[record.key] = Entry(
                    record.value, tuple(record.headers), record.timestamp, record.partition, record.offset
                )

    def _expired(self, entry: Entry) -> bool:
        return self._retention is not None and entry.timestamp < time.time() * 1000 - self._retention

    def _tidy(self) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if not self._expired(entry):
                return
            del self._entries[key]
