"""Consume, transform, produce: one transaction holds what was read, what came of it, and how far we are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from hub.kafka.exactly_once import Membership, StaleMember, TransactionWriter

INTERVAL = 0.1
"""Seconds that a transaction gathers events at most, from its first event to the beginning of its commit."""
LARGEST = 16 * 2**20
"""Bytes of output after which a transaction is committed whatever the time."""
MANY = 500
"""Events that a transaction must hold to wait for more. One that holds fewer is committed at once: what comes meanwhile
shares the next one, so that under little load nothing waits, and under much load nothing is lost by that."""
FETCH = 2000
"""Records that are handled in one go; between two of them the event loop turns."""
_log = logging.getLogger("hub.engine.routing.exchange")

_OUTSIDE = 0.05
"""Seconds between two looks whether we are in a group again."""

Batches = Mapping[TopicPartition, Sequence[Any]]
Noted = Mapping[TopicPartition, OffsetAndMetadata]


class Reading(Protocol):
    """Where an exchange gets records from: a unit's consumer, or one that reads for several."""

    @property
    def membership(self) -> Any:
        """Who reads; None while nobody may commit. Another one after each change."""

    @property
    def is_revoked(self) -> bool:
        """Whether partitions are about to be taken away."""

    async def batches(self, *, limit: int, wait: float) -> Batches:
        """Records, in time or none."""

    def settlements(self, offsets: Mapping[TopicPartition, int], membership: Any) -> Sequence[tuple[Noted, Membership]]:
        """What is committed where records up to these offsets were handled: for each group its positions."""

    def committed(self, settled: Sequence[tuple[Noted, Membership]]) -> None:
        """That was committed."""

    def release(self) -> None:
        """Nothing is under way any more."""

    def refuse(self, member: Membership | None) -> None:
        """Nobody may commit what was read: it is to be read again.

        Args:
            member: who can't any more, because a group has gone on without it; None where that isn't known.
        """

    def rewind(self) -> None:
        """What was read since the last commit is to be read again."""

    async def pass_over(self) -> None:
        """Nothing came; what lies on the log and is no record may be committed as read."""


class Exchange:
    """Runs transactions of a reader and a writer, one after the other.

    The time that a transaction gathers adapts: few events are committed at once; many wait for more, no longer than
    committing takes; and never above `INTERVAL`.

    Args:
        reader: where records come from.
        writer: where they go to.
        handle: called with each batch; puts what comes of it into the writer.
        prepare: awaited before the first batch of each transaction.
        ahead: awaited with a batch before its transaction begins, for as long as it takes; False gives the batch back.
            A transaction then holds one batch.

    Attributes:
        limit: records that are handled in one go.
    """

    def __init__(
        self,
        reader: Reading,
        writer: TransactionWriter,
        handle: Callable[[Batches], Awaitable[None]],
        prepare: Callable[[], Awaitable[None]],
        ahead: Callable[[Batches], Awaitable[bool]] | None = None,
    ) -> None:
        self.limit = FETCH
        self._ahead = ahead
        self._reader = reader
        self._writer = writer
        self._handle = handle
        self._prepare = prepare
        self._patience = 0.005

    async def turn(self, wait: float = 0.5) -> bool:
        """One transaction.

        Args:
            wait: seconds to wait for the first record.

        Returns:
            Whether it was committed; not, where nothing came, or the group went on without us. Then what was handled
            counts for nothing, and is read again by whoever has the partitions.

        Raises:
            HubError: Kafka refuses, or doesn't answer; the transaction was aborted.
        """
        reader, writer = self._reader, self._writer
        if reader.membership is None:
            await asyncio.sleep(min(wait, _OUTSIDE))
            return False
        membership, batches = await self._fetch(wait)
        if not batches:
            await reader.pass_over()
            return False
        try:
            if membership is None:
                reader.rewind()  # expelled meanwhile; positions are found anew once we are in the group again
                return False
            if self._ahead is not None and not await self._look_ahead(batches, membership):
                reader.rewind()
                return False
            await self._prepare()
            await writer.begin()
            try:
                offsets = await self._gather(membership, batches)
                began = time.monotonic()
                settled = reader.settlements(offsets, membership)
                await writer.commit(*settled)
                reader.committed(settled)
            except StaleMember as stale:
                _log.info("%s; what was read is read again by whoever has its partitions now", stale)
                await writer.abort()
                reader.refuse(stale.member)
                return False
            except BaseException:
                await writer.abort()
                raise
            self._patience = min(INTERVAL, max(0.001, time.monotonic() - began))
        finally:
            reader.release()
        return True

    async def _look_ahead(self, batches: Batches, membership: Any) -> bool:
        """Whether what must be done before a transaction was done, and we may still commit."""
        assert self._ahead is not None
        return await self._ahead(batches) and self._reader.membership == membership

    async def _fetch(self, wait: float) -> tuple[Any, Batches]:
        """Records, and who we were in the group when we got them."""
        batches = await self._reader.batches(limit=self.limit, wait=wait)
        # Who we are now, not before the wait: a rebalance may have come in it, and these records after that.
        return self._reader.membership, batches

    async def _gather(self, membership: Any, batches: Batches) -> dict[TopicPartition, int]:
        """Handles batches until it is time to commit; gives the positions behind them.

        Raises:
            StaleMember: a rebalance came between two of them.
        """
        reader, writer = self._reader, self._writer
        offsets: dict[TopicPartition, int] = {}
        until = time.monotonic() + INTERVAL
        events = 0
        while batches:
            await self._handle(batches)
            for at, records in batches.items():
                offsets[at] = records[-1].offset + 1
            await writer.push()
            events += sum(map(len, batches.values()))
            left = until - time.monotonic()
            if left <= 0 or writer.volume > LARGEST or reader.is_revoked or self._ahead is not None:
                break
            now, batches = await self._fetch(min(left, self._patience) if events >= MANY else 0.0)
            if now != membership:
                raise StaleMember("a rebalance came in the midst of a transaction")
        return offsets
