"""Issues, comments, reviews, statuses and dispatches: what is written, once as far as GitHub lets us, and answered."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from connectors.github import connector
from connectors.github.sinks.mark import mark, mark_of, marked
from connectors.github.tests.hosting import AUTHOR, sha_of
from connectors.github.tests.reading import World, delivery, outcome
from demo.githubapi import REPOSITORY
from hub.sdk import NotConnected, Permanent, Transient, WriteFailed

SHA = sha_of("a commit")
MINIMAL: dict[str, dict[str, Any]] = {
    "issue": {"title": "It burns"},
    "comment": {"number": 1, "body": "It burns"},
    "review": {"number": 2, "body": "It burns"},
    "status": {"sha": SHA, "state": "success"},
    "dispatch": {"event_type": "burn"},
    "workflow": {"workflow": "deploy.yml"},
}
FOUND_AGAIN = ("issue", "comment", "review", "status")


def written(world: World, kind: str) -> int:
    """How many things of a kind there are."""
    things = {
        "issue": lambda: len(world.repository.issues),
        "comment": lambda: sum(map(len, world.api.comments.values())),
        "review": lambda: sum(map(len, world.api.reviews.values())),
        "status": lambda: sum(map(len, world.api.statuses.values())),
    }
    return things.get(kind, lambda: len(world.api.dispatched))()


@pytest.mark.parametrize("kind", MINIMAL)
async def test_each_event_is_written_and_its_reply_says_where(world: World, kind: str) -> None:
    """With the number and URL of what was made, and the trace of what caused it."""
    sink = world.sink(kind, **MINIMAL[kind])
    (reply,) = await sink.write([delivery()])
    assert written(world, kind) == 1
    assert reply.type in sink.events
    assert reply.data["repository"] == REPOSITORY
    assert reply.data.get("action", "created") == "created"
    assert str(reply.data.get("url", "https://")).startswith("https://")
    assert (reply.key, reply.attributes["causationid"]) == ("k", "event of key-1")


@pytest.mark.parametrize("kind", FOUND_AGAIN)
async def test_a_lost_answer_leads_to_no_second_one(world: World, kind: str) -> None:
    """The attempt after it finds what the first one made; in another life of the sink, too."""
    world.api.lost = 1
    assert isinstance(await outcome(world.sink(kind, **MINIMAL[kind]), delivery()), NotConnected)
    assert written(world, kind) == 1
    (reply,) = await world.sink(kind, **MINIMAL[kind]).write([delivery()])
    assert written(world, kind) == 1
    assert reply.data["action"] == "found"


@pytest.mark.parametrize("kind", ["dispatch", "workflow"])
async def test_a_dispatch_is_sent_at_least_once_and_carries_its_key(world: World, kind: str) -> None:
    """Which is how a workflow can tell that it has run already."""
    sink = world.sink(kind, **MINIMAL[kind], key_as="hub_key")
    world.api.lost = 1
    assert isinstance(await outcome(sink, delivery()), NotConnected)
    assert await outcome(sink, delivery()) is None
    bodies = [body for _, body in world.api.dispatched]
    assert len(bodies) == 2
    assert {(body.get("client_payload") or body.get("inputs"))["hub_key"] for body in bodies} == {"key-1"}


async def test_other_events_make_other_things(world: World) -> None:
    """Although they say the same."""
    sink = world.sink("issue", title="It burns")
    await sink.write([delivery("a"), delivery("b")])
    await sink.write([delivery("a"), delivery("b")])
    assert written(world, "issue") == 2


async def test_an_issue_of_a_key_is_opened_once_and_changed_from_then_on(world: World) -> None:
    """Whichever event is about it, in whichever life of the sink; closed and opened again, as they say."""
    settings = {"key": "= data.alert", "title": "= data.title", "body": "= data.text", "state": "= data.state"}
    steps = [("Hot", "open"), ("Hotter", "open"), ("Cold", "closed"), ("Hot again", "open")]
    actions = []
    for index, (title, state) in enumerate(steps):
        sink = world.sink("issue", **settings, labels=["alert"], assignees=["octocat"])
        (reply,) = await sink.write([delivery(f"{index}", alert="7", title=title, text=f"{title}!", state=state)])
        actions.append((reply.data["action"], reply.data["number"], reply.data["state"]))
        issue = world.repository.issues[1]
        assert (issue["title"], issue["state"], issue["labels"][0]["name"]) == (title, state, "alert")
        assert issue["body"].startswith(f"{title}!\n\n<!-- hub")
    assert actions == [("created", 1, "open"), ("updated", 1, "open"), ("updated", 1, "closed"), ("updated", 1, "open")]
    await world.sink("issue", **settings).write([delivery("x", alert=8, title="Other", state="open")])
    assert written(world, "issue") == 2


async def test_two_events_of_one_key_at_once_open_one_issue(world: World) -> None:
    """They may be of different partition keys, and so be delivered side by side."""
    sink = world.sink("issue", key="= data.alert", title="It burns")
    await asyncio.gather(*(sink.write([delivery(str(number), alert="7")]) for number in range(4)))
    assert written(world, "issue") == 1


async def test_an_old_issue_is_found_by_the_search(world: World) -> None:
    """Where it isn't among the newest hundred any more; and one that the search doesn't know yet is."""
    settings = {"key": "7", "title": "It burns"}
    await world.sink("issue", **settings).write([delivery("a")])
    world.api.unlisted.clear()
    for number in range(120):
        world.clock.move(1)
        world.repository.open_issue(f"Other {number}")
    (reply,) = await world.sink("issue", **settings).write([delivery("b")])
    assert (reply.data["action"], reply.data["number"]) == ("updated", 1)
    await world.sink("issue", **settings, search=False).write([delivery("c")])
    assert written(world, "issue") == 122


async def test_a_search_that_ran_out_of_time_doesnt_open_a_second_issue(world: World) -> None:
    """It is tried again later."""
    for number in range(101):
        world.repository.open_issue(f"Other {number}")

    def slow(request: web.Request) -> web.Response | None:
        answer = {"total_count": 0, "incomplete_results": True, "items": []}
        return web.json_response(answer) if request.path == "/search/issues" else None

    world.api.interceptor = slow
    assert isinstance(await outcome(world.sink("issue", title="It burns"), delivery()), Transient)
    assert written(world, "issue") == 101


async def test_an_issue_that_was_deleted_is_opened_anew(world: World) -> None:
    """Although the sink remembers its number."""
    sink = world.sink("issue", key="7", title="It burns")
    await sink.write([delivery("a")])
    world.repository.issues.clear()
    (reply,) = await sink.write([delivery("b")])
    assert reply.data["action"] == "created"


async def test_an_issue_is_changed_by_its_number(world: World) -> None:
    """And no mark is put into a text that people wrote."""
    world.repository.open_issue("It burns", body="As people wrote it")
    (reply,) = await world.sink("issue", number="= data.number", state="closed", state_reason="completed").write(
        [delivery(number=1)]
    )
    issue = world.repository.issues[1]
    assert (reply.data["action"], issue["state"], issue["body"]) == ("updated", "closed", "As people wrote it")
    missing = await outcome(world.sink("issue", number="= data.number", state="closed"), delivery(number=99))
    assert isinstance(missing, Permanent)
    assert missing.status == 404


async def test_an_issue_that_should_be_closed_at_once_is(world: World) -> None:
    """GitHub opens issues as open ones: two requests, whose second is made up for after a failure between them."""
    settings = {"title": "It burnt", "state": "closed", "state_reason": "not_planned"}
    asked = []

    def fail(request: web.Request) -> web.Response | None:
        asked.append(request.method)
        return web.Response(status=500) if asked.count("PATCH") == 1 and request.method == "PATCH" else None

    world.api.interceptor = fail
    assert isinstance(await outcome(world.sink("issue", **settings), delivery()), Transient)
    assert world.repository.issues[1]["state"] == "open"
    (reply,) = await world.sink("issue", **settings).write([delivery()])
    assert (reply.data["action"], reply.data["state"], written(world, "issue")) == ("found", "closed", 1)


async def test_nothing_is_opened_that_shouldnt_be(world: World) -> None:
    """As for an alert that is over and had no issue."""
    sink = world.sink("issue", key="7", title="It burns", state="closed", create="= data.open")
    assert await sink.write([delivery(open=False)]) == []
    assert written(world, "issue") == 0


async def test_issues_of_others_dont_count_as_ours(world: World) -> None:
    """Whoever may open an issue could write our mark into it."""
    world.repository.open_issue("Bait", body=marked("Harmless", mark("7")), author="mallory")
    settings = {"key": "7", "title": "It burns"}
    (reply,) = await world.sink("issue", **settings, author=AUTHOR).write([delivery()])
    assert reply.data["number"] == 2


def test_a_mark_within_a_text_is_none() -> None:
    """What an event's author wrote stands above the mark that counts."""
    forged = marked(marked("Text", mark("other")), mark("own"))
    assert mark_of(forged) == mark("own")
    assert mark_of(f"{marked('Text', mark('own'))}\nmore") is None
    assert mark_of(marked(None, mark("own"))) == mark("own")
    assert [mark_of(each) for each in ("", "Text", None, 7)] == [None] * 4


