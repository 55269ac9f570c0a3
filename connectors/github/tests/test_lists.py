"""The lists whose records bear a time, and the activity feed: nothing is missed, nothing comes twice."""

from datetime import timedelta
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.github.tests.reading import World
from hub.sdk import ConfigError, Event, NotConnected, Permanent
from hub.sdk.cursor import CursorOptions

DATED = ("comments", "review_comments", "runs", "deployments", "forks", "stargazers", "notifications")
MADE = {
    "comments": lambda world, n: world.api.comment(1, f"Comment {n}"),
    "review_comments": lambda world, n: world.api.review_comment(1, f"Comment {n}"),
    "runs": lambda world, n: world.api.run(name=f"Run {n}"),
    "deployments": lambda world, n: world.api.deployment(description=f"Deployment {n}"),
    "forks": lambda world, n: world.api.fork(description=f"Fork {n}"),
    "stargazers": lambda world, n: world.api.star(f"user-{n}"),
    "activity": lambda world, n: world.api.happen(),
    "notifications": lambda world, n: world.api.notify(),
}


def identity(kind: str, record: Any) -> str:
    """What tells a record of a list."""
    if kind == "stargazers":
        return str(record["user"]["node_id"])
    return str(record["id"])


def told(kind: str, events: list[Event]) -> list[str]:
    return [identity(kind, event.data) for event in events]


def fill(world: World, kind: str, many: int, *, apart: float = 1) -> list[str]:
    """New records, one after the other."""
    made = []
    for number in range(many):
        world.clock.move(apart)
        made.append(identity(kind, MADE[kind](world, number)))
    return made


@pytest.fixture(autouse=True)
def _now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a poll is GitHub's, which the test moves."""

    async def now(_: object) -> str:
        return world.clock.time.strftime("%Y-%m-%dT%H:%M:%SZ")

    monkeypatch.setattr("connectors.github.repository.Asking.github_now", now)


@pytest.mark.parametrize("kind", [*DATED, "activity"])
async def test_all_are_read_once_over_many_pages_and_kills(world: World, kind: str) -> None:
    """From the beginning, then what is new, wherever it is killed."""
    made = fill(world, kind, 120)
    world.clock.move(60)
    reader = world.reader(kind)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    assert sorted(told(kind, reader.events)) == sorted(made)
    made += fill(world, kind, 3)
    world.clock.move(60)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    await reader.poll()
    assert sorted(told(kind, reader.events)) == sorted(made)
    assert len({event.id for event in reader.events}) == len(made)
    assert all(event.source.startswith("http") and event.key and event.time for event in reader.events)


@pytest.mark.parametrize("kind", DATED)
async def test_what_was_made_a_moment_ago_rests(world: World, kind: str) -> None:
    """GitHub tells times in whole seconds: a second is read once it is over."""
    fill(world, kind, 1)
    reader = world.reader(kind)
    assert await reader.poll() == []
    world.clock.move(30)
    assert len(await reader.poll()) == 1


