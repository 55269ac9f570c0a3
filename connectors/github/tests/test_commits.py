"""Polled commits: each once it belongs to the branch, whatever its date says."""

from datetime import timedelta

import pytest
from aiohttp import web

from connectors.github.tests.reading import World
from hub.sdk import Event, NotConnected, Permanent


def messages(events: list[Event]) -> list[str]:
    return [event.data["commit"]["message"] for event in events]


def commit_many(world: World, count: int, prefix: str = "c") -> list[str]:
    for number in range(count):
        world.clock.move(1)
        world.repository.commit(f"{prefix}{number}")
    return [f"{prefix}{number}" for number in range(count)]


async def test_the_whole_past_is_read_the_oldest_first(world: World) -> None:
    """Over several pages; each commit as an event with its SHA as id."""
    expected = commit_many(world, 230)
    reader = world.reader("commits")
    events = await reader.poll()
    assert messages(events) == expected
    event = events[0]
    assert (event.type, event.id, event.subject) == ("github.commit", event.data["sha"], f"commit/{event.data['sha']}")
    assert event.source == "https://github.com/octo-org/octo-repo"
    assert event.time == event.data["commit"]["committer"]["date"]
    assert {event.key for event in events} == {"octo-org/octo-repo"}


async def test_what_is_pushed_later_is_read_the_oldest_first(world: World) -> None:
    """By comparing with the last head, over several pages; nothing new is answered 304."""
    commit_many(world, 3)
    reader = world.reader("commits")
    await reader.poll()
    world.requests()
    assert await reader.poll() == []
    assert [status for _, status in world.requests()] == [304]
    expected = commit_many(world, 250, "later ")
    assert messages(await reader.poll()) == expected
    assert await reader.poll() == []


async def test_a_merge_brings_commits_that_are_older_than_the_cursor(world: World) -> None:
    """A query by time would miss them."""
    repository = world.repository
    commit_many(world, 3)
    reader = world.reader("commits")
    await reader.poll()
    long_ago = world.clock.time - timedelta(days=30)
    side = repository.commit("from last month", branch="side", parents=[repository.branches["main"]], at=long_ago)
    assert await reader.poll() == []
    repository.commit("merge", parents=[repository.branches["main"], side])
    assert messages(await reader.poll()) == ["from last month", "merge"]


async def test_a_forced_push_gives_what_is_new_on_the_branch(world: World) -> None:
    """Back to an older commit nothing is; what comes on top of that is."""
    repository = world.repository
    commit_many(world, 5)
    reader = world.reader("commits")
    await reader.poll()
    older = repository.log(repository.branches["main"])[2]["sha"]
    repository.branches["main"] = older
    assert await reader.poll() == []
    repository.commit("instead")
    assert messages(await reader.poll()) == ["instead"]


async def test_a_branch_without_a_common_past_is_read_as_a_whole(world: World) -> None:
    """GitHub can't compare it; all of its commits are new."""
    commit_many(world, 3)
    reader = world.reader("commits")
    await reader.poll()
    world.repository.commit("orphan", parents=[])
    world.repository.commit("child")
    assert await reader.poll() == []
    assert messages(await reader.poll()) == ["orphan", "child"]


async def test_a_head_that_is_gone_costs_repetition_and_no_loss(world: World) -> None:
    """Some time after a forced push the old commits are removed; then the whole branch is read again."""
    repository = world.repository
    commit_many(world, 3)
    reader = world.reader("commits")
    await reader.poll()
    old, keep = (repository.log(repository.branches["main"])[index]["sha"] for index in (0, 1))
    repository.branches["main"] = keep
    repository.commit("instead")
    del repository.commits[old]
    await reader.poll()
    assert messages(await reader.poll()) == ["c0", "c1", "instead"]
    repository.commit("next")
    assert messages(await reader.poll()) == ["next"]


