"""Workers that die, hang, come and go, under load; and a control that must fail."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.chaos.scale import SEED, record, scaled
from tests.chaos.scene import scene
from tests.chaos.workers import SESSION

pytestmark = pytest.mark.timeout(scaled(600, 3600))
STOP = 1.5 * SESSION
"""Seconds that a worker hangs."""
FENCED = ("is read again by whoever has its partitions now", "FAILED")
"""What a worker says whose transaction the group, or the transaction's own timeout, has overtaken."""


async def test_kill_9_loses_and_repeats_nothing(kafka, unique, tmp_path):
    """Workers are killed in the midst of their transactions; each is replaced."""
    kills, rate = scaled(1, 20), scaled(1000, 2000)
    chance = random.Random(SEED)
    async with scene(kafka, unique, tmp_path, rate=rate) as it:
        for _ in range(2):
            await it.add()
        await it.flowing()
        for _ in range(kills):
            victim = chance.choice([each for each in it.workers if each.process.running])
            await asyncio.sleep(chance.uniform(0.0, scaled(0.5, 5.0)))
            it.watch.mark()
            victim.process.kill()
            it.launch()
            await it.resumed()
        while it.load.written < scaled(0, 1_000_000):  # noqa: ASYNC110  a count sets no event
            await asyncio.sleep(0.5)
        outcome = await it.outcome()
    record("worker-kill", {"fault": "worker kill -9", "faults": kills, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"
    assert sorted(outcome.resumptions)[int(0.95 * len(outcome.resumptions))] <= 15.0, outcome.resumptions


async def test_a_worker_that_hangs_repeats_nothing_when_it_goes_on(kafka, unique, tmp_path):
    """SIGSTOP for longer than its session: its partitions go to others, and what it had open has no effect."""
    stops, fenced = scaled(1, 20), 0
    chance = random.Random(SEED)
    async with scene(kafka, unique, tmp_path, rate=scaled(1000, 2000)) as it:
        for _ in range(2):
            await it.add()
        await it.flowing()
        for _ in range(stops):
            victim = chance.choice(it.workers)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            it.watch.mark()
            before = len(victim.log)
            victim.process.suspend()
            await asyncio.sleep(STOP)
            victim.process.resume()
            await it.resumed()
            fenced += any(sign in victim.log[before:] for sign in FENCED)
        assert all(each.process.running for each in it.workers), "a worker ended"
        outcome = await it.outcome()
    fault = {"fault": f"SIGSTOP of a worker for {STOP:g} s", "faults": stops}
    record("worker-stop", {**fault, **outcome.to_json(), "zombies_refused_amidst_a_transaction": fenced})
    assert outcome.clean, f"{outcome}\n{it.logs()}"
    assert fenced >= scaled(0, 1), "no zombie had a transaction open"


async def test_workers_that_join_and_leave_lose_and_repeat_nothing(kafka, unique, tmp_path):
    """Every two seconds one joins or leaves in order."""
    changes, chance = scaled(4, 50), random.Random(SEED)
    leaving: list[asyncio.Task[None]] = []
    async with scene(kafka, unique, tmp_path, rate=scaled(1000, 2000)) as it:
        await it.add()
        await it.flowing()
        while len(leaving) + len(it.workers) - 1 < changes:
            await asyncio.sleep(2.0)
            # One that is still starting leaves later: on a slow machine nobody would ever get to work.
            ready = [each for each in it.workers if each.process.running and each.ready_now]
            if len(ready) > 1 and chance.random() < 0.5:
                leaving.append(asyncio.create_task(ready[0].process.stop()))
                ready[0].leaving = True
            elif len([each for each in it.workers if each.process.running]) < 4:
                it.launch()
        it.watch.mark()
        await it.resumed()
        await asyncio.gather(*leaving)
        outcome = await it.outcome()
    record("worker-join-leave", {"fault": "join or leave every 2 s", "faults": changes, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"


async def test_the_checker_sees_what_scheme_a_repeats(kafka, unique, tmp_path):
    """The control: a random id, and positions without a generation. Workers that hang repeat what others have done."""
    async with scene(kafka, unique, tmp_path, rate=1000, outputs=("out",)) as it:
        for _ in range(3):
            await it.add_control()
        await it.flowing()
        for round_ in range(scaled(6, 20)):
            victim = it.workers[round_ % 3]
            victim.process.suspend()
            await asyncio.sleep(4.5)
            victim.process.resume()
            await asyncio.sleep(1.5)
            if it.watch.count(f"{unique}.out") > it.load.written:
                break
        outcome = await it.outcome(expected=lambda _: True)
    record("control-scheme-a", {"fault": "SIGSTOP 4.5 s, scheme A", "faults": round_ + 1, **outcome.to_json()})
    assert outcome.duplicated > 0, outcome
    assert outcome.lost == 0
