"""One call of a sink that takes several events of a key at once: what is refused never lets a later one past."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from hub.engine.dlq.deadletter import REPLAY_OF, Origin
from hub.engine.sinks import courier as room
from hub.engine.sinks.attempts import RetryPolicy
from hub.engine.sinks.courier import Courier
from hub.engine.sinks.farside import FarSide
from hub.engine.sinks.intake import Intake
from hub.engine.sinks.limit import Limit
from hub.engine.sinks.parking import Parking
from hub.kafka.settings import KafkaSettings
from hub.sdk import Delivery, Permanent, Signal, Transient, WriteFailed
from tests.unit.engine.sinks.stages import IN, Named, Outlet, Reader, Record, Table, records


class Far:
    """A sink that takes several of a key, and fails on what a test names."""

    batch, ordered = 50, True

    def __init__(self) -> None:
        self.failures: dict[int, Signal] = {}
        self.written: list[int] = []

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Any]:
        failures: dict[int, Signal] = {}
        for index, delivery in enumerate(batch):
            if not failures and (failure := self.failures.pop(delivery.event.data["n"], None)) is not None:
                failures[index] = failure
            elif not failures:
                self.written.append(delivery.event.data["n"])
        if failures:
            raise WriteFailed(failures)
        return ()


class Stage:
    """A courier with all that it needs."""

    def __init__(self, *read: Record, parking: bool = True) -> None:
        self.far, self.outlet, self.reader = Far(), Outlet(), Reader()
        self.unit = Named("out", flow="")
        self.intake = Intake(replays_first=True)
        self.unit.ledger.taken = self.intake.take({IN: list(read)}, {})
        self.parking: Parking | None = None
        if parking:
            settings = KafkaSettings(bootstrap_servers="localhost:1")
            self.parking = Parking(settings, unit="out", dlq=["d"], resolutions="r", group="g", inbox="i")
            self.parking._table = Table()
        far_side = FarSide(self.far, self._quiet, risen=self._nothing, fallen=self._nothing)
        far_side.up = True
        self.courier = Courier(
            self.unit,
            self.far,
            far_side=far_side,
            reader=self.reader,
            outlet=self.outlet,
            intake=self.intake,
            limit=Limit(50),
            retry=RetryPolicy(initial_interval=0.0, max_interval=0.0),
            reply=None,
            parking=self.parking,
            changed=self._nothing,
        )

    async def _quiet(self) -> None:
        """No call is under way."""

    def _nothing(self) -> None:
        """Nobody looks."""

    async def call(self) -> None:
        """One call, with all that may go out."""
        await self.courier.deliver(self.intake.schedule.take(50, several=True))

    async def through(self) -> None:
        """As many calls as it takes."""
        while self.intake.schedule.open:
            await self.call()
        assert self.intake.schedule.under_way == 0
        assert self.unit.ledger.under_way == 0


async def test_nothing_is_delivered_past_a_record_that_holds_no_event():
    """It becomes a dead letter, and what comes after it in its key is parked behind it."""
    stage = Stage(*records(None, 0, 2, 3))
    await stage.through()
    assert stage.far.written == []
    assert stage.outlet.buried == [("-", "InvalidEvent"), ("0", "Parked"), ("2", "Parked"), ("3", "Parked")]


async def test_what_came_before_it_is_delivered_first():
    """Even if that takes another attempt: what is refused doesn't reach the dead letter queue before it."""
    stage = Stage(*records(0, 1, None, 3))
    stage.far.failures[1] = Transient("not yet")
    await stage.call()
    assert (stage.far.written, stage.outlet.buried) == ([0], [])
    await stage.through()
    assert stage.far.written == [0, 1]
    assert stage.outlet.buried == [("-", "InvalidEvent"), ("3", "Parked")]


async def test_dead_letters_of_a_key_lie_in_its_order():
    """One that the far side refuses comes before one that was never sent there, if it was earlier."""
    stage = Stage(*records(0, None, 2))
    stage.far.failures[0] = Permanent("no")
    await stage.through()
    assert stage.outlet.buried == [("0", "Permanent"), ("-", "Parked"), ("2", "Parked")]


async def test_without_order_over_dead_letters_the_rest_goes_on():
    """What follows is delivered, in order, after the dead letter is written."""
    stage = Stage(*records(0, None, 2, 3), parking=False)
    await stage.through()
    assert stage.far.written == [0, 2, 3]
    assert stage.outlet.buried == [("-", "InvalidEvent")]


async def test_a_dead_letter_that_was_given_back_keeps_those_after_it_waiting(monkeypatch: pytest.MonkeyPatch):
    """A rebalance cuts off the writing of the first; the ones parked behind it must not be written before it."""
    monkeypatch.setattr(room, "FIRST_WAIT", 0.01)
    stage = Stage(*records(0, 1, 2))
    stage.far.failures[0] = Permanent("no")
    await stage.call()
    assert stage.outlet.buried == [("0", "Permanent")]
    stage.outlet.failing = 1
    stage.reader.revoking.set()
    await stage.call()
    assert stage.outlet.buried == [("0", "Permanent")]
    stage.reader.revoking.clear()
    await stage.through()
    assert stage.outlet.buried == [("0", "Permanent"), ("1", "Parked"), ("2", "Parked")]


async def test_replays_that_are_let_through_go_in_one_call_and_live_events_wait():
    """The letters of a key are all on their way back: they go in order, what is new waits in memory."""
    stage = Stage(*records(0, 1))
    stage.far.failures[0] = Permanent("no")
    await stage.through()
    assert stage.parking is not None
    resolution = b'{"kind":"replayed","at":"2026-11-21T00:00:00Z","by":"x","timestamp":0,"sequenced":true}'
    again = records(0, 1, 2)
    for offset, record in enumerate(again):
        record.offset += 2
        if offset < 2:
            place = Origin("d", 0, offset)
            record.headers = (*record.headers, (REPLAY_OF, str(place).encode()), ("hub_replays", b"1"))
            await stage.parking._table.put(str(place).encode(), resolution)
    stage.unit.ledger.taken += stage.intake.take({IN: again}, {})
    async with asyncio.timeout(5):
        await stage.call()
        while stage.intake.schedule.open:
            await stage.call()
            await asyncio.sleep(0.01)
    assert stage.far.written == [0, 1, 2]
