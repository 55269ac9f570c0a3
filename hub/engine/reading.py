"""What routes and sinks share: they read topics as a consumer group, and write to Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from hub.engine.reader import Reader
from hub.engine.unit import Unit


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

    @property
    def lag(self) -> int:
        """Events that wait on the unit's topics and on its inbox; of a unit that is down, as it was when it ended."""
        return self._reader.lag if self._reader else self._left

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest event there that isn't settled; 0 where there is none, and while the unit is down."""
        return self._reader.lag_seconds if self._reader else 0.0

    async def measure(self) -> None:
        """Brings the lag up to date."""
        if self._reader:
            await self._reader.measure()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Reader, Way]]:
        """One life's consumer and way to Kafka: positions are known, and the unit is ready."""
        reader, outlet = self._open_reader(), self._open_outlet()
        try:
            await outlet.start()
            await reader.start()
            self._reader = reader
            self.ready.set()
            yield reader, outlet
        finally:
            # What was taken in and not settled waits on its topic again, for the next life.
            if self._reader is not None:
                self._left = reader.lag + self.ledger.under_way
            self._reader = None
            self.ledger.taken -= self.ledger.under_way
            await reader.stop()
            await outlet.stop()
