"""Routes at work: a batch that takes long holds nobody up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from hub.engine.ledger.accounts import Counts
from hub.engine.routing import mapper as module
from hub.engine.routing.mapper import Mapper, Work
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


def test_others_have_their_turn_while_a_batch_is_mapped(monkeypatch):
    """Heartbeats among them: the loop is never kept for much longer than one event takes."""
    monkeypatch.setattr(module, "TURN", 0.0)
    message = Event(type="t", source="/", id="1", data={"n": 1}).to_kafka()
    records = [SimpleNamespace(**message._asdict(), offset=n) for n in range(20)]
    program = compile_program(Route({"where": "data.n == 1", "to": ["o"]}))
    mapper: Any = Mapper("r", "d", Work(program, {"o": "o"}))
    written, counts = Written(), Counts()
    at = TopicPartition("t", 0)
    rest = iter(records)
    turns = 1
    while not mapper.map(at, rest, written, counts):
        turns += 1
    assert turns > 20
    assert (len(written.records), counts.delivered) == (20, 20)
