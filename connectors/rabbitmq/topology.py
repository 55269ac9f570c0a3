"""Exchanges, queues and bindings: looked for or declared when a sink or source opens, and again if they get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiormq.exceptions as amqp
from aio_pika.abc import AbstractChannel, AbstractConnection

from connectors.rabbitmq.config import Exchange, Queue, RabbitMQConfig
from connectors.rabbitmq.consumption import Binding, DeadLetter, SourceQueue

_Declare = Callable[[AbstractChannel, bool], Coroutine[Any, Any, object]]


async def declare(connection: AbstractConnection, config: RabbitMQConfig) -> None:
    """Makes sure that everything is there, and raises aio-pika's exceptions where it can't be."""
    if config.exchange is not None:
        await _have(connection, config.exchange, _exchange(config.exchange))
    if config.queue is not None:
        await _have(connection, config.queue, _queue(config.queue))
        if config.exchange is not None:
            await _bind(connection, config.exchange, config.queue)


async def declare_queue(connection: AbstractConnection, queue: SourceQueue) -> None:
    """Makes sure that a source's queue is there with its bindings; raises aio-pika's exceptions where it can't be.

    What dead letters need comes first: a queue names an exchange that need not exist, and loses them without it.
    """
    if queue.dead_letter is not None:
        await _have_dead_letters(connection, queue.dead_letter)
    await _have(connection, queue, _declaration(queue))
    for binding in queue.bind:
        await _have(connection, binding.exchange, _exchange(binding.exchange))
        await _bind_to(connection, binding, queue.name)


async def _have_dead_letters(connection: AbstractConnection, wanted: DeadLetter) -> None:
    if wanted.exchange is not None:
        await _have(connection, wanted.exchange, _exchange(wanted.exchange))
    if wanted.queue is not None:
        queue = Queue(name=wanted.queue, if_missing=True)
        await _have(connection, queue, _queue(queue))
        if wanted.exchange is not None:
            await _bind_to(connection, Binding(exchange=wanted.exchange, keys=wanted.binding_keys), wanted.queue)


async def _bind_to(connection: AbstractConnection, binding: Binding, queue: str) -> None:
    async with _channel(connection) as channel:
        bound = await channel.get_queue(queue, ensure=False)
        for key in binding.keys or [""]:
            await bound.bind(binding.exchange.name, key, arguments=binding.arguments)


def _declaration(wanted: SourceQueue) -> _Declare:
    return lambda channel, passive: channel.declare_queue(
        wanted.name, durable=wanted.durable, passive=passive, arguments=wanted.declared
    )


async def _have(connection: AbstractConnection, wanted: Exchange | Queue | SourceQueue, declare_: _Declare) -> None:
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
