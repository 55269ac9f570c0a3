"""One call of a sink's connector, and what follows from how it ends: settled, tried again, dead-lettered, held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hub.contracts import ContractViolation
from hub.engine.backoff import backoff
from hub.engine.contracts import STAGE
from hub.engine.dlq.deadletter import REPLY, Origin, error_class
from hub.engine.dlq.outlet import DeadLetterFailed, Outlet
from hub.engine.reading.reader import Reader
from hub.engine.sinks.attempts import RetryPolicy, idempotency_key
from hub.engine.sinks.farside import FIRST_WAIT, LONGEST_WAIT, FarSide
from hub.engine.sinks.intake import Intake
from hub.engine.sinks.limit import Limit
from hub.engine.sinks.parking import Parked, Parking, Way
from hub.engine.sinks.schedule import Lane, Parcel
from hub.engine.unit import Unit
from hub.kafka.publisher import Record
from hub.sdk.delivery import Delivery
from hub.sdk.errors import InvalidEvent, NotConnected, Permanent, Signal, Transient, WriteFailed
from hub.sdk.event import Event, KafkaMessage
from hub.sdk.sink import Sink

_LOOK_AGAIN = 0.1  # seconds after which an event is looked at again that waits for the replays of its key


class Courier:
    """Delivers parcels; many calls side by side.

    Args:
        unit: keeps the ledger and the contracts.
        sink: the connector's, kept open by ``far_side``.
        far_side: is told what calls find out about it.
        reader: where the records came from.
        outlet: for dead letters and replies.
        intake: is told what became of each.
        limit: learns from each call.
        retry: when to try again.
        reply: topic for the far side's answers, if any.
        parking: keeps the order of keys over dead letters, where that is wanted.
        changed: called when `standing` has changed.

    Attributes:
        standing: dead letters that can't be written now, and why; nothing else may go out meanwhile.
    """

    def __init__(
        self,
        unit: Unit,
        sink: Sink[Any],
        *,
        far_side: FarSide,
        reader: Reader,
        outlet: Outlet,
        intake: Intake,
        limit: Limit,
        retry: RetryPolicy,
        reply: str | None,
        parking: Parking | None,
        changed: Callable[[], None],
    ) -> None:
        self._unit = unit
        self._sink = sink
        self._far_side = far_side
        self._reader = reader
        self._outlet = outlet
        self._intake = intake
        self._limit = limit
        self._retry = retry
        self._reply = reply
        self._parking = parking
        self._changed = changed
        self.standing: dict[Parcel, str] = {}

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Sees parcels through one attempt; each of them is given back to the schedule.

        Args:
            parcels: at most as many as the sink takes at once.

        Raises:
            HubError: replies could not be published, so that the events are to be delivered again.
        """
        ready, hopeless = await self._sorted(parcels)
        if ready:
            hopeless += await self._write(ready)
        stopped: set[Lane] = set()
        for parcel, error, stage in hopeless:
            if parcel.lane in stopped:
                self._intake.schedule.back(parcel)
            elif not await self._bury(parcel, error, stage):
                stopped.add(parcel.lane)

    async def _sorted(self, parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[tuple[Parcel, Exception, str]]]:
        """Those that may go to the connector, and those that are to be dead-lettered; the others are given back.

        Of one key never some here and some there: what is later must neither be delivered nor buried before it is known
        what becomes of what is earlier, and a dead letter holds back what follows it.
        """
        ready: list[Parcel] = []
        hopeless: list[tuple[Parcel, Exception, str]] = []
        going: set[Lane] = set()
        parked: set[Lane] = set()
        stopped: set[Lane] = set()
        for parcel in parcels:
            lane = parcel.lane
            if lane in stopped:
                self._intake.schedule.back(parcel)
                continue
            way = Way.OUT
            if self._parking is not None:
                way = await self._parking.way(parcel.record.key, parcel.record.headers)
            refused = self._refused(parcel, way)
            if refused is None and way is Way.OUT and lane not in parked:
                going.add(lane)
                ready.append(parcel)
            elif refused is not None and lane not in going and (way is Way.PARK or lane not in parked):
                hopeless.append((parcel, *refused))
                (parked if way is Way.PARK else stopped).add(lane)
            else:
                stopped.add(lane)
                if way is Way.WAIT:
                    self._intake.schedule.put_off(parcel, _LOOK_AGAIN)
                else:
                    self._intake.schedule.back(parcel)
        return ready, hopeless

    def _refused(self, parcel: Parcel, way: Way) -> tuple[Exception, str] | None:
        """Why, and at which stage, a parcel is not to reach the connector at all; None where nothing is against it."""
        if way is Way.PARK:
            return Parked("an earlier event of its key is a dead letter"), "park"
        if way is Way.OUT:
            try:
                self._prepare(parcel)
            except ContractViolation as violation:
                return violation, STAGE
            except InvalidEvent as invalid:
                return invalid, "parse"
        return None

    def _prepare(self, parcel: Parcel) -> None:
        """Makes the delivery, the first time.

        Raises:
            InvalidEvent: the record holds none, or one that breaks its contract.
        """
        if parcel.delivery is not None:
            return
        record = parcel.record
        event = Event.from_kafka(record.key, record.value, record.headers)
        if self._unit.contracts is not None:
            self._unit.contracts.consumed(event)
        parcel.delivery = Delivery(event, idempotency_key(self._unit.name, event))

    async def _write(self, parcels: Sequence[Parcel]) -> list[tuple[Parcel, Exception, str]]:
        """One call of the connector; gives what is to be dead-lettered."""
        replies: Sequence[Event] = ()
        failures: dict[int, Signal] = {}
        try:
            replies = await self._sink.write([parcel.delivery for parcel in parcels if parcel.delivery is not None])
        except WriteFailed as error:
            replies, failures = error.replies, error.failures
        except Signal as error:
            failures = dict.fromkeys(range(len(parcels)), error)
        except Exception as error:
            if len(parcels) > 1:
                return await self._write_singly(parcels)
            self._unit.log.exception("%s: the connector failed on an event; it is dead-lettered", self._unit.name)
            failures = {0: _fault(error)}
        if not failures.keys() <= set(range(len(parcels))):
            # Nobody can tell which event it means; as a failure of all, none is taken for delivered.
            failures = dict.fromkeys(
                range(len(parcels)), Transient("the connector named an event that it wasn't given")
            )
        if self._reply and (wrong := [each for each in replies or () if not isinstance(each, Event)]):
            # Nor whose reply it is. As dead letters they are seen; given back, they would be delivered without end.
            fault = Permanent(f"the connector answered with {type(wrong[0]).__name__} in place of an event")
            replies, failures = (), {**dict.fromkeys(range(len(parcels)), fault), **failures}
        failed = sum(isinstance(each, Transient) for each in failures.values())
        held = sum(isinstance(each, NotConnected) for each in failures.values())
        self._limit.ended(time.monotonic(), len(parcels) - failed - held, failed)
        await self._publish_replies(replies)
        if self._parking is not None:
            for index, parcel in enumerate(parcels):
                if index not in failures and parcel.replayed:
                    await self._parking.delivered(parcel.record.key, parcel.record.headers)
        return self._settle(parcels, failures)

    async def _write_singly(self, parcels: Sequence[Parcel]) -> list[tuple[Parcel, Exception, str]]:
        """A fault of the connector, brought about by one event: alone, each shows whether it is the one."""
        hopeless: list[tuple[Parcel, Exception, str]] = []
        stopped: set[Lane] = set()
        for parcel in parcels:
            if not self._far_side.up or self._unit.stopping.is_set() or parcel.lane in stopped:
                self._intake.schedule.back(parcel)
                continue
            before = len(parcel.lane.queue)
            hopeless += await self._write([parcel])
            if len(parcel.lane.queue) == before:
                stopped.add(parcel.lane)
        return hopeless

    def _settle(self, parcels: Sequence[Parcel], failures: dict[int, Signal]) -> list[tuple[Parcel, Exception, str]]:
        """Gives back all but what is to be dead-lettered.

        Where a key comes several times and one of it failed, what follows of it counts as not written: a sink that
        takes several of a key promises that.
        """
        schedule = self._intake.schedule
        hopeless: list[tuple[Parcel, Exception, str]] = []
        stopped: set[Lane] = set()
        now = time.monotonic()
        for index, parcel in enumerate(parcels):
            failure = failures.get(index)
            if parcel.lane in stopped:
                schedule.back(parcel)
                continue
            if failure is None:
                self._delivered(parcel, now)
                continue
            stopped.add(parcel.lane)
            if isinstance(failure, NotConnected):
                schedule.back(parcel)
                self._far_side.lost(failure)
            elif isinstance(failure, Transient) and (wait := self._wait(parcel, failure)) is not None:
                self._unit.ledger.retries += 1
                schedule.again(parcel, wait, failure)
            else:
                hopeless.append((parcel, failure, "write"))
        if len(failures) < len(parcels):
            self._far_side.answered()
        return hopeless

    def _wait(self, parcel: Parcel, failure: Transient) -> float | None:
        now = time.monotonic()
        parcel.first_failed = parcel.first_failed or now
        return self._retry.pause(parcel.attempt, now - parcel.first_failed, failure)

    def _delivered(self, parcel: Parcel, now: float) -> None:
        if self._intake.settle(parcel):
            replayed = parcel.replayed
            ledger = self._unit.ledger
            ledger.delivered += 1
            ledger.durations.observe(now - parcel.came)
            ledger.replayed += replayed
            self._reader.accounts.settle(parcel.partition, parcel.record.offset, "delivered", replayed=bool(replayed))

    async def _bury(self, parcel: Parcel, error: Exception, stage: str) -> bool:
        """Writes a dead letter. Until that works nothing else goes out, so that nothing is delivered twice.

        Returns:
            False where the event was given back instead.
        """
        if parcel.stale:  # whoever has its partition now sees to it
            self._intake.schedule.back(parcel)
            return False
        record = parcel.record
        failures = 0
        while True:
            try:
                written = await self._outlet.bury(
                    KafkaMessage(record.key, record.value, list(record.headers)),
                    error,
                    stage=stage,
                    attempts=parcel.attempt,
                    origin=Origin(*parcel.place),
                )
            except DeadLetterFailed as failure:
                failures += 1
                wait = backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self.standing[parcel] = f"{failure} Trying again in {wait:.1f} s"
                self._changed()
                await self._pause(wait)
                if self._unit.stopping.is_set() or self._reader.revoking.is_set() or parcel.stale:
                    self._stands(parcel)
                    self._intake.schedule.back(parcel)
                    return False
                continue
            self._stands(parcel)
            if self._parking is not None:
                await self._parking.buried(record.key, record.headers, written)
            self._dead_lettered(parcel, error_class(error))
            return True

    def _stands(self, parcel: Parcel) -> None:
        """It doesn't hold anything up any more."""
        if self.standing.pop(parcel, None) is not None:
            self._changed()

    def _dead_lettered(self, parcel: Parcel, error: str) -> None:
        replayed = parcel.replayed
        if self._intake.settle(parcel):
            self._unit.ledger.dead_lettered[error] += 1
            self._unit.ledger.replayed += replayed
            self._reader.accounts.settle(
                parcel.partition, parcel.record.offset, "dead_lettered", error, replayed=bool(replayed)
            )

    async def _publish_replies(self, replies: Sequence[Event]) -> None:
        """Stores what the far side answered; what can't be is a dead letter. Only then is anything settled."""
        if not self._reply or not replies:
            return
        kept: list[Event] = []
        for reply in replies:
            try:
                kept.append(self._admitted(reply))
            except (InvalidEvent, ContractViolation) as error:
                await self._outlet.bury(reply.to_kafka(), error, stage=REPLY)
        records = [Record(self._reply, *reply.to_kafka()) for reply in kept]
        for index, too_large in (await self._outlet.publish(records)).items():
            await self._outlet.bury(kept[index].to_kafka(), too_large, stage=REPLY)

    def _admitted(self, reply: Event) -> Event:
        """A reply that may be published, marked as strict JSON.

        Raises:
            InvalidEvent: it isn't of the sink's types, or no strict JSON.
            ContractViolation: it breaks its contract, and that is enforced.
        """
        known = self._sink.events
        if known and reply.type not in known:
            raise InvalidEvent(f"the sink declares no event type {reply.type!r} in its `events`")
        reply = reply.checked()
        if self._unit.contracts is not None:
            self._unit.contracts.produced(reply)
        return reply

    async def _pause(self, seconds: float) -> None:
        """Sleeps, but not past a stop, nor past a rebalance that waits for us."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._unit.either(self._reader.revoking.wait()), seconds)


def _fault(error: Exception) -> Permanent:
    """An error that a connector should have mapped to a signal, as the cause of a dead letter."""
    fault = Permanent(f"{type(error).__name__}: {error}")
    fault.__cause__ = error
    return fault
