"""Routes that read the same topic are read for together; each of them stays what it is by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from hub.deployment import load
from hub.engine.dlq.deadletter import ROUTE, read_dead_letter
from hub.engine.ledger.audit import audit
from hub.engine.routing import fused_mapper
from hub.engine.runtime import Runtime
from hub.engine.settings import AdminSettings, IngressSettings
from hub.engine.status import read_reports
from hub.engine.unit import State
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.operate.admin import AdminServer
from hub.sdk.event import KafkaMessage
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 4 }}
  {name}.odd: {{ partitions: 1 }}
  {name}.even: {{ partitions: 1 }}
  {name}.all: {{ partitions: 1 }}
routes:
  odd:
    {{ from: {name}.in, start: earliest, where: data.n % 2 == 1, map: {{ data: {{ n: = data.n }} }}, to: "{name}.odd" }}
  even: {{ from: {name}.in, start: earliest, where: data.n % 2 == 0, to: "{name}.even" }}
  all: {{ from: {name}.in, start: earliest, to: "{name}.all" }}
"""
ROUTES = {"odd", "even", "all"}


def riding(runtime: Runtime) -> set[str]:
    """The routes that are read for together."""
    return set(runtime.supervisor.units["all"].fused.riding)


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    """What a topic holds, in order of the numbers."""
    return sorted(orjson.loads(each.value)["n"] for each in await records(kafka, topic))


async def together(runtime: Runtime, *names: str) -> None:
    """Waits until these routes are read for together, and no others."""
    await until(lambda: riding(runtime) == set(names or ROUTES), "reading together")


@asynccontextmanager
async def feeding(kafka: KafkaSettings, topic: str) -> AsyncIterator[list[int]]:
    """Publishes events all the time; gives how many so far."""
    given = [0]
    over = asyncio.Event()

    async def feed() -> None:
        while not over.is_set():
            await publish(kafka, topic, [event(n, key=str(n % 50)) for n in range(given[0], given[0] + 50)])
            given[0] += 50
            await asyncio.sleep(0.02)

    task = asyncio.create_task(feed())
    try:
        yield given
    finally:
        over.set()
        await task


async def check(kafka: KafkaSettings, name: str, count: int) -> None:
    """Every event is where each route was to put it, once."""
    assert await numbers(kafka, f"{name}.odd") == list(range(1, count, 2))
    assert await numbers(kafka, f"{name}.even") == list(range(0, count, 2))
    assert await numbers(kafka, f"{name}.all") == list(range(count))


@pytest.mark.parametrize("compiled", [True, False])
async def test_each_route_gets_what_it_would_by_itself(tmp_path, kafka, unique, monkeypatch, compiled):
    """Also before they are compiled into one function; poison is a dead letter of each that looks at it."""
    monkeypatch.setattr(fused_mapper, "SETTLED", 0.0 if compiled else 1e9)
    poison = [KafkaMessage(b"k", b"plain", []), event(1).replace(data={"m": 1}).to_kafka()]
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        await together(runtime)
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(40)])
        await publish(kafka, f"{unique}.in", poison)
        odd, even, every = [await settled(runtime, name, 42) for name in ("odd", "even", "all")]
        await together(runtime)
        mapper = runtime.supervisor.units["all"].fused._mapper
        assert any(mapper._compiled.values()) == compiled
    assert (odd.delivered, odd.filtered, odd.dead_lettered) == (
        20,
        {"where": 20},
        {"InvalidEvent": 1, "EvaluationError": 1},
    )
    assert (even.delivered, even.filtered, even.dead_lettered) == (20, {"where": 20}, odd.dead_lettered)
    assert (every.delivered, every.filtered, every.dead_lettered) == (41, {}, {"InvalidEvent": 1})
    assert await numbers(kafka, f"{unique}.odd") == list(range(1, 40, 2))
    made = await records(kafka, f"{unique}.even")
    assert {dict(each.headers)[ROUTE] for each in made} == {b"even"}
    letters = [read_dead_letter(each.headers) for each in await records(kafka, f"{unique}.odd.dlq")]
    assert {each.unit for each in letters} == {"odd"}


