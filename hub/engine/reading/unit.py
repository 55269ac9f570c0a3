"""What routes and sinks share: they read topics as a consumer group, and write to Kafka."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from hub.engine.ledger.accounts import Counts
from hub.engine.reading.reader import Reader
from hub.engine.reading.retention import Seen
from hub.engine.unit import Unit
from hub.kafka.errors import Fenced

SLACK = 3.0
"""Seconds by which a unit's lag may be out of date."""


class _Outlet(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


Way = TypeVar("Way", bound=_Outlet)


class ReadingUnit(Unit, Generic[Way]):
    """A unit with input topics.

    Args:
        name: the unit's name.
        flow: for people.
        connector: what it uses, if anything.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
    """

    def __init__(
        self,
        name: str,
        *,
        flow: str,
        connector: str = "",
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], Way],
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._open_reader = open_reader
        self._open_outlet = open_outlet
        self._reader: Reader | None = None
        self._left = 0
        self._left_since = 0.0
        self._alarmed = False

    @property
    def lag(self) -> int:
        """Events that wait on the unit's topics and on its inbox; of a unit that is down, as it was when it ended."""
        return self._reader.lag if self._reader else self._left

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest event there that isn't settled; 0 where there is none."""
        if self._reader:
            return self._reader.lag_seconds
        return time.time() - self._left_since if self._left_since else 0.0

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        """The committed offsets of its partitions."""
        return {(at.topic, at.partition): offset for at, offset in self._reader.offsets.items()} if self._reader else {}

    @property
    def account(self) -> Counts | None:
        """What became of its events since its first start, as committed with the positions that this worker has."""
        return self._reader.accounts.total() if self._reader else None

    @property
    def retention_seconds(self) -> float | None:
        """Seconds until retention may delete the oldest event that isn't settled; None where it never does."""
        return self._reader.outlook.left if self._reader else None

    @property
    def alarm(self) -> str:
        """What will be lost if nobody does anything."""
        return self._reader.outlook.alarm if self._reader else ""

    async def measure(self) -> None:
        """Brings the lag up to date, and says once when events are about to be lost."""
        if self._reader:
            await self._reader.measure()
            self._saw()
        alarm = self.alarm
        if alarm and not self._alarmed:
            self.log.warning("%s %s: %s", self.kind, self.name, alarm)
        elif self._alarmed and not alarm:
            self.log.info("%s %s: retention is no longer near what waits", self.kind, self.name)
        self._alarmed = bool(alarm)

    def _saw(self) -> None:
        now = datetime.now(UTC)
        # What came after the last look isn't in its lag.
        self.last_seen = Seen(now, now - timedelta(seconds=self.lag_seconds + SLACK))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Reader, Way]]:
        """One life's consumer and way to Kafka: positions are known, and the unit is ready."""
        reader, outlet = self._open_reader(), self._open_outlet()
        try:
            await outlet.start()
            await reader.start()
            self._reader = reader
            self._saw()
            self.ready.set()
            try:
                yield reader, outlet
            except Fenced:
                await reader.confirm()
                raise
        finally:
            # What was taken in and not settled waits on its topic again, for the next life.
            if self._reader is not None:
                self._left = reader.lag + self.ledger.under_way
                self._saw()
                self._left_since = time.time() - reader.lag_seconds if reader.lag_seconds else 0.0
            self._reader = None
            self.ledger.taken -= self.ledger.under_way
            await reader.stop()
            await outlet.stop()
