"""Polled issues: every change once, however the list moves while it is read."""

from datetime import timedelta

import pytest
from aiohttp import web

from connectors.github.tests.reading import World
from hub.sdk import NotConnected, Permanent


def versions(events: list) -> list[tuple[int, str]]:
    return [(event.data["number"], event.data["updated_at"]) for event in events]


def current(world: World) -> list[tuple[int, str]]:
    found = sorted((issue["updated_at"], issue["number"]) for issue in world.repository.issues.values())
    return [(number, time) for time, number in found]


async def test_all_issues_are_read_the_oldest_change_first(world: World) -> None:
    """More than two pages of them, closed ones too, each as an event with the issue as data."""
    for number in range(250):
        world.repository.open_issue(f"Issue {number}", at=world.clock.time - timedelta(minutes=500 - number))
    world.repository.edit(7, state="closed", at=world.clock.time - timedelta(minutes=1))
    reader = world.reader("issues")
    events = await reader.poll()
    assert versions(events) == current(world)
    event = events[-1]
    assert (event.type, event.subject, event.source) == (
        "github.issue",
        "issues/7",
        "https://github.com/octo-org/octo-repo",
    )
    assert event.data == world.repository.issues[7]
    assert event.id == f"{event.data['node_id']}@{event.data['updated_at']}"
    assert event.key == event.data["node_id"]
    assert event.time == event.data["updated_at"]


async def test_nothing_new_costs_one_request_answered_304(world: World) -> None:
    """By the ETag in the cursor, over a restart too; and a change is seen behind it."""
    world.repository.open_issue("One")
    world.clock.move(60)
    reader = world.reader("issues")
    await reader.poll()
    assert await reader.poll() == []
    world.requests()
    for _ in range(3):
        assert await reader.poll() == []
    assert [status for _, status in world.requests()] == [304, 304, 304]
    world.repository.edit(1, title="Two")
    world.clock.move(60)
    assert [event.data["title"] for event in await reader.poll()] == ["Two"]


async def test_a_batch_that_was_not_stored_is_read_again(world: World) -> None:
    """Although the API was asked for it already: an ETag counts only once the cursor that holds it is stored."""
    world.repository.open_issue("One")
    world.clock.move(60)
    reader = world.reader("issues")
    assert await reader.poll(stored=0) == []
    assert len(await reader.poll()) == 1


async def test_a_second_is_read_once_it_is_over(world: World) -> None:
    """Two changes within one second have the same time: the first must not hide the second."""
    reader = world.reader("issues", settle="2s")
    world.repository.open_issue("first")
    assert await reader.poll() == []
    world.repository.edit(1, title="second")
    world.clock.move(1)
    assert await reader.poll() == []
    world.clock.move(1)
    assert [event.data["title"] for event in await reader.poll()] == ["second"]
    assert await reader.poll() == []


async def test_an_unsettled_change_is_not_forgotten_behind_an_etag(world: World) -> None:
    """The answer that held it must not count as read, though the list stays the same."""
    reader = world.reader("issues", settle="10s")
    world.repository.open_issue("old")
    world.clock.move(20)
    assert len(await reader.poll()) == 1
    world.repository.open_issue("new")
    for _ in range(3):
        assert await reader.poll() == []
        world.clock.move(1)
    world.clock.move(10)
    assert [event.data["title"] for event in await reader.poll()] == ["new"]


async def test_more_than_a_page_changed_within_one_second(world: World) -> None:
    """As by an edit of many at once: all are read, once."""
    for number in range(350):
        world.repository.open_issue(f"Issue {number}", at=world.clock.time - timedelta(hours=1))
    for number in range(20, 330):
        world.repository.edit(number, locked=True, at=world.clock.time - timedelta(minutes=1))
    reader = world.reader("issues")
    await reader.poll()
    assert sorted(versions(reader.events)) == sorted(current(world))
    assert await reader.poll() == []


async def test_pages_shift_between_two_requests(world: World) -> None:
    """An issue changed in the meantime moves to the end and all behind it move up: none is missed, none repeated."""
    for number in range(300):
        at = timedelta(minutes=600 - number) if number < 150 else timedelta(minutes=300)
        world.repository.open_issue(f"Issue {number}", at=world.clock.time - at)
    touched = iter((1, 20, 151, 152, 153, 240, 299, 300, 5, 160))

    def change(_: web.Request) -> None:
        number = next(touched, None)
        if number is not None:
            world.clock.move(1)
            world.repository.edit(number, comments=number)

    world.api.interceptor = change
    reader = world.reader("issues", settle="1s")
    for _ in range(12):
        await reader.poll()
        world.clock.move(2)
    last = dict(versions(reader.events))
    assert sorted(last.items()) == sorted(current(world))
    assert len({event.id for event in reader.events}) == len(reader.events)
    assert all(event.data == world.repository.issues[event.data["number"]] for event in reader.events[-8:])


