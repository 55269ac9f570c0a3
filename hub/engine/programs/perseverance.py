"""Work that is seen through although whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any


async def finished(work: asyncio.Future[Any], limit: float) -> bool:
    """Waits for work, at most so many seconds and whatever happens to the waiter.

    Returns:
        Whether the waiter was cancelled meanwhile; it should raise CancelledError once it has tidied up.
    """
    cancelled = False
    clock = asyncio.get_running_loop().time
    deadline = clock() + limit
    while not work.done() and (left := deadline - clock()) > 0:
        try:
            await asyncio.wait({work}, timeout=left)
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
