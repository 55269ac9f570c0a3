"""How a sink's batch is seen through: attempts, outages, dead letters, replies, and the commit at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hub.contracts import ContractViolation
from hub.engine.attempts import Attempts, Pending, Retrying, RetryPolicy
from hub.engine.backoff import backoff
from hub.engine.contracts import STAGE
from hub.engine.deadletter import Origin, error_class
from hub.engine.outlet import DeadLetterFailed, Outlet
from hub.engine.reader import Reader
from hub.engine.unit import State, Unit
from hub.kafka.publisher import Record
from hub.sdk.errors import NotConnected, Permanent, Signal, Transient, WriteFailed
from hub.sdk.event import Event, KafkaMessage
from hub.sdk.sink import Sink

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Bounds in seconds of the waits while the far side is down; the longest is the longest that a recovery goes unseen."""
COMMIT_EVERY = 1.0
"""Seconds between two commits within one batch: a crash repeats about as much."""
_NAP = 0.2  # how long at most until a stop or a rebalance is seen while all keys wait for their retries


class DeliveryLoop:
    """One life of a sink: from a connection to its end, over outages in between.

    Args:
        unit: shows the state, and keeps the ledger.
        sink: the connector's.
        reader: where the records come from.
        outlet: for dead letters and replies.
        retry: when to try again.
        concurrency: deliveries under way at once.
        reply: topic for the far side's answers, if any.
    """

    def __init__(
        self,
        unit: Unit,
        sink: Sink[Any],
        reader: Reader,
        outlet: Outlet,
        retry: RetryPolicy,
        concurrency: int,
        reply: str | None,
    ) -> None:
        self._unit = unit
        self._sink = sink
        self._reader = reader
        self._outlet = outlet
        self._retry = retry
        self._concurrency = concurrency
        self._reply = reply
        self._outages = 0
        self._generation = reader.generation
        self._attempts: Attempts | None = None
        self.connected = False

    def retrying(self) -> list[Retrying]:
        """Deliveries under way that failed and wait for another attempt."""
        return [] if self._attempts is None else self._attempts.retrying()

    async def connect(self, *, batch: bool = False) -> None:
        """Opens the sink; where that fails, waits until it is time to try again.

        Args:
            batch: whether records are under way: a rebalance that waits for them ends the wait.

        Raises:
            Permanent: the far side refuses us for good.
        """
        try:
            await self._sink.open()
        except (NotConnected, Transient) as error:
            await self._wait_out(error, batch=batch)
            return
        self.connected = True
        if not self._unit.stopping.is_set():
            self._unit.enter(State.RUNNING)

    async def deliver(self, records: Sequence[Any]) -> None:
        """Sees a batch through: every event of it is delivered or dead-lettered, then the positions are committed.

        A stop or a rebalance in between leaves the rest to be read again; what is settled by then is committed, and in
        a batch that takes long, every second.
        """
        ledger = self._unit.ledger
        ledger.taken += len(records)
        self._generation = self._reader.generation
        self._attempts = attempts = Attempts(self._unit.name, records)
        try:
            for pending, error in attempts.unreadable:
                await self._bury(pending, error, "parse", attempts)
            await self._see_through(attempts)
        finally:
            self._attempts = None
            ledger.taken -= attempts.open
            self._reader.give_back(attempts.open)
            await self._commit(attempts)

    async def _see_through(self, attempts: Attempts) -> None:
        committed = time.monotonic()
        while not attempts.done and not self._interrupted:
            if not self.connected:
                await self.connect(batch=True)
            elif due := attempts.due(self._concurrency):
                if admitted := await self._admitted(due, attempts):
                    await self._write(admitted, attempts)
            else:
                await self._unit.rest(min(attempts.wait(), _NAP))
            if time.monotonic() - committed > COMMIT_EVERY and not self._interrupted:
                await self._reader.commit(attempts.positions())
                committed = time.monotonic()

    async def _commit(self, attempts: Attempts) -> None:
        if self._reader.generation == self._generation:
            await self._reader.settle(attempts.positions())
        else:
            # The group has gone on without us: whoever has the partitions now goes by the last commit.
            self._reader.release()

    @property
    def _interrupted(self) -> bool:
        """Whether the rest of the batch is to be left: a stop, a rebalance that waits, one that didn't wait."""
        return (
            self._unit.stopping.is_set()
            or self._reader.revoking.is_set()
            or self._reader.generation != self._generation
        )

    async def _admitted(self, due: Sequence[Pending], attempts: Attempts) -> Sequence[Pending]:
        """Those that keep their contract; the others are dead-lettered. Each is looked at once, when its turn comes."""
        contracts = self._unit.contracts
        if contracts is None:
            return due
        admitted: list[Pending] = []
        for pending in due:
            if not pending.admitted:
                try:
                    contracts.consumed(pending.delivery.event)
                except ContractViolation as violation:
                    await self._bury(pending, violation, STAGE, attempts)
                    continue
                pending.admitted = True
            admitted.append(pending)
        return admitted

    async def _write(self, due: Sequence[Pending], attempts: Attempts) -> None:
        """One call of the connector, and what follows from its outcome."""
        replies: Sequence[Event] = ()
        failures: dict[int, Signal] = {}
        try:
            replies = await self._sink.write([pending.delivery for pending in due])
        except WriteFailed as error:
            replies, failures = error.replies, error.failures
        except Signal as error:
            failures = dict.fromkeys(range(len(due)), error)
        except Exception as error:
            if len(due) > 1:
                await self._write_singly(due, attempts)
                return
            self._unit.log.exception("%s: the connector failed on an event; it is dead-lettered", self._unit.name)
            failures = {0: _fault(error)}
        if not failures.keys() <= set(range(len(due))):
            # Nobody can tell which event it means; as a failure of all, none is taken for delivered.
            failures = dict.fromkeys(range(len(due)), Transient("the connector named an event that it was not given"))
        await self._publish_replies(replies)
        await self._settle(due, failures, attempts)

    async def _write_singly(self, due: Sequence[Pending], attempts: Attempts) -> None:
        """A fault of the connector, brought about by one event: alone, each shows whether it is the one."""
        for pending in due:
            if self._interrupted or not self.connected:
                return
            await self._write([pending], attempts)

    async def _settle(self, due: Sequence[Pending], failures: dict[int, Signal], attempts: Attempts) -> None:
        outage: NotConnected | None = None
        for index, pending in enumerate(due):
            failure = failures.get(index)
            if failure is None:
                attempts.settle(pending)
                self._unit.ledger.delivered += 1
                self._unit.ledger.replayed += pending.replayed
            elif isinstance(failure, NotConnected):
                outage = failure
                attempts.hold(pending)
            else:
                await self._failed(pending, failure, attempts)
        if outage is None:
            self._outages = 0
            if not self._unit.stopping.is_set():
                self._unit.enter(State.RUNNING)
        else:
            self.connected = False
            await self._sink.close()
            await self._wait_out(outage, batch=True)

    async def _failed(self, pending: Pending, failure: Signal, attempts: Attempts) -> None:
        wait = self._retry.wait(pending, failure) if isinstance(failure, Transient) else None
        if wait is None:
            await self._bury(pending, failure, "write", attempts)
        else:
            self._unit.ledger.retries += 1
            attempts.again(pending, wait, failure)

    async def _bury(self, pending: Pending, error: Exception, stage: str, attempts: Attempts) -> None:
        """Writes a dead letter. Until that works the unit stands still, so that nothing else is delivered twice."""
        record = pending.record
        failures = 0
        while not self._interrupted:
            try:
                await self._outlet.bury(
                    KafkaMessage(record.key, record.value, list(record.headers)),
                    error,
                    stage=stage,
                    attempts=pending.delivery.attempt,
                    origin=Origin(record.topic, record.partition, record.offset),
                )
            except DeadLetterFailed as failure:
                failures += 1
                wait = backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self._unit.enter(State.FAILED, f"{failure} Trying again in {wait:.1f} s")
                await self._pause(wait)
                continue
            attempts.settle(pending)
            self._unit.ledger.dead_lettered[error_class(error)] += 1
            self._unit.ledger.replayed += pending.replayed
            if failures:
                self._unit.enter(State.RUNNING)
            return

    async def _publish_replies(self, replies: Sequence[Event]) -> None:
        if not self._reply or not replies:
            return
        kept: list[Event] = []
        for reply in replies:
            try:
                if self._unit.contracts is not None:
                    self._unit.contracts.produced(reply)
            except ContractViolation as violation:
                await self._outlet.bury(reply.to_kafka(), violation, stage=STAGE)
            else:
                kept.append(reply)
        records = [Record(self._reply, *reply.to_kafka()) for reply in kept]
        for index, error in (await self._outlet.publish(records)).items():
            await self._outlet.bury(kept[index].to_kafka(), error, stage="reply")

    async def _wait_out(self, outage: Signal, *, batch: bool) -> None:
        self._outages += 1
        wait = outage.retry_after or backoff(self._outages, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
        self._unit.enter(State.PAUSED, f"{outage}; trying again in {wait:.1f} s")
        await (self._pause(wait) if batch else self._unit.rest(wait))

    async def _pause(self, seconds: float) -> None:
        """Sleeps while records are under way: not past a stop, nor past a rebalance that waits for them."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._unit.either(self._reader.revoking.wait()), seconds)


def _fault(error: Exception) -> Permanent:
    """An error that a connector should have mapped to a signal, as the cause of a dead letter."""
    fault = Permanent(f"{type(error).__name__}: {error}")
    fault.__cause__ = error
    return fault
