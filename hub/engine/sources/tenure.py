"""What a polling source does on Kafka while it leads: a batch of events and the cursor behind it are one transaction.

The order at the beginning is what makes it exactly once. First the writer starts: it fences whoever polled before, and
the brokers abort what that one had open. Only then the cursor is read, and stable: nothing can change it any more but
this writer. So a worker that takes over never repeats and never skips, whoever else takes itself for the leader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hub.contracts import ContractViolation
from hub.engine.contracts import ContractGate, stage_of
from hub.engine.dlq.deadletter import dead_letter_headers, error_class
from hub.engine.dlq.outlet import DeadLetterFailed
from hub.engine.ledger.accounts import Counts
from hub.engine.sources.cursors import CursorStore, Stored, headers
from hub.kafka.errors import Fenced, TooLarge
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.exactly_once.writer import WAIT
from hub.kafka.record import Header
from hub.sdk.errors import ConfigError, HubError, InvalidPayload, NotConnected
from hub.sdk.event import Event

LONGEST = 640.0
"""Seconds that a transaction may take at most; below what brokers allow (``transaction.max.timeout.ms``, 15 min)."""
LARGE = 4 * 2**20
"""Bytes of a batch from which on it gets more time, rather than that Kafka is taken to be away."""
DUPLICATE = "duplicate"
"""Why an event was filtered that was given before."""
_TURN = 500
"""Events after which other tasks get their turn, heartbeats among them."""

Refused = tuple[Event, Exception, str]
"""An event that is dead-lettered, why, and at which stage."""


class Overtaken(HubError):
    """Another copy of the source has taken over; nothing of this one's last batch was stored."""


class TooSlow(HubError):
    """A batch took longer than a transaction may; nothing of it was stored."""


class CursorTooLarge(ConfigError):
    """A cursor is larger than its topic takes: the source can never go on."""


