"""Consuming sources on the real Kafka: stored, then acknowledged; whatever comes again is known by its id."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.unit import State
from hub.kafka import names
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.sdk import (
    Connector,
    ConsumingSource,
    Event,
    InvalidEvent,
    NotConnected,
    Received,
    Signal,
    SourceConfig,
    Unreadable,
)
from hub.testing.servers import kafka_server
from tests.integration.engine import records, running, settled, until

TEXT = """
deployment: {name}
events:
  box.event: {{ schema: {{ type: object, properties: {{ n: {{ type: integer }} }} }}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 1, max_message: 20kB }}
sources:
  feed: {{ use: box }}
"""


class Box:
    """A far side with a queue: what is handed out and not acknowledged goes back to it when the connection ends.

    Attributes:
        waiting: messages, in their order; those that came before are marked so.
        acknowledged: names of those that it has forgotten.
        rejected: names of those that were given back for good.
        opening: raised, in turn, by the next openings.
        receiving: raised, in turn, by the next calls of `receive`.
        lost: whether the connections that there are have broken, without anybody noticing yet.
        opened: how often somebody connected.
        pushed: how many messages are handed out before anybody asks.
        rejects: whether messages that can't be taken are wanted back.
        connector: to put into a registry.
    """

    def __init__(self, *, pushed: int = 10) -> None:
        self.waiting: list[Received] = []
        self.acknowledged: list[Any] = []
        self.rejected: list[Any] = []
        self.opening: list[Signal] = []
        self.receiving: list[Signal] = []
        self.lost = False
        self.opened = 0
        self.pushed = pushed
        self.rejects = False
        self.came = asyncio.Event()
        self.connector = Connector(name="box", title="Box", sources={"": type("TakeOfIt", (Take,), {"box": self})})

    def put(self, *messages: Received) -> None:
        self.waiting += messages
        self.came.set()

    def send(self, *numbers: int, named: bool = True, **data: Any) -> None:
        self.put(*(message(n, named=named, **data) for n in numbers))


def event(n: int, **data: Any) -> Event:
    return Event(type="box.event", source="/box", id=str(n), data={"n": n, **data}, time="2026-11-20T10:00:00Z")


def message(n: int, *, named: bool = True, **data: Any) -> Received:
    return Received(handle=n, events=[event(n, **data)], id=str(n) if named else None)


class Take(ConsumingSource[SourceConfig]):
    """A source of the box that its class is made for."""

    box: ClassVar[Box]
    events = {"box.event": None}
    partition_key = "key"
    far_side = "a box"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.given: list[Received] = []
        self.unread: list[Received] = []
        self.open_ = False

    @property
    def rejects(self) -> bool:
        return self.box.rejects

    @property
    def connected(self) -> bool:
        return self.open_ and not self.box.lost

    async def open(self) -> None:
        self.box.opened += 1
        if self.box.opening:
            raise self.box.opening.pop(0)
        self.open_, self.box.lost = True, False

    async def receive(self, most: int) -> Sequence[Received]:
        while True:
            self._check()
            if self.box.receiving:
                raise self.box.receiving.pop(0)
            self._push()
            if self.unread:
                taken, self.unread = self.unread[:most], self.unread[most:]
                return taken
            self.box.came.clear()
            await self.box.came.wait()

    def _push(self) -> None:
        room = self.box.pushed - len(self.given)
        pushed, self.box.waiting[:] = self.box.waiting[:room], self.box.waiting[room:]
        self.given += pushed
        self.unread += pushed

    async def acknowledge(self, handles: Sequence[Any]) -> None:
        self._check()
        self.box.acknowledged += handles
        self.given = [each for each in self.given if each.handle not in handles]

    async def reject(self, handles: Sequence[Any]) -> None:
        self._check()
        self.box.rejected += handles
        self.given = [each for each in self.given if each.handle not in handles]

    async def halt(self) -> Sequence[Received]:
        self._check()
        left, self.unread = self.unread, []
        return left

    async def close(self) -> None:
        self.open_ = False
        back = [dataclasses.replace(each, redelivered=True) for each in self.given]
        self.given, self.unread = [], []
        self.box.waiting[:0] = back
        self.box.came.set()

    def _check(self) -> None:
        if self.box.lost or not self.open_:
            raise NotConnected("the box is gone", retry_after=0.05)


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    return [Event.from_kafka(each.key, each.value, each.headers).data["n"] for each in await records(kafka, topic)]


async def test_messages_are_acknowledged_once_they_are_stored(tmp_path, kafka, unique):
    """In their order, and nothing stays in flight."""
    box = Box(pushed=100)
    box.send(*range(250))
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        totals = await settled(runtime, "feed", 250)
        await until(lambda: len(box.acknowledged) == 250)
        assert "a box" in runtime.supervisor.units["feed"].status().detail
    assert box.acknowledged == list(range(250))
    assert (totals.received, totals.delivered) == (250, 250)
    assert await numbers(kafka, f"{unique}.in") == list(range(250))


async def test_a_message_that_comes_again_is_a_duplicate_also_after_a_restart(tmp_path, kafka, unique):
    """Known by its id and bytes; what has no id is stored as often as it comes."""
    box = Box()
    text = TEXT.format(name=unique)
    box.send(1, 1, 2)
    box.send(3, 3, named=False)
    async with running(tmp_path, kafka, text, box) as runtime:
        totals = await settled(runtime, "feed", 5)
        assert (totals.delivered, totals.filtered) == (4, {"duplicate": 1})
        box.send(1)
        box.send(1, text="another body")
        totals = await settled(runtime, "feed", 7)
        assert (totals.delivered, totals.filtered) == (5, {"duplicate": 2})
    box.send(2, 4)
    async with running(tmp_path, kafka, text, box) as runtime:
        totals = await settled(runtime, "feed", 2)
    assert (totals.delivered, totals.filtered) == (1, {"duplicate": 1})
    assert await numbers(kafka, f"{unique}.in") == [1, 2, 3, 3, 1, 4]
    assert len(box.acknowledged) == 9


async def test_a_far_side_that_is_away_is_waited_for(tmp_path, kafka, unique):
    """The source shows why it waits; what was not acknowledged comes again, and is stored once."""
    box = Box()
    box.opening = [NotConnected("nobody there", retry_after=0.5)]
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.state is State.PAUSED and "nobody there" in unit.detail)
        await until(lambda: unit.state is State.RUNNING)
        box.receiving = [NotConnected("hiccup", retry_after=0.5)]
        box.send(*range(5))
        await until(lambda: unit.state is State.PAUSED and "hiccup" in unit.detail)
        totals = await settled(runtime, "feed", 5)
        assert totals.delivered == 5
        assert unit.state is State.RUNNING
        assert (box.opened, totals.retries) == (3, 2)


async def test_what_was_stored_and_not_acknowledged_is_known_when_it_comes_again(tmp_path, kafka, unique, monkeypatch):
    """The connection breaks right after the commit: the far side gives it again, and it is no second event."""
    box = Box()
    commit = TransactionWriter.commit

    async def breaking(self, *positions):
        await commit(self, *positions)
        if box.opened == 1:
            box.lost = True

    monkeypatch.setattr(TransactionWriter, "commit", breaking)
    box.send(*range(5))
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        await until(lambda: len(box.acknowledged) == 5)
        totals = runtime.supervisor.units["feed"].status().totals
    assert (totals.received, totals.delivered, totals.filtered) == (10, 5, {"duplicate": 5})
    assert await numbers(kafka, f"{unique}.in") == list(range(5))


async def test_without_an_id_a_message_that_comes_again_is_stored_again(tmp_path, kafka, unique, monkeypatch):
    """The control of the one before: nothing but its mark keeps a message from being there twice."""
    box = Box()
    commit = TransactionWriter.commit

    async def breaking(self, *positions):
        await commit(self, *positions)
        if box.opened == 1:
            box.lost = True

    monkeypatch.setattr(TransactionWriter, "commit", breaking)
    box.send(*range(5), named=False)
    async with running(tmp_path, kafka, TEXT.format(name=unique), box):
        await until(lambda: len(box.acknowledged) == 5)
    assert await numbers(kafka, f"{unique}.in") == [*range(5), *range(5)]


async def test_a_message_that_even_the_dlq_cannot_take_stops_the_source(tmp_path, kafka, unique):
    """It says so and takes nothing more; the message stays at the far side, and what came with it, too."""
    box = Box()
    box.send(1)
    box.put(message(2, text="x" * 200_000))
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.state is State.FAILED)
        assert "can't be dead-lettered either" in unit.detail
        assert unit.ledger.under_way == 0
    assert [each.handle for each in box.waiting] == [1, 2]
    assert box.acknowledged == []
    assert await numbers(kafka, f"{unique}.in") == []


@pytest.mark.parametrize("named", [True, False])
async def test_a_commit_without_an_answer_is_looked_up(tmp_path, kafka, unique, monkeypatch, named):
    """It may have been done: the batch's own mark tells, so that even messages without an id are there once."""
    box = Box()
    commit = TransactionWriter.commit
    failures = {"before": 1, "after": 1}

    async def unanswered(self, *positions):
        if failures["before"]:
            failures["before"] -= 1
            raise NotConnected("Kafka is away")
        await commit(self, *positions)
        if failures["after"]:
            failures["after"] -= 1
            raise NotConnected("Kafka has not answered; it may have been done")

    monkeypatch.setattr(TransactionWriter, "commit", unanswered)
    box.send(*range(5), named=named)
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        totals = await settled(runtime, "feed", 5)
        await until(lambda: len(box.acknowledged) == 5)
    assert failures == {"before": 0, "after": 0}
    assert (totals.received, totals.delivered) == (5, 5)
    assert box.opened == 1
    assert await numbers(kafka, f"{unique}.in") == list(range(5))


