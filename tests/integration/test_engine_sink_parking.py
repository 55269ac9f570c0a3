"""Sinks that keep the order of a key over dead letters, on the real Kafka: parked, replayed, discarded, restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hub.engine.dlq.deadletter import read_dead_letter
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.selection import Selection
from hub.engine.runtime import Runtime
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.sdk import Delivery, Permanent
from hub.testing.scripted import Script
from tests.integration.dlq import ids, listed
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
sinks:
  out:
    use: script
    from: {name}.in
    start: earliest
    concurrency: 4
    on_error: {{ dlq_order: key, retry: {{ max_retries: 0 }} }}
"""


class Far(Script):
    """Refuses the events that a test names."""

    def __init__(self, *bad: int) -> None:
        super().__init__()
        self.bad = set(bad)
        self.failures = self.judged

    def judged(self, delivery: Delivery) -> Permanent | None:
        return Permanent("no") if delivery.event.data["n"] in self.bad else None

    def of(self, key: str) -> list[int]:
        """What it took of a key, in order."""
        return [each.data["n"] for each in self.written if each.key == key]


@asynccontextmanager
async def deployed(tmp_path: Path, kafka: KafkaSettings, name: str, far: Far) -> AsyncIterator[Runtime]:
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=name), far) as runtime:
        yield runtime


async def causes(kafka: KafkaSettings, name: str) -> list[str]:
    return [read_dead_letter(each.headers).error for each in await records(kafka, names.dlq(name, "out"))]


async def resolve(kafka: KafkaSettings, runtime: Runtime, verb: str = "replay", **selected: object) -> Replay:
    work = Replay(kafka, runtime.deployment, Selection(units=frozenset({"out"}), **selected))
    await (work.replay() if verb == "replay" else work.discard())
    return work


async def test_what_follows_a_dead_letter_is_parked_until_it_is_replayed(tmp_path, kafka, unique):
    """Also over a restart; other keys go on. Replayed, all of the key arrives in order, and it is open again."""
    far = Far(1)
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key="a" if n < 4 else "b") for n in range(8)])
        totals = await settled(runtime, "out", 8)
        assert totals.dead_lettered == {"Permanent": 1, "Parked": 2}
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(8, key="a"), event(9, key="b")])
        await settled(runtime, "out", 2)
        assert (far.of("a"), far.of("b")) == ([0], [4, 5, 6, 7, 9])
        assert await causes(kafka, unique) == ["Permanent", "Parked", "Parked", "Parked"]
        far.bad.clear()
        await resolve(kafka, runtime)
        await until(lambda: far.of("a") == [0, 1, 2, 3, 8], "the replays")
        await publish(kafka, f"{unique}.in", [event(10, key="a")])
        await until(lambda: far.of("a")[-1] == 10, "the key to be open again")
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(11, key="a")])
        await until(lambda: far.of("a")[-1] == 11, "the key to stay open over a restart")
    assert await listed(kafka, runtime.deployment) == []


async def test_a_replay_that_fails_again_takes_its_letters_place(tmp_path, kafka, unique):
    """What was replayed behind it is parked again, in order; the next replay brings all through."""
    far = Far(0)
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key="a") for n in range(4)])
        await settled(runtime, "out", 4)
        await resolve(kafka, runtime)

        async def failed_again() -> bool:
            return len(await causes(kafka, unique)) == 8

        await until(failed_again, "the second failure")
        assert far.of("a") == []
        assert ids(await listed(kafka, runtime.deployment)) == ["0", "1", "2", "3"]
        await publish(kafka, f"{unique}.in", [event(4, key="a")])
        await settled(runtime, "out", 9)
        far.bad.clear()
        await resolve(kafka, runtime)
        await until(lambda: far.of("a") == [0, 1, 2, 3, 4], "all of them")