class Tenure:
    """One leader's way to Kafka.

    Args:
        source: its name.
        connector: what it uses, for the dead letters' headers.
        dlq: topic of its dead letters.
        topic: gives the topic of an event type.
        writer: with the source's transactional id; for its topics, the DLQ and the cursors.
        cursors: the store of cursors.
        place: under which name its cursor is stored; the source's if not given.

    Attributes:
        counts: what became of all events of the source so far, of earlier leaders' too.
    """

    def __init__(
        self,
        source: str,
        *,
        connector: str,
        dlq: str,
        topic: Callable[[str], str],
        writer: TransactionWriter,
        cursors: CursorStore,
        place: str | None = None,
    ) -> None:
        assert writer.timeout <= LONGEST, "brokers would refuse it"
        self._source = source
        self._place = place or source
        self._connector = connector
        self._dlq = dlq
        self._topic = topic
        self._writer = writer
        self._cursors = cursors
        self.fence = 0
        """The lock's token, which is stored with each cursor; 0 without a lock."""
        self.counts = Counts()
        self._found: Stored | None = None

    async def start(self) -> Stored | None:
        """Fences whoever polled before, and gives what it stored last.

        Raises:
            HubError: Kafka can't be reached, refuses us, or a transaction of another source stays open.
        """
        await self._writer.start()
        await self._cursors.start()
        stored = await self._cursors.account(self._place)
        if stored is not None and stored.counts is not None:
            self.counts = stored.counts
        self._found = stored
        return stored

    async def moved(self) -> bool:
        """Whether somebody has put the source elsewhere since the start. A source with nothing to store isn't told.

        Raises:
            HubError: the cursors can't be followed any more.
        """
        stored = await self._cursors.account(self._place)
        now = None if stored is None else stored.moved
        return now is not None and now != (self._found and self._found.moved)

    async def stop(self) -> None:
        """Disconnects."""
        await self._cursors.stop()
        await self._writer.stop()

    async def store(
        self,
        events: Sequence[Event],
        refused: Sequence[Refused],
        cursor: str,
        *,
        duplicates: int = 0,
        recent: bytes = b"",
    ) -> Counts:
        """Stores a batch: its events, its dead letters and the cursor that follows, all of them or nothing.

        Args:
            events: to publish.
            refused: to dead-letter beside them.
            cursor: as JSON.
            duplicates: events that came and were dropped, as they were given before.
            recent: what was given last, to be stored beside the cursor.

        Returns:
            What became of the batch's events; one that is larger than its topic takes is dead-lettered, too.

        Raises:
            Overtaken: another copy has taken over.
            TooSlow: it took longer than the transaction may.
            DeadLetterFailed: a dead letter is larger than the DLQ takes.
            CursorTooLarge: the cursor is larger than its topic takes.
            HubError: Kafka's. Nothing is stored; `NotConnected` where the commit got no answer: then whoever leads next
                sees whether it was.
        """
        writer = self._writer
        try:
            await writer.know({self._topic(event.type) for event in events})
            await writer.begin()
            try:
                batch = await self._add(events, refused)
                batch.taken += duplicates
                if duplicates:
                    batch.filtered[DUPLICATE] = duplicates
                counts = self.counts.plus(batch)
                self._add_cursor(cursor, headers(counts, self.fence, recent))
                await writer.commit()
            except BaseException:
                await writer.abort()
                raise
        except (Fenced, NotConnected) as error:
            if writer.age >= writer.timeout * WAIT:
                raise self._late(len(events) + len(refused), error) from error
            if isinstance(error, Fenced):
                raise Overtaken(f"another copy of source {self._source} has taken over") from error
            raise
        self.counts = counts
        return batch

    def _late(self, events: int, error: HubError) -> HubError:
        """What it means that a transaction got no further within its time: the brokers end it, and fence its writer."""
        size, seconds = self._writer.volume, self._writer.age
        text = f"a batch of {events:,} events, {size:,} bytes, was not stored within {seconds:.0f} s: {error}"
        return TooSlow(text) if size >= LARGE else NotConnected(text)

    async def _add(self, events: Sequence[Event], refused: Sequence[Refused]) -> Counts:
        batch = Counts()
        late: list[Refused] = []
        for number, event in enumerate(events):
            topic = self._topic(event.type)
            refusal = self._writer.add(topic, *event.to_kafka())
            if refusal is not None:
                late.append((event, refusal, "publish"))
            if number % _TURN == _TURN - 1:
                await self._writer.push()
                await asyncio.sleep(0)
        for event, error, stage in (*refused, *late):
            self._bury(event, error, stage)
            batch.dead_lettered[error_class(error)] += 1
        batch.taken = len(events) + len(refused)
        batch.delivered = len(events) - len(late)
        return batch

    def _bury(self, event: Event, error: Exception, stage: str) -> None:
        key, value, own = event.to_kafka()
        described = dead_letter_headers(own, unit=self._source, connector=self._connector, stage=stage, error=error)
        refusal = self._writer.add(self._dlq, key, value, described)
        if refusal is not None:
            raise DeadLetterFailed(
                f"{self._source}: a dead letter could not be written to {self._dlq}: {refusal}. "
                "The cursor stays where it is; the source stands still rather than lose the event."
            ) from refusal

    def _add_cursor(self, cursor: str, beside: list[Header]) -> None:
        refusal: TooLarge | None = self._writer.add(self._cursors.topic, self._place.encode(), cursor.encode(), beside)
        if refusal is not None:
            raise CursorTooLarge(
                f"the cursor of {self._source} can't be stored: {refusal}; its connector must keep it smaller, "
                "or that topic needs a higher max.message.bytes"
            ) from refusal


def fitting(events: Sequence[Event], contracts: ContractGate | None) -> tuple[list[Event], list[Refused]]:
    """The events that may be published, and those that may not.

    Args:
        events: as a source gave them.
        contracts: what they are held against; None where all is trusted.
    """
    kept: list[Event] = []
    refused: list[Refused] = []
    for event in events:
        try:
            checked = event.checked()
            if contracts is not None:
                contracts.produced(checked)
        except (InvalidPayload, ContractViolation) as problem:
            refused.append((event, problem, stage_of(problem)))
        else:
            kept.append(checked)
    return kept, refused
