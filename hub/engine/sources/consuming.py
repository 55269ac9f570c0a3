"""Consuming sources at work: receive, store on Kafka, and only then let the far side forget.

Every worker consumes. While Kafka is away the messages that came are held, and no others come: giving them back would
have the far side deliver them again and again, and quorum queues count that. Whoever pauses a source, or ends it, has
it take nothing more; what it has been given already is stored and acknowledged first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from hub.engine.backoff import backoff
from hub.engine.contracts import PARSE
from hub.engine.dlq.deadletter import error_class
from hub.engine.sources.consumed import Batch, DeadLetterTooLarge, Disconnected, Message, MessageStore
from hub.engine.sources.interruption import Interrupted, unless
from hub.engine.sources.tenure import fitting
from hub.engine.unit import State, Unit
from hub.kafka.errors import Fenced
from hub.sdk.consuming import ConsumingSource, Received
from hub.sdk.errors import ConfigError, HubError, NotConnected, Transient

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Bounds in seconds of the waits after a lost connection."""
LONGEST_STORE_WAIT = 10.0
"""Upper bound in seconds of the waits while Kafka is away: messages wait, and far sides don't wait for ever."""
MOST = 1_000
"""Messages that are taken at once at most: a transaction costs some 15 ms, however many there are."""
VOLUME = 4 * 2**20
"""Bytes from which on a batch is stored in several transactions, so that each is done within its time."""
STEADY = 60.0
"""Seconds after which a connection that lasted counts as a recovery."""
AGAIN = 60.0
"""Seconds within which a source that is fenced twice gives up."""


class KafkaUnavailable(HubError):
    """Kafka, not the far side, is away, and the source is to end: what it holds is given back."""


