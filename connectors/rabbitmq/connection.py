"""One connection to RabbitMQ with one channel that publishes; both are replaced where the broker closes them.

It is no "robust" connection of aio-pika: the engine owns reconnecting, and messages that were under way when a
connection broke are written again by it, not by chance.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress

import aio_pika
import aiormq.exceptions as amqp
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractMessage

from connectors.rabbitmq import topology
from connectors.rabbitmq.config import RabbitMQConfig

# Seconds for an orderly good-bye; a broker in a memory alarm doesn't read it, and aiormq waits two.
_CLOSE_LIMIT = 5


class PublishingConnection:
    """A connection with its exchange, ready to publish.

    All methods raise aio-pika's exceptions as they come: `errors` gives them a meaning.

    Args:
        config: of the sink.
        name: what the broker's administrators see.
    """

    def __init__(self, config: RabbitMQConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._timeout = config.timeout.total_seconds()
        self._making_ready = asyncio.Lock()

    async def open(self) -> None:
        """Connects, declares, and makes sure that the broker takes messages now."""
        await self.close()
        async with asyncio.timeout(self._config.connect_timeout.total_seconds()):
            self._connection = await self._connect()
            await topology.declare(self._connection, self._config)
            await self._open_channel(self._connection)
            await self._probe()

    async def close(self) -> None:
        """Says good-bye where anybody listens. Messages that aren't confirmed by then may or may not arrive."""
        connection, self._connection, self._channel, self._exchange = self._connection, None, None, None
        if connection is None:
            return
        with suppress(Exception):  # whatever it is, the connection is gone
            async with asyncio.timeout(_CLOSE_LIMIT):
                await connection.close()

    async def ready(self) -> None:
        """Makes sure of an open channel, on a new connection if need be, to a broker that doesn't hold us back.

        Of several that ask at once, one does it.
        """
        async with self._making_ready:
            if self._connection is None or self._connection.transport is None or self._lost:
                await self.open()
            connection = self._connection
            if connection is None or connection.transport is None:
                raise amqp.ConnectionClosed(0, "the connection is closed")
            async with asyncio.timeout(self._timeout):
                await connection.transport.ready()  # waits as long as an alarm blocks the connection
                if self._channel is None or self._channel.is_closed:
                    await self._open_channel(connection)

    async def declare(self) -> None:
        """Declares exchange, queue and bindings again, as configured."""
        if self._connection is None:
            raise amqp.ConnectionClosed(0, "the connection is closed")
        async with asyncio.timeout(self._config.connect_timeout.total_seconds()):
            await topology.declare(self._connection, self._config)

    async def publish(self, message: AbstractMessage, routing_key: str) -> None:
        """Publishes, and returns once the broker has confirmed that it keeps the message."""
        if self._exchange is None or self._channel is None or self._channel.is_closed:
            raise amqp.ChannelInvalidStateError("the channel is closed")
        # Not through aio-pika's exchange: that lets a message go only once the one before it has left the process.
        channel = await self._channel.get_underlay_channel()
        try:
            await channel.basic_publish(
                message.body,
                exchange=self._exchange.name,
                routing_key=routing_key,
                properties=message.properties,
                mandatory=self._config.mandatory,
                timeout=self._timeout,
                wait=False,
            )
        except TimeoutError:
            # Its answer may still come, and must not be taken for that to the next attempt, which has the same id.
            self._channel = self._exchange = None
            raise

    @property
    def _lost(self) -> bool:
        transport = None if self._connection is None else self._connection.transport
        return transport is None or transport.connection.is_closed

    async def _connect(self) -> AbstractConnection:
        url = self._config.url.get_secret_value()
        return await aio_pika.connect(
            url,
            ssl_context=self._config.tls.context() if url.startswith("amqps:") else None,
            client_properties={"connection_name": self._name},
        )

    async def _open_channel(self, connection: AbstractConnection) -> None:
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.initialize()
        wanted = self._config.exchange
        self._exchange = await channel.get_exchange(wanted.name, ensure=False) if wanted else channel.default_exchange
        self._channel = channel

    async def _probe(self) -> None:
        """Publishes twice what no queue takes, and waits for the confirmations.

        A broker in a memory or disk alarm lets us in, takes one publish, and reads nothing more of the connection until
        the alarm is over; then it reads what it was sent, even on connections closed since. So without the probe each
        attempt during an alarm would leave another copy of every message.
        """
        assert self._channel is not None
        nowhere = f"hub.probe.{uuid.uuid4().hex}"
        # Without permission for the default exchange we aren't held back either, and `ready` opens another channel.
        with suppress(amqp.ChannelAccessRefused):
            for _ in range(2):
                await self._channel.default_exchange.publish(aio_pika.Message(b""), nowhere, mandatory=False)
