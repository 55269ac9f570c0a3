"""What a sink has before it: a lane for each key, of which only the front is ever under way."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from aiokafka import TopicPartition

from hub.engine.dlq.deadletter import REPLAYS
from hub.sdk.delivery import Delivery
from hub.sdk.errors import Signal

OVERHEAD = 2_000
"""Bytes that a held record takes beside its key and value: its headers, and Python's objects around it all."""

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Parcel:
    """One record on its way to the far side.

    Attributes:
        record: as it came from Kafka; it needn't tell its topic and partition.
        partition: where it lies.
        came: when that was, by the monotonic clock.
        size: bytes that it takes.
        delivery: what the connector is given; made when it is first its turn.
        due: when it may be tried (again), by the schedule's clock.
        first_failed: when it failed first.
        failure: what it failed with last, while it waits for another attempt.
        stale: whether its partition was taken away, so that how it ends is no longer ours to note.
    """

    __slots__ = (
        "came",
        "delivery",
        "due",
        "failure",
        "first_failed",
        "lane",
        "partition",
        "record",
        "sequence",
        "size",
        "stale",
    )

    def __init__(self, record: Any, partition: TopicPartition, lane: Lane, sequence: int, came: float) -> None:
        self.record = record
        self.partition = partition
        self.came = came
        self.lane = lane
        self.sequence = sequence
        self.size = len(record.value or b"") + len(record.key or b"") + OVERHEAD
        self.delivery: Delivery | None = None
        self.due = 0.0
        self.first_failed: float | None = None
        self.failure: Signal | None = None
        self.stale = False

    @property
    def attempt(self) -> int:
        """Of the delivery, from 1."""
        return 1 if self.delivery is None else self.delivery.attempt

    @property
    def place(self) -> Place:
        """Where the record lies."""
        return self.partition.topic, self.partition.partition, self.record.offset

    @property
    def replayed(self) -> int:
        """1 if the event came from a replay."""
        for name, _ in self.record.headers:  # `any` costs twice as much, and every event is asked
            if name == REPLAYS:
                return 1
        return 0


class _State(Enum):
    READY = 1
    UNDER_WAY = 2
    WAITING = 3


class Lane:
    """The records of one key, in order; the first `taken` of them are under way."""

    __slots__ = ("key", "queue", "state", "taken")

    def __init__(self, key: object) -> None:
        self.key = key
        self.queue: list[Parcel] = []  # most keys have one record at a time, for which a deque is large
        self.state = _State.READY
        self.taken = 0


