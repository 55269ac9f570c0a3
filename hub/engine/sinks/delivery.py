"""A sink's life: records come in, go out on many keys at once and in order on each, and are committed as they settle.

Four things run side by side: one reads, one keeps the far side open, one commits, one lets go of partitions that the
group takes away; and as many calls of the connector as its limit allows. Nothing waits for a batch to be through.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition

from hub.engine.dlq.deadletter import Origin
from hub.engine.dlq.outlet import Outlet
from hub.engine.reading import reader as reading
from hub.engine.reading.reader import Reader
from hub.engine.sinks.attempts import LONGEST_CAUSE, RETRYING, Retrying, RetryPolicy
from hub.engine.sinks.courier import Courier
from hub.engine.sinks.farside import FarSide
from hub.engine.sinks.intake import Commit, Intake
from hub.engine.sinks.limit import START, Limit
from hub.engine.sinks.parking import Parking
from hub.engine.sinks.schedule import Parcel
from hub.engine.unit import State, Unit
from hub.sdk.errors import HubError, NotConnected
from hub.sdk.sink import Sink
from hub.secrecy import hidden

COMMIT_EVERY = 0.1
"""Seconds between two commits: what has settled after the last one is repeated after a crash."""
COMMIT_LIMIT = 3.0
"""Seconds that the last commit may take."""
CALLS = 16
"""Calls under way at once of a sink that takes many deliveries in one, but where its limit is larger than they hold."""
SHARE = 4
"""A call of many takes at most such a part of the limit, so that the far side has something to do while one ends."""
STALL = 5.0
"""Seconds without any delivery ended after which more than the limit goes out: some hang, and others needn't wait."""
FETCH = 500
"""Records that are taken in at once."""
_NAP = 0.2  # seconds after which it is looked again whether more may be read
_PATIENCE = 0.8  # of what a rebalance waits for us; in the rest we commit


def concurrency_of(sink: Sink[Any]) -> int:
    """Deliveries under way at once at most, where nothing is said: as the sink says, or as several full calls hold."""
    return sink.concurrency if sink.batch == 1 else max(sink.concurrency, SHARE * sink.batch)


