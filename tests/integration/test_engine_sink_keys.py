"""Sinks on the real Kafka: many keys at once, what a restart remembers, bulk writes, bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from hub.engine.reading.frontier import decode
from hub.engine.sinks import delivery, intake
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import Delivery, NotConnected, Permanent, Transient
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: {partitions} }}
sinks:
  out:
    use: script
    from: {name}.in
    start: earliest
    concurrency: {concurrency}
    on_error: {{ retry: {{ initial_interval: 10ms, max_interval: 50ms, max_retries: 2 }} }}
"""


def text(name: str, *, partitions: int = 1, concurrency: int = 4) -> str:
    return DEPLOYMENT.format(name=name, partitions=partitions, concurrency=concurrency)


def numbers(script: Script) -> list[int]:
    return [each.data["n"] for each in script.written]


class Gate:
    """Holds back what a test names, until it is opened."""

    def __init__(self, script: Script, *ids: str) -> None:
        self.held: list[str] = []
        self.open = asyncio.Event()
        self._ids = set(ids)
        script.before = self.wait

    async def wait(self, batch: Sequence[Delivery]) -> None:
        for each in batch:
            if each.event.id in self._ids:
                self.held.append(each.event.id)
                await self.open.wait()


async def committed(kafka: KafkaSettings, name: str) -> tuple[int, set[int]]:
    """Position of the sink's group on partition 0, and what its note remembers."""
    async with clients.running(clients.admin(kafka)) as admin:
        found = await admin.list_consumer_group_offsets(names.group(name, "out"))
    position, note = found.get(TopicPartition(f"{name}.in", 0), (0, ""))
    return position, set(decode(note, position))


async def test_a_slow_key_holds_up_no_other_however_much_is_fetched_meanwhile(tmp_path, kafka, unique):
    """Thousands of events of other keys pass one that hangs; its own key's wait."""
    script = Script()
    gate = Gate(script, "0")
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(0, key="slow"), event(1, key="slow")])
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 50}") for n in range(2, 3000)])
        await until(lambda: len(script.written) == 2998, "the other keys")
        assert gate.held == ["0"]
        gate.open.set()
        await settled(runtime, "out", 3000)
    assert numbers(script)[-2:] == [0, 1]


async def test_what_settled_out_of_order_is_not_repeated_after_a_restart(tmp_path, kafka, unique):
    """The position stands at the lowest open offset; what is beyond it is remembered in its note."""
    script = Script()
    gate = Gate(script, "5")
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(2000)])
        await until(lambda: len(script.written) == 1999, "all but one")

        async def noted() -> bool:
            return await committed(kafka, unique) == (5, set(range(6, 2000)))

        await until(noted, "the note")
        # As by kill -9: nothing more is settled or committed by this life.
        for task in list(runtime.supervisor._tasks.values()):
            task.cancel()
        gate.open.clear()
        first = len(script.written)
    script.before = None
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(2000)])
        await until(lambda: numbers(script)[-1] == 2000)
        assert numbers(script)[first:] == [5, 2000]

        async def through() -> bool:
            return await committed(kafka, unique) == (2001, set())

        await until(through, "the last position")
        assert runtime.totals().balanced


async def test_one_bad_record_does_not_fail_its_batch(tmp_path, kafka, unique):
    """Bulk writes: failures count by index; the rest is delivered once, and the order of each key kept."""
    script = Script(batch=50)
    batches: list[list[str]] = []

    async def note(batch: Sequence[Delivery]) -> None:
        batches.append([delivery.event.key for delivery in batch])
        await asyncio.sleep(0.01)

    script.before = note
    script.failures = lambda delivery: (
        Permanent("bad")
        if delivery.event.data["n"] % 100 == 7
        else Transient("hiccup")
        if delivery.event.data["n"] % 10 == 3 and delivery.attempt == 1
        else None
    )
    async with running(tmp_path, kafka, text(unique, concurrency=100), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 40}") for n in range(1000)])
        totals = await settled(runtime, "out", 1000)
    assert (totals.delivered, totals.dead_lettered, totals.retries) == (990, {"Permanent": 10}, 100)
    assert len(script.written) == 990
    assert max(map(len, batches)) > 5
    assert all(len(keys) == len(set(keys)) for keys in batches)
    for key in range(40):
        mine = [n for n in numbers(script) if n % 40 == key]
        assert mine == sorted(mine)


async def test_a_sink_that_keeps_order_gets_several_events_of_a_key_at_once(tmp_path, kafka, unique):
    """In order; what follows a failure in its key counts as not written, and comes again after it."""
    script = Script(batch=50, ordered=True)
    sizes: list[int] = []
    script.before = _sizes(sizes)
    script.failures = lambda delivery: (
        Transient("hiccup") if delivery.event.data["n"] == 20 and delivery.attempt == 1 else None
    )
    async with running(tmp_path, kafka, text(unique, concurrency=80), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key="one") for n in range(200)])
        totals = await settled(runtime, "out", 200)
    assert totals.delivered == 200
    assert max(sizes) > 1
    at = numbers(script).index(20)
    assert numbers(script)[at:] == list(range(20, 200))


