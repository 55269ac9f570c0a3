"""Waits for what takes as long as the machine is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.scale import scaled

LIMIT = scaled(60.0, 240.0)
"""Seconds; what must come about sooner than that is asserted where it is measured."""


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Waits for a condition, within a limit."""
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                result = condition()
                if result if isinstance(result, bool) else await result:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise AssertionError(f"{what} did not come about within {LIMIT:g} s") from error