async def test_a_target_that_is_gone_is_replaced_by_the_new_head(world: World) -> None:
    """The branch was forced elsewhere while its commits were read."""
    repository = world.repository
    commit_many(world, 3)
    reader = world.reader("commits")
    await reader.poll()
    base = repository.branches["main"]
    commit_many(world, 150, "gone ")
    await reader.poll(batches=1)
    repository.branches["main"] = base
    for sha in [sha for sha, commit in repository.commits.items() if commit["commit"]["message"].startswith("gone")]:
        del repository.commits[sha]
    repository.commit("instead")
    assert await reader.poll() == []
    assert messages(await reader.poll()) == ["instead"]


async def test_commits_pushed_while_it_reads_are_read_after(world: World) -> None:
    """The pages belong to a fixed commit, so nothing shifts."""
    expected = commit_many(world, 230)
    more = iter(range(3))

    def push(_: web.Request) -> None:
        number = next(more, None)
        if number is not None:
            world.repository.commit(f"pushed {number}")

    world.api.interceptor = push
    reader = world.reader("commits")
    await reader.poll()
    await reader.poll()
    assert messages(reader.events) == [*expected, "pushed 0", "pushed 1", "pushed 2"]


@pytest.mark.parametrize("kills", [(1,), (2, 1), (1, 1, 1)])
async def test_it_goes_on_where_it_was_killed(world: World, kills: tuple[int, ...]) -> None:
    """On the first reading and on a later one, at each batch, without a gap or a repetition."""
    reader = world.reader("commits")
    expected = commit_many(world, 330)
    for batches in kills:
        await reader.poll(batches=batches)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    assert messages(reader.events) == expected
    expected += commit_many(world, 330, "later ")
    for batches in kills:
        await reader.poll(batches=batches)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    assert messages(reader.events) == expected


async def test_another_branch_and_a_beginning_can_be_chosen(world: World) -> None:
    """The beginning counts for the first reading only."""
    repository = world.repository
    for hour in range(3):
        repository.commit(f"at {9 + hour}", at=world.clock.time.replace(hour=9 + hour))
    repository.commit("elsewhere", branch="side", parents=[repository.branches["main"]])
    assert messages(await world.reader("commits").poll()) == ["at 9", "at 10", "at 11"]
    reader = world.reader("commits", branch="side", since="2026-11-21T11:00:00Z")
    assert messages(await reader.poll()) == ["at 11", "elsewhere"]
    repository.commit("old date", branch="side", at=world.clock.time - timedelta(days=9))
    assert messages(await reader.poll()) == ["old date"]


async def test_an_empty_repository_has_nothing_yet(world: World) -> None:
    """GitHub answers 409 until the first push."""
    reader = world.reader("commits")
    assert await reader.poll() == []
    world.repository.commit("first")
    assert messages(await reader.poll()) == ["first"]


async def test_a_commit_from_a_strange_time_is_kept(world: World) -> None:
    """Its date is what its author's machine believed; the event then has the time at which it was read."""
    world.repository.commit("strange")
    next(iter(world.repository.commits.values()))["commit"]["committer"]["date"] = "0000-00-00T00:00:00Z"
    (event,) = await world.reader("commits").poll()
    assert event.time
    assert event.data["commit"]["message"] == "strange"


async def test_a_missing_branch_is_refused(world: World) -> None:
    """With what to do about it, and without an end to its retries being hidden."""
    world.repository.commit("first")
    with pytest.raises(Permanent):
        await world.reader("commits", branch="nowhere").poll()


async def test_an_outage_in_the_middle_loses_nothing(world: World) -> None:
    """The poll fails, and the next one goes on from the last batch."""
    expected = commit_many(world, 230)
    requests = iter(range(100))
    world.api.interceptor = lambda _: web.Response(status=503) if next(requests) == 3 else None
    reader = world.reader("commits")
    with pytest.raises(NotConnected):
        await reader.poll()
    await reader.poll()
    assert messages(reader.events) == expected
