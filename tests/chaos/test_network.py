"""The end of a transaction that is late, or lost, or arrives after its sender has given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.testing.cluster import KafkaCluster
from hub.testing.faults import Fate
from hub.testing.kafka_faults import END_TXN
from tests.chaos.scale import SEED, record, scaled
from tests.chaos.scene import scene

pytestmark = [pytest.mark.timeout(scaled(600, 3600)), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxied() -> AsyncIterator[KafkaCluster]:
    async with KafkaCluster(1, proxied=True) as cluster:
        yield cluster


async def test_an_end_that_is_late_or_lost_tears_no_transaction(proxied, unique, tmp_path):
    """The worker gives up waiting; whether the broker hears of it later or never, all of it counts or nothing."""
    delay = scaled(12.0, 60.0)
    (node,) = proxied.nodes
    async with scene(proxied.settings, unique, tmp_path, rate=scaled(500, 1000)) as it:
        await it.add()
        await it.flowing()
        fates = (Fate(delay=delay), Fate(lost=True))
        for fate in scaled(fates[:1], fates):
            for _ in range(scaled(1, 5)):
                it.watch.mark()
                node.faults.strike(END_TXN, fate)
                await it.resumed(delay + 60)
        await asyncio.sleep(scaled(3.0, delay))
        outcome = await it.outcome()
    struck = node.faults.struck[END_TXN]
    record("end-late-or-lost", {"fault": f"EndTxn {delay:g} s late or lost", "faults": struck, **outcome.to_json()})
    assert struck == scaled(1, 10)
    assert outcome.clean, f"{outcome}\n{it.logs()}"


async def test_an_end_that_arrives_after_its_connection_was_cut_tears_no_transaction(proxied, unique, tmp_path):
    """The sender gets RST, ends the transaction by a new connection and begins another; then the first end arrives."""
    (node,) = proxied.nodes
    chance = random.Random(SEED)
    node.faults.struck.clear()
    async with scene(proxied.settings, unique, tmp_path, rate=scaled(1000, 2000)) as it:
        await it.add()
        await it.flowing()
        for _ in range(scaled(15, 300)):
            node.faults.strike(END_TXN, Fate(delay=chance.uniform(0.02, 0.6), reset=True), after=chance.randrange(3))
            await asyncio.sleep(0.7)
        it.watch.mark()
        await it.resumed()
        outcome = await it.outcome()
    struck = node.faults.struck[END_TXN]
    record("end-after-reset", {"fault": "EndTxn arrives after a reset", "faults": struck, **outcome.to_json()})
    assert struck >= scaled(10, 200)
    assert outcome.clean, f"{outcome}\n{it.logs()}"