class DeliveryLoop:
    """One life of a sink: from its start to its end, over outages in between.

    Args:
        unit: shows the state, and keeps the ledger.
        sink: the connector's.
        reader: where the records come from.
        outlet: for dead letters and replies.
        retry: when to try again.
        concurrency: deliveries under way at once, at most.
        reply: topic for the far side's answers, if any.
        parking: keeps the order of keys over dead letters, where that is wanted.
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
        parking: Parking | None = None,
    ) -> None:
        self._unit = unit
        self._sink = sink
        self._reader = reader
        self._intake = Intake(replays_first=parking is not None)
        self._limit = Limit(concurrency, START if sink.batch == 1 else max(START, SHARE * sink.batch))
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._far_side = FarSide(sink, self._quiet.wait, risen=self._risen, fallen=self._turned)
        self._courier = Courier(
            unit,
            sink,
            far_side=self._far_side,
            reader=reader,
            outlet=outlet,
            intake=self._intake,
            limit=self._limit,
            retry=retry,
            reply=reply,
            parking=parking,
            changed=self._turned,
        )
        self._parking = parking
        self._generation = reader.generation
        self._calls: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._moved = time.monotonic()
        self._settled = asyncio.Event()
        self._committing = asyncio.Lock()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False
        self._log = logging.getLogger("hub.engine.sinks.delivery")

    def retrying(self) -> list[Retrying]:
        """Deliveries that failed and wait for another attempt, those of the oldest events, `RETRYING` at most."""
        oldest = heapq.nsmallest(
            RETRYING, self._intake.schedule.failing(), key=lambda each: (each.record.timestamp, each.record.offset)
        )
        now, at = time.monotonic(), datetime.now(UTC)
        return [
            Retrying(
                place=str(Origin(*parcel.place)),
                attempt=parcel.attempt - 1,
                cause=hidden(str(parcel.failure))[:LONGEST_CAUSE],
                again=at + timedelta(seconds=max(0.0, parcel.due - now)),
            )
            for parcel in oldest
        ]

    async def run(self) -> None:
        """Delivers until the unit is stopped; what is under way then is seen through.

        Raises:
            HubError: what can't be gone on with; what was settled is committed.
        """
        work = (self._fetch(), self._keep_committed(), self._let_go(), self._far_side.keep())
        tasks: list[asyncio.Future[Any]] = [asyncio.create_task(each) for each in work]
        stop = asyncio.create_task(self._unit.stopping.wait())
        try:
            await asyncio.wait([*tasks, stop, self._failure], return_when=asyncio.FIRST_COMPLETED)
            self._raise(tasks)
            tasks[0].cancel()
            quiet = asyncio.create_task(self._quiet.wait())
            await asyncio.wait([*tasks[1:], quiet, self._failure], return_when=asyncio.FIRST_COMPLETED)
            quiet.cancel()
            self._raise(tasks[1:])
        finally:
            await self._close([*tasks, stop])

    def _raise(self, tasks: Collection[asyncio.Future[Any]]) -> None:
        for each in (self._failure, *tasks):
            if each.done():
                each.result()

    async def _close(self, tasks: Collection[asyncio.Future[Any]]) -> None:
        """Ends everything, and commits what is settled."""
        self._ending = True
        if self._timer is not None:
            self._timer.cancel()
        ending = [*tasks, *self._calls]
        for each in ending:
            each.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._failure.done():
            self._failure.exception()  # or it would be logged as never looked at
        try:
            async with asyncio.timeout(COMMIT_LIMIT):
                await self._release(asyncio.Event())
        except (HubError, TimeoutError) as error:
            self._log.warning("%s: the last positions are not committed: %s", self._unit.name, error)

    # Out

    def dispatch(self) -> None:
        """Starts as many calls as there may be."""
        schedule = self._intake.schedule
        if self._may_send:
            while (room := self._room) > 0:
                parcels = schedule.take(room, several=self._sink.ordered)
                if not parcels:
                    if 2 * self._in_flight < self._limit.now:
                        self._limit.idle()
                    break
                self._send(parcels)
            self._set_timer()

    @property
    def _may_send(self) -> bool:
        return (
            self._far_side.up
            and not self._ending
            and not self._courier.standing
            and not self._unit.stopping.is_set()
            and not self._unit.paused
            and not self._reader.revoking.is_set()
            and self._generation == self._reader.generation
        )

    @property
    def _room(self) -> int:
        """How many deliveries the next call may hold; none where no call may begin.

        A call of many waits until there is room for a whole one: else those that end would make room for as small ones.
        """
        limit, batch = self._limit.now, self._sink.batch
        free = limit - self._in_flight
        if batch == 1:
            return min(free, 1)
        whole = min(batch, -(-limit // SHARE))
        if free < whole or len(self._calls) >= max(CALLS, -(-limit // batch)):
            return 0
        return whole

    def _send(self, parcels: list[Parcel]) -> None:
        number = len(parcels)
        if not self._in_flight:
            self._moved = time.monotonic()
        self._in_flight += number
        self._quiet.clear()
        call = asyncio.create_task(self._courier.deliver(parcels))
        self._calls.add(call)

        def ended(call: asyncio.Task[None]) -> None:
            self._in_flight -= number
            self._moved = time.monotonic()
            self._calls.discard(call)
            if not self._calls:
                self._quiet.set()
            self._settled.set()
            if call.cancelled():
                if not self._ending:
                    # Nobody asked for it: it comes out of libraries whose connection broke.
                    self._fail(NotConnected("the connector's call was cancelled"))
            elif (error := call.exception()) is not None:
                self._fail(error)
            else:
                self.dispatch()

        call.add_done_callback(ended)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _set_timer(self) -> None:
        """Sees to it that what waits for another attempt is looked at in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._intake.schedule.wait
        if wait is not None:
            self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self.dispatch)

    # In

    async def _fetch(self) -> None:
        reader = self._reader
        while True:
            held = self._held()
            reader.hold(held)
            batches = await reader.batches(limit=FETCH, wait=_NAP if held else 0.5)
            self._turned()
            if reader.revoking.is_set():
                if not batches:
                    await asyncio.sleep(_NAP / 4)
                continue  # they are read again by whoever has the partitions next
            if self._generation != reader.generation:
                self._forget()
                generation = reader.generation
                if self._parking is not None:
                    await self._parking.catch_up()
                    if reader.revoking.is_set() or generation != reader.generation:
                        continue
                self._generation = generation
            if batches:
                self._unit.ledger.taken += self._intake.take(batches, reader.found)
                self._settled.set()
                self.dispatch()
                await asyncio.sleep(0)  # or calls would not begin as long as there is more to read

    def _held(self) -> Collection[TopicPartition]:
        """Partitions of which nothing is to be read now. They stay ours, and heartbeats go on."""
        if self._far_side.up and not self._courier.standing and not self._unit.paused:
            return self._intake.full(self._reader.assigned)
        return self._reader.assigned

    def _forget(self) -> int:
        """Lets go of what is not under way; gives how many events wait on their topics again."""
        left = self._intake.clear()
        self._unit.ledger.taken -= left
        return left

    # Positions

    async def _keep_committed(self) -> None:
        while True:
            await self._settled.wait()
            await asyncio.sleep(COMMIT_EVERY)
            self._settled.clear()
            try:
                await self._commit()
            except NotConnected as error:
                self._log.warning("%s: positions not committed now: %s", self._unit.name, error)
                self._settled.set()

    async def _commit(self) -> None:
        async with self._committing:
            if self._reader.revoking.is_set() or self._generation != self._reader.generation:
                return
            commit = self._intake.uncommitted()
            if commit.offsets and await self._reader.commit(commit.offsets, commit.notes):
                self._intake.committed(commit)

    async def _let_go(self) -> None:
        """Lets go of partitions that the group takes away, once what is under way has settled, or can't in time."""
        revoking = self._reader.revoking
        while True:
            await revoking.wait()
            regained = self._reader.regained
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), reading.SETTLE_LIMIT * _PATIENCE)
            await self._release(regained)
            await regained.wait()

    async def _release(self, regained: asyncio.Event) -> None:
        """Commits what is settled, and gives the rest back.

        Args:
            regained: set where the rebalance didn't wait for that: what is held by then belongs to the time after it.
        """
        async with self._committing:
            if regained.is_set():
                return
            commit = Commit({}, {}, {})
            if self._generation == self._reader.generation:
                commit = self._intake.uncommitted()
                settling = self._reader.settle(commit.offsets, commit.notes)
            else:
                settling = self._reader.settle({})
            try:
                await settling
            finally:
                if not regained.is_set():
                    self._reader.give_back(self._forget())

    # What it shows

    def _risen(self) -> None:
        self._limit.restart()
        self._turned()

    def _turned(self) -> None:
        """Something has changed that decides whether anything goes out, and what the unit shows."""
        unit = self._unit
        if unit.stopping.is_set() or self._ending:
            return
        if self._courier.standing:
            unit.enter(State.FAILED, next(iter(self._courier.standing.values())))
        elif not self._far_side.up:
            if self._far_side.trouble:
                unit.enter(State.PAUSED, self._far_side.trouble)
        elif unit.paused:
            unit.enter(State.PAUSED, "paused by the operator")
        else:
            unit.enter(State.RUNNING)
            if self._room <= 0 and time.monotonic() - self._moved > STALL:
                self._moved = time.monotonic()
                self._limit.stalled()
            self.dispatch()