@pytest.mark.parametrize("kind", DATED)
async def test_it_begins_where_the_settings_say(world: World, kind: str) -> None:
    """With what was made or changed in that second or later."""
    made = fill(world, kind, 5, apart=60)
    since = (world.clock.time - timedelta(seconds=120)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.clock.move(60)
    reader = world.reader(kind, since=since)
    assert sorted(told(kind, await reader.poll())) == sorted(made[2:])


@pytest.mark.parametrize("kind", ["comments", "review_comments", "runs", "deployments", "notifications"])
async def test_a_change_is_told_as_another_version(world: World, kind: str) -> None:
    """Of a run from its queue to its end; with one id for each version."""
    record = MADE[kind](world, 1)
    world.clock.move(60)
    reader = world.reader(kind)
    await reader.poll()
    record["updated_at"] = world.api.time
    world.clock.move(60)
    await reader.poll()
    await reader.poll()
    assert len(reader.events) == len({event.id for event in reader.events}) == 2
    assert reader.events[0].key == reader.events[1].key


@pytest.mark.parametrize("kind", ["issues", "pulls", "comments", "review_comments", "runs", "deployments", "forks"])
async def test_a_range_is_read_again_without_moving_the_cursor(world: World, kind: str) -> None:
    """By a backfill, with the ids that the events had before."""
    open_ = {"issues": world.repository.open_issue, "pulls": world.repository.open_pull}
    times = []
    for number in range(130):
        world.clock.move(1)
        times.append(world.api.time)
        _ = open_[kind](f"It {number}") if kind in open_ else MADE[kind](world, number)
    world.clock.move(60)
    reader = world.reader(kind)
    await reader.poll()
    ids = {event.id for event in reader.events}
    before = reader.stored
    found = await reader.backfill(times[5], times[125])
    assert len(found) == len({event.id for event in found}) == 120
    assert {event.id for event in found} <= ids
    assert reader.stored == before


async def test_nothing_new_costs_no_request_of_the_limit(world: World) -> None:
    """Of comments and of the feed, by ETag."""
    fill(world, "comments", 3)
    fill(world, "activity", 3)
    world.clock.move(60)
    for kind in ("comments", "activity"):
        reader = world.reader(kind)
        await reader.poll()
        await reader.poll()
        left = world.api.remaining
        await reader.poll()
        assert world.api.remaining == left


async def test_a_range_with_too_many_runs_is_halved(world: World) -> None:
    """GitHub lists a thousand of a range at most."""
    made = fill(world, "runs", 2300, apart=0.1)
    world.clock.move(60)
    reader = world.reader("runs", since="2026-11-21T12:00:00Z")
    await reader.poll()
    assert sorted(told("runs", reader.events)) == sorted(made)


async def test_runs_are_read_again_as_long_as_they_change(world: World) -> None:
    """Within a day of their beginning, or as long as the schema file says."""
    record = world.api.run()
    reader = world.reader("runs", since="2026-11-21T12:00:00Z")
    states = [("in_progress", None), ("completed", "failure"), ("queued", None), ("completed", "success")]
    for status, conclusion in states:
        world.clock.move(600)
        record |= {"status": status, "conclusion": conclusion, "updated_at": world.api.time}
        world.clock.move(60)
        await reader.poll()
    assert [(event.data["status"], event.data["conclusion"]) for event in reader.events] == states
    world.clock.move(2 * 86400)
    world.api.run()
    world.clock.move(60)
    await reader.poll()
    record["updated_at"] = world.api.time
    world.clock.move(60)
    assert await reader.poll() == []


async def test_the_feed_is_asked_as_often_as_github_wants(world: World) -> None:
    """By its X-Poll-Interval, with 304 too."""
    world.api.poll_interval = 120
    fill(world, "activity", 1)
    source = world.reader("activity").source()
    async for _ in source.poll(source.cursor_type()()):
        pass
    assert source.poll_interval == timedelta(seconds=120)


async def test_an_event_of_the_feed_that_comes_late_is_told(world: World) -> None:
    """GitHub shows some up to hours later, behind others that are newer."""
    fill(world, "activity", 10)
    reader = world.reader("activity")
    await reader.poll()
    late = world.api.happen(created_at="2026-11-21T12:00:01Z")
    world.api.activity.insert(5, world.api.activity.pop(0))
    assert told("activity", await reader.poll()) == [late["id"]]


async def test_a_gap_in_the_feed_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """GitHub keeps 300 events."""
    fill(world, "activity", 10)
    reader = world.reader("activity")
    await reader.poll()
    fill(world, "activity", 290)
    await reader.poll()
    assert not caplog.records
    fill(world, "activity", 301)
    assert len(await reader.poll()) == 300
    assert "may have been missed" in caplog.text


async def test_a_star_taken_away_hides_no_other(world: World) -> None:
    """Those behind it move to the page before."""
    made = fill(world, "stargazers", 250)
    world.clock.move(60)
    reader = world.reader("stargazers")
    gone: list[Any] = []

    def take(request: web.Request) -> None:
        if request.query.get("page") == "2" and not gone:
            gone.append(world.api.stargazers.pop(3))

    world.api.interceptor = take
    await reader.poll()
    assert gone
    assert set(told("stargazers", reader.events)) >= set(made) - {made[3]}


async def test_stars_that_github_doesnt_list_are_told_of(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It lists 400 pages."""
    fill(world, "stargazers", 3)
    world.clock.move(60)
    links = '<https://api.github.com/x?page=400>; rel="last"'

    def first(request: web.Request) -> web.Response | None:
        full = web.json_response([world.api.stargazers[0]], headers={"Link": links})
        return None if "page=" in request.query_string.replace("per_page=", "") else full

    world.api.interceptor = first
    reader = world.reader("stargazers", since="2026-11-21T12:00:02Z")
    await reader.poll()
    assert "first 40000 stars" in caplog.text


async def test_looking_back_says_nothing_to_a_list_that_is_read_to_the_second(world: World) -> None:
    """It is refused, rather than taken and forgotten."""
    reader = world.reader("comments")
    with pytest.raises(ConfigError, match="hold_back"):
        await reader.poll(options=CursorOptions(lookback_window=timedelta(minutes=1)))
    world.api.comment(1, "x")
    world.clock.move(30)
    assert await reader.poll(options=CursorOptions(hold_back=timedelta(minutes=1))) == []
    assert await reader.poll(options=CursorOptions(start="2027-01-01T00:00:00Z")) == []
    assert len(await reader.poll(options=CursorOptions(hold_back=timedelta(seconds=10)))) == 1


@pytest.mark.parametrize("kind", ["issues", "pulls", "comments", "runs", "deployments", "activity", "notifications"])
async def test_pages_that_lead_round_are_an_error(world: World, kind: str) -> None:
    """As behind a proxy that keeps one answer for all: they would be walked for ever."""
    open_ = {"issues": world.repository.open_issue, "pulls": world.repository.open_pull}
    _ = open_[kind]("It") if kind in open_ else MADE[kind](world, 1)
    world.clock.move(60)
    (reader, answers) = (world.reader(kind), list[bytes]())
    await reader.poll()
    path = world.api.asked[-1][0]
    async with aiohttp.ClientSession() as client, client.get(f"{world.api.url}{path}") as answer:
        answers.append(await answer.read())

    def same(_: web.Request) -> web.Response:
        links = {"Link": '<https://api.github.com/x?page=2>; rel="next"'}
        return web.Response(body=answers[0], content_type="application/json", headers=links)

    world.api.interceptor = same
    with pytest.raises(Permanent, match="no end"):
        await world.reader(kind).poll()


@pytest.mark.parametrize("kind", [*DATED, "activity"])
async def test_an_outage_is_told_and_passes(world: World, kind: str) -> None:
    """In the middle of the pages, too."""
    made = fill(world, kind, 120)
    world.clock.move(60)
    requests = count()
    world.api.interceptor = lambda _: web.Response(status=503) if next(requests) == 1 else None
    reader = world.reader(kind)
    with pytest.raises(NotConnected):
        await reader.poll()
    await reader.poll()
    assert sorted(told(kind, reader.events)) == sorted(made)