async def test_messages_whose_connection_broke_before_the_commit_are_dropped(tmp_path, kafka, unique, monkeypatch):
    """They come again: stored now, those without an id would be there twice."""
    box = Box()
    flush = TransactionWriter.flush
    broken = False

    async def breaking(self):
        nonlocal broken
        await flush(self)
        if not broken:
            broken = box.lost = True

    monkeypatch.setattr(TransactionWriter, "flush", breaking)
    box.send(*range(5), named=False)
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        totals = await settled(runtime, "feed", 5)
        await until(lambda: len(box.acknowledged) == 5)
    assert broken
    assert (totals.received, totals.delivered) == (5, 5)
    assert await numbers(kafka, f"{unique}.in") == list(range(5))


async def test_messages_that_hold_no_event_are_dead_lettered_as_they_came(tmp_path, kafka, unique):
    """Unreadable, no JSON, against the contract, too large: each with its cause; then they are acknowledged."""
    box = Box()
    box.put(
        Received(1, unreadable=Unreadable(InvalidEvent("expected a type"), b"\xff\x00", [("box_header", b"x")])),
        Received(2, [Event.of(dict(event(2).attributes), b'{"n":2,}')]),
        Received(3, [event(3).replace(data={"n": "three"})]),
        Received(4, [event(4, text="x" * 30_000)]),
        Received(5, [event(5)]),
    )
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        totals = await settled(runtime, "feed", 5)
        await until(lambda: box.acknowledged == [1, 2, 3, 4, 5])
    assert totals.delivered == 1
    assert totals.dead_lettered == {"InvalidEvent": 1, "InvalidPayload": 1, "ContractViolation": 1, "TooLarge": 1}
    letters = {each.value[:7]: dict(each.headers) for each in await records(kafka, names.dlq(unique, "feed"))}
    assert letters[b"\xff\x00"]["box_header"] == b"x"
    assert letters[b"\xff\x00"]["__connect.errors.exception.message"] == b"expected a type"
    assert b'{"n":2,' in letters
    assert await numbers(kafka, f"{unique}.in") == [5]


