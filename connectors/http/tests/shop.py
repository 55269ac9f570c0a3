"""A small API to read from: lists of its own in every form, whose answers and failures a test decides."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http.source import HttpCursor, HttpSource
from connectors.http.streams import ApiConfig, HttpSourceConfig
from hub.sdk import Event, UnitContext
from hub.sdk.cursor import CursorOptions
from hub.services import HttpService

Handler = Callable[[web.Request], Any]


class Shop:
    """An API. `lists` holds records by path; `handlers` answers for paths that do more than list.

    Attributes:
        lists: path → records.
        handlers: path → a function of the request that gives a JSON value or a response.
        asked: method, path with query, headers and body of each request.
    """

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {}
        self.handlers: dict[str, Handler] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """Its base URL."""
        return str(self.server.make_url("")).rstrip("/") + "/api"

    @property
    def paths(self) -> list[str]:
        """The paths with queries of all requests since this was last read."""
        asked, self.asked = self.asked, []
        return [path for _, path, _, _ in asked]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.path_qs.removeprefix("/api"), headers, body))
        path = request.raw_path.partition("?")[0].removeprefix("/api")
        if path in self.handlers:
            answer = self.handlers[path](request)
            answer = await answer if inspect.isawaitable(answer) else answer
            return answer if isinstance(answer, web.StreamResponse) else tagged(request, answer)
        if path in self.lists:
            return tagged(request, self.lists[path])
        return web.json_response({"message": "there is nothing"}, status=404)


def tagged(request: web.Request, document: Any) -> web.Response:
    """Answers with an ETag, or that nothing has changed."""
    body = orjson.dumps(document)
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=body, content_type="application/json", headers={"ETag": tag})


def paged(records: list[Any], size: int) -> Handler:
    """Answers pages by number."""

    def answer(request: web.Request) -> Any:
        start = (int(request.query["page"]) - 1) * size
        return records[start : start + size]

    return answer


class Reading:
    """A source with its stored cursor, as the engine would run it."""

    def __init__(self, service: HttpService, settings: dict[str, Any], options: CursorOptions) -> None:
        self._service = service
        self._settings = settings
        self._options = options
        self.source = self.made()
        self.stored = HttpCursor().model_dump_json()

    def made(self) -> HttpSource:
        """A source in a new life."""
        config = HttpSourceConfig.model_validate({"service": "shop", **self._settings})
        context = UnitContext("polled", "test", services={"shop": self._service}, cursor=self._options)
        return HttpSource(config, context)

    async def poll(self, *, anew: bool = False, batches: int | None = None) -> list[Event]:
        """What a poll gives from the stored cursor on.

        Args:
            anew: in a new life.
            batches: it is killed after so many batches.
        """
        if anew:
            self.source = self.made()
        events: list[Event] = []
        cursor = HttpCursor.model_validate_json(self.stored)
        count = 0
        async with aclosing(cast("AsyncGenerator[Any]", self.source.poll(cursor))) as polling:
            async for batch in polling:
                events += batch.events
                self.stored = batch.cursor.model_dump_json()
                count += 1
                if count == batches:
                    break
        return events


class World:
    """The API, and what reads it."""

    def __init__(self, shop: Shop, service: HttpService) -> None:
        self.shop = shop
        self.service = service

    def reading(self, streams: dict[str, Any], *, options: CursorOptions | None = None, **more: Any) -> Reading:
        """A source of these streams."""
        return Reading(self.service, {"streams": streams, **more}, options or CursorOptions())


@asynccontextmanager
async def world(**policies: Any) -> AsyncIterator[World]:
    """An API that holds nothing yet."""
    shop = Shop()
    await shop.server.start_server(access_log=None)
    try:
        config = ApiConfig.model_validate({"base_url": shop.url, **policies})
        async with HttpService("shop", config) as service:
            yield World(shop, service)
    finally:
        await shop.server.close()