def _sizes(into: list[int]):
    async def note(batch: Sequence[Delivery]) -> None:
        into.append(len(batch))

    return note


async def test_what_is_held_in_memory_is_bounded_and_partitions_are_paused_for_it(tmp_path, kafka, unique, monkeypatch):
    """A sink whose far side hangs takes in a few megabytes and no more, stays in its group, and loses nothing."""
    monkeypatch.setattr(intake, "BYTES", 2 * 2**20)
    monkeypatch.setattr(intake.Intake.__init__, "__defaults__", (2 * 2**20, *intake.Intake.__init__.__defaults__[1:]))
    script = Script()
    opened = asyncio.Event()

    async def wait(_: object) -> None:
        await opened.wait()

    script.before = wait
    count = 3000
    async with running(tmp_path, kafka, text(unique, partitions=3), script) as runtime:
        generation = runtime.supervisor.units["out"]._reader.generation
        await publish(kafka, f"{unique}.in", [event(n, key=f"{n}", pad="x" * 3000) for n in range(count)])
        unit = runtime.supervisor.units["out"]
        # What isn't open yet is held, too.
        await until(lambda: bool(unit._reader._held) and unit.ledger.under_way > 0, "a pause")
        await unit.measure()
        held = unit.ledger.under_way
        assert 0 < held < 1100  # of 5 kB each, and the last fetch
        assert unit.status().totals.in_flight == count
        assert unit._reader.generation == generation
        opened.set()
        totals = await settled(runtime, "out", count)
        assert unit._reader.generation == generation
    assert totals.delivered == count
    assert sorted(numbers(script)) == list(range(count))


async def test_what_was_under_way_when_the_far_side_went_is_held_and_comes_first(tmp_path, kafka, unique):
    """Of several calls at once some fail, some arrive: those are repeated, these not, and each key keeps its order."""
    script = Script()
    down = asyncio.Event()
    script.failures = lambda delivery: (
        NotConnected("reset", retry_after=0.1) if delivery.event.data["n"] % 2 and not down.is_set() else None
    )
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 8}") for n in range(400)])
        unit = runtime.supervisor.units["out"]
        await until(lambda: unit.state is State.PAUSED)
        down.set()
        totals = await settled(runtime, "out", 400)
    assert (totals.delivered, totals.retries, totals.dead_lettered) == (400, 0, {})
    assert sorted(numbers(script)) == list(range(400))
    for key in range(8):
        mine = [n for n in numbers(script) if n % 8 == key]
        assert mine == sorted(mine)


async def test_a_drain_finishes_what_is_under_way_and_a_cut_one_repeats_only_that(tmp_path, kafka, unique):
    """A stop waits for calls under way; those that outlast its limit are cut off, and are all that is repeated."""
    script = Script()
    gate = Gate(script, "50", "51")
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(100)])
        await until(lambda: len(script.written) == 98)
        assert await runtime.supervisor.stop("out", limit=0.5) == ["out"]
    assert sorted(gate.held) == ["50", "51"]
    script.before = None
    async with running(tmp_path, kafka, text(unique), script) as runtime:
        await settled(runtime, "out", 2)
    assert numbers(script)[98:] == [50, 51]


async def test_while_a_dead_letter_cannot_be_written_nothing_else_goes_out(tmp_path, kafka, unique):
    """Events that were under way settle; no new one is begun, and the position stays before the one that failed."""
    script = Script()
    script.failures = lambda delivery: Permanent("no") if delivery.event.id == "3" else None
    async with running(tmp_path, kafka, text(unique, concurrency=1), script) as runtime:
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_topics([names.dlq(unique, "out")])
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(50)])
        unit = runtime.supervisor.units["out"]
        await until(lambda: unit.state is State.FAILED)
        assert numbers(script) == [0, 1, 2]

        async def stands() -> bool:
            return (await committed(kafka, unique))[0] == 3

        await until(stands, "the position")
        await ensure_topics(kafka, runtime.deployment.topic_specs())
        await settled(runtime, "out", 50)
    assert len(await records(kafka, names.dlq(unique, "out"))) == 1


async def test_many_keys_that_hang_hold_up_no_other_as_long_as_there_is_room(tmp_path, kafka, unique, monkeypatch):
    """More of them than were in flight at first: the limit gives way, up to the sink's concurrency."""
    monkeypatch.setattr(delivery, "STALL", 0.5)
    script = Script()
    gate = Gate(script, *map(str, range(20)))
    async with running(tmp_path, kafka, text(unique, concurrency=25), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(500)])
        await until(lambda: len(script.written) == 480, "the others")
        gate.open.set()
        await settled(runtime, "out", 500)
