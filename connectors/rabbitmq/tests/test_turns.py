"""Calls side by side, and one alone."""

from __future__ import annotations

import asyncio

from connectors.rabbitmq.turns import Turns


class Room:
    """Notes who is in, and who was in together."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.inside: set[str] = set()
        self.seen: list[set[str]] = []

    async def stay(self, name: str, *names: str, alone: bool = False) -> None:
        async with self.turns.alone() if alone else self.turns.together(names):
            self.inside.add(name)
            self.seen.append(set(self.inside))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.inside.discard(name)


async def test_calls_run_side_by_side():
    """Nobody waits for anybody without need."""
    room = Room()
    await asyncio.gather(room.stay("a", "1"), room.stay("b", "2"))
    assert {"a", "b"} in room.seen


async def test_one_that_is_alone_is_alone_and_comes_before_those_after_it():
    """It waits for those that are in, and holds up those that come."""
    room = Room()
    await asyncio.gather(
        room.stay("a", "1"), room.stay("x", alone=True), room.stay("b", "2"), room.stay("y", alone=True)
    )
    assert all(each & {"x", "y"} in (set(), each) for each in room.seen)
    assert room.seen == [{"a"}, {"x"}, {"y"}, {"b"}]


async def test_two_with_a_name_in_common_take_turns():
    """A returned message must not be taken for the other one."""
    room = Room()
    await asyncio.gather(room.stay("a", "1", "2"), room.stay("b", "2"), room.stay("c", "3"))
    assert not any({"a", "b"} <= each for each in room.seen)
    assert {"a", "c"} in room.seen


async def test_whoever_gives_up_waiting_holds_nobody_up():
    """A cancelled call leaves no trace."""
    room = Room()
    async with room.turns.together(["1"]):
        waiting = [asyncio.create_task(room.stay("x", alone=True)), asyncio.create_task(room.stay("b", "1"))]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(room.stay("c", "1"), room.stay("y", alone=True)), 1)
    assert room.seen
