"""The connection to a sink's far side: opened, lost, waited for, opened again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hub.engine.backoff import backoff
from hub.sdk.errors import NotConnected, Signal, Transient
from hub.sdk.sink import Sink

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Bounds in seconds of the waits while the far side is down; the longest is the longest that a recovery goes unseen."""


class FarSide:
    """Keeps a sink open.

    Args:
        sink: the connector's.
        quiet: returns once no call of it is under way.
        risen: called when it has come up.
        fallen: called when it has gone, or hasn't come up.

    Attributes:
        up: whether the sink may be written to.
        trouble: why not, and when it is tried again; empty before the first attempt.
    """

    def __init__(
        self,
        sink: Sink[Any],
        quiet: Callable[[], Awaitable[object]],
        *,
        risen: Callable[[], None],
        fallen: Callable[[], None],
    ) -> None:
        self._sink = sink
        self._quiet = quiet
        self._risen = risen
        self._fallen = fallen
        self._outages = 0
        self._again = 0.0
        self._lost = asyncio.Event()
        self.up = False
        self.trouble = ""

    async def keep(self) -> None:
        """Opens the sink, and again whenever it was lost.

        Raises:
            Permanent: the far side refuses us for good.
        """
        while True:
            self._lost.clear()
            try:
                await self._sink.open()
            except (NotConnected, Transient) as error:
                self.lost(error)
            else:
                self.up, self.trouble = True, ""
                self._risen()
                await self._lost.wait()
                await self._quiet()  # those that are under way may still arrive
                await self._sink.close()
            while (wait := self._again - time.monotonic()) > 0:  # noqa: ASYNC110  it may have been put off meanwhile
                await asyncio.sleep(wait)

    def lost(self, signal: Signal) -> None:
        """The far side is down, or throttles: nothing goes out until it has been opened again."""
        first = self.up or not self._lost.is_set()
        if first:
            self._outages += 1
            wait = signal.retry_after or backoff(self._outages, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
        else:
            wait = signal.retry_after or 0.0  # of the same outage, told by a call that was under way beside
        again = time.monotonic() + wait
        if first or again > self._again:
            self._again = again
            self.trouble = f"{signal}; trying again in {wait:.1f} s"
        self.up = False
        self._lost.set()
        self._fallen()

    def answered(self) -> None:
        """It took something: the next outage is a new one."""
        self._outages = 0
