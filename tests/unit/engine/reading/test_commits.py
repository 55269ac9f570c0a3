"""Commits as brokers take them: not too large, with notes not too long, whatever their limits are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import InvalidCommitOffsetSizeError, OffsetMetadataTooLargeError
from aiokafka.structs import OffsetAndMetadata

from hub.engine.reading.frontier import Frontier, decode
from hub.engine.reading.positions import COMMIT_BYTES, pieces
from hub.engine.reading.reader import Reader
from hub.kafka.settings import KafkaSettings

BATCH = 1_048_588
"""``message.max.bytes`` by default."""


class Broker:
    """Takes commits within its limits, as Kafka's group coordinator does."""

    def __init__(self, *, batch: int = BATCH, note: int = 4096) -> None:
        self.batch, self.note = batch, note
        self.committed: dict[TopicPartition, OffsetAndMetadata] = {}
        self.commits = 0

    async def commit(self, noted: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if any(len(each.metadata) > self.note for each in noted.values()):
            raise OffsetMetadataTooLargeError
        # A record's key holds group, topic and partition, its value offset, note and times.
        if sum(len(each.metadata) + len(at.topic) + len("g") + 40 for at, each in noted.items()) > self.batch:
            raise InvalidCommitOffsetSizeError
        self.commits += 1
        self.committed |= noted


@pytest.fixture
async def reader_of():
    """A reader of so many partitions, which commits to a broker."""
    made: list[Reader] = []

    def make(broker: Broker, partitions: int) -> Reader:
        reader = Reader(KafkaSettings(bootstrap_servers="localhost:1"), group="g", starts={"in": "earliest"})
        made.append(reader)
        reader._assigned = frozenset(TopicPartition("in", number) for number in range(partitions))
        reader._commit = broker.commit
        reader._positions.accounts.restore(dict.fromkeys(reader._assigned, (0, "")))
        return reader

    yield make
    for each in made:
        await each.stop()


def frontier(count: int = 20_000) -> Frontier:
    """Every second offset is settled, but not the first: there is more to note than 4 kB hold."""
    found = Frontier()
    for offset in range(count):
        found.take(offset)
    for offset in range(1, count, 2):
        found.settle(offset)
    return found


async def test_hundreds_of_partitions_with_full_notes_are_committed(reader_of):
    """In one commit they would be larger than a broker appends at once, however often it is tried."""
    broker = Broker()
    reader = reader_of(broker, 400)
    note = functools.cache(frontier().note)
    positions = {(at.topic, at.partition): 0 for at in reader.assigned}
    assert await reader.commit(positions, dict.fromkeys(reader.assigned, note))
    assert set(broker.committed) == reader.assigned
    assert sum(len(each.metadata) for each in broker.committed.values()) > BATCH
    assert broker.commits == 3
    assert set(reader.offsets) == reader.assigned


async def test_a_broker_that_takes_less_at_once_gets_less_from_then_on(reader_of):
    """Its limit is found; only one position that is larger by itself could not be committed."""
    broker = Broker(batch=100_000)
    reader = reader_of(broker, 50)
    note = functools.cache(frontier().note)
    positions = {(at.topic, at.partition): 0 for at in reader.assigned}
    assert await reader.commit(positions, dict.fromkeys(reader.assigned, note))
    assert set(broker.committed) == reader.assigned
    before = broker.commits
    assert await reader.commit(positions, dict.fromkeys(reader.assigned, note))
    assert broker.commits - before == before


@pytest.mark.parametrize("limit", [3000, 1000, 60, 10, 0])
async def test_a_broker_that_takes_shorter_notes_gets_shorter_ones(limit, reader_of, caplog):
    """Less is remembered over a restart, which is said; what is noted is right, and the rest is known to be missing."""
    broker = Broker(note=limit)
    reader = reader_of(broker, 1)
    at = TopicPartition("in", 0)
    for offset in range(1, 20_000, 2):
        reader.accounts.settle(at, offset, "delivered")
    open_ = frontier()
    assert await reader.commit({("in", 0): 0}, {at: open_.note})
    noted = broker.committed[at].metadata
    assert len(noted) <= limit
    settled = set(decode(noted, 0))
    assert settled <= set(range(1, 20_000, 2))
    assert bool(settled) == (limit >= 60)
    assert not open_.whole
    assert "offset.metadata.max.bytes" in caplog.text
    assert await reader.commit({("in", 0): 1}, {at: open_.note})


@pytest.mark.parametrize("sizes", [[0], [COMMIT_BYTES * 2], [100] * 30, [4000] * 1000])
def test_pieces_hold_everything_once_and_no_more_than_they_should(sizes):
    """One that is too large by itself stands alone."""
    noted = {TopicPartition("in", number): (0, "x" * size) for number, size in enumerate(sizes)}
    found = list(pieces(noted, "g"))
    assert {at: each for piece in found for at, each in piece.items()} == noted
    assert sum(map(len, found)) == len(noted)
    weigh: Callable[[Mapping[TopicPartition, tuple[int, str]]], int] = lambda piece: sum(  # noqa: E731  used twice
        len(each[1]) for each in piece.values()
    )
    assert all(len(piece) == 1 or weigh(piece) <= COMMIT_BYTES for piece in found)