async def test_a_comment_of_a_key_is_kept_up_to_date(world: World) -> None:
    """Among other people's; what says the same already isn't written again."""
    for number in range(150):
        world.api.comment(1, f"Comment {number}")
    actions = []
    for text in ("one", "two", "two"):
        sink = world.sink("comment", number="= data.number", body="= data.text", key="summary")
        (reply,) = await sink.write([delivery(f"{text}", number=1, text=text)])
        actions.append(reply.data["action"])
        assert world.api.comments[1][-1]["body"].startswith(text)
    assert actions == ["created", "updated", "found"]
    assert len(world.api.comments[1]) == 151
    await world.sink("comment", number=2, body="x", key="summary").write([delivery()])
    assert len(world.api.comments[2]) == 1


async def test_a_comment_is_looked_for_as_far_back_as_it_should_be(world: World) -> None:
    """From the newest on, page by page."""
    await world.sink("comment", number=1, body="x", key="summary").write([delivery("a")])
    for number in range(320):
        world.api.comment(1, f"Comment {number}")
    world.requests()
    await world.sink("comment", number=1, body="x", key="summary", newest=100).write([delivery("b")])
    assert len(world.api.comments[1]) == 322
    assert len([path for path, _ in world.requests() if "page=" in path]) == 3
    world.api.comments[1].pop()
    (reply,) = await world.sink("comment", number=1, body="x", key="summary").write([delivery("c")])
    assert reply.data["action"] == "found"


