"""Sinks whose far side is killed, starved, full, gone, or answers badly: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import orjson
import pytest
from aiohttp import web

from connectors.http.tests.server import ScriptedServer, reset
from connectors.rabbitmq.tests.broker import Broker
from hub.deployment import load
from hub.engine.dlq.deadletter import read_dead_letter
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.process import free_ports
from tests.chaos.scale import SEED, record, scaled
from tests.integration.engine import event, publish, records

pytestmark = pytest.mark.timeout(scaled(600, 3600))
KEYS = 40
LIMIT = scaled(120.0, 1800.0)
"""Seconds within which everything has to be through."""
DOWN = scaled(15.0, float(os.environ.get("HUB_CHAOS_DOWN", "3600")))
"""Seconds for which a sink is down."""

RABBITMQ = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 3 }} }}
sinks:
  out:
    use: rabbitmq
    from: {name}.in
    start: earliest
    with: {{ url: "{url}", queue: {queue}, timeout: 3s }}
"""
HTTP = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 3 }} }}
sinks:
  out:
    use: http
    from: {name}.in
    start: earliest
    with: {{ url: "{url}", json: = data, timeout: 1s, connect_timeout: 1s }}
    on_error: {{ retry: {{ initial_interval: 50ms, max_interval: 1s, max_retries: 100 }} }}
  other:
    use: http
    from: {name}.in
    start: earliest
    with: {{ url: "{other}", json: = data }}
"""


@asynccontextmanager
async def running(
    directory: Path, kafka: KafkaSettings, text: str, *, only: Sequence[str] = ()
) -> AsyncIterator[Runtime]:
    """A deployment of the real connectors at work."""
    (directory / "deployment.yaml").write_text(text)
    runtime = Runtime(load(directory), kafka, only=only, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


class Feed:
    """Publishes numbered events of `KEYS` keys, so many per second, until it is told to end."""

    def __init__(self, kafka: KafkaSettings, topic: str, *, rate: int, **data: object) -> None:
        self.sent = 0
        self._ending = asyncio.Event()
        self._task = asyncio.create_task(self._run(kafka, topic, rate, data))

    async def _run(self, kafka: KafkaSettings, topic: str, rate: int, data: dict[str, object]) -> None:
        while not self._ending.is_set():
            batch = range(self.sent, self.sent + max(1, rate // 5))
            await publish(kafka, topic, [event(n, key=f"k{n % KEYS}", **data) for n in batch])
            self.sent = batch.stop
            await asyncio.sleep(0.2)

    async def end(self) -> int:
        """Ends; gives how many were published."""
        self._ending.set()
        await self._task
        return self.sent


async def through(runtime: Runtime, unit: str, count: int) -> None:
    """Waits until a sink has settled so many."""
    deadline = time.monotonic() + LIMIT
    ledger = runtime.supervisor.units[unit].ledger
    while ledger.delivered + ledger.dead_lettered.total() < count:
        assert time.monotonic() < deadline, f"{ledger.delivered} of {count}; {runtime.supervisor.units[unit].detail}"
        await asyncio.sleep(0.05)


async def taken(url: str, queue: str) -> list[tuple[str, int]]:
    """What lies in a queue, in its order: message ids and numbers."""
    found = []
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.set_qos(prefetch_count=500)
        source = await channel.get_queue(queue, ensure=False)
        while (message := await source.get(fail=False, no_ack=True)) is not None:
            found.append((message.message_id, orjson.loads(message.body)["n"]))
    return found


def check(arrived: Sequence[tuple[str, int]], count: int) -> int:
    """All there, and each key in order, once duplicates are dropped by their id; gives how many there were."""
    first: dict[str, int] = {}
    for message_id, number in arrived:
        assert first.setdefault(message_id, number) == number, "one id for two events"
    assert sorted(first.values()) == list(range(count))
    by_key = defaultdict(list)
    for number in first.values():
        by_key[number % KEYS].append(number)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    return len(arrived) - count


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    try:
        await broker.start()
        yield broker
    finally:
        broker.close()


async def test_rabbitmq_that_is_killed_again_and_again_loses_nothing(tmp_path, kafka, unique, broker):
    """Kill -9 under load: what was not confirmed is published again, with the same id, and nothing else is."""
    kills = scaled(2, 10)
    async with running(tmp_path, kafka, RABBITMQ.format(name=unique, url=broker.url, queue=unique)) as runtime:
        await broker.remember_queues()
        feed = Feed(kafka, f"{unique}.in", rate=500)
        unconfirmed = 0
        for _ in range(kills):
            await asyncio.sleep(scaled(2.0, 10.0))
            unconfirmed += runtime.supervisor.units["out"]._delivery._in_flight
            broker.kill()
            await asyncio.sleep(1.0)
            await broker.start()
        count = await feed.end()
        await through(runtime, "out", count)
        totals = runtime.totals()
    duplicates = check(await taken(broker.url, unique), count)
    assert totals.dead_lettered == {}
    assert totals.retries == 0
    found = {"lost": 0, "arrived_twice_with_one_id": duplicates, "unconfirmed_at_the_kills": unconfirmed}
    record("rabbitmq-kill", {"fault": "RabbitMQ kill -9", "faults": kills, "events": count, **found})


async def test_a_memory_alarm_is_waited_out(tmp_path, kafka, unique, broker):
    """The broker takes nothing for a while: nothing is dead-lettered, and no more than was under way comes twice."""
    async with running(tmp_path, kafka, RABBITMQ.format(name=unique, url=broker.url, queue=unique)) as runtime:
        feed = Feed(kafka, f"{unique}.in", rate=300)
        await asyncio.sleep(1.0)
        async with broker.memory_alarm():
            await asyncio.sleep(scaled(8.0, 60.0))
        count = await feed.end()
        await through(runtime, "out", count)
        totals = runtime.totals()
        most = runtime.supervisor.units["out"]._delivery._limit._largest
    duplicates = check(await taken(broker.url, unique), count)
    assert (totals.dead_lettered, totals.retries) == ({}, 0)
    assert duplicates <= 2 * most
    fault = {"fault": f"memory alarm of {scaled(8, 60)} s", "faults": 1}
    record("rabbitmq-memory-alarm", {**fault, "events": count, "lost": 0, "arrived_twice_with_one_id": duplicates})


async def test_what_no_queue_takes_is_dead_lettered_and_never_counted_as_delivered(tmp_path, kafka, unique, broker):
    """Somebody deletes a queue that isn't ours to make; one that is ours is made again."""
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.declare_queue(unique, durable=True)
        theirs = RABBITMQ.format(name=unique, url=broker.url, queue=f"{{ name: {unique}, passive: true }}")
        async with running(tmp_path, kafka, theirs) as runtime:
            await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % KEYS}") for n in range(50)])
            await through(runtime, "out", 50)
            assert len(await taken(broker.url, unique)) == 50
            await channel.queue_delete(unique)
            await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % KEYS}") for n in range(50, 150)])
            await through(runtime, "out", 150)
            totals = runtime.totals()
    assert (totals.delivered, totals.dead_lettered) == (50, {"Permanent": 100})
    letters = [read_dead_letter(each.headers) for each in await records(kafka, names.dlq(unique, "out"))]
    assert Counter(each.status for each in letters) == {312: 100}
    found = {"delivered": 50, "dead_lettered_as_unroutable": 100, "lost": 0}
    record("rabbitmq-queue-deleted", {"fault": "queue deleted", "faults": 1, "events": 150, **found})


