"""The RabbitMQ sink: publishes a batch at once, and reports each message by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from connectors.rabbitmq import errors
from connectors.rabbitmq.config import RabbitMQConfig, place
from connectors.rabbitmq.connection import PublishingConnection
from connectors.rabbitmq.frames import Message
from connectors.rabbitmq.message import message, routing_key
from connectors.rabbitmq.turns import Turns
from hub.sdk import Delivery, Event, NotConnected, Permanent, Signal, Sink, UnitContext, WriteFailed


class _Outgoing(NamedTuple):
    message: Message
    routing_key: str


_Batch = dict[int, _Outgoing]
_Errors = dict[int, BaseException]


class RabbitMQSink(Sink[RabbitMQConfig]):
    """Publishes events to an exchange: persistent, confirmed, mandatory.

    At least once, with the same ``message_id`` at every attempt.
    """

    concurrency = 512
    batch = 32

    def __init__(self, config: RabbitMQConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._app_id = f"{context.deployment}.{context.name}"
        self._connection = PublishingConnection(config, self._app_id)
        self._turns = Turns()

    @property
    def far_side(self) -> str:
        """Host, port and vhost, and what is published to; never the user."""
        target = f"exchange {self.config.exchange.name}" if self.config.exchange else "default exchange"
        return f"{place(self.config.url)}, {target}"

    async def open(self) -> None:
        """Connects and declares.

        Raises:
            NotConnected: the broker isn't there, or takes no messages now (memory or disk alarm).
            Permanent: it refuses our credentials, or what there is differs from what is configured.
        """
        try:
            await self._connection.open()
        except (Exception, asyncio.CancelledError) as error:
            _raise_if_ours(error)
            await self._connection.close()
            raise errors.at_open(error) from error

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Publishes all of the batch before it waits for the confirmations.

        Raises:
            WriteFailed: by index, what became of those that the broker has not confirmed.
        """
        outgoing: dict[int, _Outgoing] = {}
        failures: dict[int, Signal] = {}
        for index, delivery in enumerate(batch):
            try:
                outgoing[index] = _Outgoing(
                    message(delivery, self.config, self._app_id), routing_key(delivery.event, self.config)
                )
            except Permanent as signal:
                failures[index] = signal
        for unique in _rounds(outgoing):
            failures |= await self._publish_all(unique)
        if failures:
            raise WriteFailed(failures)
        return ()

    async def _publish_all(self, outgoing: _Batch) -> dict[int, Signal]:
        """Publishes at once, beside other calls, and then again what that left undecided, beside none."""
        async with self._turns.together(each.message.message_id for each in outgoing.values()):
            errors_ = await self._publish(outgoing)
            returned = {index: outgoing[index] for index, error in errors_.items() if errors.is_unroutable(error)}
            if returned and self.config.queue is not None and not self.config.queue.passive:
                for index in returned:
                    del errors_[index]
                errors_ |= await self._publish_to_restored(returned)
        if any(errors.is_refusal(error) for error in errors_.values()):
            undecided = {index: outgoing[index] for index, error in errors_.items() if errors.is_undecided(error)}
            for index in undecided:
                del errors_[index]
            async with self._turns.alone():
                errors_ |= await self._publish_singly(undecided)
        return {index: self._signal(error, outgoing[index].routing_key) for index, error in errors_.items()}

    async def _publish(self, outgoing: _Batch) -> _Errors:
        try:
            await self._connection.ready()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  `errors` knows them, or raises
            return dict.fromkeys(outgoing, _reconnect(error))
        found = await self._connection.publish(list(outgoing.values()))
        indices = list(outgoing) if found else []
        return {indices[position]: error for position, error in found.items()}

    async def _publish_to_restored(self, returned: _Batch) -> _Errors:
        """Somebody may have deleted our queue or its binding, which is no fault of the messages."""
        try:
            await self._connection.declare()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  `errors` knows them, or raises
            return dict.fromkeys(returned, _reconnect(error))
        return await self._publish(returned)

    async def _publish_singly(self, undecided: _Batch) -> _Errors:
        """One of them made the broker close the channel or connection; it doesn't say which.

        A refusal is that message's own only where nothing else was under way, on a connection without aftermath.
        """
        errors_: _Errors = {}
        fresh = False
        for index, each in undecided.items():
            if not fresh:
                await self._connection.close()
            found = await self._publish({index: each})
            errors_ |= found
            if found and isinstance(self._signal(found[index], each.routing_key), NotConnected):
                rest = [later for later in undecided if later > index]
                return errors_ | dict.fromkeys(rest, found[index])
            fresh = not found
        return errors_

    def _signal(self, error: BaseException, key: str) -> Signal:
        exchange = self.config.exchange.name if self.config.exchange else ""
        return errors.at_publish(error, when_full=self.config.when_full, routing_key=key, exchange=exchange)


def _reconnect(error: BaseException) -> NotConnected:
    """No message's fault: the engine opens the sink again, and that tells whether it is for good."""
    _raise_if_ours(error)
    signal = errors.at_open(error)
    return NotConnected(str(signal), status=signal.status)


def _raise_if_ours(error: BaseException) -> None:
    """Where a connection breaks aiormq raises CancelledError; it is ours only where somebody cancelled this task."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _rounds(outgoing: _Batch) -> list[_Batch]:
    """Batches in which no message id comes twice: the broker's returns name a message by nothing else."""
    rounds: list[_Batch] = []
    seen: Counter[str] = Counter()
    for index, each in outgoing.items():
        turn = seen[each.message.message_id]
        seen[each.message.message_id] += 1
        if turn == len(rounds):
            rounds.append({})
        rounds[turn][index] = each
    return rounds
