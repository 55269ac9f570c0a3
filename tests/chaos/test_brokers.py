"""Brokers of a cluster of three that die, and come back, under load."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.kafka import names
from hub.testing.cluster import KafkaCluster, Node
from tests.chaos.scale import SEED, quantile, record, scaled
from tests.chaos.scene import scene

pytestmark = [pytest.mark.timeout(scaled(600, 3600)), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[KafkaCluster]:
    async with KafkaCluster() as cluster:
        yield cluster


async def test_brokers_that_are_killed_lose_and_repeat_nothing(cluster, unique, tmp_path):
    """The coordinator of the routes' group, of their transactions, leaders: every node has its turn."""
    chance = random.Random(SEED)
    killed: list[int] = []
    async with scene(cluster.settings, unique, tmp_path, rate=scaled(300, 1000)) as it:
        for _ in range(scaled(1, 2)):
            await it.add()
        await it.flowing()
        for turn in range(scaled(1, 10)):
            victim = await _victim(cluster, unique, turn, chance)
            killed.append(victim.number)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            it.watch.mark()
            victim.kill()
            await it.resumed()
            await victim.start()
            await cluster.whole()
        outcome = await it.outcome()
    record("broker-kill", {"fault": "broker kill -9", "faults": len(killed), "nodes": killed, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"
    assert (quantile(outcome.resumptions, 1.0) or 0) <= 30.0, outcome.resumptions


async def test_a_rolling_restart_loses_and_repeats_nothing(cluster, unique, tmp_path):
    """All three end in order and come back, one after the other; for every change one of them does."""
    rounds = scaled(1, 3)
    async with scene(cluster.settings, unique, tmp_path, rate=scaled(300, 1000)) as it:
        for _ in range(scaled(1, 2)):
            await it.add()
        await it.flowing()
        for _ in range(rounds):
            for node in cluster.nodes[: scaled(1, 3)]:
                it.watch.mark()
                await node.stop()
                await node.start()
                await cluster.whole()
                await it.resumed()
        outcome = await it.outcome()
    fault = f"rolling restart of {scaled('one', 'all three')}"
    record("rolling-restart", {"fault": fault, "faults": rounds, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"


async def _victim(cluster: KafkaCluster, name: str, turn: int, chance: random.Random) -> Node:
    if turn % 3 == 0:
        return await cluster.coordinator_of_group(names.group(name, "first"))
    if turn % 3 == 1:
        # A worker's id is random: the nodes that lead the log of transactions take turns.
        return await cluster.leader("__transaction_state", chance.randrange(5))
    return await cluster.leader(f"{name}.out", chance.randrange(6))