async def test_a_review_is_made_once_for_each_key(world: World) -> None:
    """With its comments on lines."""
    comments = [{"path": "a.py", "line": 3, "side": "RIGHT", "body": "Why?"}]
    settings = {"number": 2, "event": "REQUEST_CHANGES", "body": "No", "commit_id": SHA, "comments": comments}
    sink = world.sink("review", **settings, key="= data.sha")
    replies = [(await sink.write([delivery(str(n), sha="abc")]))[0].data for n in range(2)]
    assert [each["action"] for each in replies] == ["created", "found"]
    assert replies[0]["state"] == "CHANGES_REQUESTED"
    await sink.write([delivery("3", sha="def")])
    assert len(world.api.reviews[2]) == 2


async def test_a_status_is_set_when_it_changes(world: World) -> None:
    """By context; a long description is cut, as GitHub would refuse it."""
    settings = {"sha": "= data.sha", "state": "= data.state", "description": "= data.text", "target_url": "https://x/y"}
    for state in ("pending", "pending", "success", "pending"):
        await world.sink("status", **settings, context="ci").write([delivery(sha=SHA, state=state, text="x" * 200)])
    await world.sink("status", **settings, context="other").write([delivery(sha=SHA, state="pending", text=None)])
    found = [(each["context"], each["state"]) for each in reversed(world.api.statuses[SHA])]
    assert found == [("ci", "pending"), ("ci", "success"), ("ci", "pending"), ("other", "pending")]
    assert world.api.statuses[SHA][-1]["description"] == "x" * 139 + "…"