class ConsumingUnit(Unit):
    """A consuming source.

    Args:
        name: the source's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured source for each life; raises ConfigError.
        open_store: gives a way to Kafka for each life.
    """

    kind = "source"
    reported = True

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], ConsumingSource[Any]],
        open_store: Callable[[], MessageStore],
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._build = build
        self._open_store = open_store
        self._topics = flow
        self._pausing = asyncio.Event()
        self._fenced = -AGAIN

    def pause(self) -> None:
        """Takes nothing more until `resume`; what it holds is stored first."""
        super().pause()
        self._pausing.set()

    def resume(self) -> None:
        """Ends a `pause`."""
        self._pausing.clear()
        super().resume()

    async def run(self) -> None:
        """Consumes until it is stopped, or there is no more input; then it settles what it holds."""
        source, store = self._build(), self._open_store()
        self.flow = f"{source.far_side} → {self._topics}" if source.far_side else self._topics
        failures = 0
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.stop)
            await store.start()
            self.ready.set()  # a far side that is away keeps nobody waiting for us
            while await self.gate():
                began = time.monotonic()
                try:
                    with suppress(Interrupted):
                        await self._consume(source, store)
                    failures = 0
                except (NotConnected, Transient, Disconnected, KafkaUnavailable) as error:
                    failures = 1 if time.monotonic() - began > STEADY else failures + 1
                    await self._close(source)
                    await self._wait_after(error, failures)
                finally:
                    await self._close(source)

    async def _close(self, source: ConsumingSource[Any]) -> None:
        """What nobody has acknowledged is given back, and counts for nothing here."""
        await source.close()
        self.ledger.taken -= self.ledger.under_way

    async def _wait_after(self, error: HubError, failures: int) -> None:
        asked = getattr(error, "retry_after", None)
        wait = asked or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
        self.enter(State.PAUSED, f"{error}; connecting again in {wait:.1f} s")
        self.ledger.retries += 1
        with suppress(Interrupted):
            async with unless(self.stopping, self._pausing):
                await asyncio.sleep(wait)

    async def _consume(self, source: ConsumingSource[Any], store: MessageStore) -> None:
        """One connection, until it is lost, or nothing more is to be taken."""
        async with unless(self.stopping, self._pausing):
            await source.open()
        self.enter(State.RUNNING)
        while True:
            try:
                async with unless(self.stopping, self._pausing):
                    received = await source.receive(MOST)
            except Interrupted:
                break
            await self._settle(received, source, store)
        await self._settle(await source.halt(), source, store)

    async def _settle(self, received: Sequence[Received], source: ConsumingSource[Any], store: MessageStore) -> None:
        """Stores messages and has them acknowledged, batch by batch."""
        came = time.monotonic()
        self.ledger.taken += sum([each.count for each in received])
        for messages in _split([self._fit(each) for each in received]):
            batch = Batch(messages, reject=source.rejects)
            if len(batch.rejected) < len(messages):
                await self._store(batch, source, store)
                self._count(batch, came)
            await self._answer(batch, source)

    async def _store(self, batch: Batch, source: ConsumingSource[Any], store: MessageStore) -> None:
        """Stores a batch, however long Kafka is away, unless the source is to end or to pause meanwhile.

        Raises:
            Disconnected: the far side has taken its messages back.
            KafkaUnavailable: it is time to end, and Kafka isn't there.
            HubError: it will not work like this.
        """
        failures = 0
        while True:
            try:
                if failures:
                    await store.renew()
                await store.store(batch, connected=lambda: source.connected)
            except (Disconnected, DeadLetterTooLarge):
                raise
            except HubError as error:
                failures += 1
                if isinstance(error, Fenced):
                    self._yield(error)
                wait = backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_STORE_WAIT)
                held = sum(each.received.count for each in batch.messages)
                self.enter(State.PAUSED, f"{error}; {held:,} messages are held, and stored in {wait:.1f} s")
                self.ledger.retries += 1
                try:
                    async with unless(self.stopping, self._pausing):
                        await asyncio.sleep(wait)
                except Interrupted:
                    raise KafkaUnavailable(f"messages could not be stored, and are given back: {error}") from error
            else:
                if failures:
                    self.enter(State.RUNNING)
                return

    def _yield(self, error: HubError) -> None:
        """Somebody else writes under our name: once that is a worker which was taken for dead, twice a mistake."""
        last, self._fenced = self._fenced, time.monotonic()
        if self._fenced - last < AGAIN:
            raise ConfigError(
                f"{error}, for the second time within {AGAIN:g} s: two workers have the same HUB_WORKER__INSTANCE. "
                "This one stops; give each a name of its own, then restart the source."
            ) from error

    def _count(self, batch: Batch, came: float) -> None:
        counts = batch.counts
        self.ledger.filtered.update(counts.filtered)
        self.ledger.dead_lettered.update(counts.dead_lettered)
        self.ledger.delivered += counts.delivered
        self.ledger.durations.observe(time.monotonic() - came, counts.delivered)

    async def _answer(self, batch: Batch, source: ConsumingSource[Any]) -> None:
        """Tells the far side what became of messages that are settled here."""
        rejected = batch.rejected
        if rejected:
            await source.reject([batch.messages[index].received.handle for index in sorted(rejected)])
            for index, error in rejected.items():
                self.ledger.taken -= batch.messages[index].received.count
                self.ledger.refused[error_class(error)] += 1
        if len(rejected) < len(batch.messages):
            kept = [each.received.handle for index, each in enumerate(batch.messages) if index not in rejected]
            await source.acknowledge(kept)

    def _fit(self, received: Received) -> Message:
        """A message, looked through: what of it may be published, and what may not."""
        message = Message(received, size=received.size)
        unreadable = received.unreadable
        if unreadable is not None:
            message.refused.append((unreadable.key, unreadable.value, unreadable.headers, unreadable.error, PARSE))
            return message
        message.events, refused = fitting(received.events, self.contracts)
        message.refused = [(*event.to_kafka(), problem, stage) for event, problem, stage in refused]
        return message


def _split(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages in their order, in parts that are not too large to be stored at once."""
    part: list[Message] = []
    volume = 0
    for message in messages:
        if part and volume + message.size > VOLUME:
            yield part
            part, volume = [], 0
        part.append(message)
        volume += message.size
    if part:
        yield part
