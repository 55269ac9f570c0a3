"""The conformance suites of the lists that bear times, of the feed and of queries, and of the look-ups."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from connectors.github import connector
from connectors.github.tests.described import description
from connectors.github.tests.fronting import Front, reached
from connectors.github.tests.hosting import Hosting
from demo.githubapi import REPOSITORY
from hub.sdk import Event
from hub.testing.conformance import LookupSuite, PollingSourceSuite

BY_SERVICE = {"every_vendor_exception_is_a_signal": "it asks through a `Service` alone, whose errors are signals"}
QUERY = """
query($owner: String!, $name: String!, $cursor: String) {
  repository(owner: $owner, name: $name) {
    discussions(first: 50, after: $cursor, orderBy: {field: UPDATED_AT, direction: ASC}) {
      pageInfo { endCursor hasNextPage }
      nodes { id number title url updatedAt }
    }
  }
}
"""


class Listed(Front):
    """A list of one kind, as GitHub shows it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.clock.time = datetime.now(UTC).replace(microsecond=0)
        self.clock.move(-86_400)

    async def add(self, count: int) -> list[str]:
        added = []
        for _ in range(count):
            self.clock.move(1)
            self.made += 1
            added.append(str(self._add(self.made)["id"]))
        self.clock.move(90)
        return added

    def _add(self, number: int) -> dict[str, Any]:
        return MAKING[self.kind](self.api, number)


MAKING: dict[str, Callable[[Hosting, int], dict[str, Any]]] = {
    "comments": lambda api, number: api.comment(1, f"Comment {number}"),
    "review_comments": lambda api, number: api.review_comment(1, f"Comment {number}"),
    "runs": lambda api, _: api.run(),
    "deployments": lambda api, _: api.deployment(),
    "forks": lambda api, _: api.fork(),
    "stargazers": lambda api, number: api.star(f"star{number}")["user"],
    "activity": lambda api, _: api.happen(),
    "notifications": lambda api, _: api.notify(),
    "graphql": lambda api, number: api.querying.discussion(number, api.time),
}
"""Kind → makes a record, and gives what bears its id."""


class DatedSuite(PollingSourceSuite[Listed]):
    """What all of them have."""

    connector = connector
    records = 210
    rejected = {"a repository without owner": {"repository": "octo-repo"}}
    exempt = BY_SERVICE

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Listed]:
        async with Listed(self.kind) as listed:
            yield listed

    def settings(self, far_side: Listed) -> dict[str, Any]:
        # More than two months, which runs are read of one by one.
        since = datetime.now(UTC) - timedelta(days=70)
        return {"repository": REPOSITORY, "since": f"{since:%Y-%m-%dT00:00:00Z}"}

    def services(self, far_side: Listed) -> dict[str, Any]:
        return {"github": reached(far_side)}

    def identity(self, event: Event) -> str:
        return str(event.data["id"])


class TestComments(DatedSuite):
    kind = "comments"


class TestReviewComments(DatedSuite):
    kind = "review_comments"


class TestForks(DatedSuite):
    kind = "forks"


class TestStargazers(DatedSuite):
    kind = "stargazers"

    def identity(self, event: Event) -> str:
        return str(event.data["user"]["id"])


class TestActivity(DatedSuite):
    kind = "activity"

    def settings(self, far_side: Listed) -> dict[str, Any]:
        return {"repository": REPOSITORY}


class TestRuns(DatedSuite):
    kind = "runs"


class TestDeployments(DatedSuite):
    kind = "deployments"


class TestNotifications(DatedSuite):
    kind = "notifications"
    records = 110


class TestQuery(DatedSuite):
    kind = "graphql"
    records = 110
    rejected = {"no query": {"query": "mutation { a }"}, "no order": {"order": "by chance"}}

    def settings(self, far_side: Listed) -> dict[str, Any]:
        return {
            "type": "acme.discussion",
            "query": QUERY,
            "variables": {"owner": "octo-org", "name": "octo-repo"},
            "records": "repository.discussions",
            "cursor_field": "updatedAt",
            "order": "ascending",
        }


class Known(Front):
    """What can be looked up: as GitHub's examples, which a test can compare."""

    def __init__(self, things: dict[str, Any]) -> None:
        super().__init__()
        self.things = things

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/403"):
            return web.json_response({"message": "Forbidden"}, status=403)
        thing = self.things.get(request.path)
        return web.json_response(thing or {"message": "Not Found"}, status=200 if thing else 404)


class KnowingSuite(LookupSuite[Known]):
    """What all look-ups have."""

    connector = connector
    exempt = BY_SERVICE
    example = ""
    """Path of the operation whose example is found."""

    def found(self) -> Any:
        """GitHub's example."""
        return description().example("get", self.example)

    @abstractmethod
    def path(self) -> str:
        """Where it is found."""

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Known]:
        async with Known({self.path(): self.found()}) as known:
            yield known

    def settings(self, far_side: Known) -> dict[str, Any]:
        return {}

    def services(self, far_side: Known) -> dict[str, Any]:
        return {"github": reached(far_side)}


class NumberSuite(KnowingSuite):
    """Those that have a number."""

    rejected = {"what is no setting": {"repository": REPOSITORY}}

    def path(self) -> str:
        return f"{self.example.format(owner='octo-org', repo='octo-repo', issue_number=1, pull_number=1)}"

    def keys(self) -> list[tuple[Any, Any]]:
        return [
            ({"repository": REPOSITORY, "number": 1}, self.found()),
            ({"repository": REPOSITORY, "number": 99}, None),
        ]

    def refused_key(self) -> Any:
        return {"repository": REPOSITORY, "number": 403}


class TestIssueLookup(NumberSuite):
    kind = "issue"
    example = "/repos/{owner}/{repo}/issues/{issue_number}"

    def found(self) -> Any:
        return description().example("post", "/repos/{owner}/{repo}/issues", 201)


class TestPullLookup(NumberSuite):
    kind = "pull"
    example = "/repos/{owner}/{repo}/pulls/{pull_number}"

    def found(self) -> Any:
        # The teams of GitHub's example lack the type, which its description requires.
        return {**super().found(), "requested_teams": []}


class TestUserLookup(KnowingSuite):
    kind = "user"
    example = "/users/{username}"
    rejected = {"what is no setting": {"login": "octocat"}}

    def path(self) -> str:
        return "/users/octocat"

    def keys(self) -> list[tuple[Any, Any]]:
        return [("octocat", self.found()), ("nobody", None)]

    def refused_key(self) -> Any:
        return "403"


class TestRepositoryLookup(KnowingSuite):
    kind = "repository"
    example = "/repos/{owner}/{repo}"
    rejected = {"what is no setting": {"repository": REPOSITORY}}

    def found(self) -> Any:
        # GitHub's example lacks the language, which its description requires.
        example = super().found()
        return {**example, "language": None, "source": {**example["source"], "language": None}}

    def path(self) -> str:
        return f"/repos/{REPOSITORY}"

    def keys(self) -> list[tuple[Any, Any]]:
        return [(REPOSITORY, self.found()), ("octo-org/nothing", None)]

    def refused_key(self) -> Any:
        return "octo-org/403"
