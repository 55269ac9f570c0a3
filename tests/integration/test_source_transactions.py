"""Polling sources in transactions, on the real Kafka: events, dead letters, the cursor and the counts are one thing."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.sources.cursors import CursorStore, Stored
from hub.engine.sources.tenure import Tenure
from hub.engine.unit import State
from hub.kafka import names
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event
from hub.testing.scripted import Script
from tests.integration.engine import records, running, until

POLLING = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 3, max_message: 20kB }}
  {name}.feed.dlq: {{ partitions: 1, max_message: {dlq} }}
sources:
  feed:
    use: script.poll
    every: 50ms
"""


def deployment(name: str, dlq: str = "100kB") -> str:
    return POLLING.format(name=name, dlq=dlq)


def rows(*numbers: int, **more: object) -> list[dict]:
    return [{"n": n, "key": str(n % 5), **more} for n in numbers]


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    found = [Event.from_kafka(each.key, each.value, each.headers).data["n"] for each in await records(kafka, topic)]
    return sorted(found)


@asynccontextmanager
async def cursors(kafka: KafkaSettings, name: str) -> AsyncIterator[CursorStore]:
    store = CursorStore(kafka, name)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def stored(kafka: KafkaSettings, name: str) -> Stored | None:
    async with cursors(kafka, name) as store:
        return await store.account("feed")


def at(runtime: Runtime, position: int) -> bool:
    return runtime.supervisor.units["feed"].cursor == json.dumps({"at": position}, separators=(",", ":"))


async def test_what_became_of_events_is_counted_over_all_lives(tmp_path, kafka, unique):
    """The counts are stored with the cursor, and go on where the last worker ended, also after a reset."""
    script = Script()
    script.records = [*rows(*range(12)), *rows(12, text="x" * 30_000)]
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, 13))
        totals = runtime.supervisor.units["feed"].status().totals
    assert (totals.delivered, totals.dead_lettered) == (12, {"TooLarge": 1})
    script.records += rows(*range(13, 20))
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, 20))
        counts = runtime.supervisor.units["feed"].counts
        assert (counts.taken, counts.delivered, dict(counts.dead_lettered)) == (20, 19, {"TooLarge": 1})
    store = CursorStore(kafka, unique)
    await store.start()
    await store.reset("feed")
    assert await store.get("feed") is None
    assert await store.all() == {}
    await store.put("feed", '{"at":3}')
    found = await store.account("feed")
    await store.stop()
    assert found.cursor == '{"at":3}'
    assert (found.counts.taken, found.counts.delivered) == (20, 19)


async def test_a_dead_letter_that_can_not_be_written_leaves_the_cursor_where_it_is(tmp_path, kafka, unique):
    """Nothing of its batch is stored, the unit says why, and goes on once the DLQ takes it."""
    script = Script()
    script.records = [*rows(0), *rows(1, text="x" * 30_000), *rows(2)]
    async with running(tmp_path, kafka, deployment(unique, dlq="20kB"), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.state is State.FAILED)
        assert "a dead letter could not be written" in unit.detail
        assert "takes 20,000" in unit.detail
        assert unit.status().totals.received == 0
    assert await stored(kafka, unique) is None
    assert await records(kafka, f"{unique}.in") == []
    script.records[1]["text"] = "x" * 10
    async with running(tmp_path, kafka, deployment(unique, dlq="20kB"), script) as runtime:
        await until(lambda: at(runtime, 3))
    assert await numbers(kafka, f"{unique}.in") == [0, 1, 2]


async def test_a_predecessors_open_transaction_is_aborted_before_the_cursor_is_read(tmp_path, kafka, unique):
    """What it had written is never seen: neither its events nor its cursor."""
    script = Script()
    script.records = rows(*range(5))
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, 5))
    predecessor = TransactionWriter(
        kafka, names.transactional_id(unique, "feed"), outputs=[names.cursors(unique), f"{unique}.in"]
    )
    await predecessor.start()
    await predecessor.begin()
    torn = Event(type="script.event", source="/torn", id="torn", data={"n": -1})
    assert predecessor.add(f"{unique}.in", *torn.to_kafka()) is None
    assert predecessor.add(names.cursors(unique), b"feed", b'{"at":100}', []) is None
    await predecessor.flush()
    script.records += rows(5, 6)
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, 7))
        await predecessor.stop(0.1)
    assert await numbers(kafka, f"{unique}.in") == list(range(7))


