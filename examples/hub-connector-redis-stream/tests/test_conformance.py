"""What every source and sink must keep to, whatever its system: the hub's suites, on a real Redis behind a proxy."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from hub.sdk import Delivery, Event, Signal
from hub.testing.conformance import PollingSourceSuite, SinkSuite, TcpFarSide
from redis import exceptions
from redis.asyncio import Redis

from hub_connector_redis_stream import connector, errors
from tests.conftest import exception

PASSWORD = "canary-4711-redis"
NO_HTTP = dict.fromkeys(
    ("throttled", "throttled_until", "error", "unavailable", "malformed", "login_page", "alien"),
    "Redis has no such answer; what it refuses with is tested with a real one",
)


class Stream(TcpFarSide):
    """One stream, which a client beside the unit fills and reads; units sign in with a password."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        super().__init__(str(address.hostname), address.port or 6379)
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.count = 0
        self._client = Redis.from_url(url, protocol=2)

    async def start(self) -> None:
        await super().start()
        await self._client.acl_setuser(
            "conforming", enabled=True, passwords=[f"+{PASSWORD}"], categories=["+@all"], keys=["*"]
        )

    async def stop(self) -> None:
        await self._client.aclose()
        await super().stop()

    @property
    def url(self) -> str:
        scheme = "rediss" if self.secure else "redis"
        return f"{scheme}://conforming:{PASSWORD}@127.0.0.1:{self.port}/0"

    async def add(self, count: int) -> Sequence[str]:
        added = []
        for _ in range(count):
            added.append(f"n{self.count}")
            await self._client.xadd(self.name, {"n": added[-1]})
            self.count += 1
        return added

    async def received(self) -> Sequence[str]:
        return [fields[b"key"].decode() for _, fields in await self._client.xrange(self.name)]

    @asynccontextmanager
    async def refusing(self, identity: str) -> AsyncIterator[None]:
        raise NotImplementedError(f"a stream takes all entries, {identity} too")
        yield

    def settings(self) -> dict[str, Any]:
        """Of a unit that reaches it."""
        secure = {"ca_file": self.tls["ca_file"]} if self.secure else {}
        return {"url": self.url, "stream": self.name, "timeout": self.patience, **secure}


@pytest.fixture
async def far_side(url: str) -> AsyncIterator[Stream]:
    """A stream of its own."""
    async with Stream(url) as stream:
        yield stream


class TestEntries(PollingSourceSuite[Stream]):
    """`use: redis_stream` as a source."""

    connector = connector
    vendor = (exceptions,)
    rejected = {
        "a URL of something else": {"url": "http://127.0.0.1"},
        "no stream": {"stream": ""},
        "no wait": {"wait": "0s"},
        "no entries": {"count": 0},
    }
    exempt = NO_HTTP

    def settings(self, far_side: Stream) -> dict[str, Any]:
        return {**far_side.settings(), "wait": "10ms", "count": 7}

    def identity(self, event: Event) -> str:
        return str(event.data["n"])

    def signal(self, error: BaseException) -> Signal:
        return errors.signal(error, "Redis")

    def example(self, kind: type[BaseException]) -> BaseException:
        return exception(kind)


class TestAdding(SinkSuite[Stream]):
    """`use: redis_stream` as a sink."""

    connector = connector
    vendor = (exceptions,)
    rejected = {"fields that are none": {"fields": "text"}, "an empty stream": {"max_length": 0}}
    exempt = NO_HTTP | {"a_refused_delivery_fails_alone": "a stream takes all entries, or none"}

    def settings(self, far_side: Stream) -> dict[str, Any]:
        return {**far_side.settings(), "fields": {"key": "= event.id"}}

    def identity(self, delivery: Delivery) -> str:
        return delivery.event.id

    def signal(self, error: BaseException) -> Signal:
        return errors.signal(error, "Redis")

    def example(self, kind: type[BaseException]) -> BaseException:
        return exception(kind)
