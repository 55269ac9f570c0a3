"""Records that are written together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from hub.engine.perseverance import finished
from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.publisher import Record
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import NotConnected

WAIT = 20.0
"""Seconds to wait for the acknowledgements of a transaction's records."""
TIMEOUT_MS = 30_000
"""After this, brokers abort a transaction whose owner is gone: above `WAIT`, and no more, since readers wait for it."""

_BROKEN_LIMIT = 0.5


class TransactionalWriter:
    """Writes batches of records, each batch in one transaction.

    Starting a second writer with the same id fences the first: what the first has open is aborted, and its next write
    raises `Fenced`.

    Args:
        settings: how to reach Kafka.
        transactional_id: the same for whoever must not write at the same time.
        largest: smallest ``max.message.bytes`` of the topics that it writes to.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str, *, largest: int) -> None:
        self._producer: AIOKafkaProducer = clients.producer(
            settings,
            transactional_id=transactional_id,
            transaction_timeout_ms=TIMEOUT_MS,
            # A broker refuses a whole batch that is larger than its topic takes, though each record is smaller.
            max_batch_size=min(clients.BATCH_BYTES, largest),
            value_serializer=_serialize,
        )
        self._broken = False

    async def start(self) -> None:
        """Connects, and fences whoever had the id before; what that one had committed is visible from now on."""
        await clients.start(self._producer, WAIT + TIMEOUT_MS / 1000)

    async def stop(self) -> None:
        """Disconnects."""
        await clients.close(self._producer, _BROKEN_LIMIT if self._broken else 10.0)

    async def write(self, records: Sequence[Record]) -> None:
        """Writes records in one transaction, and returns once it is committed.

        Records of one topic and key stay in order. A commit that has begun is seen through also when this is cancelled.

        Raises:
            Fenced: another writer has taken over; nothing of this batch was written.
            NotConnected: Kafka doesn't answer. Where it was the commit that got no answer, the batch may have been
                written; the next writer with this id sees whether it was.
            HubError: nothing of this batch was written.
        """
        self._broken = True  # until it is done; what a broken producer holds isn't worth waiting for
        try:
            async with asyncio.timeout(WAIT):
                await self._producer.begin_transaction()
        except (KafkaError, AssertionError, TimeoutError) as error:
            raise kafka_error(error, "beginning a transaction") from error
        try:
            await self._send(records)
        except BaseException as error:
            await self._abort()
            if isinstance(error, KafkaError | AssertionError | TimeoutError):
                raise kafka_error(error, "writing in a transaction") from error
            raise
        await self._commit()
        self._broken = False

    async def _send(self, records: Sequence[Record]) -> None:
        async with asyncio.timeout(WAIT):
            futures = [await self._enqueue(record) for record in records]
            for result in await asyncio.gather(*futures, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result

    async def _enqueue(self, record: Record) -> asyncio.Future[Any]:
        value = _NOTHING if record.value is None else record.value
        future: asyncio.Future[Any] = await self._producer.send(
            record.topic, value, record.key, record.partition, record.timestamp, list(record.headers)
        )
        future.add_done_callback(_seen)
        return future

    async def _abort(self) -> None:
        abort = asyncio.ensure_future(self._producer.abort_transaction())
        await finished(abort, WAIT)
        if abort.done() and not abort.cancelled():
            with suppress(
                KafkaError, AssertionError, TimeoutError
            ):  # fenced, or away: the brokers abort it by themselves
                abort.result()

    async def _commit(self) -> None:
        commit = asyncio.ensure_future(self._producer.commit_transaction())
        cancelled = await finished(commit, WAIT)
        if not commit.done():
            commit.cancel()
            raise NotConnected(f"Kafka has not confirmed the transaction within {WAIT:g} s; it may have been committed")
        try:
            commit.result()
        except (KafkaError, AssertionError) as error:
            raise kafka_error(error, "committing a transaction") from error
        if cancelled:
            raise asyncio.CancelledError


_NOTHING = (
    b"\0nothing"  # told by identity: aiokafka refuses a record with neither key nor value, which is a legal event
)


def _serialize(value: bytes) -> bytes | None:
    return None if value is _NOTHING else value


def _seen(future: asyncio.Future[Any]) -> None:
    """Takes note of a failure that nobody waits for any more, because another came first."""
    if not future.cancelled():
        future.exception()
