"""Consume, transform, produce: one transaction holds what was read, what came of it, and how far we are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from hub.engine.reader import Reader
from hub.kafka.exactly_once import StaleMember, TransactionWriter
from hub.sdk.errors import HubError

INTERVAL = 0.1
"""Seconds that a transaction gathers events at most, from its first event to the beginning of its commit."""
LARGEST = 16 * 2**20
"""Bytes of output after which a transaction is committed whatever the time."""
FETCH = 2000
"""Records that are handled in one go; between two of them the event loop turns."""

Batches = Mapping[TopicPartition, Sequence[Any]]


class Exchange:
    """Runs transactions of a reader and a writer, one after the other.

    The time that a transaction gathers adapts: no longer than committing takes, so that few events are quick through
    and many share a commit; and never above `INTERVAL`.

    Args:
        reader: where records come from.
        writer: where they go to.
        handle: called with each batch; puts what comes of it into the writer.
        prepare: awaited before the first batch of each transaction.
    """

    def __init__(
        self,
        reader: Reader,
        writer: TransactionWriter,
        handle: Callable[[Batches], None],
        prepare: Callable[[], Awaitable[None]],
    ) -> None:
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
        membership = reader.membership
        batches = await reader.batches(limit=FETCH, wait=wait)
        if not batches:
            return False
        try:
            if membership is None or membership != reader.membership:
                return False  # a rebalance came between: positions are found anew
            await self._prepare()
            await writer.begin()
            try:
                offsets = await self._gather(batches)
                began = time.monotonic()
                await writer.commit(reader.noted(offsets), membership)
            except StaleMember:
                await writer.abort()
                return False
            except (HubError, asyncio.CancelledError):
                await writer.abort()
                raise
            self._patience = min(INTERVAL, max(0.001, time.monotonic() - began))
        finally:
            reader.release()
        return True

    async def _gather(self, batches: Batches) -> dict[TopicPartition, int]:
        """Handles batches until it is time to commit; gives the positions behind them."""
        reader, writer = self._reader, self._writer
        offsets: dict[TopicPartition, int] = {}
        until = time.monotonic() + INTERVAL
        while batches:
            self._handle(batches)
            for at, records in batches.items():
                offsets[at] = records[-1].offset + 1
            await writer.push()
            left = until - time.monotonic()
            if left <= 0 or writer.bytes > LARGEST or reader.revoking.is_set():
                break
            batches = await reader.batches(limit=FETCH, wait=min(left, self._patience))
        return offsets
