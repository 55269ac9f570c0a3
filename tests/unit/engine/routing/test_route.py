"""Routes at work: a batch that takes long holds nobody up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from hub.engine.ledger.accounts import Counts
from hub.engine.routing import route as module
from hub.engine.routing.route import RouteUnit, _Work
from hub.routes import Route, compile_program
from hub.sdk import Event


class Written:
    """Takes what a route makes, in place of a transaction."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def too_large(self, *_: Any) -> bool:
        return False

    def add(self, *record: Any) -> None:
        self.records.append(record)


class Open:
    """The account of one partition."""

    def __init__(self) -> None:
        self.counts = Counts()

    def open(self, _: TopicPartition) -> Counts:
        return self.counts


async def test_others_have_their_turn_while_a_batch_is_mapped(monkeypatch):
    """Heartbeats among them: the loop is never kept for much longer than one event takes."""
    monkeypatch.setattr(module, "TURN", 0.0)
    message = Event(type="t", source="/", id="1", data={"n": 1}).to_kafka()
    records = [SimpleNamespace(**message._asdict(), offset=n) for n in range(20)]
    program = compile_program(Route({"where": "data.n == 1", "to": ["o"]}))
    unit: Any = RouteUnit(
        "r",
        flow="",
        open_reader=lambda: None,  # type: ignore[arg-type,return-value]
        open_outlet=lambda: None,  # type: ignore[arg-type,return-value]
        compile=lambda: program,
        targets={"o": "o"},
        dlq="d",
    )
    written, account = Written(), Open()
    at = TopicPartition("t", 0)
    work = asyncio.create_task(unit._handle({at: records}, _Work(program, {"o": "o"}), written, account))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    await work
    assert turns > 20
    assert (len(written.records), account.counts.delivered, account.counts.taken) == (20, 20, 20)
