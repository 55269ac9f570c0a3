"""Deduplication of webhook deliveries, over restarts and among workers, see `hub.engine.sources.deliveries`.

A delivery is known by its event's source and id *and* its body: an attacker who replays a signed body under another id,
or an id under another body, changes nothing for the genuine one. The mark is written after the event is safe on Kafka:
a crash in between repeats an event and never loses one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from hub.engine.sources.deliveries import Deliveries, SharedDeliveries
from hub.engine.sources.marks import SIZE
from hub.sdk.event import Event

MARK_LIMIT = 60.0
"""Seconds that the mark of an event that is stored may take."""
STOP_LIMIT = 5.0
"""Seconds that what is under way gets to finish at the end."""


class Deduplication:
    """Has each delivery of a webhook source published once.

    Args:
        shared: what is remembered of all webhook sources.
    """

    def __init__(self, shared: SharedDeliveries) -> None:
        self._shared = shared
        self._deliveries: Deliveries | None = None
        self._under_way: dict[bytes, asyncio.Future[None]] = {}

    async def start(self) -> None:
        """Reads what is remembered, and follows what other copies of the source remember."""
        self._deliveries = await self._shared.join()

    async def stop(self) -> None:
        """Lets what is under way finish, and disconnects."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=STOP_LIMIT)
            for each in late:
                each.cancel()
        deliveries, self._deliveries = self._deliveries, None
        if deliveries is not None:
            await self._shared.leave(deliveries)

    @property
    def shortage(self) -> str:
        """What to tell where deliveries are known for less long than they should be; empty otherwise."""
        return self._deliveries.shortage if self._deliveries is not None else ""

    def check(self) -> None:
        """Whether what other copies remember is still followed.

        Raises:
            HubError: it isn't; only a new start helps.
        """
        self._memory.check()

    @property
    def _memory(self) -> Deliveries:
        if self._deliveries is None:
            raise RuntimeError("the deduplication isn't started")
        return self._deliveries

    @staticmethod
    def mark(unit: str, event: Event) -> bytes:
        """What a delivery is known by."""
        digest = hashlib.blake2b(digest_size=SIZE)
        for part in (unit.encode(), event.source.encode(), event.id.encode(), event.raw or b""):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    async def once(self, mark: bytes, publish: Callable[[], Awaitable[None]]) -> bool:
        """Publishes what the mark stands for unless it was published before. False if it was.

        A second call while the first is under way waits for it, and shares its failure. A caller that is cancelled
        leaves the publishing to finish, so that what came through late is remembered too.
        """
        if self._memory.known(mark):
            return False
        first = self._under_way.get(mark)
        if first is not None:
            await asyncio.shield(first)
            return False
        task = asyncio.ensure_future(self._publish(mark, publish))
        self._under_way[mark] = task
        task.add_done_callback(lambda done: self._forget(mark, done))
        await asyncio.shield(task)
        return True

    async def _publish(self, mark: bytes, publish: Callable[[], Awaitable[None]]) -> None:
        await publish()
        async with asyncio.timeout(MARK_LIMIT):
            await self._memory.remember(mark)

    def _forget(self, mark: bytes, done: asyncio.Future[None]) -> None:
        self._under_way.pop(mark, None)
        if not done.cancelled():
            done.exception()  # seen: whoever waited has raised it
