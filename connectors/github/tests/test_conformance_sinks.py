"""The conformance suites of the sinks, on an API that is written to as GitHub's is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from connectors.github import connector
from connectors.github.sinks.mark import mark, mark_of
from connectors.github.tests.fronting import Front, reached
from connectors.github.tests.hosting import sha_of
from demo.githubapi import REPOSITORY
from hub.sdk import Delivery, Mapped
from hub.testing.conformance import SinkSuite

SHA = sha_of("a commit")
# A second between two writes would be a quarter of an hour for the suites; `test_limits` looks at them.
QUICK: dict[str, Any] = {"rate_limit": None, "circuit_breaker": None}


class Written(Front):
    """What can be written to, and tells what was."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def identity(self, request: web.Request, body: Any) -> str | None:
        """The mark, the context, or the key within a payload."""
        del request
        if self.kind in ("dispatch", "workflow"):
            return str((body.get("client_payload") or body.get("inputs") or {}).get("key"))
        return str(body["context"]) if self.kind == "status" else mark_of(body["body"])

    async def received(self) -> list[str]:
        if self.kind == "issue":
            return [str(mark_of(each["body"])) for each in self.api.repository.issues.values()]
        if self.kind == "status":
            return [str(each["context"]) for each in reversed(self.api.statuses[SHA])]
        if self.kind in ("comment", "review"):
            things = self.api.comments if self.kind == "comment" else self.api.reviews
            return [str(mark_of(each["body"])) for each in things[1]]
        bodies = [body for _, body in self.api.dispatched]
        return [str((body.get("client_payload") or body.get("inputs"))["key"]) for body in bodies]


class WritingSuite(SinkSuite[Written]):
    """What all sinks have."""

    connector = connector
    exempt = {"every_vendor_exception_is_a_signal": "it asks through a `Service` alone, whose errors are signals"}
    own: dict[str, Any] = {}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Written]:
        async with Written(self.kind) as written:
            yield written

    def settings(self, far_side: Written) -> dict[str, Any]:
        return {"repository": REPOSITORY, **self.own}

    def services(self, far_side: Written) -> dict[str, Any]:
        return {"github": reached(far_side, **QUICK)}

    def identity(self, delivery: Delivery) -> str:
        return mark(delivery.idempotency_key)


def numbered(text: str) -> Mapped[Any]:
    """A text with the number of the event."""
    return Mapped("= …", lambda event: f"{text} {event.data['n']}")


class TestIssueSink(WritingSuite):
    kind = "issue"
    own = {"title": numbered("Issue"), "body": "Text"}
    rejected = {"no repository": {"repository": "a/b/c"}, "a number and a key": {"number": 1, "key": "x"}}


class TestCommentSink(WritingSuite):
    kind = "comment"
    own = {"number": 1, "body": numbered("Comment")}
    rejected = {"no repository": {"repository": "a/b/c"}, "no number": {"number": 0}}


class TestReviewSink(WritingSuite):
    kind = "review"
    own = {"number": 1, "body": numbered("Review")}
    rejected = {"no repository": {"repository": "a/b/c"}, "no verdict": {"event": "SHRUG"}}


class TestStatusSink(WritingSuite):
    kind = "status"
    own = {"sha": SHA, "state": "success", "context": numbered("check")}
    rejected = {"no repository": {"repository": "a/b/c"}, "no SHA": {"sha": "main"}}

    def identity(self, delivery: Delivery) -> str:
        return f"check {delivery.event.data['n']}"


class TestDispatchSink(WritingSuite):
    kind = "dispatch"
    own = {"event_type": "happened", "key_as": "key"}
    rejected = {"no repository": {"repository": "a/b/c"}, "a long type": {"event_type": "x" * 101}}

    def identity(self, delivery: Delivery) -> str:
        return delivery.idempotency_key


class TestWorkflowSink(TestDispatchSink):
    kind = "workflow"
    own = {"workflow": "deploy.yml", "key_as": "key"}
    rejected = {"no repository": {"repository": "a/b/c"}, "no workflow": {"workflow": "../x"}}
