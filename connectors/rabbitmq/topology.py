"""The exchange, queue and bindings of a sink: looked for or declared when it opens, and again if they get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiormq.exceptions as amqp
from aio_pika.abc import AbstractChannel, AbstractConnection

from connectors.rabbitmq.config import Exchange, Queue, RabbitMQConfig

_Declare = Callable[[AbstractChannel, bool], Coroutine[Any, Any, object]]


async def declare(connection: AbstractConnection, config: RabbitMQConfig) -> None:
    """Makes sure that everything is there, and raises aio-pika's exceptions where it can't be."""
    if config.exchange is not None:
        await _have(connection, config.exchange, _exchange(config.exchange))
    if config.queue is not None:
        await _have(connection, config.queue, _queue(config.queue))
        if config.exchange is not None:
            await _bind(connection, config.exchange, config.queue)


async def _have(connection: AbstractConnection, wanted: Exchange | Queue, declare_: _Declare) -> None:
    """Each attempt has a channel of its own, since a refusal closes it."""
    if wanted.if_missing and not wanted.passive:
        try:
            async with _channel(connection) as channel:
                await declare_(channel, True)  # noqa: FBT003  passive
        except amqp.ChannelNotFoundEntity:
            pass
        else:
            return
    async with _channel(connection) as channel:
        await declare_(channel, wanted.passive)


def _exchange(wanted: Exchange) -> _Declare:
    return lambda channel, passive: channel.declare_exchange(
        wanted.name, wanted.type, durable=wanted.durable, passive=passive, arguments=wanted.arguments
    )


def _queue(wanted: Queue) -> _Declare:
    return lambda channel, passive: channel.declare_queue(
        wanted.name,
        durable=wanted.durable,
        passive=passive,
        arguments={"x-queue-type": wanted.type, **wanted.arguments},
    )


async def _bind(connection: AbstractConnection, exchange: Exchange, queue: Queue) -> None:
    keys = queue.bind if queue.bind is not None else [] if queue.passive else ["#"]
    async with _channel(connection) as channel:
        bound = await channel.get_queue(queue.name, ensure=False)
        for key in keys:
            await bound.bind(exchange.name, key)


@asynccontextmanager
async def _channel(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    """A channel that is closed in order only after success: a broker that hangs wouldn't answer for a minute."""
    channel = connection.channel()
    await channel.initialize()
    yield channel
    await channel.close()
