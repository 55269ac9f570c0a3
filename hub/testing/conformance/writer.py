"""Runs a sink as the engine does, but with Kafka left out: deliveries side by side, and again what failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from hub.sdk import Delivery, Event, NotConnected, Permanent, Signal, Sink, WriteFailed

LIMIT = 20.0
"""Seconds that one call may take in a suite."""
RECOVERY = 30.0
"""Seconds after which a unit whose far side is well again must work; machines that run tests may be busy."""
_PAUSE = 0.05  # seconds between two rounds: a far side that has just come back may need them


class Writer:
    """A sink and what became of each of its deliveries.

    Args:
        build: makes the sink.

    Attributes:
        written: idempotency keys of the deliveries that the sink said it has written.
        failed: what it said of the others, by key; the last word of each.
        replies: what it answered.
        is_open: whether it could be opened.
    """

    def __init__(self, build: Callable[[], Sink[Any]]) -> None:
        self.sink = build()
        self.written: list[str] = []
        self.failed: dict[str, Signal] = {}
        self.replies: list[Event] = []
        self.opening: Signal | None = None
        self.is_open = False

    async def open(self) -> None:
        """Opens it; a signal is noted."""
        try:
            async with asyncio.timeout(LIMIT):
                await self.sink.open()
        except Signal as signal:
            self.opening = signal
            await self.close()
        else:
            self.opening = None
            self.is_open = True

    async def close(self) -> None:
        """Closes it."""
        self.is_open = False
        async with asyncio.timeout(LIMIT):
            await self.sink.close()

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Hands over deliveries, each once, in calls side by side of as many as the sink takes."""
        size = max(1, type(self.sink).batch)
        calls = [deliveries[first : first + size] for first in range(0, len(deliveries), size)]
        async with asyncio.timeout(LIMIT):
            outcomes = await asyncio.gather(*map(self._call, calls), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def write_all(self, deliveries: Sequence[Delivery]) -> None:
        """Hands over deliveries until none is left that may still work; opens the sink again where it must be."""
        end = time.monotonic() + RECOVERY
        while time.monotonic() < end:
            left = self.left(deliveries)
            if not left:
                return
            if any(isinstance(signal, NotConnected) for signal in self.failed.values()) or not self.is_open:
                await self.close()
                await self.open()
            if self.is_open:
                await self.write(left)
            if self.left(deliveries):
                await asyncio.sleep(_PAUSE)
        words = "; ".join(sorted({str(each) for each in self.failed.values()})) or str(self.opening)
        raise AssertionError(f"the far side is well again, and after {RECOVERY:g} s the sink still fails: {words}")

    def left(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those that may still be written, as their next attempt."""
        over = {*self.written, *(key for key, signal in self.failed.items() if isinstance(signal, Permanent))}
        return [
            Delivery(each.event, each.idempotency_key, each.attempt + 1)
            for each in deliveries
            if each.idempotency_key not in over
        ]

    async def _call(self, batch: Sequence[Delivery]) -> None:
        failures: dict[int, Signal] = {}
        try:
            self.replies += await self.sink.write(batch)
        except WriteFailed as partly:
            failures = partly.failures
            self.replies += partly.replies
            strange = [index for index in failures if not 0 <= index < len(batch)]
            assert not strange, f"WriteFailed names the deliveries {strange} of a batch of {len(batch)}"
        except Signal as signal:
            failures = dict.fromkeys(range(len(batch)), signal)
        for index, delivery in enumerate(batch):
            key = delivery.idempotency_key
            if index in failures:
                self.failed[key] = failures[index]
            else:
                self.failed.pop(key, None)
                self.written.append(key)
