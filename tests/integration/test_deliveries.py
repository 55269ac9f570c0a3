"""The memory of webhook deliveries on a real broker: shared, bounded, and the same after a restart."""

from __future__ import annotations

import logging

import aiohttp
import pytest

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.sources.deliveries import Deliveries
from hub.engine.sources.marks import SIZE
from hub.kafka import names
from hub.kafka.publisher import Publisher, Record
from hub.kafka.specs import hub_topics
from hub.kafka.topics import ensure_topics
from hub.testing.scripted import Script
from tests.integration.engine import running, until

TWO = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 1 }}
sources:
  one: {{ use: script.hook, with: {{ path: /one }} }}
  two: {{ use: script.hook, with: {{ path: /two }} }}
"""


def mark(number: int) -> bytes:
    return number.to_bytes(SIZE, "little")


async def remember(kafka, deployment: str, numbers: range) -> None:
    """What other workers have noted."""
    async with Publisher(kafka) as publisher:
        for result in await publisher.send([Record(names.deliveries(deployment), mark(n), b"1") for n in numbers]):
            assert not isinstance(result, Exception), result


async def test_no_more_are_read_and_known_than_the_bound(kafka, unique, caplog):
    """The newest at the start, the newest later; and it is told that the time is shorter than it should be."""
    await ensure_topics(kafka, hub_topics(unique))
    await remember(kafka, unique, range(5000))
    async with Deliveries(kafka, unique, 1000) as memory:
        assert len(memory._marks) == 1000
        assert all(memory.known(mark(number)) for number in range(4000, 5000))
        assert not any(memory.known(mark(number)) for number in range(4000))
        assert "4,000 were forgotten early, since HUB_INGRESS__REMEMBER is 1,000" in memory.shortage
        with caplog.at_level(logging.WARNING):
            await remember(kafka, unique, range(5000, 6500))
            await until(lambda: memory.known(mark(6499)), "what others note")
        assert len(memory._marks) <= 1000
        assert all(memory.known(mark(number)) for number in range(5600, 6500))
        assert not any(memory.known(mark(number)) for number in range(5400))
        await memory.remember(mark(7000))
        assert memory.known(mark(7000))
        assert sum("were forgotten early" in each.getMessage() for each in caplog.records) == 1
    async with Deliveries(kafka, unique, 100_000) as memory:
        assert len(memory._marks) == 6501
        assert memory.shortage == ""


async def post(url: str, id: str) -> int:  # noqa: A002  the header's name
    headers = {"X-Id": id, "X-Signature": "right"}
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}", headers=headers) as response:
        return response.status


async def test_sources_of_a_process_share_one_memory(tmp_path, kafka, unique):
    """Each knows its own deliveries, also after one of them or all of them were started anew."""
    for life in range(2):
        async with running(tmp_path, kafka, TWO.format(name=unique), Script()) as runtime:
            shared = runtime._assembly._deliveries
            assert list(shared._users.values()) == [2]
            (memory,) = shared._users
            for _ in range(2):
                assert [await post(f"{runtime.server.url}/{name}", "1") for name in ("one", "two")] == [202, 202]
                await runtime.supervisor.restart("one")
                await until(lambda runtime=runtime: runtime.supervisor.units["one"].ready.is_set())
            assert list(shared._users) == [memory]
            for name in ("one", "two"):
                totals = runtime.supervisor.units[name].status().totals
                assert (totals.delivered, totals.filtered) == (int(not life), {"duplicate": 1 + life})
        assert not shared._users


async def test_a_memory_that_is_too_small_shows_in_the_status(tmp_path, kafka, unique):
    """As an alarm, while the source goes on; the setting comes from the environment."""
    script = Script()
    await ensure_topics(kafka, hub_topics(unique))
    await remember(kafka, unique, range(1500))
    (tmp_path / "deployment.yaml").write_text(TWO.format(name=unique))
    deployment = load(tmp_path, registry=Registry([script.connector]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_INGRESS__REMEMBER", "1000")
        ingress = IngressSettings(port=0)
    runtime = Runtime(deployment, kafka, ingress=ingress, environ={})
    await runtime.start()
    try:
        status = runtime.supervisor.units["one"].status()
        assert (status.state, "500 were forgotten early" in status.alarm) == ("RUNNING", True)
        assert status.alarm in status.detail
    finally:
        await runtime.stop()
