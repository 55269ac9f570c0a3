"""Polled pull requests: found by walking back through a list that shifts, and given in order."""

from datetime import timedelta

import pytest
from aiohttp import web

from connectors.github import pulls
from connectors.github.tests.reading import World
from hub.sdk import Event


def versions(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.data["number"], event.data["updated_at"]) for event in events]


def current(world: World) -> list[tuple[int, str]]:
    found = sorted((pull["updated_at"], pull["number"]) for pull in world.repository.pulls.values())
    return [(number, time) for time, number in found]


def open_pulls(world: World, count: int) -> None:
    for number in range(count):
        world.repository.open_pull(f"Pull {number}", at=world.clock.time - timedelta(minutes=2 * count - number))


async def test_all_pull_requests_are_read_the_oldest_change_first(world: World) -> None:
    """More than two pages of them, as events with the pull request as data."""
    open_pulls(world, 250)
    world.repository.edit(7, state="closed", at=world.clock.time - timedelta(minutes=1))
    reader = world.reader("pulls")
    events = await reader.poll()
    assert versions(events) == current(world)
    event = events[-1]
    assert (event.type, event.subject, event.source) == (
        "github.pull",
        "pull/7",
        "https://github.com/octo-org/octo-repo",
    )
    assert event.data == world.repository.pulls[7]
    assert event.id == f"{event.data['node_id']}@{event.data['updated_at']}"
    assert event.key == event.data["node_id"]


async def test_later_polls_read_only_as_far_as_they_must(world: World) -> None:
    """One page while fewer than a page have changed, and 304 when none has."""
    open_pulls(world, 250)
    reader = world.reader("pulls")
    await reader.poll()
    world.requests()
    assert await reader.poll() == []
    assert [status for _, status in world.requests()] == [304]
    for number in (3, 4):
        world.clock.move(10)
        world.repository.edit(number, draft=True)
    world.clock.move(10)
    assert [event.data["number"] for event in await reader.poll()] == [3, 4]
    assert [status for _, status in world.requests()] == [200]


async def test_pages_shift_between_two_requests(world: World) -> None:
    """What changes meanwhile moves to the front and the others back: none is missed, none repeated."""
    open_pulls(world, 300)
    reader = world.reader("pulls", settle="1s")
    touched = iter((1, 250, 100, 299, 300, 200, 5, 6))

    def change(_: web.Request) -> None:
        number = next(touched, None)
        if number is not None:
            world.clock.move(1)
            world.repository.edit(number, draft=True)

    world.api.interceptor = change
    for _ in range(10):
        await reader.poll()
        world.clock.move(2)
    assert sorted(dict(versions(reader.events)).items()) == sorted(current(world))
    assert len({event.id for event in reader.events}) == len(reader.events)


async def test_a_second_is_read_once_it_is_over(world: World) -> None:
    """An unsettled change is neither given early nor forgotten behind an ETag."""
    reader = world.reader("pulls", settle="2s")
    world.repository.open_pull("first")
    assert await reader.poll() == []
    world.repository.edit(1, title="second")
    world.clock.move(1)
    assert await reader.poll() == []
    world.clock.move(1)
    assert [event.data["title"] for event in await reader.poll()] == ["second"]
    assert await reader.poll() == []


async def test_a_batch_that_was_not_stored_is_read_again(world: World) -> None:
    """Whatever the API was asked before."""
    world.repository.open_pull("One")
    world.clock.move(60)
    reader = world.reader("pulls")
    assert await reader.poll(stored=0) == []
    assert len(await reader.poll()) == 1


@pytest.mark.parametrize("killed_after", [1, 2, 3])
async def test_a_long_way_back_goes_on_where_it_was_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """With crowds in the same second at the edges of pages and batches, and changes before it goes on."""
    monkeypatch.setattr(pulls, "HELD", 120)
    for number in range(700):
        minutes = 1 + (700 - number) // 70
        world.repository.open_pull(f"Pull {number}", at=world.clock.time - timedelta(minutes=minutes))
    reader = world.reader("pulls")
    await reader.poll(batches=killed_after)
    for number in (690, 400, 2):
        world.clock.move(1)
        world.repository.edit(number, draft=True)
    world.clock.move(60)
    await reader.poll(batches=1, stored=0)
    for _ in range(3):
        await reader.poll()
    seen = versions(reader.events)
    assert sorted(dict(seen).items()) == sorted(current(world))
    assert len(set(seen)) == len(seen)


async def test_it_begins_where_the_settings_say(world: World) -> None:
    """With what changed in that second or later."""
    for hour in range(3):
        world.repository.open_pull(f"at {9 + hour}", at=world.clock.time.replace(hour=9 + hour))
    reader = world.reader("pulls", since="2026-11-21T10:00:00Z")
    assert [event.data["title"] for event in await reader.poll()] == ["at 10", "at 11"]
    assert await reader.poll() == []
