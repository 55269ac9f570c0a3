"""An API for which there is no connector, by the example deployment: on GitHub's own answers, as they were recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http.source import HttpCursor, HttpSource
from hub.deployment.loading import load
from hub.sdk import UnitContext
from hub.sdk.cursor import CursorOptions
from hub.services import HttpService
from hub.testing.octokit import recorded

EXAMPLE = Path(__file__).parents[3] / "schemas" / "examples" / "rest-api"
GITHUB = "https://api.github.com"


class Recording:
    """Answers each request as the recorded one was; a first page whatever its query, as ours has more parameters."""

    def __init__(self) -> None:
        self.exchanges = recorded("paginate-issues")
        self.asked: list[str] = []
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        exact = [each for each in self.exchanges if each["path"] == request.path_qs]
        near = [each for each in self.exchanges if each["path"].partition("?")[0] == request.path]
        if not exact and not near:
            return web.json_response({"message": "Not Found"}, status=404)
        answer = (exact or near)[0]
        url = str(self.server.make_url("")).rstrip("/")
        headers = {
            name: value.replace(GITHUB, url)
            for name, value in answer["headers"].items()
            if name.lower() in ("link", "etag", "date")
        }
        return web.Response(body=orjson.dumps(answer["response"]), headers=headers, content_type="application/json")


async def test_the_example_reads_all_pages_of_a_real_api() -> None:
    """Thirteen issues on five pages, each once, all of one second, also when it is asked again."""
    recording = Recording()
    await recording.server.start_server(access_log=None)
    deployment = load(EXAMPLE)
    environ = {"FORGE_URL": str(recording.server.make_url("")).rstrip("/")}
    cursor = HttpCursor()
    async with HttpService("forge", deployment.services["forge"].config(environ)) as service:
        context = UnitContext("forge", "rest-api", services={"forge": service}, cursor=CursorOptions())
        source = HttpSource(deployment.sources["forge"].config(environ), context)
        events: list[Any] = []
        for _ in range(2):
            async with aclosing(cast("AsyncGenerator[Any]", source.poll(cursor))) as polling:
                async for batch in polling:
                    events += batch.events
                    cursor = batch.cursor
    await recording.server.close()
    assert sorted(each.data["number"] for each in events) == list(range(1, 14))
    assert {each.attributes["time"] for each in events} == {"2017-10-10T16:00:00.000000Z"}
    assert events[0].id.startswith("issues/octokit-fixture-org%2Fpaginate-issues/")
    assert recording.asked[0].startswith("/repos/octokit-fixture-org/paginate-issues/issues?")