async def test_nothing_is_lost_or_repeated_while_workers_come_and_go(tmp_path, kafka, unique):
    """The groups move partitions between two workers, in which the routes are read for together, and back."""
    text = DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, Script()) as first:
        async with feeding(kafka, f"{unique}.in") as given:
            await together(first)
            for _ in range(3):
                second = Runtime(load(tmp_path), kafka, ingress=IngressSettings(port=0), environ={})
                await second.start()
                try:
                    await together(second)
                    await together(first)
                    before = second.totals().delivered
                    await until(lambda second=second, before=before: second.totals().delivered > before, "its share")
                finally:
                    await second.stop()
                await together(first)
        count = given[0]

        async def done() -> bool:
            return len(await records(kafka, f"{unique}.all")) >= count

        await until(done, "all events")
        await until(lambda: all(each.status().totals.in_flight == 0 for each in first.supervisor.units.values()))
    await check(kafka, unique, count)
    ledgers = {each.unit: each for each in await audit(kafka, load(tmp_path))}
    assert {name: ledgers[name].counts.delivered for name in ROUTES} == {
        "odd": count // 2,
        "even": count // 2,
        "all": count,
    }


async def test_one_that_is_paused_holds_up_no_others_and_catches_up_by_itself(tmp_path, kafka, unique, monkeypatch):
    """It is read for again once it is near them."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        await together(runtime)
        odd = runtime.supervisor.units["odd"]
        odd.pause()
        await together(runtime, "even", "all")
        monkeypatch.setattr("hub.engine.routing.fused.NEAR", 10)
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(400)])
        await settled(runtime, "all", 400)
        await settled(runtime, "even", 400)
        assert (odd.ledger.taken, odd.state) == (0, State.PAUSED)
        odd.resume()
        await settled(runtime, "odd", 400)
        await together(runtime)
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(400, 500)])
        for name in ROUTES:
            await settled(runtime, name, 500)
    await check(kafka, unique, 500)


async def test_one_that_fails_takes_no_others_along(tmp_path, kafka, unique):
    """Its topic is gone: the transaction that found out is aborted, and from then on it fails by itself."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        await together(runtime)
        units = runtime.supervisor.units
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_topics([f"{unique}.odd"])
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(20)])
        await settled(runtime, "all", 20)
        await settled(runtime, "even", 20)
        await until(lambda: units["odd"].state is State.FAILED, "its failure")
        await until(lambda: {"even", "all"} <= riding(runtime), "the others' reading together")
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(20, 40)])
        await settled(runtime, "all", 40)
    assert await numbers(kafka, f"{unique}.all") == list(range(40))
    assert await numbers(kafka, f"{unique}.even") == list(range(0, 40, 2))


async def test_a_route_that_is_added_or_changed_joins_the_others(tmp_path, kafka, unique):
    """Another version is put to work in the midst of events: nothing is lost or repeated by those that stay."""
    text = DEPLOYMENT.format(name=unique)
    lines = text.splitlines(keepends=True)
    before = "".join(line for line in lines if "even:" not in line)
    async with running(tmp_path, kafka, before, Script()) as runtime:
        async with feeding(kafka, f"{unique}.in") as given:
            await together(runtime, "odd", "all")
            (tmp_path / "deployment.yaml").write_text(text.replace("{ n: = data.n }", "{ n: = data.n, new: true }"))
            await runtime.reload(load(tmp_path))
            await together(runtime)
            at_least = given[0] + 100
            await until(lambda: given[0] > at_least, "more events")
        for name in ROUTES:
            await settled(runtime, name, given[0])
    await check(kafka, unique, given[0])
    made = Counter("new" in orjson.loads(each.value) for each in await records(kafka, f"{unique}.odd"))
    assert made[True] > 0


async def test_status_tells_which_routes_are_read_for_together(tmp_path, kafka, unique):
    """In the unit, in the admin API and in what every worker reports; one that is paused reads by itself."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        await together(runtime)
        units = runtime.supervisor.units
        assert set(units["odd"].status().read_with) == {"even", "all"}
        admin = AdminServer(runtime.supervisor, AdminSettings(port=0))
        await admin.start()
        try:
            async with aiohttp.ClientSession() as web, web.get(f"{admin.url}/connectors/odd/status") as answer:
                assert set((await answer.json())["read_with"]) == {"even", "all"}
        finally:
            await admin.stop()

        async def reported() -> bool:
            told = {each.status.unit: set(each.status.read_with) for each in await read_reports(kafka, unique)}
            return told == {"odd": {"even", "all"}, "even": {"odd", "all"}, "all": {"odd", "even"}}

        await until(reported, "reports")
        units["all"].pause()
        await until(lambda: units["odd"].status().read_with == ("even",), "the two others")
        assert units["all"].status().read_with == ()
