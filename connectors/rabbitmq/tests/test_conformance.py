"""The conformance suites, on a real RabbitMQ behind a proxy that goes wrong for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aio_pika.exceptions
import aiormq.exceptions
import pamqp.exceptions
import pytest
import yarl

from connectors.rabbitmq import connector, errors
from connectors.rabbitmq.tests import test_errors
from connectors.rabbitmq.tests.broker import Broker, Peer
from hub.sdk import Signal
from hub.testing.conformance import ConsumingSourceSuite, SinkSuite, TcpFarSide

PASSWORD = "canary-4711-rabbit"
VENDOR = (aiormq.exceptions, aio_pika.exceptions, pamqp.exceptions)
NO_HTTP = dict.fromkeys(
    ("throttled", "throttled_until", "error", "unavailable", "malformed", "login_page", "alien"),
    "AMQP has no such answer; what a broker refuses with is tested with a real one",
)


@pytest.fixture(scope="module")
def address(broker: Broker) -> str:
    """A broker, as a user with a password that would be noticed."""

    async def made() -> str:
        await broker.control("add_user", "conforming", PASSWORD)
        await broker.control("set_permissions", "conforming", ".*", ".*", ".*")
        return str(yarl.URL(broker.url).with_user("conforming").with_password(PASSWORD))

    return asyncio.run(made())


class Queue(TcpFarSide):
    """One queue of the broker, which a client beside the unit fills and empties."""

    def __init__(self, url: str, name: str) -> None:
        self.direct = yarl.URL(url)
        super().__init__("127.0.0.1", self.direct.port or 5672)
        self.peer = Peer(url)
        self.name = name
        self.taken: list[str] = []
        self.sent = 0

    async def start(self) -> None:
        await super().start()
        await self.peer.declare(self.name, durable=True, arguments={"x-queue-type": "quorum"})
        await self.peer.exchange(self.name)
        await self.peer.bind(self.name, self.name)

    @property
    def url(self) -> str:
        return str(self.direct.with_scheme("amqps" if self.secure else "amqp").with_port(self.port))

    async def add(self, count: int) -> list[str]:
        added = [f"m{number}" for number in range(self.sent, self.sent + count)]
        self.sent += count
        async with await aio_pika.connect(str(self.direct)) as connection, connection.channel() as channel:
            for each in added:
                message = aio_pika.Message(
                    b'{"n": 1}', message_id=each, content_type="application/json", delivery_mode=2
                )
                await channel.default_exchange.publish(message, self.name)
        return added

    async def received(self) -> Sequence[str]:
        self.taken += [each.message_id or "" for each in await self.peer.take(self.name)]
        return self.taken

    @asynccontextmanager
    async def refusing(self, identity: str) -> AsyncIterator[None]:
        """Has a binding for each message but this one, in place of one for all."""
        keys = {f"e{number}" for number in range(TestSink.count)} - {identity.rpartition("/")[2]}
        async with await aio_pika.connect(str(self.direct)) as connection, connection.channel() as channel:
            queue = await channel.get_queue(self.name)
            for key in sorted(keys):
                await queue.bind(self.name, key)
            await queue.unbind(self.name, "#")
        yield


class TestSink(SinkSuite[Queue]):
    connector = connector
    vendor = VENDOR
    exempt = NO_HTTP
    rejected = {
        "no address": {"url": "rabbit"},
        "another scheme": {"url": "http://guest:canary-secret@localhost"},
        "no number": {"priority": 300},
        "nowhere to go": {"exchange": None, "routing_key": None},
    }

    @pytest.fixture
    async def far_side(self, address: str, unique: str) -> AsyncIterator[Queue]:
        async with Queue(address, unique) as queue:
            yield queue

    def settings(self, far_side: Queue) -> dict[str, Any]:
        return {
            "url": far_side.url,
            "exchange": {"name": far_side.name, "passive": True},
            "routing_key": "= event.id",
            "timeout": far_side.patience,
            "connect_timeout": far_side.patience,
            "tls": far_side.tls,
        }

    def signal(self, error: BaseException) -> Signal:
        errors.at_open(error)
        return test_errors.at_publish(error)

    def example(self, kind: type[BaseException]) -> BaseException:
        return test_errors.example(kind)


class TestSource(ConsumingSourceSuite[Queue]):
    connector = connector
    vendor = VENDOR
    exempt = NO_HTTP
    rejected = {
        "no address": {"url": "rabbit"},
        "no queue": {"queue": None},
        "nothing to hold": {"prefetch": 0},
    }

    @pytest.fixture
    async def far_side(self, address: str, unique: str) -> AsyncIterator[Queue]:
        async with Queue(address, unique) as queue:
            yield queue

    def settings(self, far_side: Queue) -> dict[str, Any]:
        return {
            "url": far_side.url,
            "queue": {"name": far_side.name, "passive": True},
            "prefetch": self.most,
            "connect_timeout": far_side.patience,
            "tls": far_side.tls,
        }

    async def send_unreadable(self, far_side: Queue) -> bytes:
        async with await aio_pika.connect(str(far_side.direct)) as connection, connection.channel() as channel:
            message = aio_pika.Message(
                b"{", message_id="bad", content_type="application/cloudevents+json", delivery_mode=2
            )
            await channel.default_exchange.publish(message, far_side.name)
        return b"{"

    def signal(self, error: BaseException) -> Signal:
        errors.at_open(error)
        return errors.at_consume(error)

    def example(self, kind: type[BaseException]) -> BaseException:
        return test_errors.example(kind)
