"""Blocks that an event cuts short."""

from __future__ import annotations

import asyncio

import pytest

from hub.engine.sources.interruption import Interrupted, unless


async def test_a_block_is_cut_short_when_the_event_comes():
    """It is cancelled where it waits, in its own task, which goes on after it."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, event.set)
    with pytest.raises(Interrupted):
        async with asyncio.timeout(5), unless(event):
            await asyncio.Event().wait()
    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0


async def test_an_event_that_came_before_cuts_at_the_first_wait():
    """Also where the wait would be short."""
    event = asyncio.Event()
    event.set()
    with pytest.raises(Interrupted):  # noqa: PT012  the wait belongs to it
        async with unless(event):
            await asyncio.sleep(0)
            await asyncio.sleep(0.01)


async def test_a_block_that_is_through_first_is_left_alone():
    """The event that comes at its last step, or later, changes nothing."""
    event, other = asyncio.Event(), asyncio.Event()
    async with unless(event, other):
        await asyncio.sleep(0)
        event.set()
        other.set()
    for _ in range(5):
        await asyncio.sleep(0)


async def test_of_two_events_at_once_one_cuts():
    """The other's comes to nothing."""
    first, second = asyncio.Event(), asyncio.Event()

    def both() -> None:
        first.set()
        second.set()

    asyncio.get_running_loop().call_later(0.01, both)
    with pytest.raises(Interrupted):
        async with unless(first, second):
            await asyncio.Event().wait()


async def test_what_the_block_raises_is_its_own():
    """A timeout within it, for one."""
    with pytest.raises(TimeoutError):  # noqa: PT012  the wait belongs to it
        async with unless(asyncio.Event()):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()


async def test_a_task_that_is_cancelled_stays_cancelled():
    """The block doesn't take it for its own event."""

    async def waiting() -> None:
        async with unless(asyncio.Event()):
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_an_async_generator_is_closed_where_it_is_cut():
    """Its own `finally` runs, at its await."""
    event = asyncio.Event()
    closed: list[str] = []

    async def pages():
        try:
            yield 1
            await asyncio.Event().wait()
            yield 2
        finally:
            closed.append("closed")

    source = pages()
    assert await anext(source) == 1
    asyncio.get_running_loop().call_later(0.01, event.set)
    with pytest.raises(Interrupted):
        async with unless(event):
            await anext(source)
    assert closed == ["closed"]
    await source.aclose()
