"""The ledger, read from Kafka alone: exact against what lies on the topics, over kill -9 and while all runs."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, web
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from hub.deployment import Registry, load
from hub.engine.ledger.accounts import Counts
from hub.engine.ledger.audit import Account, audit
from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import counts, ensure_topics
from hub.operate.metrics import Metrics
from hub.process import free_ports
from hub.sdk import Permanent
from hub.testing.scripted import Script
from tests.chaos.polling import CONNECTOR as COUNT
from tests.chaos.workers import SIGN, START_LIMIT, Worker
from tests.integration.commands import Command, command, environment
from tests.integration.engine import event, publish, records, running, settled, until
from tests.integration.test_cli_run import feeding
from tests.integration.test_engine_lag import transact

ROUTE = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.out: {{ partitions: 3 }}
routes:
  some:
    from: {name}.in
    start: earliest
    where: data.n % 4 != 0
    map: {{ data: {{ n: = 100 / (data.n % 10) }} }}
    to: "{name}.out"
"""

CHAIN = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.mid: {{ partitions: 3 }}
routes:
  some: {{ from: {name}.in, start: earliest, where: data.n % 4 != 0, to: "{name}.mid" }}
sinks:
  out:
    use: http
    from: {name}.mid
    start: earliest
    with: {{ url: "{url}", connect_timeout: 2s }}
"""


HOOK = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
sources:
  hook: {{ use: script.hook, with: {{ path: /hook }} }}
"""
POLLING = [sys.executable, "-m", "tests.chaos.polling"]
GIVEN = 2000
SEVERAL_LIVES = pytest.mark.timeout(400)
"""Three or four processes, one after the other: on a machine that has much else to do they take their time to start."""


def fates(numbers: range) -> Counter[str]:
    """What the first deployment's route does with events of these numbers."""
    return Counter("filtered" if n % 4 == 0 else "dead_lettered" if n % 10 == 0 else "delivered" for n in numbers)


def written(directory: Path, text: str) -> Path:
    """A directory with a schema file."""
    directory.mkdir(exist_ok=True)
    (directory / "hub.yaml").write_text(text)
    return directory


async def at_work(hub: Command) -> None:
    """Waits until a worker takes events in; the group of a Kafka that has never had one takes its time."""
    async with asyncio.timeout(START_LIMIT):
        while SIGN not in hub.out + hub.err:
            assert hub.process.poll() is None, hub.err
            await asyncio.sleep(0.05)


async def told(directory: Path, deployment: Path, kafka: KafkaSettings, *options: str, code: int = 0) -> dict[str, Any]:
    """What `hub ledger` says of each unit."""
    env = environment(kafka)
    async with command("ledger", str(deployment), "--json", *options, directory=directory, env=env) as ledger:
        assert await ledger.ended() == code, ledger.err
        return {each["unit"]: each for each in orjson.loads(ledger.out)}


@SEVERAL_LIVES
async def test_the_ledger_of_a_route_is_exact_over_kill_9(tmp_path, kafka, unique):
    """After each kill, nothing running: what it counted is what lies on the topics, to the event."""
    deployment = written(tmp_path / "deployment", ROUTE.format(name=unique))
    await ensure_topics(kafka, load(deployment).topic_specs())
    env = environment(kafka)
    async with feeding(kafka, f"{unique}.in") as fed:
        for attempt in range(2):
            out = f"{unique}.out"
            before = (await counts(kafka, [out]))[out]
            async with command("run", str(deployment), directory=tmp_path / str(attempt), env=env) as hub:
                await at_work(hub)

                async def moved(before: int = before, out: str = out) -> bool:
                    return (await counts(kafka, [out]))[out] > before + 200

                await until(moved)
                assert all(each.balanced for each in await audit(kafka, load(deployment), count=True))
                hub.signal(signal.SIGKILL)
                await hub.ended()
            # The brokers end its last transaction within 10 s; until then what it read waits.
            assert all(each.balanced for each in await audit(kafka, load(deployment), count=True))
    async with command("run", str(deployment), directory=tmp_path / "last", env=env) as hub:
        await at_work(hub)
        expected = fates(range(fed[0]))

        async def done() -> bool:
            return not any(each.waiting for each in await audit(kafka, load(deployment)))

        await until(done)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    found = (await told(tmp_path / "end", deployment, kafka, "--count"))["some"]
    assert found["received"] == found["recounted"] == fed[0]
    assert found["delivered"] == expected["delivered"] == len(await records(kafka, f"{unique}.out"))
    assert found["filtered"] == {"where": expected["filtered"]}
    letters = await records(kafka, names.dlq(unique, "some"))
    assert sum(found["dead_lettered"].values()) == expected["dead_lettered"] == len(letters)