async def test_an_issue_deleted_within_a_crowded_second_takes_nobody_along(world: World) -> None:
    """What stood behind it moves up to a page that was read."""
    for number in range(250):
        world.repository.open_issue(f"Issue {number}", at=world.clock.time - timedelta(hours=1))
    deleted = []

    def delete(request: web.Request) -> None:
        if request.query.get("page") == "2" and not deleted:
            deleted.append(world.repository.issues.pop(3))

    world.api.interceptor = delete
    reader = world.reader("issues")
    await reader.poll()
    assert deleted
    assert {number for number, _ in versions(reader.events)} == set(range(1, 251))
    assert len(reader.events) == 250


async def test_pull_requests_are_given_only_if_wanted(world: World) -> None:
    """GitHub lists each of them as an issue too."""
    world.repository.open_issue("issue")
    world.repository.open_pull("pull")
    world.clock.move(60)
    assert [event.data["title"] for event in await world.reader("issues").poll()] == ["issue"]
    both = await world.reader("issues", pull_requests=True).poll()
    assert {(event.data["title"], event.subject) for event in both} == {("issue", "issues/1"), ("pull", "pull/2")}


async def test_it_begins_where_the_settings_say(world: World) -> None:
    """With what changed in that second or later; the cursor counts once there is one."""
    for hour in range(3):
        world.repository.open_issue(f"at {9 + hour}", at=world.clock.time.replace(hour=9 + hour))
    reader = world.reader("issues", since="2026-11-21T10:00:00Z")
    assert [event.data["title"] for event in await reader.poll()] == ["at 10", "at 11"]
    assert await reader.poll() == []


async def test_a_renamed_repository_is_followed(world: World) -> None:
    """GitHub redirects to its number, with the query kept."""
    world.repository.open_issue("One")
    world.clock.move(60)
    world.api.former_names.add("octo-org/was-called")
    reader = world.reader("issues", repository="octo-org/was-called")
    assert len(await reader.poll()) == 1
    assert await reader.poll() == []


async def test_a_used_up_rate_limit_says_when_to_come_back(world: World) -> None:
    """As an outage, which uses up no retry."""
    reader = world.reader("issues")
    await reader.poll()
    world.api.remaining = 0
    with pytest.raises(NotConnected) as limited:
        await reader.poll()
    assert limited.value.retry_after == 3601
    world.clock.move(3601)
    await reader.poll()


@pytest.mark.parametrize("status", [403, 429])
async def test_a_secondary_rate_limit_is_no_refusal(world: World, status: int) -> None:
    """GitHub may not say how long to wait; then it is a minute."""
    message = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    world.api.interceptor = lambda _: web.json_response(message, status=status)
    with pytest.raises(NotConnected) as limited:
        await world.reader("issues").poll()
    assert limited.value.retry_after == (60 if status == 403 else None)


@pytest.mark.parametrize(
    ("status", "advice"), [(403, "permission"), (404, "private"), (410, "turned off"), (422, "422")]
)
async def test_a_refusal_says_what_to_do(world: World, status: int, advice: str) -> None:
    """And keeps GitHub's own words."""
    world.api.interceptor = lambda _: web.json_response({"message": "own words"}, status=status)
    with pytest.raises(Permanent) as refused:
        await world.reader("issues").poll()
    assert advice in str(refused.value)
    assert "own words" in str(refused.value)
    assert refused.value.status == status


async def test_a_token_that_doesnt_count_any_more_is_an_outage(world: World) -> None:
    """Until somebody gives another one."""
    world.api.interceptor = lambda _: web.json_response({"message": "Bad credentials"}, status=401)
    with pytest.raises(NotConnected, match="Bad credentials"):
        await world.reader("issues").poll()


@pytest.mark.parametrize("body", ['{"message": "hi"}', "[1]", '[{"node_id": "x"}]', "null", '"x"'])
async def test_what_is_no_list_of_issues_is_refused(world: World, body: str) -> None:
    """Rather than taken for an empty one."""
    world.api.interceptor = lambda _: web.Response(text=body, content_type="application/json")
    with pytest.raises(Permanent, match="base_url"):
        await world.reader("issues").poll()
