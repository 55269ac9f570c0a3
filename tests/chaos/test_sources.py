"""Polling sources whose workers are killed, hang, stop and come in twos: each event is stored once, in order."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from hub.engine.sources.cursors import CursorStore
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event
from tests.chaos.check import stable
from tests.chaos.polling import KEYS
from tests.chaos.scale import SEED, quantile, record, scaled
from tests.chaos.waiting import until
from tests.chaos.workers import Worker
from tests.integration.commands import environment
from tests.integration.engine import records

pytestmark = pytest.mark.timeout(scaled(600, 3600))
SESSION = scaled(3.0, 6.0)
"""Seconds; the least that brokers allow by default, and less than that for every change."""
DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 4 }}
events:
  count.event: {{ schema: {{}}, topic: {name}.in }}
sources:
  feed:
    use: count
    every: 20ms
    with: {{ began: {began}, rate: {rate}, limit: "{limit}" }}
"""


class Feed:
    """A source and its workers."""

    def __init__(self, kafka: KafkaSettings, name: str, directory: Path, rate: float, seconds: float) -> None:
        self.kafka, self.name, self.directory = kafka, name, directory
        self.began, self.rate, self.seconds = time.time(), rate, seconds
        self.ending = directory / "limit"
        self.limit = 0
        self.topic = f"{name}.in"
        self.workers: list[Worker] = []

    def launch(self, step: int = 0, session_ms: int = int(SESSION * 1000), **env: str) -> Worker:
        """Starts a worker; with a step, one that dies there."""
        name = f"feed-{len(self.workers) + 1}"
        command = [sys.executable, "-m", "tests.chaos.polling", str(self.directory / "deployment")]
        command += [str(self.kafka.bootstrap_servers), str(step)]
        worker = Worker(name, command, self.directory, self.kafka)
        worker.process._env = environment(self.kafka, HUB_CHAOS_SESSION_MS=str(session_ms), **env)
        worker.process.start()
        self.workers.append(worker)
        return worker

    async def leader(self) -> Worker:
        """The one that polls, once exactly one of those that run says so."""
        await until(lambda: len(self.saying("RUNNING")) == 1, "one leader")
        return self.saying("RUNNING")[0]

    def saying(self, state: str) -> list[Worker]:
        """Those that run, and say so of their source."""
        return [each for each in self.workers if each.process.running and says(each) == state]

    async def growth(self) -> float:
        """Waits until more is committed than is now; gives the seconds that it took."""
        at = [TopicPartition(self.topic, number) for number in range(4)]
        began = time.monotonic()
        async with clients.running(clients.consumer(self.kafka)) as consumer:
            before = await consumer.end_offsets(at)

            async def grown() -> bool:
                return await consumer.end_offsets(at) != before

            await until(grown, "another commit")
        return time.monotonic() - began

    async def outcome(self) -> dict[str, int]:
        """Has the far side end, waits until all is counted, ends the workers, and says what is wrong."""
        await asyncio.sleep(max(0.0, self.began + self.seconds - time.time()))
        # A moment ahead: what is counted at this moment may be more than it was when we asked for the time.
        self.limit = int((time.time() + 2.0 - self.began) * self.rate)
        (self.directory / "writing").write_text(str(self.limit))
        (self.directory / "writing").rename(self.ending)
        async with asyncio.timeout(scaled(90, 600)):
            while True:
                stored = await self.stored()
                if stored is not None and stored[0] == f'{{"at":{self.limit}}}':
                    break
                await asyncio.sleep(0.2)
        await asyncio.gather(*(each.process.stop() for each in self.workers))
        await stable(self.kafka, [self.topic])
        numbers: dict[str, list[int]] = {}
        for each in await records(self.kafka, self.topic):
            data = Event.from_kafka(each.key, each.value, each.headers).data
            numbers.setdefault(data["key"], []).append(data["n"])
        found = [n for each in numbers.values() for n in each]
        return {
            "events": self.limit,
            "lost": self.limit - len(set(found)),
            "duplicated": len(found) - len(set(found)),
            "order_violations": sum(each != list(range(int(key), self.limit, KEYS)) for key, each in numbers.items()),
            "miscounted": self.limit - stored[1],
        }

    async def stored(self) -> tuple[str, int] | None:
        """The cursor, and how many events were counted as delivered."""
        store = CursorStore(self.kafka, self.name)
        await store.start()
        try:
            found = await store.account("feed")
        finally:
            await store.stop()
        return None if found is None else (found.cursor, found.counts.delivered)


def says(worker: Worker) -> str:
    """What its source does, by its own last word."""
    states = [line.split()[0] for line in worker.log.splitlines() if line.startswith(STATES)]
    return states[-1] if states else ""


