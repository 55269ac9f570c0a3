"""Routes that are cancelled wherever they wait, and mappings that take longer than a transaction may."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter

import pytest

from hub.engine.routing.route import RouteUnit
from hub.engine.supervisor import Supervisor
from hub.kafka.exactly_once import TransactionWriter
from tests.chaos.cancelling import Cancelled
from tests.chaos.scale import SEED, record, scaled, turns
from tests.chaos.scene import Scene, scene

pytestmark = [
    pytest.mark.timeout(scaled(600, 3600)),
    # A client of aiokafka's that is cancelled while it bootstraps leaves its first connection to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HANG = 5.0
"""Seconds in which whoever was cancelled has ended."""
DEEPEST = 250
"""Waits after which a life is in its steady state, many transactions long."""
RIDE_LIMIT = 60.0
"""Seconds in which a route has caught up with the others that read its topic."""


async def finished(it: Scene, unit: RouteUnit):
    """The outcome, with a last life that nobody disturbs."""
    supervisor = Supervisor([unit])
    supervisor.start()
    try:
        return await it.outcome()
    finally:
        await supervisor.stop()


def _rides(unit: RouteUnit) -> bool:
    """Whether it is read for together with another."""
    return unit.fused is not None and unit.name in unit.fused.riding


async def test_cancelling_a_route_wherever_it_waits_loses_and_repeats_nothing(kafka, unique, tmp_path):
    """Each life is cancelled at another await: it ends soon, and the next one goes on."""
    chance = random.Random(SEED)
    lives, longest, places = 0, 0.0, Counter[str]()
    slow: list[tuple[int, str, float]] = []
    async with scene(kafka, unique, tmp_path, rate=scaled(500, 500), outputs=("out", "copy")) as it:
        for _ in turns(scaled(12, 1000)):
            lives += 1
            life = Cancelled(it.first().run(), chance.randint(1, DEEPEST))
            await asyncio.wait({life.task, life.reached_task}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            assert life.reached.is_set(), f"ended by itself, or came to a standstill, after {life.steps} waits"
            began = time.monotonic()
            await asyncio.wait({life.task}, timeout=60)
            took = time.monotonic() - began
            assert life.task.done(), f"hangs for ever after a cancellation in {life.place}"
            if not life.task.cancelled() and (error := life.task.exception()) is not None:
                raise AssertionError(f"ended otherwise after a cancellation in {life.place}") from error
            longest = max(longest, took)
            if took > HANG:
                slow.append((life.steps, life.place, took))
            places[life.place] += 1
        outcome = await finished(it, it.first())
    figures = {"places": len(places), "longest_end_s": round(longest, 2)}
    record("cancellation", {"fault": "route cancelled at an await", "faults": lives, **figures, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{places}"
    assert not slow, slow


async def test_cancelling_one_of_two_routes_that_are_read_for_together_disturbs_neither(kafka, unique, tmp_path):
    """One is cancelled again and again, where it waits or while it rides; the other goes on, and both are exact."""
    chance = random.Random(SEED)
    lives, longest, rode = 0, 0.0, 0
    async with scene(kafka, unique, tmp_path, rate=500, outputs=("out", "copy", "twin")) as it:
        first, twin = it.routes("first", "twin")
        supervisor = Supervisor([twin])
        supervisor.start()
        await supervisor.ready("twin")
        for _ in turns(scaled(4, 200)):
            lives += 1
            # A route that rides waits for one thing only: then time says when.
            life = Cancelled(first.run(), chance.choice((chance.randint(1, DEEPEST // 2), 10**6)))
            began = time.monotonic()
            while not (life.reached.is_set() or _rides(first)) and time.monotonic() - began < RIDE_LIMIT:  # noqa: ASYNC110  a fused reader tells nobody
                await asyncio.sleep(0.01)
            assert not life.task.done() or life.reached.is_set(), f"ended by itself: {life.task}"
            rode += _rides(first)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            life.task.cancel()
            began = time.monotonic()
            await asyncio.wait({life.task}, timeout=60)
            assert life.task.done(), f"hangs for ever after a cancellation in {life.place}"
            if not life.task.cancelled() and (error := life.task.exception()) is not None:
                raise AssertionError(f"ended otherwise after a cancellation in {life.place}") from error
            longest = max(longest, time.monotonic() - began)
        failures = twin.failures
        last = Supervisor([first])
        last.start()
        outcome = await it.outcome()
        await asyncio.gather(last.stop(), supervisor.stop())
    figures = {"while_it_rode": rode, "longest_end_s": round(longest, 2), "failures_of_the_other": failures}
    fault = {"fault": "one of two routes that are read for together cancelled", "faults": lives}
    record("cancellation-together", {**fault, **figures, **outcome.to_json()})
    assert outcome.clean, outcome
    assert rode, "they were never read for together"
    assert longest <= HANG
    assert failures == 0


async def test_a_mapping_that_takes_longer_than_a_transaction_may_repeats_nothing(kafka, unique, tmp_path):
    """The brokers abort it meanwhile; the route notices, begins anew, and commits each event once."""
    timeout, slow = 2.0, scaled(2, 20)
    async with scene(kafka, unique, tmp_path, rate=200, outputs=("out", "copy")) as it:
        unit = it.first()
        compiled, turns = unit._compile, itertools.count()
        left = [slow]

        def compile_slow():
            program = compiled()
            function = program.function

            def handle(event):
                if next(turns) % 400 == 399 and left[0]:
                    left[0] -= 1
                    time.sleep(2 * timeout)  # as a mapping does that computes: the whole loop waits
                return function(event)

            program.function = handle
            return program

        unit._compile = compile_slow
        outputs = (*(f"{unique}.{each}" for each in ("out", "copy")), unit._dlq)
        unit._open_outlet = lambda: TransactionWriter(kafka, f"{unique}.slow", outputs=outputs, timeout=timeout)
        supervisor = Supervisor([unit])
        supervisor.start()
        async with asyncio.timeout(60 + 30 * slow):
            while left[0]:  # noqa: ASYNC110  a mapping can't set an event
                await asyncio.sleep(0.1)
        it.watch.mark()
        await it.resumed()
        failures = unit.failures
        outcome = await it.outcome()
        await supervisor.stop()
    record(
        "slow-mapping",
        {"fault": "mapping that takes twice the transaction timeout", "faults": slow, **outcome.to_json()},
    )
    assert outcome.clean, outcome
    assert failures <= slow