async def test_a_workflow_is_run_with_its_inputs(world: World) -> None:
    """As texts; and the reply says which run it is."""
    inputs = {"level": 3, "dry": True, "name": "x", "none": None}
    (reply,) = await world.sink("workflow", workflow="deploy.yml", ref="v1", inputs=inputs).write([delivery()])
    path, body = world.api.dispatched[0]
    assert path == "actions/workflows/deploy.yml/dispatches"
    assert (body["ref"], body["inputs"]) == ("v1", {"level": "3", "dry": "true", "name": "x"})
    assert reply.data["run"] == 1


async def test_a_dispatch_carries_its_payload(world: World) -> None:
    """As ``github.event.client_payload`` of the workflow."""
    await world.sink("dispatch", event_type="burn", client_payload={"a": {"b": 1}}).write([delivery()])
    assert world.api.dispatched == [("dispatches", {"event_type": "burn", "client_payload": {"a": {"b": 1}}})]


@pytest.mark.parametrize(
    ("status", "message", "signal", "pause"),
    [
        (401, "Bad credentials", NotConnected, None),
        (403, "Resource not accessible by integration", Permanent, None),
        (403, "You have exceeded a secondary rate limit.", NotConnected, 60),
        (429, "You have exceeded a secondary rate limit.", NotConnected, None),
        (404, "Not Found", Permanent, None),
        (410, "Issues has been disabled in this repository.", Permanent, None),
        (422, "Validation Failed", Permanent, None),
        (500, "Server Error", Transient, None),
        (503, "Service unavailable", NotConnected, None),
    ],
)
async def test_refusals_mean_what_they_mean(
    world: World, status: int, message: str, signal: type, pause: float | None
) -> None:
    """What is GitHub's or the token's doing dead-letters nothing; what is the event's does."""
    world.api.interceptor = lambda _: web.json_response({"message": message}, status=status)
    for kind, settings in MINIMAL.items():
        failed = await outcome(world.sink(kind, **settings), delivery())
        assert failed is not None
        assert isinstance(failed, signal), kind
        assert failed.status == status
        assert failed.retry_after == pause or status == 401
        assert message in str(failed)


async def test_a_secondary_limit_with_retry_after_is_kept(world: World) -> None:
    """As GitHub says it."""
    limited = web.json_response({"message": "secondary rate limit"}, status=403, headers={"Retry-After": "7"})
    world.api.interceptor = lambda _: limited
    failed = await outcome(world.sink("comment", number=1, body="x"), delivery())
    assert isinstance(failed, NotConnected)
    assert failed.retry_after == 7


@pytest.mark.parametrize("repository", ["hello", "a/b/c", "a/..", "a/b?x", "a b/c", "../b", "a/b\n"])
async def test_nothing_but_a_repository_gets_into_a_path(world: World, repository: str) -> None:
    """Out of a file; what comes out of an event is checked against the same type by the hub."""
    for kind, settings in MINIMAL.items():
        with pytest.raises(ValueError, match="repository"):
            world.sink(kind, **settings, repository=repository)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("issue", {}),
        ("issue", {"number": 1, "key": "7"}),
        ("issue", {"number": 0}),
        ("issue", {"title": "x", "state": "ajar"}),
        ("comment", {"number": 1}),
        ("review", {"number": 1, "event": "SHRUG"}),
        ("review", {"number": 1, "commit_id": "main"}),
        ("status", {"sha": "main", "state": "success"}),
        ("status", {"sha": SHA, "state": "great"}),
        ("dispatch", {"event_type": "x" * 101}),
        ("workflow", {"workflow": "../x"}),
        ("workflow", {"workflow": ".."}),
    ],
)
def test_bad_settings_are_refused(kind: str, settings: dict[str, Any]) -> None:
    """Before anything runs."""
    with pytest.raises(ValueError, match="validation error"):
        connector.sinks[kind].config_type().model_validate({"repository": REPOSITORY, **settings})


async def test_of_a_batch_the_others_are_written(world: World) -> None:
    """One that fails is told by its index."""
    sink = world.sink("issue", title="= data.title")
    with pytest.raises(WriteFailed) as failed:
        await sink.write([delivery("a", title="A"), delivery("b", title=None), delivery("c", title="C")])
    assert list(failed.value.failures) == [1]
    assert isinstance(failed.value.failures[1], Permanent)
    assert [reply.data["action"] for reply in failed.value.replies] == ["created", "created"]
    assert written(world, "issue") == 2
