"""Runs a polling source as the engine does, but with Kafka left out, and ends it where a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hub.sdk import Batch, Event, NotConnected, PollingSource, Signal
from hub.testing.conformance.faults import PASSING

Build = Callable[[], PollingSource[Any, Any]]
LIMIT = 20.0
"""Seconds that one poll may take in a suite."""
_MOST = 50  # polls until a source must have come to an end


class Reader:
    """A polling source and its stored cursor. Each poll is a new life, to which nothing but the cursor comes down.

    Args:
        build: makes the source.

    Attributes:
        stored: the cursor as JSON text, as it would be stored.
        events: what was stored together with cursors, in order.
        batches: how many events the stored batches held, those without any left out.
        signals: what polls failed with.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self.stored = build().cursor_type()().model_dump_json()
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.signals: list[Signal] = []

    def follow(self, other: Reader) -> None:
        """Goes on where another one stands."""
        self.stored, self.events, self.batches = other.stored, other.events, other.batches

    async def poll(self, *, batches: int | None = None, lost: bool = False) -> int:
        """Polls once from the stored cursor; gives how many batches came.

        Args:
            batches: the source is killed after so many.
            lost: whether the last of these was not stored any more.
        """
        source = self._build()
        count = 0
        try:
            async with asyncio.timeout(LIMIT):
                await source.open()
                polling = source.poll(source.cursor_type().model_validate_json(self.stored))
                try:
                    async for batch in polling:
                        count += 1
                        last = batches is not None and count >= batches
                        if not (last and lost):
                            self._store(batch)
                        if last:
                            break
                finally:
                    await polling.aclose()  # type: ignore[attr-defined]  # poll is an async generator
        finally:
            await source.close()
        return count

    async def try_to_poll(self) -> Signal | None:
        """Polls once; gives the signal that it failed with. Whatever else it raises is a fault of the connector."""
        try:
            await self.poll()
        except Signal as signal:
            self.signals.append(signal)
            return signal
        return None

    async def to_the_end(self) -> None:
        """Polls until there is nothing more, over failures that pass."""
        for _ in range(_MOST):
            before = self.stored
            signal = await self.try_to_poll()
            if signal is None and self.stored == before:
                return
            if signal is not None and not isinstance(signal, (*PASSING, NotConnected)):
                raise AssertionError(f"the far side is well again, and the source still fails: {signal}") from signal
        raise AssertionError(f"the source still moves its cursor after {_MOST} polls of records that don't change")

    def _store(self, batch: Batch) -> None:
        self.stored = batch.cursor.model_dump_json()
        self.events += batch.events
        if batch.events:
            self.batches.append(len(batch.events))
