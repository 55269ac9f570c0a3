"""Bytes that tasks share."""

import asyncio

import pytest

from hub.kafka.budget import Budget


async def test_what_fits_is_had_at_once():
    budget = Budget(10)
    await budget.take(4)
    await budget.take(6)

    assert budget.held == 10


async def test_who_would_exceed_it_waits_until_others_give_back():
    budget = Budget(10)
    await budget.take(8)
    waiting = asyncio.create_task(budget.take(5))
    await asyncio.sleep(0)
    assert not waiting.done()

    budget.give(8)
    await waiting

    assert budget.held == 5


async def test_first_come_first_served_even_if_a_later_one_would_fit():
    budget = Budget(10)
    await budget.take(8)
    order = []

    async def take(name: str, size: int) -> None:
        await budget.take(size)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(take("large", 9))
        await asyncio.sleep(0)
        group.create_task(take("small", 1))
        await asyncio.sleep(0)
        assert order == []
        budget.give(8)

    assert order == ["large", "small"]


async def test_one_that_is_larger_than_all_waits_for_all_and_gives_it_back():
    budget = Budget(10)
    await budget.take(1)
    waiting = asyncio.create_task(budget.take(99))
    await asyncio.sleep(0)
    assert not waiting.done()

    budget.give(1)
    await waiting
    assert budget.held == 10
    budget.give(99)

    assert budget.held == 0


async def test_giving_up_takes_nothing_and_lets_the_next_one_pass():
    budget = Budget(10)
    await budget.take(5)
    large = asyncio.create_task(budget.take(9))
    await asyncio.sleep(0)
    small = asyncio.create_task(budget.take(5))
    await asyncio.sleep(0)

    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    await small

    assert budget.held == 10


async def test_giving_up_in_the_moment_of_the_turn_gives_it_back():
    budget = Budget(10)
    await budget.take(10)
    waiting = asyncio.create_task(budget.take(7))
    await asyncio.sleep(0)

    budget.give(10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert budget.held == 0
