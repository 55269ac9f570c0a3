"""The memory of deliveries: one per process, shared by all its webhook sources, and bounded.

Messages that consuming sources have stored have another one of the same kind (see `hub.engine.sources.consumed`).

It follows a topic on which every worker of the deployment notes what it has stored, so that it outlives all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from hub.engine.sources.marks import SIZE, Marks
from hub.kafka import fetching, names
from hub.kafka.followed import FollowedTopic
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import REMEMBER

LINGER = 5
"""Milliseconds that a webhook's writes wait for others: requests come side by side, and share what a write costs."""
_START = 60.0
_SLOWEST = 20_000
"""Marks per second that are read at the start even by a machine that has other things to do."""
_log = logging.getLogger("hub.engine.sources.deliveries")


class Deliveries(FollowedTopic):
    """Marks of the deliveries of a deployment's webhook sources, up to a number.

    Args:
        settings: how to reach Kafka.
        deployment: whose deliveries.
        bound: how many are known at most; the oldest are forgotten first.
        keep: how long one is known, if there aren't too many.
        topic: where they are noted; that of webhook deliveries if not given.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        deployment: str,
        bound: int,
        keep: timedelta = REMEMBER,
        *,
        topic: str | None = None,
    ) -> None:
        self._writer = Publisher(settings, linger_ms=LINGER)
        super().__init__(settings, topic or names.deliveries(deployment), follow=True, publisher=self._writer)
        self._bound = bound
        self._keep = keep
        self._marks = Marks(bound, keep)
        self._skipped = 0
        self._told = False

    async def start(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  the message says what it waited for
        """Reads what is remembered, and follows what other workers remember."""
        await self._writer.start()
        await super().start(timeout or _START + self._bound / _SLOWEST)

    async def stop(self) -> None:
        """Disconnects."""
        await super().stop()
        await self._writer.stop()

    @property
    def failed(self) -> bool:
        """Whether what others remember isn't followed any more; only a new one helps."""
        return self._failed is not None

    def check(self) -> None:
        """Whether what others remember is still followed.

        Raises:
            HubError: it isn't.
        """
        self._check()

    def known(self, mark: bytes) -> bool:
        """Whether this delivery was stored before.

        Raises:
            HubError: nobody knows: what others remember isn't followed any more.
        """
        self._check()
        return mark in self._marks

    async def remember(self, mark: bytes) -> None:
        """Notes that a delivery is stored; returns when Kafka has it.

        Raises:
            HubError: as `Publisher.send` says; whether it is noted may be open.
        """
        await self._write([Record(self.topic, mark, b"1")])

    @property
    def shortage(self) -> str:
        """What to tell where deliveries are known for less long than they should be; empty otherwise."""
        window = self._marks.window
        if window is None:
            return ""
        hours = window.total_seconds() / 3600
        return (
            f"repeated deliveries are noticed for {hours:.1f} h instead of {self._keep.total_seconds() / 3600:g} h: "
            f"{self._marks.forgotten:,} were forgotten early, since HUB_INGRESS__REMEMBER is {self._bound:,}"
        )

    async def _starts(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """No more than counts: what isn't too old, and the newest of that."""
        fetching.lean(consumer)
        ends = await consumer.end_offsets(partitions)
        first = await consumer.beginning_offsets(partitions)
        since = self._marks.since
        young = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
        share = max(1, self._bound // len(partitions))
        starts: dict[TopicPartition, int] = {}
        for each in partitions:
            found = young.get(each)
            wanted = max(first[each], ends[each] if found is None else found.offset)
            starts[each] = max(wanted, ends[each] - share)
            self._skipped += starts[each] - wanted
        return starts

    def _clear(self) -> None:
        self._marks.clear()
        self._skipped = 0

    def _apply(self, records: Sequence[Any]) -> None:
        if self._skipped and records:
            self._marks.forgot(self._skipped, records[0].timestamp)
            self._skipped = 0
        add = self._marks.add
        for record in records:
            if record.key is not None and len(record.key) == SIZE and record.value is not None:
                add(record.key, record.timestamp)

    def _tidy(self) -> None:
        self._marks.tidy()
        shortage = self.shortage
        if shortage and not self._told:
            _log.warning("%s", shortage)
        self._told = bool(shortage)


class SharedDeliveries:
    """One memory for all who want it: opened by the first, closed by the last, and another one after a failure.

    Args:
        open_: gives a new one.
    """

    def __init__(self, open_: Callable[[], Deliveries]) -> None:
        self._open = open_
        self._current: Deliveries | None = None
        self._starting: dict[Deliveries, asyncio.Task[None]] = {}
        self._users: dict[Deliveries, int] = {}

    async def join(self) -> Deliveries:
        """The memory, once all is read; to be given back by `leave`.

        Raises:
            HubError: as `Deliveries.start` says.
        """
        current = self._current
        if current is None or current.failed or _ended_badly(self._starting[current]):
            current = self._current = self._open()
            self._starting[current] = asyncio.create_task(current.start(), name="deliveries")
            self._users[current] = 0
        self._users[current] += 1
        try:
            # Whoever else waits for it goes on waiting when we don't.
            await asyncio.shield(self._starting[current])
        except BaseException:
            await self.leave(current)
            raise
        return current

    async def leave(self, deliveries: Deliveries) -> None:
        """Gives it back; the last one closes it."""
        self._users[deliveries] -= 1
        if self._users[deliveries]:
            return
        if self._current is deliveries:
            self._current = None
        del self._users[deliveries]
        starting = self._starting.pop(deliveries)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await deliveries.stop()


def _ended_badly(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
