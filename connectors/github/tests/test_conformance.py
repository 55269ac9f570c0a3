"""The conformance suites, on an API that lists as GitHub does."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.github import connector, pulls
from connectors.github.tests.reading import Clock
from demo.githubapi import REPOSITORY, GitHubApi
from hub.sdk import Event, WebhookRequest
from hub.testing.conformance import HttpFarSide, PollingSourceSuite, Sender, WebhookSourceSuite
from hub.testing.octokit import webhook_payloads

SECRET = "the webhook's canary"
TOKEN = "ghp_canary0123456789abcdef"


@cache
def pushes() -> list[bytes]:
    """Deliveries as GitHub makes them."""
    return [body for event, body in webhook_payloads() if event == "push"][:3]


class Repository(HttpFarSide):
    """The API of a repository, whose records are of one kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.clock = Clock()
        self.api = GitHubApi(clock=self.clock)
        self.made = 0

    async def start(self) -> None:
        await self.api.start()
        self.client = aiohttp.ClientSession()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.client.close()
        await self.api.stop()

    async def answer(self, request: web.Request) -> web.Response:
        """Asks the API behind it, and gives its answer as it is."""
        headers = {name: request.headers[name] for name in ("If-None-Match",) if name in request.headers}
        async with self.client.get(f"{self.api.url}{request.path_qs}", headers=headers) as answer:
            kept = {name: answer.headers[name] for name in ("ETag", "Link", "Date") if name in answer.headers}
            return web.Response(
                status=answer.status,
                headers=kept,
                body=await answer.read(),
                content_type="application/json" if answer.status == 200 else None,
            )

    async def add(self, count: int) -> list[str]:
        added = []
        for _ in range(count):
            self.clock.move(1)
            self.made += 1
            added.append(self._add(self.made))
        self.clock.move(60)
        return added

    def _add(self, number: int) -> str:
        repository, at = self.api.repository, self.clock.time
        if self.kind == "issues":
            return str(repository.open_issue(f"Issue {number}", at=at)["node_id"])
        if self.kind == "pulls":
            return str(repository.open_pull(f"Pull {number}", at=at)["node_id"])
        if self.kind == "releases":
            return str(repository.release(f"v{number}", at=at)["node_id"])
        return str(repository.commit(f"Commit {number}", at=at))


class ListSuite(PollingSourceSuite[Repository]):
    """What all lists of a repository have."""

    connector = connector
    records = 210
    rejected = {"a repository without owner": {"repository": "octo-repo"}}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Repository]:
        async with Repository(self.kind) as repository:
            yield repository

    def settings(self, far_side: Repository) -> dict[str, Any]:
        return {"repository": REPOSITORY}

    def services(self, far_side: Repository) -> dict[str, Any]:
        timeout = {"read": far_side.patience}
        return {"github": {"base_url": far_side.url, "tls": far_side.tls, "auth": {"token": TOKEN}, "timeout": timeout}}

    def identity(self, event: Event) -> str:
        return str(event.data["node_id"])


class TestIssues(ListSuite):
    kind = "issues"
    rejected = {
        **ListSuite.rejected,
        "no time": {"since": "yesterday"},
        "a rest of nothing": {"settle": "0s"},
    }


class TestPulls(ListSuite):
    kind = "pulls"

    @pytest.fixture(autouse=True)
    def _few_are_held(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It looks for the oldest of so many before it gives any; here a tenth of what a user's does."""
        monkeypatch.setattr(pulls, "HELD", 30)


class TestCommits(ListSuite):
    kind = "commits"
    rejected = {**ListSuite.rejected, "no branch": {"branch": ""}}

    def identity(self, event: Event) -> str:
        return str(event.data["sha"])


class TestReleases(ListSuite):
    kind = "releases"
    rejected = {**ListSuite.rejected, "no number": {"newest": "many"}}


class TestWebhook(WebhookSourceSuite):
    connector = connector
    kind = "webhook"
    rejected = {
        "no path": {"path": "webhooks"},
        "an empty secret": {"secret": ""},
        "no size": {"max_body": "much"},
    }

    def settings(self, far_side: Sender) -> dict[str, Any]:
        return {"path": "/webhooks/github", "secret": SECRET, "previous_secret": f"former {SECRET}"}

    def bodies(self) -> list[bytes]:
        return pushes()

    def request(self, body: bytes, delivery: str) -> WebhookRequest:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-github-event": "push",
            "x-github-delivery": delivery,
            "x-hub-signature-256": f"sha256={signature}",
        }
        return WebhookRequest("POST", "/webhooks/github", headers, body)