@SEVERAL_LIVES
async def test_the_ledger_of_a_sink_counts_each_event_once_over_kill_9(tmp_path, kafka, unique):
    """A crash repeats deliveries, and none of them counts twice; what was refused is counted by its error."""
    asked: Counter[str] = Counter()

    async def take(request: web.Request) -> web.Response:
        number = orjson.loads(await request.read())["n"]
        asked[str(number)] += 1
        await asyncio.sleep(0.01)
        return web.Response(status=400 if number % 10 == 1 else 200)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    deployment = written(tmp_path / "deployment", CHAIN.format(name=unique, url=f"http://127.0.0.1:{port}/"))
    await ensure_topics(kafka, load(deployment).topic_specs())
    env = environment(kafka)
    try:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n % 50)) for n in range(GIVEN)])
        for attempt in range(2):
            before = len(asked)
            async with command("run", str(deployment), directory=tmp_path / str(attempt), env=env) as hub:
                await at_work(hub)
                await until(lambda before=before: len(asked) > before + 200)
                hub.signal(signal.SIGKILL)
                await hub.ended()
            assert all(each.balanced for each in await audit(kafka, load(deployment), count=True))
        async with command("run", str(deployment), directory=tmp_path / "last", env=env) as hub:
            await at_work(hub)

            async def done() -> bool:
                return not any(each.waiting for each in await audit(kafka, load(deployment)))

            await until(done)
            hub.signal(signal.SIGTERM)
            assert await hub.ended() == 0
    finally:
        await runner.cleanup()
    found = await told(tmp_path / "end", deployment, kafka, "--count")
    through = [n for n in range(GIVEN) if n % 4]
    refused = sum(1 for n in through if n % 10 == 1)
    assert found["some"]["delivered"] == found["out"]["received"] == found["out"]["recounted"] == len(through)
    assert (found["out"]["delivered"], sum(found["out"]["dead_lettered"].values())) == (len(through) - refused, refused)
    assert set(asked) == {str(n) for n in through}


POLLED = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
events:
  count.event: {{ schema: {{}}, topic: {name}.in }}
sources:
  feed:
    use: count
    every: 20ms
    with: {{ began: {began}, rate: 400, limit: "{limit}" }}
