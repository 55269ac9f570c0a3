"""A RabbitMQ that tests may kill and set, and a client beside the sink that looks at what arrived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aio_pika
import yarl
from aio_pika.abc import AbstractIncomingMessage, AbstractMessage

from connectors.rabbitmq.sink import RabbitMQSink
from connectors.rabbitmq.source import RabbitMQSource
from hub.process import free_ports
from hub.sdk import Delivery
from hub.testing.certificates import AUTHORITY, SERVER
from hub.testing.rabbitmq import PrivateRabbitMQ

SinkFactory = Callable[..., RabbitMQSink]
SourceFactory = Callable[..., RabbitMQSource]
DeliveryFactory = Callable[..., list[Delivery]]


class Broker(PrivateRabbitMQ):
    """A server of our own that tests may kill and set."""

    async def remember_queues(self) -> None:
        """Puts on disk which quorum queues there are.

        RabbitMQ 3.10 does so every few seconds only: one that is killed sooner after it created a quorum queue comes
        back without its messages, confirmed or not, and the queue takes no more.
        """
        await self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")

    @asynccontextmanager
    async def memory_alarm(self) -> AsyncIterator[None]:
        """Lets it believe that it is out of memory."""
        await self.control("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            yield
        finally:
            await self.control("set_vm_memory_high_watermark", "0.4")

    async def listen_with_tls(self) -> str:
        """Opens a port for TLS, with a certificate of the test authority, and gives its URL."""
        (port,) = free_ports(1)
        files = f'[{{cacertfile, "{AUTHORITY}"}}, {{certfile, "{SERVER}"}}, {{keyfile, "{SERVER}"}}]'
        await self.control(
            "eval", f'ssl:start(), rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}}}, {files}, 1).'
        )
        return self.url.replace("amqp://", "amqps://").replace(f":{self.port}/", f":{port}/")

    @property
    def port(self) -> int:
        """Port without TLS."""
        return yarl.URL(self.url).port or 0

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Stops its process, which keeps its connections and answers nothing."""
        assert self._server is not None
        self._server.suspend()
        try:
            yield
        finally:
            self._server.resume()

    async def user(self, name: str, *, write: str) -> str:
        """The URL for a new user who may write only to what matches."""
        await self.control("add_user", name, "secret")
        await self.control("set_permissions", name, ".*", write, ".*")
        return self.url.replace("guest:guest", f"{name}:secret")


class Peer:
    """A client beside the sink. It connects for each call, because tests restart the broker."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def declare(self, name: str, **options: object) -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            await channel.declare_queue(name, **options)

    async def bind(self, queue: str, exchange: str, key: str = "#") -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            await (await channel.get_queue(queue)).bind(exchange, key)

    async def exchange(self, name: str, type_: str = "topic", **options: object) -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            await channel.declare_exchange(name, type_, **options)

    async def delete(self, *, queue: str | None = None, exchange: str | None = None) -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            if queue is not None:
                await channel.queue_delete(queue)
            if exchange is not None:
                await channel.exchange_delete(exchange)

    async def take(self, queue: str) -> list[AbstractIncomingMessage]:
        """All messages of a queue, in order; they are gone from it."""
        messages = []
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            taken = await channel.get_queue(queue)
            while (message := await taken.get(fail=False, no_ack=True)) is not None:
                messages.append(message)
        return messages

    async def send(self, queue: str, *messages: bytes | AbstractMessage) -> None:
        """Puts messages into a queue, confirmed."""
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            for each in messages:
                message = aio_pika.Message(each, delivery_mode=2) if isinstance(each, bytes) else each
                await channel.default_exchange.publish(message, queue)

    async def publish(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        """Publishes to an exchange; what no queue takes is dropped."""
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            target = await channel.get_exchange(exchange, ensure=False)
            await target.publish(aio_pika.Message(body, **properties), key, mandatory=False)

    async def ready(self, queue: str) -> int:
        """How many messages of a queue nobody holds."""
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            found = await channel.declare_queue(queue, passive=True)
            return found.declaration_result.message_count or 0
