"""The store of cursors: one compacted topic per deployment, keyed by source.

A cursor's record has headers beside it, which change in the same transaction: ``ledger``, what became of all events of
the source so far, in the form of `hub.engine.ledger.accounts.Counts.to_note`; ``fence``, the token of the lock under
which it was stored, where the source has one (see `hub.engine.sources.lock`); ``recent``, what it gave last, where it
remembers that (see `hub.engine.sources.recent`); and ``moved``, where an operator stored it.

Beside the sources' own cursors there are those of their backfills, under ``<source>/<backfill>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from hub.engine.ledger.accounts import Counts
from hub.kafka import names
from hub.kafka.compacted import CompactedTable, Entry
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.record import Header, Record
from hub.kafka.settings import KafkaSettings

LEDGER = "ledger"
FENCE = "fence"
MOVED = "moved"
RECENT = "recent"
BACKFILL = "/"
"""Between a source's name, which has none in it, and that of a backfill."""
_NONE = b"null"
"""The value of a source that begins anew, and whose ledger goes on."""


class Stored(NamedTuple):
    """A cursor as it is stored.

    Attributes:
        cursor: as JSON text.
        at: when it was stored.
        counts: what became of the source's events until then; None where nobody counted.
        fence: the token of the lock under which it was stored; 0 without one.
        moved: where the record stands, partition and offset, if it was put there from outside of the source.
        recent: what the source gave last, see `hub.engine.sources.recent`.
    """

    cursor: str
    at: datetime
    counts: Counts | None = None
    fence: int = 0
    moved: tuple[int, int] | None = None
    recent: bytes = b""


class CursorStore:
    """Cursors of a deployment, as JSON text by source.

    Args:
        settings: how to reach Kafka.
        deployment: its name.
        follow: whether what others store is seen soon.
    """

    def __init__(self, settings: KafkaSettings, deployment: str, *, follow: bool = False) -> None:
        self._settings = settings
        self._deployment = deployment
        self.topic = names.cursors(deployment)
        self._table = CompactedTable(settings, self.topic, follow=follow)

    async def start(self) -> None:
        """Reads what is stored; waits for the end of transactions that store something."""
        await self._table.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._table.stop()

    async def get(self, source: str) -> str | None:
        """The cursor of a source, or None if it has none yet."""
        entry = await self._table.get(source.encode())
        return None if entry is None or entry.value == _NONE else entry.value.decode()

    async def account(self, source: str) -> Stored | None:
        """What is stored of a source, also where its cursor was reset: that is then empty."""
        entry = await self._table.get(source.encode())
        return None if entry is None else _stored(entry)

    async def put(self, source: str, cursor: str) -> None:
        """Stores a cursor from outside of the source; returns when it is committed.

        A source that runs is fenced: it loses what it was about to store, and goes on from this cursor, soon.
        """
        await self._move(source, cursor.encode())

    async def reset(self, source: str) -> None:
        """Forgets a source's cursor: it begins anew. What became of its events so far stays counted."""
        await self._move(source, _NONE)

    async def all(self) -> Mapping[str, str]:
        """All cursors by source."""
        return {source: stored.cursor for source, stored in (await self.stored()).items()}

    async def stored(self) -> Mapping[str, Stored]:
        """All cursors by source, with their age."""
        return {name: each for name, each in (await self._everything()).items() if BACKFILL not in name}

    async def backfills(self) -> Mapping[str, Stored]:
        """The cursors of all backfills, by ``<source>/<backfill>``."""
        return {name: each for name, each in (await self._everything()).items() if BACKFILL in name}

    async def _everything(self) -> dict[str, Stored]:
        entries = await self._table.items()
        return {key.decode(): _stored(entry) for key, entry in entries.items() if entry.value != _NONE}

    async def _move(self, source: str, value: bytes) -> None:
        writer = TransactionWriter(
            self._settings, names.transactional_id(self._deployment, source), outputs=[self.topic]
        )
        await writer.start()
        try:
            # Only now: whoever polled can store nothing more.
            await self._table.refresh()
            entry = await self._table.get(source.encode())
            # What it gave last is forgotten: whoever puts a source elsewhere wants that given again.
            beside = [each for each in entry.headers if each[0] not in (MOVED, RECENT)] if entry else []
            await writer.write([Record(self.topic, source.encode(), value, [*beside, (MOVED, b"1")])])
        finally:
            await writer.stop()
        await self._table.refresh()


def headers(counts: Counts, fence: int, recent: bytes = b"") -> list[Header]:
    """What stands beside a cursor."""
    made: list[Header] = [(LEDGER, counts.to_note().encode())]
    if fence:
        made.append((FENCE, str(fence).encode()))
    if recent:
        made.append((RECENT, recent))
    return made


def _stored(entry: Entry) -> Stored:
    named = dict(entry.headers)
    fence = named.get(FENCE, b"")
    return Stored(
        "" if entry.value == _NONE else entry.value.decode(),
        datetime.fromtimestamp(entry.timestamp / 1000, UTC),
        Counts.of_note(f"ledger={named[LEDGER].decode(errors='replace')}") if LEDGER in named else None,
        int(fence) if fence.isdigit() else 0,
        (entry.partition, entry.offset) if MOVED in named else None,
        named.get(RECENT, b""),
    )