async def test_the_cursor_is_read_only_once_no_transaction_hides_it(tmp_path, kafka, unique):
    """An open transaction of another source on the same partition hides what was committed after it began."""
    script = Script()
    script.records = rows(*range(10))
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, 10))
    other = TransactionWriter(kafka, f"{unique}-other", outputs=[names.cursors(unique)])
    await other.start()
    await other.begin()
    assert other.add(names.cursors(unique), b"other", b"{}", []) is None
    await other.flush()
    async with Publisher(kafka) as publisher:
        await publisher.send([Record(names.cursors(unique), b"feed", b'{"at":8}')])
    script.records += rows(10)
    waiting = asyncio.create_task(enter(running(tmp_path, kafka, deployment(unique), script)))
    done, _ = await asyncio.wait({waiting}, timeout=3)
    assert not done or not done.pop().result()[1].supervisor.units["feed"].ready.is_set()
    await other.commit()
    context, runtime = await waiting
    await until(lambda: at(runtime, 11))
    await context.__aexit__(None, None, None)
    await other.stop()
    assert await numbers(kafka, f"{unique}.in") == sorted([*range(11), 8, 9])


async def enter(context):
    return context, await context.__aenter__()


async def test_a_source_that_is_fenced_says_so_and_does_not_fight(tmp_path, kafka, unique):
    """It goes on once, as after a worker that was late; a second time means somebody who is no part of the election."""
    script = Script()
    script.records = rows(*range(5))
    intruder = TransactionWriter(kafka, names.transactional_id(unique, "feed"), outputs=[f"{unique}.in"])
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: at(runtime, 5))
        await intruder.start()
        script.records += rows(5, 6)
        await until(lambda: unit.state is State.FAILED)
        assert "another copy of source feed has taken over; starting again" in unit.detail
        await until(lambda: at(runtime, 7))
        await intruder.stop()
        await intruder.start()
        script.records += rows(7)
        await until(lambda: unit.state is State.FAILED)
        assert "for the second time" in unit.detail
        assert "starting again" not in unit.detail
        assert unit.status().totals.in_flight == 0
        # The other one alone makes progress.
        await intruder.begin()
        theirs = Event(type="script.event", source="/x", id="7", data={"n": 7})
        assert intruder.add(f"{unique}.in", *theirs.to_kafka()) is None
        await intruder.commit()
        await intruder.stop()
    assert await numbers(kafka, f"{unique}.in") == list(range(8))


async def test_a_cursor_that_is_set_under_a_running_source_takes_effect(tmp_path, kafka, unique):
    """Setting it fences the source, which goes on from there."""
    script = Script()
    script.records = rows(*range(6))
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: at(runtime, 6))
        store = CursorStore(kafka, unique)
        await store.start()
        await store.put("feed", '{"at":4}')
        await store.stop()
        script.records += rows(6)
        await until(lambda: at(runtime, 7))
        assert unit.counts.delivered == 9
    assert await numbers(kafka, f"{unique}.in") == [0, 1, 2, 3, 4, 4, 5, 5, 6]


async def test_a_cursor_that_is_set_under_a_source_with_nothing_to_store_takes_effect(tmp_path, kafka, unique):
    """It stores nothing, so that nothing tells it of the fence; nor does its next poll, which may be an hour away."""
    script = Script()
    script.records = rows(*range(3))
    text = deployment(unique).replace("every: 50ms", "every: 1h")
    async with running(tmp_path, kafka, text, script) as runtime:
        await until(lambda: at(runtime, 3))
        async with cursors(kafka, unique) as store:
            await store.reset("feed")
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.counts is not None and unit.counts.delivered == 6)
        assert (unit.state, unit.failures) == (State.RUNNING, 0)
    assert await numbers(kafka, f"{unique}.in") == sorted([*range(3)] * 2)


async def test_an_operator_may_put_a_source_elsewhere_as_often_as_is_wanted(tmp_path, kafka, unique, monkeypatch):
    """Also where the source learns of it by what it can't store: that is no program that fights for it."""
    script = Script()
    script.records = rows(0)

    async def unseen(_: Tenure) -> bool:
        return False

    monkeypatch.setattr(Tenure, "moved", unseen)
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: at(runtime, 1))
        async with cursors(kafka, unique) as store:
            for number in (1, 2, 3):
                await store.put("feed", '{"at":0}')
                script.records += rows(number)
                await until(lambda: at(runtime, len(script.records)))
        assert (unit.state, unit.failures) == (State.RUNNING, 3)