STATES = ("UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "STOPPED")


@asynccontextmanager
async def feed(
    kafka: KafkaSettings, name: str, directory: Path, *, seconds: float = 0.0, rate: float = 200
) -> AsyncIterator[Feed]:
    """A source whose far side goes on until the outcome is asked for, and for so many seconds; no worker yet."""
    deployment = directory / "deployment"
    deployment.mkdir()
    it = Feed(kafka, name, directory, rate, seconds)
    text = DEPLOYMENT.format(name=name, began=it.began, rate=rate, limit=it.ending)
    (deployment / "hub.yaml").write_text(text)
    try:
        yield it
    finally:
        for each in it.workers:
            each.process.kill()


def clean(outcome: dict[str, int]) -> bool:
    return not any(count for name, count in outcome.items() if name != "events")


async def test_a_leader_that_is_killed_is_followed_within_seconds(kafka, unique, tmp_path):
    """As `kill -9` does it, in the midst of its polls; each is replaced."""
    kills, chance, gaps = scaled(2, 20), random.Random(SEED), []
    async with feed(kafka, unique, tmp_path) as it:
        it.launch()
        it.launch()
        for _ in range(kills):
            victim = await it.leader()
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            victim.process.kill()
            it.launch()
            gaps.append(await it.growth())
        outcome = await it.outcome()
    record(
        "source-kill", {"fault": "kill -9 of the leader", "faults": kills, "gap_p95_s": quantile(gaps, 0.95), **outcome}
    )
    assert clean(outcome), outcome
    assert max(gaps) < SESSION + 9, gaps


async def test_a_leader_that_hangs_stands_by_when_it_goes_on(kafka, unique, tmp_path):
    """SIGSTOP for one and a half times its session: the other polls, and goes on polling."""
    stops, chance = scaled(1, 20), random.Random(SEED)
    async with feed(kafka, unique, tmp_path) as it:
        it.launch()
        it.launch()
        for _ in range(stops):
            victim = await it.leader()
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            victim.process.suspend()
            await asyncio.sleep(1.5 * SESSION)
            victim.process.resume()
            await until(lambda: says(victim) == "UNASSIGNED", "the zombie's standing by")  # noqa: B023  awaited at once
            assert await it.leader() is not victim
        outcome = await it.outcome()
    record("source-stop", {"fault": f"SIGSTOP of the leader for {1.5 * SESSION:g} s", "faults": stops, **outcome})
    assert clean(outcome), outcome


async def test_without_a_fence_the_checker_finds_what_was_stored_twice(kafka, unique, tmp_path):
    """The control: an election alone, under the same fault. A leader that wakes up goes on before it hears the news."""
    async with feed(kafka, unique, tmp_path) as it:
        for _ in range(2):
            it.launch(session_ms=1000, HUB_CHAOS_UNFENCED="1")
        for _ in range(3):
            victim = await it.leader()
            victim.process.suspend()
            await asyncio.sleep(2.5)
            victim.process.resume()
            await until(lambda: says(victim) == "UNASSIGNED", "the zombie's standing by")  # noqa: B023  awaited at once
        outcome = await it.outcome()
    record("source-control", {"fault": "SIGSTOP of the leader, without a fence", "faults": 3, **outcome})
    assert outcome["duplicated"], outcome


async def test_a_leader_that_is_asked_to_end_hands_over_at_once(kafka, unique, tmp_path):
    """SIGTERM, as in every deploy: nobody waits for a session to run out."""
    rounds, gaps = scaled(2, 20), []
    async with feed(kafka, unique, tmp_path) as it:
        it.launch()
        it.launch()
        for _ in range(rounds):
            leader = await it.leader()
            it.launch()
            await until(lambda: len(it.saying("UNASSIGNED")) == 2, "two that stand by")
            leader = await it.leader()
            ending = asyncio.create_task(leader.process.stop())
            gaps.append(await it.growth())
            await ending
        outcome = await it.outcome()
    record("source-handover", {"fault": "SIGTERM of the leader", "faults": rounds, "gap_max_s": max(gaps), **outcome})
    assert clean(outcome), outcome
    assert max(gaps) < SESSION, gaps


async def test_of_two_that_start_at_once_one_makes_progress(kafka, unique, tmp_path):
    """The other stands by; together they store each event once."""
    async with feed(kafka, unique, tmp_path, seconds=scaled(5, 60)) as it:
        workers = [it.launch() for _ in range(scaled(2, 5))]
        await until(lambda: all("standby; " in each.log or says(each) == "RUNNING" for each in workers), "standing by")
        leader = await it.leader()
        assert all("standby; " in each.log for each in workers if each is not leader)
        outcome = await it.outcome()
        assert [each for each in workers if "FAILED" in each.log] == []
    record("source-twice", {"fault": "the same source started beside itself", "faults": len(workers) - 1, **outcome})
    assert clean(outcome), outcome


async def test_a_worker_that_dies_between_any_two_of_its_steps_leaves_no_gap_and_repeats_nothing(
    kafka, unique, tmp_path
):
    """Steps of one life, from joining the election on: it dies where it waits for the n-th time."""
    chance = random.Random(SEED)
    steps = scaled(sorted(chance.sample(range(1, 90), 4)), list(range(1, 121)))
    async with feed(kafka, unique, tmp_path) as it:
        for step in steps:
            worker = it.launch(step, session_ms=1000)
            await until(lambda: not worker.process.running, "the end of a worker")  # noqa: B023  awaited at once
            assert worker.process.returncode == -9, worker.log
        it.launch(session_ms=1000)
        outcome = await it.outcome()
    record("source-steps", {"fault": "killed between two of its steps", "faults": len(steps), **outcome})
    assert clean(outcome), outcome