async def test_a_full_queue_is_waited_for(tmp_path, kafka, unique, broker):
    """`reject-publish`: what doesn't fit comes again when somebody has made room, in the order of its key."""
    queue = f"{{ name: {unique}, type: classic, arguments: {{ x-max-length: 50, x-overflow: reject-publish }} }}"
    count = scaled(400, 10_000)
    arrived: list[tuple[str, int]] = []
    async with running(tmp_path, kafka, RABBITMQ.format(name=unique, url=broker.url, queue=queue)) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % KEYS}") for n in range(count)])
        done = asyncio.create_task(through(runtime, "out", count))
        while not done.done():
            arrived += await taken(broker.url, unique)
            await asyncio.sleep(0.05)
        await done
        arrived += await taken(broker.url, unique)
        totals = runtime.totals()
    assert (totals.delivered, totals.dead_lettered) == (count, {})
    assert check(arrived, count) == 0
    fault = {"fault": "overflow of a queue of 50 (reject-publish)", "faults": 1}
    record("rabbitmq-overflow", {**fault, "events": count, "lost": 0, "duplicated": 0, "order_violations": 0})


class Unreliable:
    """Answers a share of the requests with every kind of failure, and remembers what it took."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.chance = random.Random(SEED)
        self.took: list[int] = []
        self.keys: defaultdict[int, set[str]] = defaultdict(set)
        self.faults: Counter[str] = Counter()
        self.throttled: list[tuple[float, float]] = []
        self.came: list[float] = []
        server.answer = self.answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        came = time.monotonic()
        self.came.append(came)
        number = (await request.json())["n"]
        self.keys[number].add(request.headers["Idempotency-Key"])
        fault = self.chance.choices(["", "500", "429", "hang", "reset", "half"], [90, 4, 0.3, 0.5, 2, 2])[0]
        if fault:
            self.faults[fault] += 1
        match fault:
            case "500":
                return web.Response(status=500)
            case "429":
                self.throttled.append((time.monotonic(), 1.0))
                return web.Response(status=429, headers={"Retry-After": "1"})
            case "hang":
                return await self.server.hang(request)
            case "reset":
                return await reset(request)
            case "half":
                self.took.append(number)  # the far side has it, and we don't learn that
                assert request.transport is not None
                request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                request.transport.close()
                return web.Response()
        self.took.append(number)
        return web.Response(status=204)


async def test_an_http_server_that_fails_in_every_way_loses_nothing(tmp_path, kafka, unique):
    """500s, 429s, hangs, resets, half answers: every event arrives, by one key, and `Retry-After` is kept."""
    server, other = ScriptedServer(), ScriptedServer()
    await server.start()
    await other.start()
    far = Unreliable(server)
    try:
        async with running(tmp_path, kafka, HTTP.format(name=unique, url=server.url, other=other.url)) as runtime:
            feed = Feed(kafka, f"{unique}.in", rate=200)
            await asyncio.sleep(scaled(5.0, 120.0))
            count = await feed.end()
            await through(runtime, "out", count)
            totals = runtime.supervisor.units["out"].status().totals
    finally:
        await server.stop()
        await other.stop()
    assert set(far.took) == set(range(count))
    assert (totals.delivered, totals.dead_lettered) == (count, {})
    assert all(len(keys) == 1 for keys in far.keys.values())
    assert len({next(iter(keys)) for keys in far.keys.values()}) == count
    for at, wait in far.throttled:
        early = [came for came in far.came if at + 0.2 < came < at + wait - 0.05]
        assert not early, "a request came although the server had asked to wait"
    firsts = list(dict.fromkeys(far.took))
    for key in range(KEYS):
        mine = [number for number in firsts if number % KEYS == key]
        assert mine == sorted(mine)
    fault = {"fault": "HTTP failure", "faults": far.faults.total(), "kinds": dict(far.faults)}
    found = {"lost": 0, "order_violations": 0, "keys_per_event": 1, "retries": totals.retries}
    record("http-unreliable", {**fault, "events": count, **found})


def resident() -> int:
    """Bytes of memory that this process has."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


