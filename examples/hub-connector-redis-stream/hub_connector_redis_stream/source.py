"""Entries of a stream, in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hub.sdk import Batch, Cursor, Event, PollingSource, UnitContext
from redis.asyncio import Redis

from hub_connector_redis_stream.config import EntriesConfig
from hub_connector_redis_stream.connection import connected, lost, shown
from hub_connector_redis_stream.errors import signal

Entry = tuple[bytes, Mapping[bytes, bytes]]


class Position(Cursor):
    """The last entry that was read.

    Attributes:
        after: its id; at first one that is before all others.
    """

    after: str = "0-0"


class Entries(PollingSource[EntriesConfig, Position]):
    """Each entry of a stream as an event, once. Redis holds a request until there is a new one."""

    events = {"redis.entry": "redis_stream/entry/v1.json"}
    long_poll = True

    def __init__(self, config: EntriesConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._client: Redis | None = None

    @property
    def far_side(self) -> str:
        """The stream, and where it is."""
        return shown(self.config)

    async def open(self) -> None:
        """Connects."""
        await self.close()
        self._client = await connected(self.config, longer=self.config.wait.total_seconds())

    async def close(self) -> None:
        """Ends the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def poll(self, cursor: Position) -> AsyncIterator[Batch]:
        """Yields what came after the cursor."""
        while entries := await self._after(cursor.after):
            cursor = Position(after=entries[-1][0].decode())
            yield Batch([self._event(name.decode(), fields) for name, fields in entries], cursor)

    async def _after(self, position: str) -> list[Entry]:
        """The entries that follow one; none where there was none for a while."""
        if self._client is None:
            raise lost(self.config)
        wait = round(self.config.wait.total_seconds() * 1000)
        try:
            found: Any = await self._client.xread({self.config.stream: position}, count=self.config.count, block=wait)
        except Exception as error:
            raise signal(error, self.far_side) from error
        return found[0][1] if found else []

    def _event(self, name: str, fields: Mapping[bytes, bytes]) -> Event:
        data = {_text(field): _text(value) for field, value in fields.items()}
        return self.event(
            "redis.entry",
            data,
            id=f"{self.config.stream}/{name}",
            time=_time(name),
            subject=name,
            partitionkey=self._partition(data),
        )

    def _partition(self, data: Mapping[str, str]) -> str:
        value = data.get(self.config.key) if self.config.key else None
        return value if value and value.isprintable() else self.config.stream


def _text(raw: bytes) -> str:
    """Text in UTF-8; other bytes become halves of surrogate pairs, and as JSON can't hold those, dead letters."""
    return raw.decode(errors="surrogateescape")


def _time(name: str) -> str | None:
    """When an entry was added: ids begin with the milliseconds since 1970, unless somebody gave them otherwise."""
    try:
        moment = datetime.fromtimestamp(int(name.partition("-")[0]) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
