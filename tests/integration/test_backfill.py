"""``hub backfill`` on the real Kafka: killed and resumed, beside the live source, whose cursor stays where it is."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.sources.backfill import BackfillPosition
from hub.engine.sources.cursors import CursorStore
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event, NotConnected
from tests.integration.called import called
from tests.integration.commands import command, environment
from tests.integration.engine import records, until

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
OLD = 240  # orders, one a minute: four hours
RANGE = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T04:00:00Z")

TEXT = """
deployment: {name}
services:
  shop: {{ use: http, with: {{ base_url: "{url}" }} }}
events:
  shop.order: {{ schema: {{}}, topic: {name}.orders }}
topics:
  {name}.orders: {{ partitions: 3 }}
sources:
  orders:
    use: http
    every: 50ms
    cursor: {{ start: "2026-06-01T00:00:00Z" }}
    with:
      service: shop
      streams:
        orders:
          path: /orders
          type: shop.order
          primary_key: id
          paginator: {{ type: page, page_size: 20 }}
          incremental: {{ cursor_field: at, start_parameter: since, end_parameter: until }}
"""


class Shop:
    """Orders by the time of their last change, in pages; it may be closed for a while."""

    def __init__(self) -> None:
        self.orders = [self.order(number, FIRST + timedelta(minutes=number)) for number in range(OLD)]
        self.closed = False
        self.ranges: list[tuple[str, str]] = []
        application = web.Application()
        application.router.add_get("/orders", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @staticmethod
    def order(number: int, at: datetime) -> dict[str, object]:
        return {"id": number, "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    async def _answer(self, request: web.Request) -> web.Response:
        if self.closed:
            return web.json_response({}, status=503, headers={"Retry-After": "1"})
        since, end = request.query.get("since", ""), request.query.get("until", "9")
        if end < "2026-02":
            self.ranges.append((since, end))
        found = [each for each in self.orders if since <= str(each["at"]) < end]
        first = (int(request.query.get("page", "1")) - 1) * 20
        return web.json_response(found[first : first + 20])


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    made = Shop()
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
def directory(tmp_path: Path, unique: str, shop: Shop) -> Path:
    made = tmp_path / "deployment"
    made.mkdir()
    (made / "hub.yaml").write_text(TEXT.format(name=unique, url=str(shop.server.make_url("")).rstrip("/")))
    return made


async def given(kafka: KafkaSettings, name: str) -> Counter[int]:
    """How often each order is on the topic."""
    written = await records(kafka, f"{name}.orders")
    return Counter(Event.from_kafka(each.key, each.value, each.headers).data["id"] for each in written)


async def stored(kafka: KafkaSettings, name: str) -> tuple[str | None, list[BackfillPosition]]:
    """The live cursor, and the backfills."""
    store = CursorStore(kafka, name)
    await store.start()
    try:
        backfills = await store.backfills()
        return await store.get("orders"), [
            BackfillPosition.model_validate_json(each.cursor) for each in backfills.values()
        ]
    finally:
        await store.stop()


async def test_one_that_is_killed_half_way_goes_on_beside_the_live_source(tmp_path, kafka, unique, shop, directory):
    """All of the range comes once, at the rate that was asked for, and the live cursor moves by live orders alone."""
    runtime = Runtime(load(directory), kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        unit = runtime.supervisor.units["orders"]
        shop.orders.append(shop.order(1000, datetime.now(UTC) - timedelta(seconds=5)))
        await until(lambda: bool(unit.counts and unit.counts.delivered == 1))
        live, _ = await stored(kafka, unique)
        asked = ["backfill", "orders", *RANGE, "--window", "1h", "--dir", str(directory)]
        async with command(*asked, "--rate", "60", directory=tmp_path / "first", env=environment(kafka)) as first:

            async def half_way() -> bool:
                assert first.process.poll() is None, first.err
                _, backfills = await stored(kafka, unique)
                position = backfills[0].cursor.streams.get("orders") if backfills else None
                return position is not None and str(position.position or "") >= "2026-01-01T02"

            await until(half_way)
            first.signal(signal.SIGKILL)
            await first.ended()
        before = await given(kafka, unique)
        assert 120 <= before.total() - 1 < OLD
        shop.ranges.clear()
        shop.orders.append(shop.order(1001, datetime.now(UTC) - timedelta(seconds=4)))
        began = time.monotonic()
        async with command(
            *asked, "--rate", "60", "--json", directory=tmp_path / "second", env=environment(kafka)
        ) as second:
            assert await second.ended() == 0, second.err
            took, document = time.monotonic() - began, json.loads(second.out)
        assert (document["resumed"], document["dead_lettered"]) == (True, 0)
        assert document["published"] + before.total() - 1 == OLD
        assert took >= document["published"] / 60
        assert min(since for since, _ in shop.ranges) >= "2026-01-01T02"
        assert {end for _, end in shop.ranges} <= {"2026-01-01T03:00:00Z", "2026-01-01T04:00:00Z"}
        await until(lambda: bool(unit.counts and unit.counts.delivered == 2))
        assert unit.failures == 0
    finally:
        await runtime.stop()
    counted = await given(kafka, unique)
    assert counted == Counter([*range(OLD), 1000, 1001])
    after, backfills = await stored(kafka, unique)
    assert backfills[0].done is not None
    assert backfills[0].cursor.streams["orders"].seen == ()
    positions = [json.loads(str(each))["streams"]["orders"]["position"] for each in (live, after)]
    assert [each[:19] for each in positions] == [str(order["at"])[:19] for order in shop.orders[-2:]]


async def test_events_have_the_ids_that_they_had(kafka, unique, shop, directory):
    """What was given live comes again with the same id and source, so that it is known downstream."""
    runtime = Runtime(load(directory), kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    shop.orders.append(shop.order(1000, datetime.now(UTC) - timedelta(hours=1)))
    try:
        unit = runtime.supervisor.units["orders"]
        await until(lambda: bool(unit.counts and unit.counts.delivered == 1))
    finally:
        await runtime.stop()
    live, _ = await stored(kafka, unique)
    done = await called(kafka, directory, "backfill", "orders", "--from", "2h", "--to", "30m")
    assert "1 event published" in done.out
    assert "the source's own cursor is where it was" in done.out
    first, again = await records(kafka, f"{unique}.orders")
    assert (first.key, first.value, sorted(first.headers)) == (again.key, again.value, sorted(again.headers))
    assert (await stored(kafka, unique))[0] == live


async def test_the_same_one_started_twice_goes_on_in_the_later_one(tmp_path, kafka, unique, shop, directory):
    """The earlier one is fenced, says so, and nothing comes twice."""
    asked = ["backfill", "orders", *RANGE, "--dir", str(directory)]
    async with command(*asked, "--rate", "40", directory=tmp_path / "first", env=environment(kafka)) as first:

        async def begun() -> bool:
            assert first.process.poll() is None, first.err
            try:
                return bool((await stored(kafka, unique))[1])
            except Exception:  # noqa: BLE001  its topic isn't there yet
                return False

        await until(begun)
        async with command(*asked, directory=tmp_path / "second", env=environment(kafka)) as second:
            assert await second.ended() == 0, second.err
            assert await first.ended() == 1
        assert "was started elsewhere" in first.err
        assert "gone on from a run that was begun" in second.out
    assert await given(kafka, unique) == Counter(range(OLD))


async def test_a_far_side_that_is_away_is_waited_for(tmp_path, kafka, unique, shop, directory):
    """As long as it takes, and it is said."""
    shop.closed = True
    asked = ["backfill", "orders", *RANGE, "--dir", str(directory)]
    async with command(*asked, directory=tmp_path / "out", env=environment(kafka)) as one:
        async with asyncio.timeout(60):
            while "asking again in" not in one.err:
                assert one.process.poll() is None, one.err
                await asyncio.sleep(0.05)
        shop.closed = False
        assert await one.ended() == 0, one.err
    assert await given(kafka, unique) == Counter(range(OLD))


async def test_one_that_kafka_leaves_says_how_to_go_on(kafka, unique, shop, directory, monkeypatch):
    """Nothing of the batch is stored; the same command does the rest."""
    commits = 0
    commit = TransactionWriter.commit

    async def failing(self, *positions):
        nonlocal commits
        commits += 1
        if commits == 5:
            raise NotConnected("Kafka is away")
        await commit(self, *positions)

    monkeypatch.setattr(TransactionWriter, "commit", failing)
    left = await called(kafka, directory, "backfill", "orders", *RANGE, "--rate", "10000", "--stream", "orders")
    assert left.code == 1
    assert "80 events so far; to go on:" in left.err
    assert "hub backfill orders --from 2026-01-01T00:00:00" in left.err
    assert f"--rate 10000 --dir {directory} --stream orders" in left.err
    assert "Kafka took nothing more: " in left.err
    listed = " ".join((await called(kafka, directory, "cursors", "list")).out.split())
    assert "at orders in its first range" in listed
    assert sum((await given(kafka, unique)).values()) == 80
    rest = await called(kafka, directory, "backfill", "orders", *RANGE, "--stream", "orders")
    assert "160 events published · gone on from a run that was begun" in rest.out
    assert await given(kafka, unique) == Counter(range(OLD))


async def test_a_finished_one_is_told_and_can_be_made_again(kafka, unique, shop, directory):
    """The list of cursors has it, and another range is another backfill."""
    narrow = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:10:00Z")
    done = await called(kafka, directory, "backfill", "orders", *narrow)
    assert "10 events published" in done.out
    told = await called(kafka, directory, "backfill", "orders", *narrow)
    assert "was read again already" in told.out
    again = (await called(kafka, directory, "backfill", "orders", *narrow, "--again", "--json")).json()
    assert (again["published"], again["resumed"]) == (10, False)
    listed = " ".join((await called(kafka, directory, "cursors", "list")).out.split())
    assert "orders never polled" in listed
    assert "orders (backfill)" in listed
    assert "2026-01-01T00:10:00.000000Z: done" in listed
    assert await given(kafka, unique) == Counter([*range(10), *range(10)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", *RANGE), "no source named nothing"),
        (("hook", *RANGE), "can't be asked for a range; those that can: orders"),
        (("orders", "--from", "2026-01-02", "--to", "2026-01-01"), "nothing lies between"),
        (("orders", *RANGE, "--window", "soon"), "--window: expected a duration"),
        (("orders", *RANGE, "--window", "5"), "must be a duration such as 30s"),
        (("orders", *RANGE, "--stream", "customers"), "no stream customers; its streams: orders"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_would(kafka, directory, arguments, said):
    """Before anything is read; exit code 2."""
    text = (directory / "hub.yaml").read_text()
    hook = '  hook: { use: github.webhook, with: { path: /hook, secret: "abc" } }\n'
    (directory / "hub.yaml").write_text(text + hook)
    refused = await called(kafka, directory, "backfill", *arguments)
    assert refused.code == 2
    assert said in " ".join(refused.err.split())
