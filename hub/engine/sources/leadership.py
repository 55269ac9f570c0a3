"""Which worker polls a source: the one that Kafka's group protocol elects, and where wanted holds a lock besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hub.engine.sources.lock import RETRY, RedisLock
from hub.kafka.election import Election
from hub.sdk.errors import NotConnected


class Leadership:
    """One worker's part in deciding who polls a source.

    The election of the source's own Kafka cluster comes first, so that of all its workers one at most asks for the
    lock; the lock then decides between clusters.

    Args:
        election: by Kafka.
        lock: beside it, for far sides that workers of other clusters poll as well.
        told: is told, for people, why this worker doesn't poll.
    """

    def __init__(self, election: Election, lock: RedisLock | None, told: Callable[[str], None]) -> None:
        self._election = election
        self._lock = lock
        self._told = told

    async def start(self) -> None:
        """Stands for election.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await self._election.start()

    async def stop(self) -> None:
        """Gives up the lead: another may have it at once."""
        if self._lock is not None:
            await self._lock.close()
        await self._election.stop()

    def stand_by(self) -> None:
        """Says who polls."""
        self._told(f"standby; {self._election.leader or 'another worker'} polls")

    @asynccontextmanager
    async def term(self) -> AsyncIterator[tuple[asyncio.Event, int]]:
        """Waits until this worker leads.

        Gives an event that is set when it doesn't any more, and the lock's token, 0 without a lock. The end of the
        block says that nothing is under way any more; the group waits for it before it gives the lead to another.

        Raises:
            HubError: Kafka refuses us.
        """
        while True:
            following = asyncio.create_task(self._follow())
            try:
                term = await self._election.won()
            finally:
                following.cancel()
                await asyncio.wait({following})
            try:
                if self._lock is None:
                    yield term.over, 0
                    return
                token = await self._locked(self._lock, term.over)
                if not token:
                    continue
                try:
                    async with _either(term.over, self._lock.lost) as over:
                        yield over, token
                        return
                finally:
                    await self._lock.release()
            finally:
                term.end()

    async def confirm(self) -> bool:
        """Asks Kafka, and the lock, whether this worker still leads.

        Raises:
            HubError: one of them doesn't answer.
        """
        return await self._election.confirm() and (self._lock is None or await self._lock.held())

    async def outdo(self, token: int) -> int:
        """A token above one that is known already: Redis has lost what it knew. 0 where the lock is another's."""
        assert self._lock is not None
        return (await self._lock.take(token)).token

    async def _follow(self) -> None:
        """Keeps saying who polls while we wait."""
        while True:
            self.stand_by()
            await self._election.news()

    async def _locked(self, lock: RedisLock, over: asyncio.Event) -> int:
        """Waits for the lock for as long as Kafka has us lead; 0 when it doesn't any more."""
        while not over.is_set():
            try:
                attempt = await lock.take()
            except NotConnected as error:
                self._told(f"standby; {error}")
            else:
                if attempt.token:
                    return attempt.token
                self._told(f"standby; {attempt.holder} polls")
            try:
                await asyncio.wait_for(over.wait(), RETRY)
            except TimeoutError:
                continue
        return 0


@asynccontextmanager
async def _either(*events: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """An event that is set once one of these is."""
    both = asyncio.Event()

    async def watch(event: asyncio.Event) -> None:
        await event.wait()
        both.set()

    watchers = [asyncio.create_task(watch(each)) for each in events]
    try:
        yield both
    finally:
        for each in watchers:
            each.cancel()
        await asyncio.wait(watchers)
