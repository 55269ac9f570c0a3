"""The deliveries of one batch: which are due, which wait, and up to where everything is settled."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from hub.engine.backoff import backoff
from hub.engine.dlq.deadletter import REPLAYS, ROUTE, Origin
from hub.sdk.delivery import Delivery
from hub.sdk.errors import InvalidEvent, Signal
from hub.sdk.event import Event
from hub.secrecy import hidden

RETRYING = 20
"""Of the deliveries that wait for another attempt, so many are told of."""
LONGEST_CAUSE = 300
_SETTLED_IN_LINE = 64  # so many are passed over before the line is made shorter


@dataclass(slots=True)
class Pending:
    """One event of the batch until its fate is settled."""

    record: Any
    delivery: Delivery
    not_before: float = 0.0
    first_failed: float | None = None
    failure: Signal | None = None
    settled: bool = False
    admitted: bool = False
    """Whether it was held against its contract, and may go on."""
    queue: deque[Pending] | None = field(default=None, repr=False)
    """The events of its key, in order; None where the record holds no event."""

    @property
    def replayed(self) -> int:
        """1 if the event came from a replay."""
        return int(any(name == REPLAYS for name, _ in self.record.headers))


class Retrying(BaseModel):
    """A delivery that failed and is tried again."""

    model_config = ConfigDict(frozen=True)

    place: str
    """Where the event lies: ``topic-partition@offset``."""
    attempt: int
    """The attempt that failed last, from 1."""
    cause: str
    """What it failed with."""
    again: datetime
    """When the next attempt is due."""


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed delivery is tried again; times in seconds."""

    initial_interval: float = 0.5
    max_interval: float = 30.0
    max_retries: int = 8
    max_elapsed_time: float | None = None

    def wait(self, pending: Pending, failure: Signal) -> float | None:
        """Seconds until the next attempt; None where retries or time are used up."""
        now = time.monotonic()
        pending.first_failed = pending.first_failed or now
        return self.pause(pending.delivery.attempt, now - pending.first_failed, failure)

    def pause(self, attempt: int, elapsed: float, failure: Signal) -> float | None:
        """Seconds until the next attempt; None where retries or time are used up.

        Args:
            attempt: the one that failed, from 1.
            elapsed: seconds since the first that failed.
            failure: what it failed with.
        """
        if attempt > self.max_retries:
            return None
        wait = failure.retry_after
        if wait is None:
            wait = backoff(attempt, initial=self.initial_interval, maximum=self.max_interval)
        if self.max_elapsed_time is not None and elapsed + wait > self.max_elapsed_time:
            return None
        return wait


@dataclass
class Attempts:
    """Records as queues by key: only the head of a queue is ever under way."""

    unit: str
    records: Sequence[Any]
    unreadable: list[tuple[Pending, InvalidEvent]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pending: list[Pending] = []
        self._line: list[Pending] = []
        self._queues: dict[object, deque[Pending]] = {}
        self._positions: dict[tuple[str, int], int] = {}
        self.open = 0
        """How many are not settled."""
        self.add(self.records)

    def add(self, records: Sequence[Any]) -> None:
        """Takes in more records, behind those that are there."""
        for record in records:
            self._take(record)
        self.open += len(records)

    @property
    def done(self) -> bool:
        """Whether all are settled."""
        return not self.open

    @property
    def held(self) -> int:
        """How many records are held: those that are open, and those after them on their partitions."""
        return len(self._pending)

    @property
    def held_bytes(self) -> int:
        """Bytes of the payloads of these."""
        return sum(len(pending.record.value or b"") for pending in self._pending)

    def due(self, limit: int) -> list[Pending]:
        """Heads of the queues whose time has come, at most ``limit``, in the order in which they came.

        In that order, because what is settled past an open event is done again after a crash.
        """
        now = time.monotonic()
        due: list[Pending] = []
        settled = 0
        for pending in self._line:
            if pending.settled:
                settled += 1
            elif pending.not_before <= now and pending.queue is not None and pending.queue[0] is pending:
                due.append(pending)
                if len(due) == limit:
                    break
        if settled > _SETTLED_IN_LINE:
            self._line = [pending for pending in self._line if not pending.settled]
        return due

    def wait(self) -> float:
        """Seconds until the next head is due."""
        return max(0.0, min((queue[0].not_before for queue in self._queues.values()), default=0.0) - time.monotonic())

    def settle(self, pending: Pending) -> None:
        """Delivered, or dead-lettered."""
        pending.settled = True
        self.open -= 1
        key = self._key(pending)
        queue = self._queues.get(key)
        if queue and queue[0] is pending:
            queue.popleft()
            if not queue:
                del self._queues[key]

    def retrying(self) -> list[Retrying]:
        """The deliveries that wait for another attempt, those of the oldest events, `RETRYING` at most."""
        now, at = time.monotonic(), datetime.now(UTC)
        waiting = [queue[0] for queue in self._queues.values() if queue[0].failure is not None]
        waiting.sort(key=lambda pending: (pending.record.timestamp, pending.record.offset))
        return [
            Retrying(
                place=str(Origin(pending.record.topic, pending.record.partition, pending.record.offset)),
                attempt=pending.delivery.attempt - 1,
                cause=hidden(str(pending.failure))[:LONGEST_CAUSE],
                again=at + timedelta(seconds=max(0.0, pending.not_before - now)),
            )
            for pending in waiting[:RETRYING]
        ]

    def again(self, pending: Pending, wait: float, failure: Signal | None = None) -> None:
        """Failed; the key waits until it is tried again."""
        pending.failure = failure
        pending.delivery.attempt += 1
        pending.not_before = time.monotonic() + wait

    def hold(self, pending: Pending) -> None:
        """The far side was down: no attempt was used up."""
        pending.failure = None
        pending.not_before = 0.0

    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → the lowest offset that isn't settled, or the one after the last."""
        left: list[Pending] = []
        stuck: set[tuple[str, int]] = set()
        for pending in self._pending:
            partition = (pending.record.topic, pending.record.partition)
            if pending.settled and partition not in stuck:
                self._positions[partition] = pending.record.offset + 1
            else:
                stuck.add(partition)
                left.append(pending)
        self._pending = left
        return dict(self._positions)

    def _take(self, record: Any) -> None:
        try:
            event = Event.from_kafka(record.key, record.value, record.headers)
        except InvalidEvent as error:
            # The delivery only carries the count of attempts; nobody writes it.
            empty = Event.of({"id": "", "source": "", "type": ""}, record.value)
            pending = Pending(record, Delivery(empty, ""))
            self._pending.append(pending)
            self.unreadable.append((pending, error))
            return
        pending = Pending(record, Delivery(event, idempotency_key(self.unit, event)))
        self._pending.append(pending)
        self._line.append(pending)
        pending.queue = self._queues.setdefault(self._key(pending), deque())
        pending.queue.append(pending)

    @staticmethod
    def _key(pending: Pending) -> object:
        """What must stay in order: events of one key; an event without a key stands alone."""
        record = pending.record
        return record.key if record.key is not None else (record.topic, record.partition, record.offset)


def idempotency_key(sink: str, event: Event) -> str:
    """The same for every attempt and redelivery of an event by the same route to a sink; 32 hexadecimal digits.

    A digest, since AMQP's ``message_id`` holds 255 bytes and an HTTP header no line breaks.
    """
    parts = f"{sink}\0{event.header(ROUTE) or ''}\0{event.source}\0{event.id}\0"
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
