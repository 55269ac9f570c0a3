"""GitHub's own answers, as they were recorded: pages and links, statuses, searches, redirects and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.github import connector
from connectors.github.answers import Page, explained
from connectors.github.api import HEADERS
from connectors.github.config import ApiConfig
from connectors.github.tests.described import description
from connectors.github.tests.reading import delivery, outcome
from hub.sdk import Permanent, UnitContext
from hub.services import HttpService
from hub.testing.octokit import recorded

ORGANIZATION = "octokit-fixture-org"
GITHUB = "https://api.github.com"
Exchange = dict[str, Any]


class Recording:
    """Plays exchanges: each request is answered as the recorded one with its method and path was.

    Attributes:
        missed: requests that weren't recorded.
    """

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.exchanges = exchanges
        self.missed: list[str] = []
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self.server.make_url("")).rstrip("/")

    async def _answer(self, request: web.Request) -> web.Response:
        exact = [each for each in self.exchanges if _path(each) == request.rel_url.raw_path_qs]
        # Recorded with three records a page and other queries than ours: the path alone counts for a first request.
        near = [each for each in self.exchanges if _path(each).partition("?")[0] == request.rel_url.raw_path]
        found = [each for each in (exact or near) if each["method"].upper() == request.method]
        if not found:
            self.missed.append(f"{request.method} {request.path_qs}")
            return web.Response(status=404)
        answer = found[0]
        headers = {
            name: str(each).replace(GITHUB, self.url)
            for name, each in answer["headers"].items()
            if name.lower() in ("link", "etag", "location", "date", "x-ratelimit-limit", "x-ratelimit-remaining")
        }
        body = b"" if answer["response"] == "" else orjson.dumps(answer["response"])
        return web.Response(status=answer["status"], headers=headers, body=body, content_type="application/json")


def _path(exchange: Exchange) -> str:
    return str(exchange["path"])


@asynccontextmanager
async def playing(scenario: str) -> AsyncIterator[tuple[Recording, HttpService]]:
    """A recorded scenario, and a service that reaches it."""
    recording = Recording(recorded(scenario))
    await recording.server.start_server(access_log=None)
    try:
        config = ApiConfig(base_url=recording.url, rate_limit=None, circuit_breaker=None, retry=None)
        async with HttpService("github", config) as service:
            yield recording, service
    finally:
        await recording.server.close()


def unit(kind: str, service: HttpService, scenario: str, *, sink: bool = False, **settings: Any) -> Any:
    cls: Any = (connector.sinks if sink else connector.sources)[kind]
    config = cls.config_type().model_validate({"repository": f"{ORGANIZATION}/{scenario}", **settings})
    return cls(config, UnitContext("recorded", services={"github": service}))


async def test_pages_are_followed_by_their_links() -> None:
    """From the repository's name to its number, and to the last page."""
    async with playing("paginate-issues") as (recording, service):
        titles: list[str] = []
        query: str | None = "per_page=3"
        path = f"/repos/{ORGANIZATION}/paginate-issues/issues"
        while query is not None:
            answer = await service.request("GET", f"{path}?{query}", headers=HEADERS)
            page = Page.of(answer)
            titles += [each["title"] for each in page.records("node_id", "updated_at")]
            query, path = page.following, "/repositories/1000/issues"
        assert titles == [f"Test issue {number}" for number in range(13, 0, -1)]
        assert recording.missed == []


async def test_the_last_page_is_known_from_the_first() -> None:
    """By which comments, reviews and stars are read from their end."""
    (first, *_) = recorded("paginate-issues")
    answer = {name.lower(): str(each) for name, each in first["headers"].items()}
    assert 'rel="last"' in answer["link"]
    async with playing("paginate-issues") as (_, service):
        response = await service.request("GET", f"/repos/{ORGANIZATION}/paginate-issues/issues?per_page=3")
        page = Page.of(response)
        assert (page.last, page.etag is not None, page.answered.year) == (5, True, page.answered.year)


