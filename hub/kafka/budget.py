"""A number of bytes that tasks share: whoever would exceed it waits, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque


class Budget:
    """So many bytes to be held at once. One request above the whole waits until nothing else is held."""

    __slots__ = ("_free", "_total", "_waiting")

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> int:
        """Bytes taken and not given back."""
        return self._total - self._free

    async def take(self, size: int) -> None:
        """Takes bytes, and waits for them if need be. Cancelling the wait takes nothing."""
        size = min(size, self._total)
        if not self._waiting and size <= self._free:
            self._free -= size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += size  # it was our turn in the same moment
            self._admit()
            raise

    def give(self, size: int) -> None:
        """Gives back what was taken."""
        self._free += min(size, self._total)
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if size > self._free:
                    return
                self._free -= size
                turn.set_result(None)
            self._waiting.popleft()
