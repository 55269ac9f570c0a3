"""Who may publish beside whom: calls that run side by side, and one that needs to be alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager


class Turns:
    """Lets many in together, or one alone; whoever wants to be alone goes first, so that it isn't kept waiting.

    Those that come together give the names of their messages: of two with a name in common, the second waits for the
    first, because the broker's returns name a message by nothing else.
    """

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._names: set[str] = set()
        self._inside = 0
        self._wanting = 0

    @asynccontextmanager
    async def together(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Waits until nobody is, or wants to be, alone."""
        mine = set(names)
        await self._until(lambda: not self._wanting and self._names.isdisjoint(mine))
        self._inside += 1
        self._names |= mine
        try:
            yield
        finally:
            self._inside -= 1
            self._names -= mine
            self._look_again()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Waits until all others are out."""
        self._wanting += 1
        try:
            await self._until(lambda: not self._inside)
            self._inside += 1
            try:
                yield
            finally:
                self._inside -= 1
        finally:
            self._wanting -= 1
            self._look_again()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            changed = asyncio.get_running_loop().create_future()
            self._waiting.append(changed)
            await changed

    def _look_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
