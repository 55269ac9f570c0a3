"""The outside API that the demo delivers to: a chat that takes lines of text, and at first refuses some on purpose."""

from __future__ import annotations

from collections import Counter

import orjson

from hub.ingress import Answer, HttpServer, Route, problem
from hub.sdk import WebhookRequest

PATH = "/api/post"
REFUSED = "github.release"
"""The kind of news for which the chat lacks a permission until it is mended."""
EVERY = 20
"""One request of so many is answered 503."""


class Chat:
    """A small HTTP API: 201 for a line of text, 403 for what it has no permission for, 503 now and then.

    Attributes:
        lines: texts by idempotency key: a repeated delivery counts once.
        answers: how often it answered with each status.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = HttpServer(host, port, name="chat")
        self._server.add(PATH, Route(self._post))
        self._server.add("/api/mend", Route(self._mend))
        self.lines: dict[str, str] = {}
        self.answers: Counter[int] = Counter()
        self._mended = False

    @property
    def url(self) -> str:
        """Where lines are posted."""
        return self._server.url + PATH

    async def start(self) -> None:
        """Listens."""
        await self._server.start()

    async def stop(self) -> None:
        """Ends."""
        await self._server.stop()

    def mend(self) -> None:
        """Gives the permission that was missing."""
        self._mended = True

    async def _mend(self, _: WebhookRequest) -> Answer:
        self.mend()
        return Answer.json(200, {"mended": True})

    async def _post(self, request: WebhookRequest) -> Answer:
        answer = self._answer(request)
        self.answers[answer.status] += 1
        return answer

    def _answer(self, request: WebhookRequest) -> Answer:
        posted = orjson.loads(request.body)
        if posted["kind"] == REFUSED and not self._mended:
            return problem(403, "missing_permission", f"no permission to announce {posted['kind']}")
        if self.answers.total() % EVERY == EVERY // 2:
            # An outage of one request: the sink waits and repeats, and nobody loses anything.
            return problem(503, "busy", "busy for a moment", headers={"Retry-After": "1"})
        self.lines[request.headers["idempotency-key"]] = posted["text"]
        return Answer.json(201, {"ok": True})
