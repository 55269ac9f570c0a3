"""Sinks, what they write, and who reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.rabbitmq.config import RabbitMQConfig
from connectors.rabbitmq.consumption import RabbitMQSourceConfig
from connectors.rabbitmq.sink import RabbitMQSink
from connectors.rabbitmq.source import RabbitMQSource
from connectors.rabbitmq.tests.broker import Broker, DeliveryFactory, Peer, SinkFactory, SourceFactory
from hub.sdk import Delivery, Event, UnitContext


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    server = Broker()
    try:
        asyncio.run(server.start())
        yield server
    finally:
        server.close()


@pytest.fixture
def peer(rabbitmq: str) -> Peer:
    return Peer(rabbitmq)


@pytest.fixture
async def sink(rabbitmq: str) -> AsyncIterator[SinkFactory]:
    """Makes sinks; closes them at the end."""
    made: list[RabbitMQSink] = []

    def make(**config: object) -> RabbitMQSink:
        config.setdefault("url", rabbitmq)
        each = RabbitMQSink(RabbitMQConfig.model_validate(config), UnitContext(name="tasks", deployment="test"))
        made.append(each)
        return each

    yield make
    for each in made:
        await each.close()


@pytest.fixture
async def source(rabbitmq: str) -> AsyncIterator[SourceFactory]:
    """Makes sources; closes them at the end."""
    made: list[RabbitMQSource] = []

    def make(**config: object) -> RabbitMQSource:
        config.setdefault("url", rabbitmq)
        settings = RabbitMQSourceConfig.model_validate(config)
        each = RabbitMQSource(settings, UnitContext(name="orders", deployment="test"))
        made.append(each)
        return each

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def deliveries() -> DeliveryFactory:
    """Makes deliveries of events numbered from ``first``."""

    def make(count: int = 1, first: int = 0, **event: object) -> list[Delivery]:
        event.setdefault("type", "test.happened")
        return [
            Delivery(
                Event(
                    **{
                        "source": "/test",
                        "id": f"e{n}",
                        "data": {"n": n},
                        "time": "2026-11-20T10:02:11.5Z",
                        "partitionkey": str(n),
                        **event,
                    }
                ),
                f"tasks/e{n}",
            )
            for n in range(first, first + count)
        ]

    return make