async def test_messages_that_cannot_be_taken_are_given_back_where_the_source_wants_them(tmp_path, kafka, unique):
    """They are not dead-lettered, were never received, and are counted apart; if one comes back it is looked at."""
    box = Box()
    box.rejects = True
    box.put(
        Received(1, unreadable=Unreadable(InvalidEvent("expected a type"), b"?")),
        message(2),
        message(3, text="x" * 30_000),
        Received(4, [event(4).replace(data={"n": "four"}), event(40)]),
    )
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        await until(lambda: box.acknowledged == [2] and box.rejected == [1, 3, 4])
        await until(lambda: runtime.supervisor.units["feed"].ledger.refused.total() == 3)
        totals = runtime.supervisor.units["feed"].status().totals
        assert (totals.received, totals.delivered, totals.dead_lettered) == (1, 1, {})
        assert totals.refused == {"InvalidEvent": 1, "TooLarge": 1, "ContractViolation": 1}
        box.put(message(3, text="x" * 30_000))
        await until(lambda: box.rejected == [1, 3, 4, 3])
    assert await numbers(kafka, f"{unique}.in") == [2]
    assert await records(kafka, names.dlq(unique, "feed")) == []


async def test_a_paused_source_takes_nothing_and_stores_what_it_had_been_given(tmp_path, kafka, unique, monkeypatch):
    """What was pushed already is settled; what comes meanwhile waits at the far side, for whoever else takes it."""
    box = Box(pushed=3)
    hold, held = asyncio.Event(), asyncio.Event()
    commit = TransactionWriter.commit

    async def slow(self, *positions):
        held.set()
        await hold.wait()
        await commit(self, *positions)

    monkeypatch.setattr(TransactionWriter, "commit", slow)
    box.send(1)
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        unit = runtime.supervisor.units["feed"]
        await held.wait()
        box.send(2, 3)
        unit.pause()
        hold.set()
        await until(lambda: unit.state is State.PAUSED and 1 in box.acknowledged)
        assert "operator" in unit.detail
        box.send(4)
        assert unit.ledger.under_way == 0
        assert 4 not in box.acknowledged
        unit.resume()
        await until(lambda: sorted(box.acknowledged) == [1, 2, 3, 4])
        await until(lambda: unit.state is State.RUNNING)
    assert sorted(await numbers(kafka, f"{unique}.in")) == [1, 2, 3, 4]


