"""One connection to RabbitMQ with one consumer, and what it holds unacknowledged.

RabbitMQ bounds what it sends ahead by the number of messages alone. So that large ones don't fill the memory, few are
asked for at first; how many are, follows from the largest of the last ones. Where more bytes come than may be held, the
consumer is cancelled until half of them are acknowledged.

To ask for another number takes another consumer. A quorum queue takes back what is on its way to a consumer that is
cancelled, and may give the next one what comes behind that first: so a consumer is exchanged while it has all that it
may have, and nothing is on its way.

Where a queue has a single active consumer, another worker's becomes that as soon as ours is cancelled, and stores what
follows. There ours goes only when all that it was given is stored, so that nothing overtakes it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiormq
import aiormq.exceptions as amqp
from aio_pika.abc import AbstractConnection
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from connectors.rabbitmq import tolerance, topology
from connectors.rabbitmq.connection import CLOSE_LIMIT, connect
from connectors.rabbitmq.consumption import RabbitMQSourceConfig

FIRST = 16
"""Messages that are asked for before anything is known of their sizes."""
_FADING = 0.99
"""How much of the largest size counts after each further message."""
_QUIET = 0.05  # seconds without a message after which none is taken to be on its way


class ConsumerCancelled(Exception):
    """The broker has cancelled the consumer: its queue was deleted, or its leader is gone."""


class Consumer:
    """A consumer of one queue; messages are taken in their order.

    All methods raise aio-pika's exceptions as they come, and `ConsumerCancelled`: `errors` gives them a meaning.

    Args:
        config: of the source.
        name: what the broker's administrators see.
    """

    def __init__(self, config: RabbitMQSourceConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._timeout = config.connect_timeout.total_seconds()
        self._connection: AbstractConnection | None = None
        self._channel: aiormq.Channel | None = None
        self._alone = bool(config.queue.declared.get("x-single-active-consumer"))
        self._asking = asyncio.Lock()
        self._forget()

    def _forget(self) -> None:
        self._tag: str | None = None
        self._prefetch = 0
        self._largest = 0.0
        self._unread: deque[DeliveredMessage] = deque()
        self._held: dict[int, int] = {}  # delivery tags, rising, and sizes
        self._bytes = 0
        self._last = 0  # delivery tag
        self._gaps = False
        self._stored: list[int] = []  # delivery tags that are acknowledged with those behind them
        self._gone: BaseException | None = None
        self._came = asyncio.Event()
        self._halted = False
        self._holding_back: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects, declares and begins to consume."""
        await self.close()
        tolerance.apply()
        config = self._config
        async with asyncio.timeout(self._timeout):
            self._connection = await connect(config.url, config.tls, self._name)
            await topology.declare_queue(self._connection, config.queue)
            opened = self._connection.channel(publisher_confirms=False)
            await opened.initialize()
            channel = await opened.get_underlay_channel()
            assert isinstance(channel, aiormq.Channel)
            self._channel = channel
            channel.on_consumer_cancel_callbacks.add(self._cancelled)
            channel.closing.add_done_callback(lambda closing: self._closed(channel, closing))
            await self._consume(channel, min(FIRST, config.prefetch))

    async def close(self) -> None:
        """Says good-bye; what isn't acknowledged goes back to the queue."""
        connection, self._connection, self._channel = self._connection, None, None
        if self._holding_back is not None:
            self._holding_back.cancel()
            await asyncio.gather(self._holding_back, return_exceptions=True)
        self._forget()
        if connection is None:
            return
        with suppress(Exception):  # whatever it is, the connection is gone
            async with asyncio.timeout(CLOSE_LIMIT):
                await connection.close()

    @property
    def connected(self) -> bool:
        """Whether what was taken can still be acknowledged."""
        return self._channel is not None and not self._channel.is_closed

    async def take(self, most: int) -> list[DeliveredMessage]:
        """Waits for messages, and gives those that are there."""
        # What a queue had given us before it was deleted is nowhere else by now.
        while not self._unread or not isinstance(self._gone, ConsumerCancelled | None):
            self._check()
            self._came.clear()
            await self._came.wait()
        return [self._unread.popleft() for _ in range(min(most, len(self._unread)))]

    async def halt(self) -> list[DeliveredMessage]:
        """Consumes nothing more, and gives what has come already.

        A single active consumer stays one until it is closed; what comes meanwhile goes back to the queue then.
        """
        self._halted = True
        if self._holding_back is not None:
            await asyncio.gather(self._holding_back, return_exceptions=True)
        if not isinstance(self._gone, ConsumerCancelled):
            self._check()
            await self._filled()
            if not self._alone:
                await self._cancel()
        left, self._unread = list(self._unread), deque()
        return left

    async def _filled(self) -> None:
        """Waits until nothing is on its way: all that may be held has come, or there is nothing more."""
        seen = -1
        while self._tag is not None and self._gone is None and len(self._held) < self._prefetch and seen != self._last:
            seen = self._last
            await asyncio.sleep(_QUIET)

    async def acknowledge(self, tags: Sequence[int]) -> None:
        """Has the broker forget messages."""
        channel = self._usable()
        tags, self._stored = sorted([*self._stored, *tags]), []
        may_have_more = self._may_have_more
        if may_have_more and self._alone and len(tags) < len(self._held):
            self._stored = tags  # nothing more comes until the rest is stored, too
            return
        oldest = [tag for tag, _ in zip(self._held, tags, strict=False)]
        async with asyncio.timeout(self._timeout):
            if may_have_more:
                await self._cancel()
            if oldest == list(tags) and not self._gaps:
                await channel.basic_ack(tags[-1], multiple=True)
            else:
                for tag in tags:
                    await channel.basic_ack(tag, wait=tag == tags[-1])
            self._settled(tags)
            await self._ask(channel)

    async def reject(self, tags: Sequence[int]) -> None:
        """Has the broker put messages aside: to the queue's dead letter exchange."""
        channel = self._usable()
        async with asyncio.timeout(self._timeout):
            for tag in tags:
                await channel.basic_reject(tag, requeue=False, wait=tag == tags[-1])
            self._settled(tags)
            await self._ask(channel)
        if self._stored:
            await self.acknowledge([])

    def _settled(self, tags: Sequence[int]) -> None:
        for tag in tags:
            self._bytes -= self._held.pop(tag, 0)

    # How many are asked for

    @property
    def _wanted(self) -> int:
        """How many messages of the size that the last ones had at most may be held."""
        return max(1, min(self._config.prefetch, int(self._config.prefetch_bytes / max(1.0, self._largest))))

    @property
    def _may_have_more(self) -> bool:
        """Whether the consumer has all that it may have, and is to be exchanged for one that might have more."""
        wanted, now = self._wanted, self._prefetch
        more = wanted >= 2 * now or (wanted == self._config.prefetch and wanted > now)
        return more and len(self._held) >= now and not self._halted and self._holding_back is None

    async def _ask(self, channel: aiormq.Channel) -> None:
        """Consumes again, once there is room."""
        async with self._asking:
            waits = self._tag is None and self._holding_back is None and not self._halted and self._gone is None
            if waits and self._bytes <= self._config.prefetch_bytes // 2:
                await self._consume(channel, self._wanted)

    async def _consume(self, channel: aiormq.Channel, prefetch: int) -> None:
        self._prefetch = prefetch
        await channel.basic_qos(prefetch_count=prefetch)
        arguments: dict[str, Any] = {} if self._config.priority is None else {"x-priority": self._config.priority}
        answer = await channel.basic_consume(self._config.queue.name, self._deliver, arguments=arguments)
        self._tag = answer.consumer_tag

    async def _cancel(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None:
            async with asyncio.timeout(self._timeout):
                await self._usable().basic_cancel(tag)

    async def _hold_back(self) -> None:
        """Ends the consumer, though something may be on its way: a quorum queue takes that back."""
        try:
            try:
                await self._cancel()
            finally:
                self._holding_back = None
            async with asyncio.timeout(self._timeout):
                await self._ask(self._usable())  # all may have been acknowledged meanwhile
        except Exception as error:  # noqa: BLE001  `errors` knows it
            self._end(error)

    # What the broker does

    async def _deliver(self, message: DeliveredMessage) -> None:
        """Called in the order in which messages come."""
        tag = message.delivery_tag
        assert tag is not None
        size = len(message.body)
        self._gaps = self._gaps or tag != self._last + 1
        self._last = tag
        self._held[tag] = size
        self._bytes += size
        self._largest = max(float(size), self._largest * _FADING)
        self._unread.append(message)
        self._came.set()
        too_much = self._bytes > self._config.prefetch_bytes
        if too_much and self._tag is not None and self._holding_back is None and not self._halted:
            self._holding_back = asyncio.create_task(self._hold_back(), name="rabbitmq hold back")

    def _cancelled(self, frame: Basic.Cancel) -> None:
        if frame.consumer_tag == self._tag:
            self._tag = None
            self._end(ConsumerCancelled(f"the queue {self._config.queue.name} was deleted, or has lost its leader"))

    def _closed(self, channel: aiormq.Channel, closing: asyncio.Future[object]) -> None:
        if channel is not self._channel:
            return
        error = channel._close_exception  # noqa: SLF001  the broker's own words; `closing` has but what followed
        if error is None and not closing.cancelled():
            error = closing.exception()
        self._end(error or amqp.ChannelInvalidStateError("the channel is closed"))

    def _end(self, error: BaseException) -> None:
        if self._gone is None:
            self._gone = error
        self._came.set()

    def _check(self) -> None:
        if self._gone is not None:
            raise self._gone
        if self._channel is None or self._channel.is_closed:
            raise amqp.ChannelInvalidStateError("the channel is closed")

    def _usable(self) -> aiormq.Channel:
        """The channel, also of a consumer that was cancelled: what it had been given can still be acknowledged."""
        channel = self._channel
        if channel is None or channel.is_closed:
            raise self._gone or amqp.ChannelInvalidStateError("the channel is closed")
        return channel
