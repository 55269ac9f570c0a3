"""Reading whole batches gives what aiokafka's own way gives, whatever lies on the partition."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from hub.kafka.fetching import _Fetched

AT = TopicPartition("t", 3)
ABORT = b"\x00\x00\x00\x00"  # version and type of a control record's key: an abort
COMMIT = b"\x00\x00\x00\x01"
COUNT = slice(57, 61)  # where a batch counts its records
ATTRIBUTES = slice(21, 23)
LAST = slice(23, 27)  # the last offset of a batch, from its first one on
CRC = slice(17, 21)
LENGTH = slice(8, 12)
CONTROL = 0x20
TRANSACTIONAL = 0x10


def batch(
    base: int, keys: list[bytes], *, producer: int = -1, flags: int = 0, last: int | None = None, codec: int = 0
) -> bytes:
    """A batch as a broker sends it.

    Args:
        base: offset of the first record.
        keys: of the records.
        producer: id of a transactional one.
        flags: attributes beside the codec.
        last: last offset from the first on, where compaction took records from the end.
        codec: how it is compressed.
    """
    builder = DefaultRecordBatchBuilder(2, codec, int(bool(flags & TRANSACTIONAL)), producer, 0, 0, 1 << 20)
    for offset, key in enumerate(keys):
        builder.append(offset, 1_000 + offset, key, b"value of " + key, [("ce_id", key), ("none", None)])
    made = bytearray(builder.build())
    made[:8] = base.to_bytes(8, "big")
    attributes = int.from_bytes(made[ATTRIBUTES], "big") | flags
    made[ATTRIBUTES] = attributes.to_bytes(2, "big")
    if last is not None:
        made[LAST] = last.to_bytes(4, "big")
    made[CRC] = _crc(bytes(made[21:])).to_bytes(4, "big")
    return bytes(made)


def _crc(data: bytes) -> int:
    from aiokafka.record._crc32c import crc  # noqa: PLC0415  only batches that were changed need it

    return int(crc(data))


class Fetched:
    """A partition's part of an answer, and where the consumer stands."""

    def __init__(self, data: bytes, *, start: int, aborted: list[tuple[int, int]], level: int, lean: bool) -> None:
        self.assignment = Assignment([AT])
        self.state = self.assignment.state_value(AT)
        self.state.seek(start)
        check_crcs = True
        records = PartitionRecords(AT, MemoryRecords(data), aborted, start, None, None, check_crcs, level)
        self.result = FetchResult(AT, assignment=self.assignment, partition_records=records, backoff=0)
        held: Any = _Fetched({}) if lean else {}
        held[AT] = self.result
        held.clear()

    def take(self, limit: int | None) -> list[tuple[Any, ...]]:
        """One call's records, and the position after it."""
        taken = self.result.getall(limit)
        found = [(each.offset, each.timestamp, each.key, each.value, tuple(each.headers)) for each in taken]
        return [*found, ("position", self.state.position)]

    def all(self, limit: int | None) -> list[Any]:
        """Every call's records until there are no more."""
        calls = []
        while self.result.has_more():
            calls.append(self.take(limit))
        return calls


def keys(*names: int) -> list[bytes]:
    """Keys of records."""
    return [b"k%d" % name for name in names]


