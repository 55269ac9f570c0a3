"""One memory of deliveries for all webhook sources of a process: opened once, closed once, replaced when it fails."""

from __future__ import annotations

import asyncio

import pytest

from hub.engine.sources.deliveries import Deliveries, SharedDeliveries
from hub.sdk import HubError, NotConnected


class Memory:
    """Says what is done with it, in place of what reads from Kafka."""

    def __init__(self, error: HubError | None = None) -> None:
        self.error = error
        self.failed = False
        self.go = asyncio.Event()
        self.done: list[str] = []

    async def start(self) -> None:
        self.done.append("start")
        await self.go.wait()
        if self.error:
            raise self.error

    async def stop(self) -> None:
        self.done.append("stop")


def shared(*memories: Memory) -> SharedDeliveries:
    left = list(memories)

    def open_() -> Deliveries:
        return left.pop(0)  # type: ignore[return-value]  has what is used

    return SharedDeliveries(open_)


async def test_the_first_opens_it_and_the_last_closes_it():
    """Three that come at once wait for the same start."""
    memory, later = Memory(), Memory()
    store = shared(memory, later)
    joining = [asyncio.create_task(store.join()) for _ in range(3)]
    await asyncio.sleep(0)
    memory.go.set()
    assert await asyncio.gather(*joining) == [memory] * 3
    await store.leave(memory)
    await store.leave(memory)
    assert memory.done == ["start"]
    await store.leave(memory)
    assert memory.done == ["start", "stop"]
    later.go.set()
    assert await store.join() is later


async def test_one_that_stops_waiting_stops_nobody_else():
    """A source that is stopped while it starts leaves the others to theirs; without others it is given up."""
    memory, later = Memory(), Memory()
    store = shared(memory, later)
    first, second = asyncio.create_task(store.join()), asyncio.create_task(store.join())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    memory.go.set()
    assert await second is memory
    await store.leave(memory)
    alone = asyncio.create_task(store.join())
    await asyncio.sleep(0)
    alone.cancel()
    await asyncio.wait({alone})
    assert (memory.done, later.done) == (["start", "stop"], ["start", "stop"])


async def test_after_a_failure_there_is_another():
    """One that can't start, or follows no more, is left by whoever has it, and nobody joins it any more."""
    broken, failing, good = Memory(NotConnected("Kafka is away")), Memory(), Memory()
    store = shared(broken, failing, good)
    for each in (broken, failing, good):
        each.go.set()
    found = await asyncio.gather(store.join(), store.join(), return_exceptions=True)
    assert [str(each) for each in found] == ["Kafka is away"] * 2
    assert broken.done == ["start", "stop"]
    assert await store.join() is failing
    failing.failed = True
    assert await store.join() is good
    await store.leave(failing)  # type: ignore[arg-type]  as above
    assert (failing.done, good.done) == (["start", "stop"], ["start"])
    with pytest.raises(KeyError):
        await store.leave(failing)  # type: ignore[arg-type]  as above
