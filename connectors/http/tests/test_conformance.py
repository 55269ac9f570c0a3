"""The conformance suite, on a server that fails in every way a request can."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.http import connector, errors
from connectors.http.tests import test_errors
from hub.sdk import Signal
from hub.testing.conformance import HttpFarSide, SinkSuite

TOKEN = "canary-0123456789abcdef"


class Api(HttpFarSide):
    """Takes events, and knows them by their idempotency key."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"].replace("%2F", "/")
        if not self.wanted(key):
            return web.json_response({"message": "no"}, status=422)
        self.keys.append(key)
        return web.json_response({"taken": key})

    async def received(self) -> list[str]:
        return list(self.keys)


class TestSink(SinkSuite[Api]):
    connector = connector
    vendor = (aiohttp.client_exceptions,)
    unraised = {aiohttp.WSMessageTypeError: "of WebSockets"}
    rejected = {
        "no URL": {"url": "somewhere"},
        "two bodies": {"json": {}, "body": ""},
        "no duration": {"timeout": "soon"},
        "two ways to sign in": {"auth": {"bearer": TOKEN, "basic": {"username": "a", "password": "b"}}},
    }

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Api]:
        async with Api() as api:
            yield api

    def settings(self, far_side: Api) -> dict[str, Any]:
        return {
            "url": f"{far_side.url}/events",
            "auth": {"bearer": TOKEN},
            "timeout": far_side.patience,
            "tls": far_side.tls,
        }

    def signal(self, error: BaseException) -> Signal:
        return errors.signal(error, "POST http://host", seconds=1)

    def example(self, kind: type[BaseException]) -> BaseException:
        return test_errors.example(kind)