"""


@SEVERAL_LIVES
async def test_the_ledger_of_a_polling_source_is_exact_over_kill_9(tmp_path, kafka, unique):
    """Killed amidst its transactions: what stands with the cursor is what readers see on the topic, to the event."""
    limit = tmp_path / "limit"  # holds how many there are
    limit.write_text("2000")
    directory = written(tmp_path / "deployment", POLLED.format(name=unique, began=time.time(), limit=limit))
    deployment = load(directory, registry=Registry([COUNT]))
    at = [str(directory), str(kafka.bootstrap_servers)]

    async def counted() -> int:
        (account,) = await audit(kafka, deployment)
        assert account.balanced
        return account.counts.delivered

    async def exact() -> bool:
        return await counted() == len(await records(kafka, f"{unique}.in"))

    for life in range(3):
        worker = Worker(f"feed-{life}", [*POLLING, *at], tmp_path, kafka)
        worker.process.start()
        try:
            before = await counted()
            await worker.ready("RUNNING")

            async def on(wanted: int = 2000 if life == 2 else before + 200) -> bool:
                return await counted() >= wanted

            await until(on)
        finally:
            worker.process.kill()
        # The brokers end a transaction that was open within 10 s; they mark its partitions one after the other.
        await until(exact)
    assert await counted() == 2000


@SEVERAL_LIVES
async def test_the_ledger_of_a_webhook_source_is_as_its_workers_told(tmp_path, kafka, unique):
    """Exact after an end in order, also of a later process of the same name; a kill costs the count of a second."""
    text = HOOK.format(name=unique)
    directory = tmp_path / "deployment"
    directory.mkdir()

    async def told() -> Account:
        return (await ledgers(directory, kafka, Script()))["hook"]

    for life in range(2):
        async with running(directory, kafka, text, Script()) as runtime, ClientSession() as web:
            url = runtime.server.url + "/hook"
            for number in (life, life, life + 10):
                headers = {"X-Id": str(number), "X-Signature": "right"}
                async with web.post(url, data=b'{"n":1,"key":"k"}', headers=headers) as answer:
                    assert answer.status == 202
    account = await told()
    assert (account.received, account.counts.delivered, account.counts.filtered) == (6, 4, {"duplicate": 2})
    assert account.balanced
    (port,) = free_ports(1)
    arguments = [str(directory), str(kafka.bootstrap_servers), str(port)]
    worker = Worker("hook", [sys.executable, "-m", "tests.chaos.hooked", *arguments], tmp_path, kafka)
    worker.process.start()
    sent = 0
    try:
        await worker.ready("at work")
        async with ClientSession() as web:
            while (before := (await told()).counts.delivered) < 100:
                for _ in range(10):
                    headers = {"X-Id": f"more-{sent}", "X-Signature": "right"}
                    url = f"http://127.0.0.1:{port}/hook"
                    async with web.post(url, data=b'{"n":1,"key":"k"}', headers=headers) as answer:
                        assert answer.status == 202
                    sent += 1
    finally:
        worker.process.kill()
    account = await told()
    stored = len(await records(kafka, f"{unique}.in"))
    assert stored == 4 + sent
    assert before <= account.counts.delivered <= stored
    assert account.balanced


async def ledgers(directory: Path, kafka: KafkaSettings, script: Script, *, count: bool = False) -> dict[str, Account]:
    """The ledgers of a deployment of scripted units, whether it runs or not."""
    deployment = load(directory, registry=Registry([script.connector]))
    return {each.unit: each for each in await audit(kafka, deployment, count=count)}


SCRIPTED = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 1 }}
sources:
  numbers: {{ use: script.poll, every: 100ms }}
sinks:
  out: {{ use: script, from: {name}.in, start: earliest }}
"""


async def test_marks_of_transactions_and_what_was_aborted_are_no_events(tmp_path, kafka, unique):
    """What waits is counted by reading, so that it is exact; nothing waits where only marks are left."""
    text = ROUTE.format(name=unique)
    async with running(tmp_path, kafka, text, Script(), only=["some"]):
        pass
    for start in range(0, 30, 3):
        await transact(kafka, f"{unique}.in", [event(n) for n in range(start, start + 3)])
        await transact(kafka, f"{unique}.in", [event(n) for n in range(100, 105)], commit=False)
    found = (await ledgers(tmp_path, kafka, Script(), count=True))["some"]
    assert (found.received, found.waiting, found.at_most, found.balanced) == (30, 30, False, True)
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await settled(runtime, "some", 30)
    found = (await ledgers(tmp_path, kafka, Script(), count=True))["some"]
    assert (found.received, found.waiting, found.recounted, found.problems) == (30, 0, 30, [])
    assert found.counts.filtered["where"] == 8


async def test_more_than_is_counted_by_default_is_told_as_an_upper_bound(tmp_path, kafka, unique, monkeypatch):
    """And is exact when asked for."""
    monkeypatch.setattr("hub.engine.ledger.audit.COUNTED", 10)
    text = ROUTE.format(name=unique).replace("partitions: 3", "partitions: 1")
    async with running(tmp_path, kafka, text, Script()):
        pass
    await transact(kafka, f"{unique}.in", [event(n) for n in range(20)])
    found = (await ledgers(tmp_path, kafka, Script()))["some"]
    assert (found.waiting, found.at_most) == (21, True)
    found = (await ledgers(tmp_path, kafka, Script(), count=True))["some"]
    assert (found.waiting, found.at_most) == (20, False)


WHO = (("numbers", "script.poll"), ("out", "script"))


