"""Sinks whose process is killed, whose far side goes, or takes less at once than before."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import orjson
import pytest
from aiohttp import web
from aiokafka import TopicPartition

from connectors.http.tests.server import ScriptedServer
from hub.deployment import load
from hub.engine.reading.frontier import decode
from hub.engine.sinks.limit import START
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import Delivery, NotConnected, Transient
from hub.testing.scripted import Script
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, running, settled, until

SCRIPTED = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
sinks:
  out:
    use: script
    from: {name}.in
    start: earliest
    concurrency: 64
    on_error: {{ retry: {{ initial_interval: 10ms, max_interval: 50ms, max_retries: 1000 }} }}
"""
OVER_HTTP = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
sinks:
  out:
    use: http
    from: {name}.in
    start: earliest
    concurrency: 16
    with: {{ url: "{url}", json: = data, timeout: 60s }}
"""


class Gauge:
    """How many calls of a sink are under way, each of which takes a while."""

    def __init__(self, script: Script, seconds: float) -> None:
        self.now = 0
        self.most = 0
        self._seconds = seconds
        script.before = self.wait

    async def wait(self, batch: Sequence[Delivery]) -> None:
        self.now += len(batch)
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._seconds)
        self.now -= len(batch)


async def test_the_limit_climbs_where_that_helps_and_falls_where_all_fails(tmp_path, kafka, unique):
    """From a few to all that there may be; down to one at a time while everything fails; up again; nothing is lost."""
    script = Script()
    gauge = Gauge(script, 0.02)
    count = 6000
    async with running(tmp_path, kafka, SCRIPTED.format(name=unique), script) as runtime:
        unit = runtime.supervisor.units["out"]
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(count)])
        await until(lambda: gauge.most == 64, "the climb")
        script.failures = lambda _: Transient("too much")
        await until(lambda: gauge.now <= 2, "the fall")
        await until(lambda: unit._delivery._limit.now == 1, "the fall")
        gauge.most = 0
        script.failures = lambda _: None
        await until(lambda: gauge.most > START, "the second climb")
        totals = await settled(runtime, "out", count)
    assert (totals.delivered, totals.dead_lettered) == (count, {})
    assert totals.retries > 0
    assert Counter(each.data["n"] for each in script.written) == Counter(range(count))


async def test_an_outage_pauses_the_partitions_and_leaves_the_group_alone(tmp_path, kafka, unique):
    """Nothing more is read while the far side is down, heartbeats go on, and afterwards all is read from there."""
    script = Script()
    async with running(tmp_path, kafka, SCRIPTED.format(name=unique), script) as runtime:
        unit = runtime.supervisor.units["out"]
        reader = unit._reader
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 9}") for n in range(90)])
        await settled(runtime, "out", 90)
        generation, partitions = reader.generation, reader.assigned
        script.outage = NotConnected("refused", retry_after=0.2)
        script.opening = [NotConnected("refused", retry_after=0.2)] * 1000
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 9}") for n in range(90, 100)])
        await until(lambda: unit.state is State.PAUSED and reader._held == partitions, "the pause")
        taken = unit.ledger.taken
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 9}") for n in range(100, 1000)])
        await unit.measure()
        assert (unit.ledger.taken, unit.status().totals.in_flight) == (taken, 910)
        script.outage = None
        script.opening.clear()
        totals = await settled(runtime, "out", 1000)
        assert (reader.generation, reader.assigned, reader._held) == (generation, partitions, frozenset())
    assert (totals.delivered, totals.dead_lettered, totals.retries) == (1000, {}, 0)
    for key in range(9):
        mine = [each.data["n"] for each in script.written if each.data["n"] % 9 == key]
        assert mine == list(range(key, 1000, 9))


class FarSide:
    """An HTTP server that counts what it took, and keeps some waiting until it is told otherwise."""

    def __init__(self, *waiting: int) -> None:
        self.took: Counter[int] = Counter()
        self.keys: set[str] = set()
        self.waiting = set(waiting)
        self.server = ScriptedServer()
        self.server.answer = self.answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        number = orjson.loads(await request.read())["n"]
        self.server.received.clear()
        if number in self.waiting:
            return await self.server.hang(request)
        self.took[number] += 1
        self.keys.add(request.headers["Idempotency-Key"])
        return web.Response(status=204)


@pytest.fixture
async def far_side() -> AsyncIterator[FarSide]:
    """Keeps 5 and 700 waiting."""
    far = FarSide(5, 700)
    await far.server.start()
    yield far
    await far.server.stop()


async def remembered(kafka: KafkaSettings, name: str) -> tuple[int, int]:
    """Position of the sink's group on its partition, and how many its note remembers beyond."""
    async with clients.running(clients.admin(kafka)) as admin:
        found = await admin.list_consumer_group_offsets(names.group(name, "out"))
    position, note = found.get(TopicPartition(f"{name}.in", 0), (0, ""))
    return position, len(decode(note, position))


async def test_what_is_done_beyond_the_lowest_offset_survives_kill_9(tmp_path, kafka, unique, far_side):
    """A process that is killed with some deliveries hanging: the next one repeats those, and none that were noted."""
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(OVER_HTTP.format(name=unique, url=far_side.server.url))
    await ensure_topics(kafka, load(directory).topic_specs())
    await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(2000)])
    env = environment(kafka, HUB_WORKER__SESSION_TIMEOUT="6")
    async with command("run", str(directory), directory=tmp_path / "1", env=env) as hub:

        async def noted() -> bool:
            return await remembered(kafka, unique) == (5, 1993)

        await until(noted, "the note")
        hub.signal(signal.SIGKILL)
        assert await hub.ended() == -signal.SIGKILL
    assert far_side.took == Counter(set(range(2000)) - {5, 700})
    far_side.waiting.clear()
    await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(2000, 2100)])
    async with command("run", str(directory), directory=tmp_path / "2", env=env) as hub:

        async def through() -> bool:
            return await remembered(kafka, unique) == (2100, 0)

        await until(through, "the rest")
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    assert far_side.took == Counter(range(2100))
    assert len(far_side.keys) == 2100