async def test_statuses_are_compared_as_github_lists_them() -> None:
    """The newest first: the one that was set last isn't set again, and the one before is."""
    async with playing("create-status") as (recording, service):
        sha = "0000000000000000000000000000000000000001"
        last = next(each for each in recording.exchanges if each["path"].endswith("/statuses"))["response"][0]
        same = {name: last[name] for name in ("state", "description", "target_url", "context")}
        (reply,) = await unit("status", service, "create-status", sink=True, sha=sha, **same).write([delivery()])
        assert (reply.data["action"], reply.data["id"]) == ("found", last["id"])
        other = {**same, "state": "failure"}
        (reply,) = await unit("status", service, "create-status", sink=True, sha=sha, **other).write([delivery()])
        assert (reply.data["action"], reply.data["state"]) == ("created", "failure")
        assert recording.missed == []


async def test_a_write_to_a_renamed_repository_is_led_on() -> None:
    """By 307, which keeps the method; a read by 301."""
    async with playing("rename-repository") as (recording, service):
        del recording.exchanges[0]  # the renaming itself
        path = f"/repos/{ORGANIZATION}/rename-repository"
        redirected = [each for each in recording.exchanges if each["status"] in (301, 307)]
        assert {(each["method"], each["status"]) for each in redirected} == {("get", 301), ("patch", 307)}
        read = await service.request("GET", path, headers=HEADERS)
        assert read.json()["name"] == "rename-repository-newname"
        write = await service.request("PATCH", path, json={"description": "test description"}, headers=HEADERS)
        assert write.json()["description"] == "test description"
        assert recording.missed == []


async def test_an_issue_is_opened_as_github_answers_it() -> None:
    """The list of issues wasn't recorded: an empty one stands in."""
    async with playing("add-labels-to-issue") as (recording, service):
        listed = {**recording.exchanges[0], "method": "get", "status": 200, "response": [], "headers": {}}
        recording.exchanges.append(listed)
        sink = unit("issue", service, "add-labels-to-issue", sink=True, title="Issue without a label")
        (reply,) = await sink.write([delivery()])
        assert (reply.data["action"], reply.data["number"], reply.data["state"]) == ("created", 1, "open")
        assert reply.data["url"].startswith("https://github.com/")


async def test_a_validation_that_failed_says_which_field() -> None:
    """GitHub names it beside its message."""
    async with playing("errors") as (_, service):
        with pytest.raises(Permanent) as refused:
            await service.request(
                "POST", f"/repos/{ORGANIZATION}/errors/labels", json={"name": "foo", "color": "invalid"}
            )
        said = str(explained(refused.value, f"{ORGANIZATION}/errors", writes=True))
        assert "Validation Failed" in said
        assert "color" in said


async def test_a_search_is_read_as_github_answers_it() -> None:
    """Nothing of ours is in it, so that the issue is opened."""
    async with playing("search-issues") as (recording, service):
        search = next(each for each in recording.exchanges if each["path"].startswith("/search/issues"))
        issue = search["response"]["items"][0]
        number = issue["number"] + 1
        opened = {**issue, "number": number, "title": "New"}
        path = f"/repos/{ORGANIZATION}/search-issues/issues"
        more = f'<{GITHUB}{path}?page=2>; rel="next"'
        recording.exchanges += [
            {"method": "get", "path": path, "status": 200, "response": [issue], "headers": {"link": more}},
            {"method": "post", "path": path, "status": 201, "response": opened, "headers": {}},
        ]
        sink = unit("issue", service, "search-issues", sink=True, title="New")
        assert await outcome(sink, delivery()) is None
        assert recording.missed == []


# What GitHub has changed in its answers since they were recorded, in 2018 to 2022.
_SINCE: dict[str, Callable[[str], bool]] = {
    "search-issues": lambda each: "search_type" in each,
}


@pytest.mark.parametrize("scenario", ["paginate-issues", "create-status", "search-issues", "add-labels-to-issue"])
def test_recorded_answers_are_as_described(scenario: str) -> None:
    """So that the description that judges our tests judges GitHub itself the same way."""
    known = _SINCE.get(scenario, lambda _: False)
    judged = 0
    for each in recorded(scenario):
        path = _path(each).partition("?")[0].replace("/repositories/1000/", f"/repos/{ORGANIZATION}/{scenario}/")
        body = b"" if each["response"] == "" else orjson.dumps(each["response"])
        wrong = description().wrong_answer(each["method"].upper(), path, each["status"], body)
        assert [said for said in wrong if not known(said)] == []
        judged += 1
    assert judged
