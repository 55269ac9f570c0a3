"""The RabbitMQ source: consumes a queue, and acknowledges what is safe on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from connectors.rabbitmq import errors
from connectors.rabbitmq.config import place
from connectors.rabbitmq.consumer import Consumer
from connectors.rabbitmq.consumption import RabbitMQSourceConfig
from connectors.rabbitmq.incoming import Incoming
from hub.sdk import ConsumingSource, Received, UnitContext
from hub.sdk.config import has_expression

MESSAGE = "rabbitmq.message"
"""Event type of messages, where nobody says another."""


class RabbitMQSource(ConsumingSource[RabbitMQSourceConfig]):
    """Takes messages from a queue: manually acknowledged, once they are safe.

    At least once; what has a message id, and comes again because of a crash, is stored once. The ``partitionkey`` of
    events is that of the CloudEvent, or what ``key`` says.
    """

    events: ClassVar[Mapping[str, str | None]] = {MESSAGE: None}

    def __init__(self, config: RabbitMQSourceConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._consumer = Consumer(config, f"{context.deployment}.{context.name}")
        self._incoming = Incoming(config, self.declared, f"/{context.deployment}/{context.name}")

    @classmethod
    def event_types(cls, settings: Mapping[str, Any]) -> Mapping[str, str | None]:
        """`type`, where it is no expression, and `types`; one for all if there is neither."""
        listed = settings.get("types")
        given = [settings.get("type"), *(listed if isinstance(listed, list) else [])]
        named = [each for each in given if isinstance(each, str) and each and not has_expression(each)]
        return dict.fromkeys(named) if named else cls.events

    @cached_property
    def declared(self) -> Mapping[str, str | None]:
        """The event types that its settings name."""
        fixed = self.config.type.source if self.config.type is not None and self.config.type.constant else None
        return self.event_types({"type": fixed, "types": list(self.config.types)})

    @property
    def far_side(self) -> str:
        """The queue, and host, port and vhost; never the user."""
        return f"queue {self.config.queue.name} at {place(self.config.url)}"

    @property
    def rejects(self) -> bool:
        """Whether the queue's own dead letter exchange gets what can't be taken."""
        return self.config.poison == "reject"

    @property
    def connected(self) -> bool:
        """Whether the channel is open through which messages are acknowledged."""
        return self._consumer.connected

    async def open(self) -> None:
        """Connects, declares and consumes.

        Raises:
            NotConnected: the broker isn't there.
            Permanent: it refuses our credentials, or what there is differs from what is configured.
        """
        try:
            await self._consumer.open()
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            await self._consumer.close()
            raise errors.at_open(error) from error

    async def close(self) -> None:
        """Closes the connection; what isn't acknowledged goes back to the queue."""
        await self._consumer.close()

    async def receive(self, most: int) -> Sequence[Received]:
        """Waits for messages.

        Raises:
            NotConnected: the connection, the channel or the queue is gone.
            Permanent: the queue is a stream.
        """
        try:
            taken = await self._consumer.take(most)
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            raise errors.at_consume(error) from error
        return [self._incoming.received(each) for each in taken]

    async def halt(self) -> Sequence[Received]:
        """Cancels the consumer, and gives what came before that.

        Raises:
            NotConnected: the connection is gone.
        """
        try:
            left = await self._consumer.halt()
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            raise errors.at_consume(error) from error
        return [self._incoming.received(each) for each in left]

    async def acknowledge(self, handles: Sequence[Any]) -> None:
        """Has the broker forget messages.

        Raises:
            NotConnected: the connection is gone, and they come again.
        """
        try:
            await self._consumer.acknowledge(handles)
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            raise errors.at_consume(error) from error

    async def reject(self, handles: Sequence[Any]) -> None:
        """Has the broker put messages aside.

        Raises:
            NotConnected: the connection is gone, and they come again.
        """
        try:
            await self._consumer.reject(handles)
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            raise errors.at_consume(error) from error


def _raise_if_ours(error: BaseException) -> None:
    """Where a connection breaks aiormq raises CancelledError; it is ours only where somebody cancelled this task."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