async def test_a_batch_that_needs_longer_than_a_transaction_gets_more_time(tmp_path, kafka, unique, monkeypatch):
    """It is stored whole, and once; never in parts, as no cursor belongs to a part."""
    script = Script()
    text = deployment(unique)
    seen: list[float] = []
    store = Tenure.store

    async def slow(self, *args, **beside):
        seen.append(self._writer.timeout)
        if self._writer.timeout < 4:
            push = self._writer.push

            async def hesitating():
                await push()
                await asyncio.sleep(0.4)

            self._writer.push = hesitating
        return await store(self, *args, **beside)

    monkeypatch.setattr(Tenure, "store", slow)
    monkeypatch.setattr("hub.engine.sources.polling.TIMEOUT", 1.0)
    monkeypatch.setattr("hub.engine.sources.tenure.LARGE", 100_000)
    monkeypatch.setattr("hub.engine.sources.tenure._TURN", 2)
    script.records = rows(*range(10), text="x" * 19_000)
    async with running(tmp_path, kafka, text, script) as runtime:
        await until(lambda: at(runtime, 10))
    assert len(seen) > 1
    assert seen == [2.0**number for number in range(len(seen))]
    assert await numbers(kafka, f"{unique}.in") == list(range(10))


async def test_a_standby_says_who_polls_and_takes_over_at_once_when_that_one_stops(tmp_path, kafka, unique):
    """Two workers of one deployment: one polls; together they store each event once."""
    script = Script()
    script.records = rows(*range(10))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with running(tmp_path / "b", kafka, deployment(unique), script) as second:
        unit = second.supervisor.units["feed"]
        async with running(tmp_path / "a", kafka, deployment(unique), script) as first:
            other = first.supervisor.units["feed"]
            await until(lambda: at(second, 10))
            assert other.state is State.UNASSIGNED
            assert other.detail.startswith("standby; ")
            assert other.detail.endswith(" polls")
            assert other.cursor is None
            await second.supervisor.stop("feed")
            began = asyncio.get_running_loop().time()
            script.records += rows(*range(10, 20))
            await until(lambda: at(first, 20))
            assert asyncio.get_running_loop().time() - began < 5
            assert other.counts.delivered == 20
            await second.supervisor.restart("feed")
            await until(lambda: unit.state is State.UNASSIGNED and unit.detail.startswith("standby"))
    assert await numbers(kafka, f"{unique}.in") == list(range(20))


@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # aiokafka drops a cancelled connection
async def test_a_source_that_is_cut_off_at_any_await_neither_repeats_nor_skips(tmp_path, kafka, unique):
    """Every third step of a life, from joining the election to leaving it, is once its last; the next life goes on."""
    script = Script()
    async with running(tmp_path, kafka, deployment(unique), script):
        pass
    step, cut = 1, 0
    while True:
        script.records += rows(*range(len(script.records), len(script.records) + 25))
        loaded = load(tmp_path, registry=Registry([script.connector]))
        unit = Runtime(loaded, kafka, environ={}).supervisor.units["feed"]
        if not await cut_at(unit, step, json.dumps({"at": len(script.records)}, separators=(",", ":"))):
            break
        gc.collect()
        cut += 1
        step += 3
    assert cut > 15
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        await until(lambda: at(runtime, len(script.records)))
        counts = runtime.supervisor.units["feed"].counts
    assert await numbers(kafka, f"{unique}.in") == list(range(len(script.records)))
    assert (counts.taken, counts.delivered) == (len(script.records), len(script.records))


async def cut_at(unit, step: int, goal: str) -> bool:
    """Runs a unit until its cursor is this, and cancels it where it waits for the n-th time; False if it never does."""
    life = Life(unit.run(), step)
    task = life.task = asyncio.create_task(life.run())
    while not task.done() and unit.cursor != goal:  # noqa: ASYNC110  looked at from outside
        await asyncio.sleep(0.01)
    unit.stop()
    async with asyncio.timeout(20):
        await asyncio.wait({task})
    if not task.cancelled() and task.exception():
        raise task.exception()
    return life.steps >= step


class Life:
    """A coroutine whose task is cancelled when it waits for the n-th time."""

    def __init__(self, coroutine, last: int) -> None:
        self.coroutine = coroutine
        self.last = last
        self.steps = 0

    async def run(self) -> None:
        await self

    def __await__(self):
        inner, given = self.coroutine.__await__(), None
        while True:
            try:
                waited = inner.throw(given) if isinstance(given, BaseException) else inner.send(given)
            except StopIteration:
                return
            self.steps += 1
            if self.steps == self.last:
                asyncio.get_running_loop().call_soon(self.task.cancel)
            try:
                given = yield waited
            except BaseException as error:  # noqa: BLE001  the coroutine's
                given = error