async def test_a_source_that_is_stopped_settles_what_it_holds(tmp_path, kafka, unique, monkeypatch):
    """What is under way when it is told to end is stored and acknowledged; nothing is left to be delivered again."""
    box = Box(pushed=20)
    held = asyncio.Event()
    commit = TransactionWriter.commit

    async def slow(self, *positions):
        held.set()
        await asyncio.sleep(0.3)
        await commit(self, *positions)

    monkeypatch.setattr(TransactionWriter, "commit", slow)
    box.send(*range(20))
    async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
        await held.wait()
    assert box.acknowledged == list(range(20))
    assert box.waiting == []
    assert runtime.supervisor.units["feed"].state is State.STOPPED


async def test_two_workers_take_from_one_source(tmp_path, kafka, unique):
    """Each gets what the other doesn't; together they store everything once."""
    box = Box(pushed=20)
    (tmp_path / "deployment.yaml").write_text(TEXT.format(name=unique))
    deployment = load(tmp_path, registry=Registry([box.connector]))
    workers = [Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={}) for _ in range(2)]
    try:
        for each in workers:
            await each.start()
        box.send(*range(400))
        await until(lambda: len(box.acknowledged) == 400)
        units = [each.supervisor.units["feed"] for each in workers]
        assert [each.state for each in units] == [State.RUNNING] * 2
        assert sum(each.ledger.delivered for each in units) == 400
        assert all(each.ledger.delivered for each in units)
    finally:
        for each in workers:
            await each.stop()
    assert sorted(await numbers(kafka, f"{unique}.in")) == list(range(400))


@pytest.mark.timeout(180)
async def test_without_kafka_messages_are_held_and_no_others_taken(tmp_path, unique):
    """The far side is held back by what isn't acknowledged; with Kafka's return each message is stored once."""
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        box = Box(pushed=7)
        box.send(*range(5))
        async with running(tmp_path, kafka, TEXT.format(name=unique), box) as runtime:
            unit = runtime.supervisor.units["feed"]
            await until(lambda: len(box.acknowledged) == 5)
            server.kill()
            box.send(*range(5, 50), named=False)
            await until(lambda: unit.state is State.PAUSED and "are held" in unit.detail)
            assert len(box.acknowledged) == 5
            assert len(box.waiting) == 50 - 5 - 7
            await server.start()
            await until(lambda: len(box.acknowledged) == 50, "Kafka's return")
            await until(lambda: unit.state is State.RUNNING)
            assert box.opened == 1
        assert sorted(await numbers(kafka, f"{unique}.in")) == list(range(50))