PARTITIONS: dict[str, tuple[bytes, int, list[tuple[int, int]]]] = {
    "nothing": (b"", 0, []),
    "one batch": (batch(0, keys(0, 1, 2)), 0, []),
    "several batches": (batch(0, keys(0, 1)) + batch(2, keys(2, 3, 4, 5)) + batch(6, keys(6)), 0, []),
    "a start within a batch": (batch(10, keys(0, 1, 2, 3)) + batch(14, keys(4)), 12, []),
    "a batch that lies before the start": (batch(0, keys(0, 1)) + batch(2, keys(2)), 2, []),
    "records that compaction took": (batch(0, keys(0, 1), last=9) + batch(40, keys(2)), 0, []),
    "a batch that is empty after compaction": (batch(0, [], last=4) + batch(5, keys(5)), 0, []),
    "gzip": (batch(0, keys(0, 1, 2), codec=1), 0, []),
    "committed": (
        batch(0, keys(0, 1), producer=7, flags=TRANSACTIONAL)
        + batch(2, [COMMIT], producer=7, flags=TRANSACTIONAL | CONTROL)
        + batch(3, keys(3)),
        0,
        [],
    ),
    "aborted": (
        batch(0, keys(0, 1), producer=7, flags=TRANSACTIONAL)
        + batch(2, keys(2), producer=8, flags=TRANSACTIONAL)
        + batch(3, [ABORT], producer=7, flags=TRANSACTIONAL | CONTROL)
        + batch(4, keys(4), producer=7, flags=TRANSACTIONAL)
        + batch(5, [COMMIT], producer=8, flags=TRANSACTIONAL | CONTROL),
        0,
        [(7, 0)],
    ),
    "aborted twice": (
        batch(0, keys(0), producer=7, flags=TRANSACTIONAL)
        + batch(1, [ABORT], producer=7, flags=TRANSACTIONAL | CONTROL)
        + batch(2, keys(2), producer=7, flags=TRANSACTIONAL)
        + batch(3, [ABORT], producer=7, flags=TRANSACTIONAL | CONTROL)
        + batch(4, keys(4), producer=7, flags=TRANSACTIONAL)
        + batch(5, [COMMIT], producer=7, flags=TRANSACTIONAL | CONTROL),
        0,
        [(7, 0), (7, 2)],
    ),
    "marks only": (batch(0, [COMMIT], producer=7, flags=TRANSACTIONAL | CONTROL), 0, []),
}


@pytest.mark.parametrize("name", PARTITIONS)
@pytest.mark.parametrize("level", [READ_COMMITTED, READ_UNCOMMITTED])
@pytest.mark.parametrize("limit", [None, 1, 2, 3, 100])
async def test_records_and_positions_are_those_of_aiokafka(name: str, level: int, limit: int | None) -> None:
    """All records are the same, and so is the position behind them; each call gives no more than it may."""
    data, start, aborted = PARTITIONS[name]
    ours = Fetched(data, start=start, aborted=aborted, level=level, lean=True).all(limit)
    theirs = Fetched(data, start=start, aborted=aborted, level=level, lean=False).all(limit)
    assert _records(ours) == _records(theirs)
    assert _position(ours) == _position(theirs)
    if limit is not None:
        assert all(len(call) - 1 <= limit for call in ours)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_the_position_after_each_call_is_that_of_the_next_record(limit: int) -> None:
    """A position that is committed between two calls repeats nothing and leaves nothing out."""
    data, start, aborted = PARTITIONS["several batches"]
    taken: list[Any] = []
    position = start
    while position < 7:
        fresh = Fetched(data, start=position, aborted=aborted, level=READ_COMMITTED, lean=True)
        *records, (_, position) = fresh.take(limit)
        taken += records
    assert [each[0] for each in taken] == list(range(7))


async def test_a_batch_that_was_damaged_is_fetched_again() -> None:
    """What came before it in the same call isn't lost: the position stands where it stood, and nothing is kept."""
    good, bad = batch(0, keys(0, 1)), bytearray(batch(2, keys(2)))
    bad[-1] ^= 1
    fetched = Fetched(good + bytes(bad), start=0, aborted=[], level=READ_COMMITTED, lean=True)
    with pytest.raises(CorruptRecordException):
        fetched.take(100)
    assert fetched.state.position == 0
    assert not fetched.result.has_more()


async def test_records_of_a_position_that_was_left_are_not_given() -> None:
    """After a seek the answer to an earlier fetch is thrown away."""
    data, start, aborted = PARTITIONS["several batches"]
    fetched = Fetched(data, start=start, aborted=aborted, level=READ_COMMITTED, lean=True)
    assert len(fetched.take(3)) == 4
    fetched.state.seek(0)
    assert fetched.result.getall(3) == []
    assert not fetched.result.has_more()


async def test_what_was_read_goes_without_the_garbage_collector() -> None:
    """An answer holds up to a megabyte per partition: in a cycle it would stay for long, and many with it."""
    data, start, aborted = PARTITIONS["several batches"]
    fetched = Fetched(data, start=start, aborted=aborted, level=READ_COMMITTED, lean=True)
    gc.disable()
    try:
        fetched.take(3)
        result, records = weakref.ref(fetched.result), weakref.ref(fetched.result._partition_records)
        del fetched.result
        assert (result(), records()) == (None, None)
    finally:
        gc.enable()


def _records(calls: list[Any]) -> list[Any]:
    return [each for call in calls for each in call if each[0] != "position"]


def _position(calls: list[Any]) -> Any:
    return calls[-1][-1]
