"""Sinks at work: read, hand to the connector, retry what failed, dead-letter what can't work, commit.

At-least-once. Deliveries of one key go out one after the other, those of many keys side by side; a key that fails holds
back only itself. While the far side is down the unit waits: no retry is used up and nothing is dead-lettered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hub.engine.dlq.outlet import Outlet
from hub.engine.reading.reader import Reader
from hub.engine.reading.unit import ReadingUnit
from hub.engine.sinks.attempts import Retrying, RetryPolicy
from hub.engine.sinks.delivery import DeliveryLoop, concurrency_of
from hub.engine.sinks.letters import Held
from hub.engine.sinks.parking import Parking
from hub.sdk.sink import Sink


class SinkUnit(ReadingUnit[Outlet]):
    """A sink.

    Args:
        name: the sink's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured sink for each life; raises ConfigError.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        retry: when to try again.
        concurrency: deliveries under way at once; as the sink says if None.
        reply: topic for the far side's answers, if any.
        open_parking: gives, for each life, what keeps the order of keys over dead letters, where that is wanted.
    """

    kind = "sink"

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], Sink[Any]],
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], Outlet],
        retry: RetryPolicy,
        concurrency: int | None,
        reply: str | None,
        open_parking: Callable[[], Parking] | None = None,
    ) -> None:
        super().__init__(name, flow=flow, connector=connector, open_reader=open_reader, open_outlet=open_outlet)
        self._build = build
        self._retry = retry
        self._concurrency = concurrency
        self._reply = reply
        self._open_parking = open_parking
        self._delivery: DeliveryLoop | None = None
        self._order: Parking | None = None

    def retrying(self) -> list[Retrying]:
        """Deliveries that failed and wait for another attempt."""
        return self._delivery.retrying() if self._delivery else []

    @property
    def held(self) -> Held | None:
        """Keys that dead letters hold back; None where the order over these isn't kept, or the sink is down."""
        return self._order.held if self._order else None

    @asynccontextmanager
    async def _parking(self) -> AsyncIterator[Parking | None]:
        if self._open_parking is None:
            yield None
            return
        parking = self._open_parking()
        try:
            await parking.start()
            self._order = parking
            yield parking
        finally:
            self._order = None
            await parking.stop()

    async def run(self) -> None:
        """Reads, writes and commits until it is stopped."""
        sink = self._build()
        self.flow = sink.far_side or self.flow
        try:
            async with self.reading() as (reader, outlet), self._parking() as parking:
                reader.lean()
                concurrency = self._concurrency or concurrency_of(sink)
                self._delivery = delivery = DeliveryLoop(
                    self, sink, reader, outlet, self._retry, concurrency, self._reply, parking
                )
                await delivery.run()
        finally:
            self._delivery = None
            await sink.close()
