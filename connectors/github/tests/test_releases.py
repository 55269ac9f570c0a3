"""Polled releases: new ones and edits, by their content, as their list knows no order of changes."""

from datetime import timedelta

import pytest
from aiohttp import web

from connectors.github.tests.hosting import ASSET
from connectors.github.tests.reading import World
from hub.sdk import Event


def tags(events: list[Event]) -> list[str]:
    return [event.data["tag_name"] for event in events]


def release_many(world: World, count: int) -> list[str]:
    for number in range(count):
        world.repository.release(f"v{number}", at=world.clock.time - timedelta(days=count - number))
    return [f"v{number}" for number in range(count)]


async def test_all_releases_are_read(world: World) -> None:
    """Over several pages; each as an event with the release as data."""
    expected = release_many(world, 230)
    reader = world.reader("releases")
    events = await reader.poll()
    assert sorted(tags(events)) == sorted(expected)
    event = next(event for event in events if event.data["tag_name"] == "v7")
    assert (event.type, event.subject) == ("github.release_changed", "releases/tag/v7")
    assert event.source == "https://github.com/octo-org/octo-repo"
    assert event.key == event.data["node_id"]
    assert event.id.startswith(f"{event.data['node_id']}@1.")
    assert event.time == event.data["published_at"]


async def test_nothing_new_is_answered_304_on_every_page(world: World) -> None:
    """By the ETags in the cursor."""
    release_many(world, 230)
    reader = world.reader("releases")
    await reader.poll()
    world.requests()
    assert await reader.poll() == []
    assert [status for _, status in world.requests()] == [304, 304, 304]


@pytest.mark.parametrize("number", [0, 115, 229])
async def test_an_edit_is_found_on_any_page(world: World, number: int) -> None:
    """And again when it is taken back, under a new id."""
    release_many(world, 230)
    reader = world.reader("releases")
    await reader.poll()
    record = world.repository.releases[number]
    before = record["body"]
    for body in ("edited", before, "edited"):
        record["body"] = body
        assert [event.data["body"] for event in await reader.poll()] == [body]
        assert await reader.poll() == []
    assert len({event.id for event in reader.events}) == 233


async def test_downloads_are_no_edit_and_a_new_asset_is(world: World) -> None:
    """The numbers of a release's assets change all the time."""
    asset = dict(ASSET)
    record = world.repository.release("v1", assets=[asset])
    reader = world.reader("releases")
    await reader.poll()
    asset["download_count"] = 2
    assert await reader.poll() == []
    record["assets"].append({**asset, "id": 2})
    assert len(await reader.poll()) == 1
    record["draft"] = True
    assert len(await reader.poll()) == 1


async def test_a_release_that_shifted_away_is_found_the_next_time(world: World) -> None:
    """One was deleted between two pages, so another moved to a page that had been read."""
    release_many(world, 150)

    def delete(request: web.Request) -> None:
        if request.query.get("page") == "2" and len(world.repository.releases) == 150:
            del world.repository.releases[0]

    world.api.interceptor = delete
    reader = world.reader("releases")
    assert len(await reader.poll()) == 149
    assert len(await reader.poll()) == 1
    assert await reader.poll() == []
    assert len(set(tags(reader.events))) == 150


async def test_new_releases_that_push_others_to_a_new_page_are_found(world: World) -> None:
    """A full last page is no end for ever."""
    release_many(world, 100)
    reader = world.reader("releases")
    await reader.poll()
    assert await reader.poll() == []
    for number in range(3):
        world.repository.release(f"new {number}")
    assert tags(await reader.poll()) == ["new 0", "new 1", "new 2"]
    assert await reader.poll() == []
    world.repository.releases[-1]["name"] = "edited on the second page"
    assert tags(await reader.poll()) == ["v0"]


@pytest.mark.parametrize("killed_after", [1, 2])
async def test_it_goes_on_where_it_was_killed(world: World, killed_after: int) -> None:
    """At each batch, without a gap or a repetition."""
    release_many(world, 250)
    reader = world.reader("releases")
    await reader.poll(batches=killed_after)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    assert len(reader.events) == len(set(tags(reader.events))) == 250


async def test_only_the_newest_are_watched(world: World) -> None:
    """In whole pages, and the cursor remembers not much more than them."""
    release_many(world, 250)
    reader = world.reader("releases", newest=100)
    assert len(await reader.poll()) == 100
    for _ in range(3):
        world.repository.releases.clear()
        release_many(world, 100)
        assert len(await reader.poll()) == 100
    assert len(reader.cursor.versions) == 200
    assert await reader.poll() == []
