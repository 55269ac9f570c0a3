"""The store of cursors: one compacted topic per deployment, keyed by source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from hub.kafka import names
from hub.kafka.compacted import CompactedTable
from hub.kafka.settings import KafkaSettings


class Stored(NamedTuple):
    """A cursor as it is stored.

    Attributes:
        cursor: as JSON text.
        at: when it was stored.
    """

    cursor: str
    at: datetime


class CursorStore:
    """Cursors of a deployment, as JSON text by source."""

    def __init__(self, settings: KafkaSettings, deployment: str) -> None:
        self._table = CompactedTable(settings, names.cursors(deployment))

    async def start(self) -> None:
        """Reads what is stored."""
        await self._table.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._table.stop()

    async def get(self, source: str) -> str | None:
        """The cursor of a source, or None if it has none yet."""
        entry = await self._table.get(source.encode())
        return None if entry is None else entry.value.decode()

    async def put(self, source: str, cursor: str) -> None:
        """Stores a cursor; returns when Kafka has acknowledged it."""
        await self._table.put(source.encode(), cursor.encode())

    async def reset(self, source: str) -> None:
        """Forgets a source's cursor: it begins anew."""
        await self._table.delete(source.encode())

    async def all(self) -> Mapping[str, str]:
        """All cursors by source."""
        return {source: stored.cursor for source, stored in (await self.stored()).items()}

    async def stored(self) -> Mapping[str, Stored]:
        """All cursors by source, with their age."""
        return {
            key.decode(): Stored(entry.value.decode(), datetime.fromtimestamp(entry.timestamp / 1000, UTC))
            for key, entry in (await self._table.items()).items()
        }
