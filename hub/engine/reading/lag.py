"""How far a unit is behind: events that wait, and since when the oldest of them does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from hub.engine.reading.retention import Kept, Outlook, Retentions, outlook
from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings

FRESH = 5.0
"""Seconds for which what was last seen of a partition tells its age well enough; then it is looked into."""
LOOK_LIMIT = 3.0
"""Seconds to look for the oldest events of partitions."""
LITTLE = 2**16
"""Bytes to fetch of a partition for that; brokers give a larger batch all the same."""


class _Found(NamedTuple):
    """What a look at a partition has found.

    Attributes:
        position, end: between which offsets.
        made: when the first event there was made, in ms since 1970; None where there is none.
    """

    position: int
    end: int
    made: int | None


class Lag:
    """The lag of one consumer's partitions.

    Offsets are not events: transactions leave marks on the log, and what was aborted stays there, too. The consumer
    passes over these when it reads; where it doesn't read, because it is paused, what lies there is looked into.

    Args:
        settings: how to reach Kafka.
        position: gives the next offset that the consumer will give, if it has a position.
        retentions: how long topics keep events, where somebody wants to know what that means.

    Attributes:
        outlook: what retention means for what waits, as of the last `measure`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        position: Callable[[TopicPartition], int | None],
        retentions: Retentions | None = None,
    ) -> None:
        self._settings = settings
        self._retentions = retentions
        self.outlook = Outlook()
        self._position = position
        self._ends: dict[TopicPartition, int] = {}
        self._under_way: dict[TopicPartition, deque[tuple[int, int]]] = {}
        self._last: dict[TopicPartition, tuple[float, int]] = {}
        self._clear: dict[TopicPartition, float] = {}
        self._found: dict[TopicPartition, _Found] = {}
        self._oldest: dict[TopicPartition, float] = {}
        self._assignment = 0

    def begin(self) -> None:
        """Forgets everything: other partitions are ours now."""
        self._assignment += 1
        for each in (self._ends, self._under_way, self._last, self._clear, self._found, self._oldest):
            each.clear()

    def fetched(self, batches: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Records were taken in."""
        now = time.monotonic()
        for at, records in batches.items():
            last = records[-1]
            self._last[at] = (now, last.timestamp)
            waiting = self._under_way.get(at)
            if waiting is None:
                waiting = self._under_way[at] = deque()
            waiting.append((last.offset + 1, records[0].timestamp))

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Records were settled, and are not read again."""
        for at, offset in offsets.items():
            waiting = self._under_way.get(at)
            while waiting and waiting[0][0] <= offset:
                waiting.popleft()

    @property
    def events(self) -> int:
        """Events that were not fetched yet, as of the last `measure`; marks of transactions may be among them."""
        return sum(self._waiting(at) for at in self._ends)

    @property
    def seconds(self) -> float:
        """Age of the oldest event that isn't settled, as of the last `measure`; 0 where none is."""
        return max((self.age(at) for at in tuple(self._oldest)), default=0.0)

    def age(self, at: TopicPartition) -> float:
        """Seconds since the oldest event of a partition that isn't settled was made; 0 where there is none."""
        made = self._oldest.get(at)
        return 0.0 if made is None else max(0.0, time.time() - made)

    def _waiting(self, at: TopicPartition) -> int:
        position, end = self._position(at), self._ends[at]
        return 0 if position is None or self._found.get(at) == (position, end, None) else max(0, end - position)

    def _seen(self, at: TopicPartition) -> _Found | None:
        """What a look at the partition has found, if that still holds."""
        found = self._found.get(at)
        if found is None or found.position != self._position(at):
            return None
        # Where there was nothing, something may have come.
        return found if found.made is not None or found.end == self._ends[at] else None

    async def measure(self, consumer: AIOKafkaConsumer, assigned: Iterable[TopicPartition]) -> None:
        """Asks the brokers where partitions end; paused ones too, of which nothing is fetched.

        Raises:
            KafkaError, HubError: Kafka doesn't answer.
        """
        partitions, assignment = list(assigned), self._assignment
        began = time.monotonic()
        ends = await consumer.end_offsets(partitions) if partitions else {}
        if assignment != self._assignment:
            return  # other partitions are ours now, and the next look is at those
        self._ends = dict(ends)
        unknown = [at for at in partitions if not self._known(at, began)]
        if unknown:
            await self._look(unknown)
        if assignment != self._assignment:
            return
        for at in partitions:
            self._note(at)
        if self._retentions is not None:
            kept = await self._retentions.of(sorted({at.topic for at in partitions}))
            spans = await self._spans(consumer, kept)
            if assignment == self._assignment:
                self.outlook = outlook(kept, {at: self.age(at) for at in partitions}, spans)

    async def _spans(
        self, consumer: AIOKafkaConsumer, kept: Mapping[str, Kept]
    ) -> dict[TopicPartition, tuple[int, int, int]]:
        """Where partitions begin, where we stand and where they end; of those that wait on topics of bounded size."""
        bounded = {
            at: position
            for at in self._oldest
            if at.topic in kept and kept[at.topic].bytes is not None and (position := self._position(at)) is not None
        }
        ends = dict(self._ends)
        beginnings = await consumer.beginning_offsets(list(bounded)) if bounded else {}
        return {at: (beginnings[at], position, ends[at]) for at, position in bounded.items() if at in ends}

    def _known(self, at: TopicPartition, began: float) -> bool:
        """Whether a partition's age can be told without a look at it."""
        position = self._position(at)
        if position is None:
            return True
        if position >= self._ends[at]:
            self._clear[at] = began
            return True
        if self._under_way.get(at):
            return True
        seen = max(self._clear.get(at, 0.0), self._last.get(at, (0.0, 0))[0])
        return began - seen < FRESH or self._seen(at) is not None

    async def _look(self, partitions: Sequence[TopicPartition]) -> None:
        """Finds the first event behind our position in each; with a consumer of its own, that leaves ours alone."""
        wanted = {at: position for at in partitions if (position := self._position(at)) is not None}
        ends = {at: self._ends[at] for at in wanted}
        async with clients.running(clients.consumer(self._settings, max_partition_fetch_bytes=LITTLE), 10.0) as looker:
            looker.assign(list(wanted))
            for at, position in wanted.items():
                looker.seek(at, position)
            found = await first_of(looker, ends, LOOK_LIMIT)
        for at, made in found.items():
            self._found[at] = _Found(wanted[at], ends[at], made)

    def _note(self, at: TopicPartition) -> None:
        """Notes when the oldest event of a partition was made."""
        made = self._made(at)
        if made is None:
            self._oldest.pop(at, None)
        else:
            self._oldest[at] = made

    def _made(self, at: TopicPartition) -> float | None:
        waiting = self._under_way.get(at)
        if waiting:
            return waiting[0][1] / 1000
        position = self._position(at)
        if position is None or position >= self._ends[at]:
            return None
        found = self._seen(at)
        if found is not None:
            return None if found.made is None else found.made / 1000
        # It came after the moment at which there was nothing left, and hardly before what came before it.
        clear = time.time() - (time.monotonic() - self._clear[at]) if at in self._clear else 0.0
        last = self._last.get(at, (0.0, 0))[1] / 1000
        return max(clear, last) or None


async def first_of(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], limit: float
) -> dict[TopicPartition, int | None]:
    """When the first event of each partition was made, in ms since 1970; None where there is none before its end.

    Args:
        consumer: that stands where to look from, and reads nothing else.
        ends: where to end.
        limit: seconds; what isn't found in time is left out.

    Raises:
        HubError: Kafka's.
    """
    found: dict[TopicPartition, int | None] = {}
    deadline = time.monotonic() + limit
    while len(found) < len(ends) and (left := deadline - time.monotonic()) > 0:
        missing = [at for at in ends if at not in found]
        try:
            batches = await consumer.getmany(*missing, timeout_ms=int(min(left, 0.5) * 1000))
        except KafkaError as error:
            raise kafka_error(error, "reading") from error
        for at in missing:
            records = batches.get(at)
            if records and records[0].offset < ends[at]:
                found[at] = records[0].timestamp
            elif await consumer.position(at) >= ends[at]:
                found[at] = None
            if at in found:
                consumer.pause(at)
    return found
