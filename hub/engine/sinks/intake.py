"""What a sink has taken in: its schedule, and by partition how far it is settled and how much of it is held."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from hub.engine.reading.frontier import Frontier, decode
from hub.engine.sinks.schedule import Parcel, Schedule

BYTES = 24 * 2**20
"""Bytes that a sink holds at most, apart from the last fetch; each of its partitions may hold its share of them."""
LEAST = 64 * 2**10
"""Bytes that a partition may hold however many there are."""
_RESUME = 0.5  # share of the bound below which a partition is read on; each pause drops what the client has prefetched

Note = Callable[[int], str]
"""Gives what to note with a position, in so many bytes at most."""


class Commit(NamedTuple):
    """Positions to commit, what to note with them, and what they stand for."""

    offsets: dict[TopicPartition, int]
    notes: dict[TopicPartition, Note]
    versions: dict[TopicPartition, int]


class Intake:
    """Records that were taken in since one rebalance; with the next one, `clear` lets go of them.

    Args:
        limit: bytes to hold.
        clock: gives seconds.
        replays_first: see `Schedule`.

    Attributes:
        schedule: which records may go out.
    """

    def __init__(
        self, limit: int = BYTES, clock: Callable[[], float] = time.monotonic, *, replays_first: bool = False
    ) -> None:
        self.schedule = Schedule(clock, replays_first=replays_first)
        self._limit = limit
        self._frontiers: dict[TopicPartition, Frontier] = {}
        self._bytes: defaultdict[TopicPartition, int] = defaultdict(int)
        self._full: set[TopicPartition] = set()

    def take(
        self, batches: Mapping[TopicPartition, Sequence[Any]], notes: Mapping[TopicPartition, tuple[int, str]]
    ) -> int:
        """Takes records in; gives how many of them are new, and not settled in an earlier life.

        Args:
            batches: records by partition, in order.
            notes: position and metadata of each partition when it was assigned.
        """
        taken = 0
        now = time.monotonic()
        for partition, records in batches.items():
            frontier = self._frontiers.get(partition)
            if frontier is None:
                position, note = notes.get(partition, (0, ""))
                frontier = self._frontiers[partition] = Frontier(decode(note, position))
            held = 0
            for record in records:
                if frontier.take(record.offset):
                    held += self.schedule.add(record, partition, now).size
                    taken += 1
            self._bytes[partition] += held
        return taken

    def settle(self, parcel: Parcel) -> bool:
        """Delivered or dead-lettered. False where its partition isn't ours any more."""
        ours = not parcel.stale
        self.schedule.settle(parcel)
        if ours:
            self._frontiers[parcel.partition].settle(parcel.record.offset)
            self._bytes[parcel.partition] -= parcel.size
        return ours

    def clear(self) -> int:
        """Lets go of all that isn't under way; gives how many records were open."""
        self._frontiers.clear()
        self._bytes.clear()
        self._full.clear()
        return self.schedule.clear()

    def full(self, assigned: Collection[TopicPartition]) -> set[TopicPartition]:
        """Partitions of which no more should be read for now.

        They hold their share of the bytes, or more is settled beyond their position than can be noted with it.
        """
        share = max(LEAST, self._limit // max(1, len(assigned)))
        full = set()
        for partition in assigned:
            frontier = self._frontiers.get(partition)
            bound = share * _RESUME if partition in self._full else share
            if self._bytes[partition] >= bound or (frontier is not None and not frontier.whole):
                full.add(partition)
        self._full = full
        return full

    def uncommitted(self) -> Commit:
        """What there is to commit."""
        commit = Commit({}, {}, {})
        for partition, frontier in self._frontiers.items():
            position = frontier.position
            if frontier.dirty and position is not None:
                commit.offsets[partition] = position
                commit.notes[partition] = frontier.note
                commit.versions[partition] = frontier.version
        return commit

    def committed(self, commit: Commit) -> None:
        """What `uncommitted` gave is committed."""
        for partition, version in commit.versions.items():
            frontier = self._frontiers.get(partition)
            if frontier is not None:
                frontier.committed(version)