class Schedule:
    """Which records may go out now.

    A record that is given out by `take` is given back by exactly one of `settle`, `again`, `back` and `put_off`; its
    lane goes on once all that was taken of it is back.

    Args:
        clock: gives seconds.
        replays_first: whether what comes from a replay goes before all else of its key that isn't under way: for sinks
            where that waits for the replays.

    Attributes:
        bytes: what all held records take together.
        open: how many are held and not settled, stale ones left out.
        under_way: how many are given out, stale ones included.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, replays_first: bool = False) -> None:
        self._clock = clock
        self._replays_first = replays_first
        self._lanes: dict[object, Lane] = {}
        self._ready: list[tuple[int, Lane]] = []
        self._waiting: list[tuple[float, int, Lane]] = []
        self._stale: dict[Place, Parcel] = {}
        self._failing: dict[int, Parcel] = {}
        self._sequence = 0
        self.bytes = 0
        self.open = 0
        self.under_way = 0

    def add(self, record: Any, partition: TopicPartition, came: float | None = None) -> Parcel:
        """Takes a record in, behind those of its key that are there.

        One that went out before a rebalance, and has come back with the partition while it is still under way, is not
        taken twice: it is ours again. Not so where something before it in its key comes again, too, for the last word
        must be the last event's.

        Args:
            record: as it came from Kafka.
            partition: where it lies.
            came: when it came, by the monotonic clock; now if not given.
        """
        key = record.key if record.key is not None else (partition, record.offset)
        lane = self._lanes.get(key)
        self.open += 1
        if self._stale and lane is not None and (again := self._taken_back(record, partition, lane)) is not None:
            return again
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        self._sequence += 1
        parcel = Parcel(record, partition, lane, self._sequence, time.monotonic() if came is None else came)
        self.bytes += parcel.size
        if self._replays_first and parcel.replayed:
            self._put_first(parcel, lane)
        else:
            lane.queue.append(parcel)
            if len(lane.queue) == 1:
                heapq.heappush(self._ready, (parcel.sequence, lane))
        return parcel

    def _put_first(self, parcel: Parcel, lane: Lane) -> None:
        """Puts a replay behind what is under way and behind other replays, and before the rest."""
        index = lane.taken
        while index < len(lane.queue) and lane.queue[index].replayed:
            index += 1
        lane.queue.insert(index, parcel)
        if index == 0:
            lane.state = _State.READY
            heapq.heappush(self._ready, (parcel.sequence, lane))

    def _taken_back(self, record: Any, partition: TopicPartition, lane: Lane) -> Parcel | None:
        parcel = self._stale.get((partition.topic, partition.partition, record.offset))
        if parcel is None or len(lane.queue) > lane.taken:
            return None
        del self._stale[parcel.place]
        parcel.stale = False
        return parcel

    def take(self, limit: int, *, several: bool = False) -> list[Parcel]:
        """Records whose time has come, at most ``limit``, in the order in which they came.

        In that order, because what is settled past an open one has to be remembered.

        Args:
            limit: how many at most.
            several: whether more than one of a key may be among them; they are in order.
        """
        self._wake()
        taken: list[Parcel] = []
        while self._ready and len(taken) < limit:
            sequence, lane = heapq.heappop(self._ready)
            if lane.state is not _State.READY or lane.taken >= len(lane.queue):
                continue
            parcel = lane.queue[lane.taken]
            if parcel.sequence != sequence:
                continue  # an entry that was overtaken
            lane.taken += 1
            taken.append(parcel)
            if not several:
                lane.state = _State.UNDER_WAY
            elif lane.taken < len(lane.queue):
                heapq.heappush(self._ready, (lane.queue[lane.taken].sequence, lane))
        for parcel in taken:
            parcel.lane.state = _State.UNDER_WAY
        self.under_way += len(taken)
        return taken

    def settle(self, parcel: Parcel) -> None:
        """Delivered, dead-lettered, or not ours any more."""
        queue = parcel.lane.queue
        if queue[0] is parcel:
            del queue[0]
        else:
            queue.remove(parcel)
        self.bytes -= parcel.size
        self._failing.pop(parcel.sequence, None)
        if parcel.stale:
            del self._stale[parcel.place]
        else:
            self.open -= 1
        self._give_back(parcel)

    def again(self, parcel: Parcel, wait: float, failure: Signal) -> None:
        """Failed; its key waits for so many seconds."""
        assert parcel.delivery is not None
        parcel.delivery.attempt += 1
        parcel.due = self._clock() + wait
        parcel.failure = failure
        self._failing[parcel.sequence] = parcel
        self._give_back(parcel)

    def back(self, parcel: Parcel) -> None:
        """Not tried, or not to be counted as tried."""
        self._failing.pop(parcel.sequence, None)
        parcel.failure = None
        parcel.due = 0.0
        self._give_back(parcel)

    def put_off(self, parcel: Parcel, wait: float) -> None:
        """Not tried; its key waits for so many seconds."""
        parcel.due = self._clock() + wait
        self._give_back(parcel)

    def clear(self) -> int:
        """Lets go of all that isn't under way; what is, becomes stale. Gives how many were open."""
        left = self.open
        self._ready.clear()
        self._waiting.clear()
        self._failing.clear()
        for lane in list(self._lanes.values()):
            while len(lane.queue) > lane.taken:
                self.bytes -= lane.queue.pop().size
            for parcel in lane.queue:
                parcel.stale = True
                self._stale[parcel.place] = parcel
            if not lane.queue:
                del self._lanes[lane.key]
        self.open = 0
        return left

    @property
    def wait(self) -> float | None:
        """Seconds until the next record is due that has to wait; None where none has."""
        while self._waiting and not self._still_waits(*self._waiting[0]):
            heapq.heappop(self._waiting)
        return max(0.0, self._waiting[0][0] - self._clock()) if self._waiting else None

    def failing(self) -> Iterator[Parcel]:
        """Records that failed and are tried again."""
        return iter(self._failing.values())

    def _wake(self) -> None:
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now:
            due, sequence, lane = heapq.heappop(self._waiting)
            if self._still_waits(due, sequence, lane):
                lane.state = _State.READY
                heapq.heappush(self._ready, (sequence, lane))

    def _still_waits(self, due: float, sequence: int, lane: Lane) -> bool:
        head = lane.queue[0] if lane.state is _State.WAITING and lane.queue else None
        return head is not None and head.sequence == sequence and head.due == due

    def _give_back(self, parcel: Parcel) -> None:
        self.under_way -= 1
        lane = parcel.lane
        lane.taken -= 1
        if lane.taken:
            return
        if self._stale and any(each.stale for each in lane.queue):
            self._forget_stale(lane)
        if not lane.queue:
            del self._lanes[lane.key]
            return
        head = lane.queue[0]
        if head.due > self._clock():
            lane.state = _State.WAITING
            heapq.heappush(self._waiting, (head.due, head.sequence, lane))
        else:
            lane.state = _State.READY
            heapq.heappush(self._ready, (head.sequence, lane))

    def _forget_stale(self, lane: Lane) -> None:
        """Stale records that failed: whoever has the partition now tries them."""
        for parcel in [each for each in lane.queue if each.stale]:
            lane.queue.remove(parcel)
            self.bytes -= parcel.size
            self._failing.pop(parcel.sequence, None)
            del self._stale[parcel.place]
