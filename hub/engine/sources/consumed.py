"""What a consuming source does on Kafka: the events of messages, and that they are stored, are one transaction.

So a message that says who it is, and comes again because nobody got to acknowledge it, is known, whoever was killed and
wherever. What is known of a message is its mark: a digest of the source, the message's id and its bytes. Marks lie on a
topic of their own that all workers follow. What may have been delivered before is looked for there only once all is
read that is written, and while somebody's transaction is open that is waited for.

A batch has a mark, too, so that after a commit without an answer the next look tells whether it was done.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hub.engine.dlq.deadletter import dead_letter_headers, error_class
from hub.engine.ledger.accounts import Counts
from hub.engine.sources.deliveries import Deliveries, SharedDeliveries
from hub.engine.sources.marks import SIZE
from hub.kafka.errors import TooLarge
from hub.kafka.exactly_once import TransactionWriter
from hub.sdk.consuming import Received
from hub.sdk.errors import ConfigError, HubError, NotConnected
from hub.sdk.event import Event, Header

REMEMBERED = 500_000
"""Messages of all consuming sources of a deployment that are known at most: some 11 MB in each process."""
RECENT = 20_000
"""Messages stored by ourselves that are known before the topic tells of them; it does within milliseconds."""
_TURN = 500
"""Records after which other tasks get their turn, heartbeats among them."""

Refused = tuple[bytes | None, bytes | None, Sequence[Header], Exception, str]
"""Key, value and headers of what is dead-lettered, why, and at which stage."""


class Disconnected(HubError):
    """The far side has taken its messages back before they were stored: they come again, and nothing was stored."""


class DeadLetterTooLarge(ConfigError):
    """A message is larger than even the dead letter queue takes: the source can't go on without somebody's help."""


class Messages(Deliveries):
    """Marks of the messages that consuming sources have stored.

    Redeliveries come within seconds of a crash, so that it doesn't matter for how long the marks are known.
    """

    @property
    def shortage(self) -> str:
        """Nothing: see above."""
        return ""


@dataclass(slots=True)
class Message:
    """A message, looked through.

    Attributes:
        received: as it came.
        events: of it, those that may be published.
        refused: what of it may not.
        size: bytes.
    """

    received: Received
    events: Sequence[Event] = ()
    refused: list[Refused] = field(default_factory=list)
    size: int = 0


class Batch:
    """Messages that are stored together.

    Args:
        messages: in their order.
        reject: whether messages of which a part can't be published are given back instead of dead-lettered.

    Attributes:
        counts: what became of their events, once they are stored.
        rejected: by index, why a message is to be given back; it is not stored.
        mark: what the batch is known by, once it is stored.
        tried: whether it may be stored already.
    """

    __slots__ = ("counts", "mark", "messages", "reject", "rejected", "tried")

    def __init__(self, messages: Sequence[Message], *, reject: bool = False) -> None:
        self.messages = messages
        self.reject = reject
        self.counts = Counts()
        self.rejected: dict[int, Exception] = {}
        if reject:
            self.rejected = {index: each.refused[0][3] for index, each in enumerate(messages) if each.refused}
        self.mark = os.urandom(SIZE)
        self.tried = False


class MessageStore:
    """A consuming source's way to Kafka.

    Args:
        source: its name.
        connector: what it uses, for the dead letters' headers.
        dlq: topic of its dead letters.
        topic: gives the topic of an event type.
        writer: of transactions; for its topics, the DLQ and that of marks.
        shared: the memory of what was stored, of all consuming sources of the process.
    """

    def __init__(
        self,
        source: str,
        *,
        connector: str,
        dlq: str,
        topic: Callable[[str], str],
        writer: TransactionWriter,
        shared: SharedDeliveries,
    ) -> None:
        self._source = source
        self._connector = connector
        self._dlq = dlq
        self._topic = topic
        self._writer = writer
        self._shared = shared
        self._memory: Deliveries | None = None
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    async def start(self) -> None:
        """Connects, and reads what is remembered.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await self._writer.start()
        self._memory = await self._shared.join()

    async def stop(self) -> None:
        """Disconnects."""
        await self._forget()
        await self._writer.stop()

    async def renew(self) -> None:
        """Starts over after a failure.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await self._writer.renew()
        if self._memory is None or self._memory.failed:
            await self._forget()
            self._memory = await self._shared.join()

    async def _forget(self) -> None:
        memory, self._memory = self._memory, None
        if memory is not None:
            await self._shared.leave(memory)

    async def store(self, batch: Batch, *, connected: Callable[[], bool]) -> None:
        """Stores a batch: its events, its dead letters and their marks, all of them or nothing.

        Afterwards the batch holds what became of it. To be called again with the same batch after a failure, once
        `renew` has gone through.

        Args:
            batch: to store.
            connected: whether its messages can still be acknowledged.

        Raises:
            Disconnected: they can't.
            DeadLetterTooLarge: a dead letter is larger than the DLQ takes.
            HubError: Kafka's. Nothing is stored; but where the commit got no answer it may be: the next call tells.
        """
        memory = self._memory
        if memory is None:
            raise NotConnected("what was stored before isn't known now")
        memory.check()
        if batch.tried or any(each.received.redelivered and each.received.id is not None for each in batch.messages):
            await memory.refresh()
        if batch.tried and memory.known(batch.mark):
            return
        if not connected():
            raise Disconnected("the connection was lost before its messages were stored")
        marks = [self.mark(each) for each in batch.messages]
        await self._write(batch, marks, memory, connected)
        for index, mark in enumerate(marks):
            if mark is not None and index not in batch.rejected:
                self._note(mark)

    async def _write(
        self,
        batch: Batch,
        marks: Sequence[bytes | None],
        memory: Deliveries,
        connected: Callable[[], bool],
    ) -> None:
        writer = self._writer
        topics = {self._topic(event.type) for each in batch.messages for event in each.events}
        await writer.know({*topics, self._dlq, memory.topic})
        batch.tried = True
        await writer.begin()
        try:
            await self._add(batch, marks, memory)
            writer.add(memory.topic, batch.mark, b"1", [])
            await writer.flush()
            if not connected():
                # Else what has no id would be there twice, and a worker that got it instead of us would store it, too.
                raise Disconnected("the connection was lost before its messages were stored")
            await writer.commit()
        except BaseException:
            await writer.abort()
            raise

    async def _add(self, batch: Batch, marks: Sequence[bytes | None], memory: Deliveries) -> None:
        counts, seen = Counts(), set[bytes]()
        written = 0
        for index, (message, mark) in enumerate(zip(batch.messages, marks, strict=True)):
            if index in batch.rejected:
                continue
            if mark is not None and (mark in seen or self._known(mark, memory)):
                counts.filtered["duplicate"] += message.received.count
                continue
            if batch.reject and (too_large := self._too_large(message)) is not None:
                batch.rejected[index] = too_large
                continue
            for event in message.events:
                key, value, headers = event.to_kafka()
                refusal = self._writer.add(self._topic(event.type), key, value, headers)
                if refusal is None:
                    counts.delivered += 1
                else:
                    self._bury(counts, (key, value, headers, refusal, "publish"))
            for each in message.refused:
                self._bury(counts, each)
            if mark is not None:
                seen.add(mark)
                self._writer.add(memory.topic, mark, b"1", [])
            written += 1 + len(message.events)
            if written >= _TURN:
                written = 0
                await self._writer.push()
                await asyncio.sleep(0)
        counts.taken = counts.settled
        batch.counts = counts

    def _too_large(self, message: Message) -> TooLarge | None:
        for event in message.events:
            key, value, headers = event.to_kafka()
            if not self._writer.is_small(key, value, headers):
                topic = self._topic(event.type)
                size, limit = self._writer.sizes(topic, key, value, headers)
                if size > limit:
                    return TooLarge(topic, size, limit)
        return None

    def _bury(self, counts: Counts, refused: Refused) -> None:
        key, value, own, error, stage = refused
        described = dead_letter_headers(own, unit=self._source, connector=self._connector, stage=stage, error=error)
        refusal = self._writer.add(self._dlq, key, value, described)
        if refusal is not None:
            raise DeadLetterTooLarge(
                f"{self._source}: a message that can't be taken ({error}) can't be dead-lettered either: {refusal}. It "
                "stays where it is, and the source stands still rather than lose it: raise the topic's max_message, or "
                "take the message away at its far side; then restart the source"
            ) from refusal
        counts.dead_lettered[error_class(error)] += 1

    # Marks

    def mark(self, message: Message) -> bytes | None:
        """What a message is known by; None where nothing tells it from others."""
        received = message.received
        if received.id is None:
            return None
        digest = hashlib.blake2b(digest_size=SIZE)
        unreadable = received.unreadable
        bodies = [event.raw for event in received.events] if unreadable is None else [unreadable.value]
        for part in (
            self._source.encode(),
            received.id.encode(errors="surrogatepass"),
            *(each or b"" for each in bodies),
        ):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    def _known(self, mark: bytes, memory: Deliveries) -> bool:
        return mark in self._recent or mark in self._older or memory.known(mark)

    def _note(self, mark: bytes) -> None:
        if len(self._recent) >= RECENT:
            self._recent, self._older = set(), self._recent
        self._recent.add(mark)