async def test_a_discarded_letter_holds_its_key_no_longer(tmp_path, kafka, unique):
    """What was parked behind it goes out with a replay, and then the key is open."""
    far = Far(0)
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key="a") for n in range(3)])
        await settled(runtime, "out", 3)
        await resolve(kafka, runtime, "discard", errors=frozenset({"Permanent"}))
        await publish(kafka, f"{unique}.in", [event(3, key="a")])
        await settled(runtime, "out", 4)
        assert far.of("a") == []
        await resolve(kafka, runtime)
        await until(lambda: far.of("a") == [1, 2, 3], "the parked ones")
        await publish(kafka, f"{unique}.in", [event(4, key="a")])
        await until(lambda: far.of("a") == [1, 2, 3, 4])


async def test_nothing_is_replayed_past_an_earlier_letter_of_its_key(tmp_path, kafka, unique):
    """Unless it is forced; letters of other keys go."""
    far = Far(0, 10)
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        events = [event(n, key="a") for n in range(3)] + [event(n, key="b") for n in range(10, 12)]
        await publish(kafka, f"{unique}.in", events)
        await settled(runtime, "out", 5)
        far.bad.clear()
        work = await resolve(kafka, runtime, ids=frozenset({"1", "2", "10"}))
        assert {each.why for each in work.outcomes["out"].refusals} == {"out_of_order"}
        assert (len(work.outcomes["out"].refusals), work.outcomes["out"].resolved) == (2, 1)
        await until(lambda: far.of("b") == [10], "the other key")
        assert far.of("a") == []


async def test_a_busy_key_comes_through_while_its_events_go_on(tmp_path, kafka, unique):
    """Events that come while it is replayed are parked or wait, and none overtakes another."""
    far = Far(0)
    async with deployed(tmp_path, kafka, unique, far) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key="a") for n in range(20)])
        await settled(runtime, "out", 20)
        far.bad.clear()
        count = 20
        stop = asyncio.Event()

        async def traffic() -> None:
            nonlocal count
            while not stop.is_set():
                await publish(kafka, f"{unique}.in", [event(count, key="a")])
                count += 1

        going = asyncio.create_task(traffic())
        await until(lambda: count > 25)
        await resolve(kafka, runtime)
        await until(lambda: len(far.of("a")) > 20 and far.of("a")[-1] >= count - 5, "live events")
        stop.set()
        await going
        await until(lambda: len(far.of("a")) == count, "the rest")
        assert far.of("a") == list(range(count))
        assert await listed(kafka, runtime.deployment) == []


async def test_two_workers_keep_order_though_partitions_change_hands(tmp_path, kafka, unique):
    """A second worker comes while keys are held, buries what follows, and goes again; then all is replayed."""
    far = Far(0, 1, 2)
    keys, rounds = 12, 8

    def numbers(round_: int) -> list:
        return [event(round_ * keys + n, key=f"k{n}") for n in range(keys)]

    def all_seen(found: list[str], count: int) -> bool:
        return len(far.written) + len(found) >= count

    async with deployed(tmp_path, kafka, unique, far) as first:
        await publish(kafka, f"{unique}.in", [each for round_ in range(2) for each in numbers(round_)])
        await settled(first, "out", 2 * keys)
        async with deployed(tmp_path, kafka, unique, far) as second:
            for round_ in range(2, 6):
                await publish(kafka, f"{unique}.in", numbers(round_))

            async def through() -> bool:
                return all_seen(await causes(kafka, unique), 6 * keys)

            await until(through, "what came to two workers")
            assert second.totals().delivered > 0
            assert first.supervisor.units["out"].status().held.keys == 3
        for round_ in range(6, rounds):
            await publish(kafka, f"{unique}.in", numbers(round_))

        async def rest() -> bool:
            return all_seen(await causes(kafka, unique), rounds * keys)

        await until(rest, "what came to the one that stayed")
        assert [far.of(f"k{n}") for n in range(3)] == [[], [], []]
        far.bad.clear()
        await resolve(kafka, first)
        await until(lambda: len(far.written) == rounds * keys, "the replays")
    for n in range(keys):
        assert far.of(f"k{n}") == list(range(n, rounds * keys, keys))
