"""Records as they come out of Kafka's batches: a batch at a time, and without an object of our own around each.

aiokafka hands each record through two generators and wraps it; that is a third of what reading costs.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException


def lean(consumer: AIOKafkaConsumer) -> None:
    """Has a started consumer's `getmany` give records without topic and partition, which are those of their batch.

    They have ``offset``, ``timestamp``, ``key``, ``value`` and ``headers``, a list. What was fetched before may still
    come as aiokafka's own.
    """
    fetcher = consumer._fetcher  # noqa: SLF001  aiokafka has no way to say this
    fetcher._records = _Fetched(fetcher._records)  # noqa: SLF001  as above


class _Fetched(dict[Any, Any]):
    """What a fetcher holds by partition: answers, which it asks for their records, and errors."""

    def __init__(self, found: dict[Any, Any]) -> None:
        super().__init__()
        for at, each in found.items():
            dict.__setitem__(self, at, each)  # may be half read already, by the other way

    def __setitem__(self, at: Any, answer: Any) -> None:
        if type(answer) is FetchResult:
            answer.getall = _Answer(answer).take
        super().__setitem__(at, answer)


class _Answer:
    """One partition's part of an answer to a fetch."""

    def __init__(self, result: Any) -> None:
        # No cycles: each would keep a megabyte until the garbage collector comes by. The result holds us, and its
        # records hold a generator of their own that holds them.
        self._result = weakref.ref(result)
        result._partition_records._records_iterator = None  # noqa: SLF001  this module is part of it
        self._batches = _batches(result._partition_records)  # noqa: SLF001  as above
        self._left: list[Any] = []
        self._after: int = result._partition_records.next_fetch_offset  # noqa: SLF001  as above

    def take(self, max_records: int | None = None) -> list[Any]:
        """Does for `FetchResult.getall` what that does, in larger steps.

        Raises:
            CorruptRecordException: a batch is not what was written. It is fetched again.
        """
        result: Any = self._result()
        if not result.check_assignment(result._topic_partition) or not result.has_more():  # noqa: SLF001  as above
            return []
        taken, self._left = self._left, []
        done = False
        try:
            while max_records is None or len(taken) < max_records:
                batch = next(self._batches, None)
                if batch is None:
                    done = True
                    break
                records, self._after = batch
                taken += records
        except BaseException:
            result._partition_records = None  # noqa: SLF001  the position stands before all that was taken
            raise
        after = self._after
        if max_records is not None and len(taken) > max_records:
            self._left = taken[max_records:]
            del taken[max_records:]
            after = self._left[0].offset
        result._partition_records.next_fetch_offset = after  # noqa: SLF001  as above
        result._update_position()  # noqa: SLF001  as above
        if done:
            result._partition_records = None  # noqa: SLF001  as above
        return taken


def _batches(answer: Any) -> Iterator[tuple[list[Any], int]]:
    """The records of each batch from the fetch's offset on, and the offset behind the batch.

    Batches of aborted transactions are left out, and the marks that end transactions.
    """
    start = answer.next_fetch_offset
    batches = answer._records  # noqa: SLF001  as above
    while batches.has_next():
        batch = batches.next_batch()
        if answer._check_crcs and not batch.validate_crc():  # noqa: SLF001  as above
            raise CorruptRecordException(f"Invalid CRC - {answer._tp}")  # noqa: SLF001  as above
        records = [] if _hidden(answer, batch) else list(batch)
        # A fetch may answer with the whole batch that its offset lies in.
        if records and records[0].offset < start:
            records = [each for each in records if each.offset >= start]
        yield records, batch.next_offset


def _hidden(answer: Any, batch: Any) -> bool:
    """Whether a batch is a mark, or of an aborted transaction. To be asked of every batch, in their order."""
    if answer._isolation_level == READ_COMMITTED and batch.producer_id is not None:  # noqa: SLF001  as above
        answer._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001  as above
        aborted = answer._aborted_producers  # noqa: SLF001  as above
        if batch.is_control_batch and answer._contains_abort_marker(batch):  # noqa: SLF001  as above
            aborted.discard(batch.producer_id)
        if batch.is_transactional and batch.producer_id in aborted:
            return True
    return bool(batch.is_control_batch)
