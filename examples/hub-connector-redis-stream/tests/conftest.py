"""A real Redis, and the connector's source and sink on it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hub.sdk import Delivery, Event, UnitContext
from hub.testing.servers import redis_server
from redis import exceptions
from redis.asyncio import Redis

from hub_connector_redis_stream import connector
from hub_connector_redis_stream.sink import Adding
from hub_connector_redis_stream.source import Entries


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def url() -> AsyncIterator[str]:
    """Of a running Redis, shared by all tests."""
    async with redis_server() as server:
        yield server.url


@pytest.fixture
def stream() -> str:
    """A stream that no other test uses."""
    return f"stream-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Redis]:
    """A client of the test's own."""
    async with Redis.from_url(url, protocol=2) as client:
        yield client


def source(url: str, stream: str, **settings: Any) -> Entries:
    """A source as the engine makes it."""
    settings = {"url": url, "stream": stream, "wait": "10ms", "timeout": "300ms", **settings}
    return Entries(Entries.config_type().model_validate(settings), UnitContext("orders"))


def sink(url: str, stream: str, **settings: Any) -> Adding:
    """A sink as the engine makes it."""
    assert connector.sinks[""] is Adding
    settings = {"url": url, "stream": stream, "fields": {"text": "hello"}, "timeout": "300ms", **settings}
    return Adding(Adding.config_type().model_validate(settings), UnitContext("shipments"))


def deliveries(count: int) -> list[Delivery]:
    """Events on their way to the sink."""
    made = [
        Event(type="order.accepted", source="/tests", id=f"e{number}", data={"n": number}) for number in range(count)
    ]
    return [Delivery(event, f"shipments/{event.id}") for event in made]


def exception(kind: type[BaseException]) -> BaseException:
    """One of redis-py's exceptions, as it makes them."""
    moved = issubclass(kind, (exceptions.AskError, exceptions.MovedError))
    return kind("1 127.0.0.1:1" if moved else "words")
