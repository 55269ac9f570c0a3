"""Pytest fixtures for the hub's own tests and for authors of connectors.

pytest_plugins = ["hub.testing.fixtures"]       # in your conftest.py
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.kafka.settings import KafkaSettings
from hub.testing.octokit import webhook_payloads
from hub.testing.servers import kafka_server, rabbitmq_server, redis_server, registry_server

pytest_plugins = ["hub.testing.conformance.plugin"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka() -> AsyncIterator[KafkaSettings]:
    """Settings of a running Kafka, shared by the whole session: use names of your own (`unique`)."""
    async with kafka_server() as server:
        yield KafkaSettings.plain(server.url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rabbitmq() -> AsyncIterator[str]:
    """AMQP URL of a running RabbitMQ, shared by the whole session: use names of your own (`unique`)."""
    async with rabbitmq_server() as server:
        yield server.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis() -> AsyncIterator[str]:
    """URL of a running Redis, shared by the whole session: use names of your own (`unique`)."""
    async with redis_server() as server:
        yield server.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def schema_registry() -> AsyncIterator[str]:
    """Base URL of a running schema registry, shared by the whole session: use names of your own (`unique`)."""
    async with registry_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def payloads() -> list[tuple[str, bytes]]:
    """The 329 real webhook payloads of GitHub, as (event type, body)."""
    return webhook_payloads()


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, valid as a deployment, topic, group, exchange or queue."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{words}-{uuid.uuid4().hex[:8]}"
