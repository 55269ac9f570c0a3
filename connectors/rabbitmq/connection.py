"""One connection to RabbitMQ with one channel that publishes; both are replaced where the broker closes them.

It is no "robust" connection of aio-pika: the engine owns reconnecting, and messages that were under way when a
connection broke are written again by it, not by chance.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aio_pika
import aiormq
import aiormq.exceptions as amqp
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aiormq.abc import ChannelFrame, ExceptionType
from aiormq.connection import TCPTransportFactory, TLSTransportFactory
from pydantic import SecretStr
from yarl import URL

from connectors.rabbitmq import topology
from connectors.rabbitmq.config import RabbitMQConfig
from connectors.rabbitmq.confirms import Confirms
from connectors.rabbitmq.frames import Message, published
from hub.sdk import TLS

CLOSE_LIMIT = 5
"""Seconds for an orderly good-bye; a broker in a memory alarm doesn't read it, and aiormq waits two."""


async def connect(url: SecretStr, tls: TLS, name: str) -> AbstractConnection:
    """A connection; raises aio-pika's exceptions as they come, and leaves none behind then.

    Args:
        url: of the broker.
        tls: for ``amqps://``.
        name: what the broker's administrators see.
    """
    address = url.get_secret_value()
    return await aio_pika.connect(
        address,
        ssl_context=tls.context() if address.startswith("amqps:") else None,
        client_properties={"connection_name": name},
        connection_class=_Connection,
    )


class _Connection(aio_pika.Connection):
    """One whose socket is gone once it was closed, or connecting failed or was cancelled.

    aio-pika forgets a connection that is cancelled just when it has been made, which then stays open for ever; and
    aiormq waits for the end of TLS as long as Python does, half a minute, of a broker that says nothing.
    """

    _transport: _Transport | None = None

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  aio-pika's own
        """Connects, or leaves nothing."""
        self._transport = self.kwargs["transport_factory"] = _Transport(secure=self.url.scheme == "amqps")
        connecting = asyncio.create_task(super().connect(timeout), name="rabbitmq connect")
        try:
            await asyncio.shield(connecting)
        except BaseException:
            self._transport.abort()
            connecting.cancel()
            await asyncio.wait({connecting})
            raise

    async def close(self, exc: ExceptionType | None = amqp.ConnectionClosed) -> None:
        """Says good-bye, and leaves nothing where that is cut short."""
        try:
            await super().close(exc)
        finally:
            if self._transport is not None:
                self._transport.abort()


class _Transport(aiormq.TransportFactory):
    """Makes the socket, and knows it."""

    def __init__(self, *, secure: bool) -> None:
        self._factory = TLSTransportFactory() if secure else TCPTransportFactory()
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As aiormq does."""
        reader, self._writer = await self._factory.create(url, **options)
        return reader, self._writer

    def abort(self) -> None:
        """Closes it without a good-bye. What aiormq has begun on it ends by that."""
        if self._writer is not None:
            self._writer.transport.abort()


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
            self._connection = await connect(self._config.url, self._config.tls, self._name)
            await topology.declare(self._connection, self._config)
            await self._open_channel(self._connection)
            await self._probe()

    async def close(self) -> None:
        """Says good-bye where anybody listens. Messages that aren't confirmed by then may or may not arrive."""
        connection, self._connection, self._channel, self._exchange = self._connection, None, None, None
        if connection is None:
            return
        with suppress(Exception):  # whatever it is, the connection is gone
            async with asyncio.timeout(CLOSE_LIMIT):
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

    async def publish(self, outgoing: Sequence[tuple[Message, str]]) -> dict[int, BaseException]:
        """Publishes messages at once, and returns when the broker has answered to each.

        Not through aio-pika: there each message takes a task, a timeout and two futures.

        Args:
            outgoing: messages and their routing keys; no message id comes twice.

        Returns:
            By index, why the broker has not confirmed that it keeps a message.
        """
        used = self._channel
        if used is None or self._exchange is None or used.is_closed:
            return dict.fromkeys(range(len(outgoing)), amqp.ChannelInvalidStateError("the channel is closed"))
        try:
            async with asyncio.timeout(self._timeout):
                channel = await used.get_underlay_channel()
                assert isinstance(channel, aiormq.Channel)
                confirms = Confirms(channel, [message.message_id for message, _ in outgoing])
                try:
                    await self._send(channel, outgoing, confirms)
                except Exception as error:  # noqa: BLE001  `errors` knows it; nothing has gone out
                    return dict.fromkeys(range(len(outgoing)), error)
                await asyncio.wait([confirms.complete])
        except TimeoutError as error:
            self._abandon(used)
            return confirms.errors(error)
        except BaseException:
            self._abandon(used)
            raise
        return confirms.errors(_failure(confirms.complete))

    async def _send(self, channel: aiormq.Channel, outgoing: Sequence[tuple[Message, str]], confirms: Confirms) -> None:
        """Hands all of it to the connection's writer in one piece, which doesn't wait for it to have left."""
        assert self._exchange is not None
        payload = published(
            outgoing,
            channel=channel.number,
            exchange=self._exchange.name,
            mandatory=self._config.mandatory,
            frame_max=channel.connection.connection_tune.frame_max,
        )
        async with channel.lock:
            confirms.expect()
            try:
                await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
            except BaseException:
                confirms.withdraw()
                raise

    def _abandon(self, channel: AbstractChannel) -> None:
        """Answers may still come, and must not be taken for those to the next attempts, which have the same ids."""
        if self._channel is channel:
            self._channel = self._exchange = None

    @property
    def _lost(self) -> bool:
        transport = None if self._connection is None else self._connection.transport
        return transport is None or transport.connection.is_closed

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


def _failure(complete: asyncio.Future[object]) -> BaseException | None:
    """Why answers will not come any more; None where all have."""
    return asyncio.CancelledError() if complete.cancelled() else complete.exception()
