"""Sinks, what they write, and the server that they write to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.http.config import HttpConfig
from connectors.http.sink import HttpSink
from connectors.http.tests.server import DeliveryFactory, ScriptedServer, SinkFactory
from hub.sdk import Delivery, Event, UnitContext


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def sink(server: ScriptedServer) -> AsyncIterator[SinkFactory]:
    """Makes sinks that write to the server; closes them at the end."""
    made: list[HttpSink] = []

    def make(**config: object) -> HttpSink:
        config.setdefault("url", f"{server.url}/events")
        each = HttpSink(HttpConfig.model_validate(config), UnitContext(name="announce", deployment="test"))
        made.append(each)
        return each

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def deliveries() -> DeliveryFactory:
    """Makes deliveries of numbered events."""

    def make(count: int = 1, **event: object) -> list[Delivery]:
        defaults: dict[str, object] = {"type": "test.happened", "source": "/test", "time": "2026-11-20T10:02:11Z"}
        return [
            Delivery(Event(**{**defaults, "id": f"e{n}", "data": {"n": n}, **event}), f"key-{n}") for n in range(count)
        ]

    return make
