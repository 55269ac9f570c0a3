"""Routes at work: a batch that takes long holds nobody up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from hub.engine import route as module
from hub.engine.route import RouteUnit
from hub.routes import Route, compile_program
from hub.sdk import Event
from hub.sdk.event import KafkaMessage


class Batch:
    """A consumer with one batch, and the way out for what is made of it."""

    lag = 0

    def __init__(self, messages: list[KafkaMessage]) -> None:
        self.records = [SimpleNamespace(**each._asdict(), topic="t", partition=0, offset=n)
                        for n, each in enumerate(messages)]  # fmt: skip
        self.settled = asyncio.Event()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def fetch(self) -> list[Any]:
        records, self.records = self.records, []
        await asyncio.sleep(0)
        return records

    async def publish(self, records: list[Any]) -> dict[int, Any]:
        return {}

    async def settle(self, offsets: Any) -> bool:
        self.settled.set()
        return True


async def test_others_have_their_turn_while_a_batch_is_mapped(monkeypatch):
    """Heartbeats among them: the loop is never kept for much longer than one event takes."""
    monkeypatch.setattr(module, "TURN", 0.0)
    event = Event(type="t", source="/", id="1", data={"n": 1})
    batch: Any = Batch([event.to_kafka()] * 20)
    program = compile_program(Route({"where": "data.n == 1", "to": ["o"]}))
    unit = RouteUnit(
        "r", flow="", open_reader=lambda: batch, open_outlet=lambda: batch, compile=lambda: program, targets={"o": "o"}
    )
    life = asyncio.create_task(unit.run())
    turns = 0
    while not batch.settled.is_set():
        await asyncio.sleep(0)
        turns += 1
    unit.stop()
    await life
    assert turns > 20
    assert (unit.ledger.delivered, unit.ledger.under_way) == (20, 0)