async def test_a_sink_that_is_down_for_long_grows_little_and_disturbs_nobody(tmp_path, kafka, unique):
    """Under load, with its far side refusing connections: bounded memory, no rebalance, the other sink goes on."""
    (port,) = free_ports(1)
    other = ScriptedServer()
    await other.start()
    took: set[int] = set()

    async def note(request: web.Request) -> web.StreamResponse:
        took.add((await request.json())["n"])
        other.received.clear()
        return web.Response(status=204)

    other.answer = note
    text = HTTP.format(name=unique, url=f"http://127.0.0.1:{port}", other=other.url)
    server = ScriptedServer(port)
    try:
        async with running(tmp_path, kafka, text) as runtime:
            units = runtime.supervisor.units
            feed = Feed(kafka, f"{unique}.in", rate=300, pad="x" * 5_000)
            while len(took) < 300:  # noqa: ASYNC110  the handler has no event
                await asyncio.sleep(0.05)
            before = resident()
            generations = {name: unit._reader.generation for name, unit in units.items()}
            worst = 0.0
            began = time.monotonic()
            while time.monotonic() - began < DOWN:
                await asyncio.sleep(0.5)
                worst = max(worst, feed.sent - len(took))
            growth = resident() - before
            assert units["out"].state.name == "PAUSED"
            assert units["out"].ledger.delivered == 0
            count = await feed.end()
            await through(runtime, "other", count)
            assert {name: unit._reader.generation for name, unit in units.items()} == generations
            await server.start()
            await through(runtime, "out", count)
            totals = units["out"].status().totals
            assert {name: unit._reader.generation for name, unit in units.items()} == generations
    finally:
        await other.stop()
        await server.stop()
    assert (totals.delivered, totals.dead_lettered, totals.retries) == (count, {}, 0)
    assert took == set(range(count))
    assert growth <= 50 * 2**20, growth
    assert worst < 300 * 5
    fault = {"fault": f"sink down for {DOWN:g} s", "faults": 1, "events": count}
    found = {"lost": 0, "duplicated": 0, "rss_growth_mb": round(growth / 2**20, 1), "rebalances": 0}
    record("sink-down", {**fault, **found, "other_sink_behind_by_events_at_most": worst})
