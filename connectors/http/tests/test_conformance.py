"""The conformance suites, on a server that fails in every way a request can."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.http import connector, errors
from connectors.http.tests import test_errors
from hub.sdk import Event, Signal
from hub.testing.conformance import HttpFarSide, LookupSuite, PollingSourceSuite, SinkSuite

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


ANY_SUCCESS = dict.fromkeys(
    ("login_page", "alien"),
    "any API may be behind it, so that a success is known by its status alone; a user who knows what the answer holds "
    "says so with `batch.results`",
)


class TestSink(SinkSuite[Api]):
    connector = connector
    exempt = ANY_SUCCESS
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


class TestSinkOfService(TestSink):
    """The same through a service."""

    vendor = ()
    exempt = {
        **ANY_SUCCESS,
        "every_vendor_exception_is_a_signal": "it asks through a `Service` alone, whose errors are signals",
    }
    rejected = {"a path elsewhere": {"path": "https://elsewhere.example/"}, "credentials": {"auth": {"bearer": TOKEN}}}

    def services(self, far_side: Api) -> dict[str, dict[str, Any]]:
        return {"far": reached(far_side)}

    def settings(self, far_side: Api) -> dict[str, Any]:
        return {"service": "far", "path": "/events"}


def reached(far_side: HttpFarSide) -> dict[str, Any]:
    """A service's configuration."""
    timeout = {"read": far_side.patience, "total": far_side.patience}
    return {"base_url": far_side.url, "auth": {"token": TOKEN}, "timeout": timeout, "tls": far_side.tls}


BEGINNING = datetime(2026, 11, 20, 10, tzinfo=UTC)


class Shop(HttpFarSide):
    """An API that lists orders by the time of their last change, in pages that go on by a cursor."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.orders: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "")
        known = [each for each in self.orders if each["updated_at"] >= since]
        start = int(request.query.get("cursor", "0"))
        following = start + self.size if start + self.size < len(known) else None
        return web.json_response({"orders": known[start : start + self.size], "next": following})

    async def add(self, count: int) -> list[str]:
        numbers = range(len(self.orders), len(self.orders) + count)
        # Three orders change within one second, and a page ends in the midst of them.
        self.orders += [
            {"id": each, "updated_at": f"{BEGINNING + timedelta(seconds=each // 3):%Y-%m-%dT%H:%M:%SZ}"}
            for each in numbers
        ]
        return [str(each) for each in numbers]


STREAM = {
    "path": "/orders",
    "type": "shop.order",
    "records": "orders",
    "primary_key": "id",
    "paginator": {"type": "cursor", "cursor": "next"},
}
WRONG = {
    "no stream": {"streams": {}},
    "a path elsewhere": {"streams": {"orders": {**STREAM, "path": "https://elsewhere.example/"}}},
    "an unknown parent": {"streams": {"orders": {**STREAM, "for_each": {"stream": "nobody"}}}},
    "a placeholder of nothing": {"streams": {"orders": {**STREAM, "path": "/orders/{parent.id}"}}},
    "no paginator": {"streams": {"orders": {**STREAM, "paginator": {"type": "pages"}}}},
}
BY_SERVICE = {
    "every_vendor_exception_is_a_signal": "the source asks through a `Service` alone, whose errors are signals"
}


class SourceSuite(PollingSourceSuite[Shop]):
    """What both kinds of streams have."""

    connector = connector
    rejected = WRONG
    exempt = BY_SERVICE

    def services(self, far_side: Shop) -> dict[str, dict[str, Any]]:
        return {"shop": reached(far_side)}

    def identity(self, event: Event) -> str:
        return str(event.data["id"])


class TestIncremental(SourceSuite):
    records = 30

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Shop]:
        async with Shop(7) as shop:
            yield shop

    def settings(self, far_side: Shop) -> dict[str, Any]:
        incremental = {"cursor_field": "updated_at", "start_parameter": "since"}
        return {"service": "shop", "streams": {"orders": {**STREAM, "incremental": incremental}}}


class TestWhole(SourceSuite):
    records = 1500

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Shop]:
        async with Shop(500) as shop:
            yield shop

    def settings(self, far_side: Shop) -> dict[str, Any]:
        return {"service": "shop", "streams": {"orders": {**STREAM, "deletes": True}}}


class Customers(HttpFarSide):
    """An API that knows customer 7, and tells nobody of 403."""

    async def answer(self, request: web.Request) -> web.Response:
        number = request.path.rpartition("/")[2]
        if number == "403":
            return web.json_response({"message": "no"}, status=403)
        if number != "7":
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response({"customer": {"id": 7, "name": "Ada"}})


class TestLookup(LookupSuite[Customers]):
    connector = connector
    rejected = {"no path below": {"path": "https://elsewhere.example/"}, "a hole of nothing": {"path": "/customers/{"}}
    exempt = {"every_vendor_exception_is_a_signal": "it asks through a `Service` alone, whose errors are signals"}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[Customers]:
        async with Customers() as customers:
            yield customers

    def settings(self, far_side: Customers) -> dict[str, Any]:
        return {"service": "crm", "path": "/customers/{key}", "record": "customer"}

    def services(self, far_side: Customers) -> dict[str, dict[str, Any]]:
        return {"crm": reached(far_side)}

    def keys(self) -> list[tuple[Any, Any]]:
        return [(7, {"id": 7, "name": "Ada"}), (99, None)]

    def refused_key(self) -> Any:
        return 403
