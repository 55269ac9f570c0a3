"""Batches: when they go, and what becomes of those that fail."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub.sdk import NotConnected, Permanent, Transient, WriteFailed
from hub.sdk.bulk import Bulk, write_halving


class Table:
    """Takes batches; refuses those that hold a bad record."""

    def __init__(self, bad: Sequence[int] = (), most: int = 10**9) -> None:
        self.bad = set(bad)
        self.most = most
        self.rows: list[int] = []
        self.batches: list[list[int]] = []

    async def write(self, items: Sequence[int]) -> None:
        self.batches.append(list(items))
        if len(items) > self.most:
            raise Permanent("too many", status=413)
        if self.bad & set(items):
            raise Permanent("one of them is bad")
        self.rows += items


@given(some.integers(1, 60), some.sets(some.integers(0, 59)), some.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_all_but_the_bad_records_are_written_once(count: int, bad: set[int], most: int) -> None:
    """Whichever they are, in their order, also where a batch is too large."""
    table = Table(sorted(bad), most)
    failures = asyncio.run(write_halving(range(count), table.write))
    assert set(failures) == {each for each in bad if each < count}
    assert table.rows == [each for each in range(count) if each not in bad]


async def test_one_bad_record_costs_few_calls() -> None:
    """Twice the logarithm, and one."""
    table = Table([777])
    assert set(await write_halving(range(1024), table.write)) == {777}
    assert len(table.batches) == 2 * 10 + 1


async def test_a_record_that_makes_the_far_side_fail_is_found() -> None:
    """As long as it works for the others."""
    written: list[int] = []

    async def write(items: Sequence[int]) -> None:
        if 5 in items:
            raise Transient("500")
        written.extend(items)

    failures = await write_halving(range(16), write)
    assert set(failures) == {5}
    assert sorted(written) == [each for each in range(16) if each != 5]


@pytest.mark.parametrize(("signal", "most"), [(NotConnected("down"), 1), (Transient("500"), 9)])
async def test_a_far_side_in_trouble_is_left_alone(signal: Exception, most: int) -> None:
    """Instead of being asked for each record: a failure that may pass is followed down to two neighbours alone."""
    asked = 0

    async def write(_: Sequence[int]) -> None:
        nonlocal asked
        asked += 1
        raise signal

    assert set(await write_halving(range(100), write)) == set(range(100))
    assert asked <= most


async def test_a_far_side_that_names_the_bad_records_is_believed() -> None:
    """Nothing is sent twice then."""
    calls = 0

    async def write(_: Sequence[int]) -> None:
        nonlocal calls
        calls += 1
        raise WriteFailed({1: Permanent("bad"), 3: Transient("later")})

    failures = await write_halving(range(5), write)
    assert (set(failures), calls) == ({1, 3}, 1)


async def test_a_batch_goes_when_it_is_full_or_has_waited() -> None:
    """By count, by bytes, and by time; a record that is too large goes alone."""
    table = Table()
    bulk = Bulk(table.write, count=3, size=100, wait=0.02, measure=lambda each: each)
    await asyncio.gather(*(bulk.add(each) for each in (1, 2, 3, 4)))
    assert table.batches == [[1, 2, 3], [4]]
    await asyncio.gather(*(bulk.add(each) for each in (60, 50, 500, 5)))
    assert table.batches[2:] == [[60], [50], [500], [5]]
    await bulk.close()


async def test_each_hears_what_became_of_their_own_record() -> None:
    """Those who give up before it goes have it left out; closing waits for what is under way."""
    table = Table([2])
    bulk = Bulk(table.write, count=100, wait=60)
    tasks = [asyncio.create_task(bulk.add(each)) for each in range(5)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    await asyncio.sleep(0)
    await bulk.close()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in done] == [type(None), type(None), Permanent, type(None), asyncio.CancelledError]
    assert table.rows == [0, 1, 3]


async def test_an_error_of_our_own_reaches_all_who_wait() -> None:
    """Nobody waits for ever."""

    async def write(_: Sequence[int]) -> None:
        raise ZeroDivisionError

    bulk = Bulk(write, count=2)
    done = await asyncio.gather(bulk.add(1), bulk.add(2), return_exceptions=True)
    assert [type(each) for each in done] == [ZeroDivisionError, ZeroDivisionError]
    await bulk.close()
