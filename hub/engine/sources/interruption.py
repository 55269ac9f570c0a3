"""Waiting that an event cuts short, in one task: what a connector does must not be spread over several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Interrupted(Exception):
    """The event came before the block was through."""


@asynccontextmanager
async def unless(*events: asyncio.Event) -> AsyncIterator[None]:
    """Cancels the block as soon as one of the events is set, also where it is set before.

    Raises:
        Interrupted: the block was cut short.
    """
    loop = asyncio.get_running_loop()
    inside = True
    try:
        async with asyncio.timeout(None) as scope:

            def cut(waited: asyncio.Task[Any] | None = None) -> None:
                # A callback that is due already comes even after the block.
                if inside and not scope.expired() and not (waited and waited.cancelled()):
                    scope.reschedule(loop.time())

            watchers: list[asyncio.Task[Any]] = [loop.create_task(event.wait()) for event in events]
            for each in watchers:
                each.add_done_callback(cut)
            if any(event.is_set() for event in events):
                cut()
            try:
                yield
            finally:
                inside = False
                for each in watchers:
                    each.cancel()
    except TimeoutError as error:
        if scope.expired():
            raise Interrupted from error
        raise