async def test_sources_and_sinks_have_ledgers_over_restarts(tmp_path, kafka, unique):
    """A poll's events are counted with its cursor, a sink's with its positions; both go on from there."""
    text, script = SCRIPTED.format(name=unique), Script()
    script.failures = lambda delivery: Permanent("no") if delivery.event.data["n"] % 5 == 0 else None
    for life in range(1, 4):
        script.records += [{"n": n} for n in range(len(script.records), life * 20)]
        async with running(tmp_path, kafka, text, script) as runtime:
            await until(lambda life=life: len(script.written) == life * 16)
            metrics = Metrics(runtime.supervisor.units.values())
            # The committed ledger, as whoever collects metrics sees it: of all lives, not of this one.
            wanted = {f'hub_ledger_taken_events{{connector="{use}",unit="{unit}"}} {life * 20}.0' for unit, use in WHO}
            await until(lambda metrics=metrics, wanted=wanted: wanted <= set(metrics.text().decode().splitlines()))
    found = await ledgers(tmp_path, kafka, script, count=True)
    assert (found["numbers"].received, found["numbers"].counts.delivered) == (60, 60)
    sink = found["out"]
    assert (sink.received, sink.counts.delivered, dict(sink.counts.dead_lettered)) == (60, 48, {"Permanent": 12})
    assert all(each.balanced for each in found.values())


async def test_a_unit_that_never_ran_has_received_nothing(tmp_path, kafka, unique):
    """Its topics may be full; where it starts isn't known yet."""
    deployment = written(tmp_path / "deployment", ROUTE.format(name=unique))
    await ensure_topics(kafka, load(deployment).topic_specs())
    await publish(kafka, f"{unique}.in", [event(1)])
    found = (await told(tmp_path / "1", deployment, kafka))["some"]
    assert (found["received"], found["balanced"]) == (0, True)
    assert "not run" in found["note"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda counts: setattr(counts, "delivered", counts.delivered - 1), "the fate of 9 is noted"),
        (lambda counts: (setattr(counts, "taken", 12), setattr(counts, "delivered", 12)), "no more than 10 were there"),
        (
            lambda counts: (setattr(counts, "taken", 9), setattr(counts, "delivered", 9)),
            "9 events were counted, and 10",
        ),
    ],
)
async def test_what_does_not_add_up_is_told_and_ends_with_1(tmp_path, kafka, unique, change, complaint):
    """An event without a fate, one counted twice, and one that was passed over."""
    text = ROUTE.format(name=unique).replace("partitions: 3", "partitions: 1").replace("data.n % 4 != 0", "true")
    async with running(tmp_path / ".", kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(1, 11)])
        await settled(runtime, "some", 10)
    await _tamper(kafka, names.group(unique, "some"), TopicPartition(f"{unique}.in", 0), change)
    found = await told(tmp_path / "out", tmp_path, kafka, "--count", code=1)
    assert any(complaint in each for each in found["some"]["problems"]), found


async def test_unread_events_that_retention_deleted_are_told(tmp_path, kafka, unique):
    """Also while nothing runs that would stop because of it."""
    text = ROUTE.format(name=unique).replace("partitions: 3", "partitions: 1")
    async with running(tmp_path, kafka, text, Script()):
        pass
    at = TopicPartition(f"{unique}.in", 0)
    await publish(kafka, at.topic, [event(n) for n in range(9)])
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_records({at: RecordsToDelete(before_offset=6)})
    found = (await ledgers(tmp_path, kafka, Script()))["some"]
    assert found.problems == [f"{at.topic}-0: retention has deleted up to 6 events that were not read"]
    assert found.waiting == 3


async def _tamper(kafka: KafkaSettings, group: str, at: TopicPartition, change: Any) -> None:
    async with clients.running(clients.admin(kafka)) as admin:
        found = (await admin.list_consumer_group_offsets(group))[at]
    counts = Counts.of_note(found.metadata)
    assert counts is not None
    change(counts)
    async with clients.running(clients.consumer(kafka, group=group)) as consumer:
        consumer.assign([at])
        await consumer.commit({at: OffsetAndMetadata(found.offset, f"partitions=1 ledger={counts.to_note()}")})
