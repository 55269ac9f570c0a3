"""``hub diff`` on the real Kafka: which events it takes, what it tells, and that it leaves no trace."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import ensure_topics
from hub.workbench import traffic
from hub.workbench.traffic import Traffic
from tests.integration.called import Called, called
from tests.integration.engine import event, publish

BASE = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp() * 1000)
VERSION = """
deployment: shop
topics: {{ {name}.in: {{}}, {name}.other: {{}}, {name}.out: {{}} }}
routes:
  copy: {{ from: [{topics}], where: {where}, map: {{ data: {{ n: = data.n }} }}, to: {name}.out }}
"""


class Shop:
    """Two versions of a deployment, and its topics on Kafka."""

    def __init__(self, kafka: KafkaSettings, directory: Path, name: str) -> None:
        self.kafka = kafka
        self.name = name
        self.topic = f"{name}.in"
        self.old, self.new = directory / "old", directory / "new"
        self.version(self.old, "data.n < 5")
        self.version(self.new, "data.n < 7")

    def version(self, directory: Path, where: str, topics: str = "") -> None:
        directory.mkdir(exist_ok=True)
        text = VERSION.format(name=self.name, where=where, topics=topics or self.topic)
        (directory / "shop.yaml").write_text(text)

    async def diff(self, *options: str) -> Called:
        return await called(self.kafka, None, "diff", str(self.old), str(self.new), *options)

    async def made(self, *topics: str, partitions: int = 3) -> None:
        await ensure_topics(self.kafka, [TopicSpec(each, partitions) for each in topics or (self.topic,)])

    async def write(self, moments: Sequence[tuple[int, int]], topic: str = "") -> None:
        """Events numbered from 0, at (partition, milliseconds after the base)."""
        records = [
            Record(topic or self.topic, *event(number).to_kafka(), partition=partition, timestamp=BASE + moment)
            for number, (partition, moment) in enumerate(moments)
        ]
        async with Publisher(self.kafka) as publisher:
            for result in await publisher.send(records):
                assert not isinstance(result, Exception), result


@pytest.fixture
def shop(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Shop:
    """Nothing is on Kafka yet."""
    return Shop(kafka, tmp_path, unique)


async def numbers(kafka: KafkaSettings, topics: Sequence[str], **options: object) -> list[int]:
    """The events that a comparison would take."""
    found = Traffic(kafka, topics, **options)
    return sorted(int(dict(each.headers)["ce_id"]) for batch in [b async for b in found.batches()] for each in batch)


async def groups_and_topics(kafka: KafkaSettings) -> tuple[set[str], set[str]]:
    async with clients.running(clients.admin(kafka)) as admin:
        return {group for group, *_ in await admin.list_consumer_groups()}, set(await admin.list_topics())


async def test_it_tells_what_differs_and_ends_with_1(shop):
    """As in the design: how many events, and in what they differ."""
    await shop.made()
    await publish(shop.kafka, shop.topic, [event(n, key=str(n)) for n in range(10)])
    shown = await shop.diff("--topic", shop.topic, "--last", "100", "--examples", "1")
    assert shown.code == 1
    first, example, why, total = shown.out.splitlines()
    assert first == " route copy  10 events · 2 newly match"
    assert example.startswith(f"   newly matches  {shop.topic}-")
    assert re.fullmatch(r"     old: data\.n < 5 is false: data\.n is [56]", why)
    assert total.startswith(f"10 events of {shop.topic}, ")


async def test_two_equal_versions_end_with_0(shop):
    """So that CI can gate on it."""
    await shop.made()
    await publish(shop.kafka, shop.topic, [event(n) for n in range(3)])
    shop.version(shop.new, "data.n < 5")
    shown = await shop.diff()
    assert (shown.code, shown.out.splitlines()[0]) == (0, " route copy  3 events · no difference")


async def test_it_leaves_no_trace(shop):
    """No group, no position, no topic: what there is before is what there is after."""
    await shop.made()
    await publish(shop.kafka, shop.topic, [event(n % 10) for n in range(50)])
    shop.version(shop.new, "data.n < 7", f"{shop.topic}, {shop.name}.other")
    before = await groups_and_topics(shop.kafka)
    for options in ([], ["--last", "10"], ["--since", "1h"]):
        assert (await shop.diff(*options)).code == 1
    assert await groups_and_topics(shop.kafka) == before
    assert f"{shop.name}.other" not in before[1]
    assert not any(shop.name in group or group == "shop.copy" for group in before[0])


@pytest.mark.parametrize("held", [traffic.HELD_BYTES, 0])
async def test_the_newest_are_found_over_all_partitions_by_their_time(shop, monkeypatch, held):
    """Whatever the partition, and though times don't rise within it; read twice where they can't be held."""
    monkeypatch.setattr(traffic, "HELD_BYTES", held)
    await shop.made()
    # One partition has old events only, one has all the newest, and in one the times are mixed.
    moments = [(0, n) for n in range(40)] + [(1, 10_000 + n) for n in range(20)]
    moments += [(2, 9_000 + (n * 7) % 10) for n in range(10)]
    await shop.write(moments)
    by_time = sorted(range(len(moments)), key=lambda number: moments[number][1])
    for last in (1, 5, 20, 25, 30, 45, 70, 1_000):
        assert await numbers(shop.kafka, [shop.topic], last=last) == sorted(by_time[-last:])


async def test_of_events_of_one_time_exactly_as_many_are_taken(shop):
    """And always the same ones."""
    await shop.made()
    await shop.write([(n % 3, 0) for n in range(30)])
    taken = await numbers(shop.kafka, [shop.topic], last=7)
    assert len(taken) == 7
    assert taken == await numbers(shop.kafka, [shop.topic], last=7)


async def test_what_was_aborted_or_is_open_does_not_count(shop):
    """Only committed events are compared; the offsets of the others are made up for."""
    await shop.made(partitions=1)
    await shop.write([(0, n) for n in range(20)])
    async with clients.running(clients.producer(shop.kafka, transactional_id=shop.name)) as producer:
        await producer.begin_transaction()
        for n in range(30):
            await producer.send_and_wait(shop.topic, b"aborted", timestamp_ms=BASE + 30 + n)
        await producer.abort_transaction()
        await shop.write([(0, 100)])
        assert len(await numbers(shop.kafka, [shop.topic], last=10)) == 10
        await producer.begin_transaction()
        await producer.send_and_wait(shop.topic, b"open", timestamp_ms=BASE + 200)
        assert len(await numbers(shop.kafka, [shop.topic], last=10)) == 10
        await producer.abort_transaction()


async def test_the_last_events_of_several_topics_are_the_last_of_them_together(shop):
    """As they would have come."""
    other = f"{shop.name}.other"
    await shop.made(shop.topic, other)
    await shop.write([(0, n) for n in range(10)])
    await shop.write([(1, 5 + n) for n in range(10)], other)
    shop.version(shop.new, "data.n < 5", f"{shop.topic}, {other}")
    shown = (await shop.diff("--last", "12", "--json")).out
    counted = {name: each["events"] for name, each in orjson.loads(shown)["topics"].items()}
    assert counted == {shop.topic: 3, other: 9}


async def test_since_is_exact(shop):
    """Not only as exact as Kafka's index, which the clocks' tolerance widens."""
    await shop.made()
    await shop.write([(n % 3, n * 1000) for n in range(20)])
    since = datetime.fromtimestamp(BASE / 1000, UTC) + timedelta(seconds=12)
    assert await numbers(shop.kafka, [shop.topic], since=since) == list(range(12, 20))
    shown = await shop.diff("--since", since.isoformat(), "--json")
    assert orjson.loads(shown.out)["events"] == 8


async def test_what_is_no_event_counts_as_such_for_both_versions(shop):
    """Routes dead-letter it, the old ones and the new ones."""
    await shop.made()
    async with Publisher(shop.kafka) as publisher:
        await publisher.send([Record(shop.topic, b"k", b"junk"), Record(shop.topic, *event(1).to_kafka())])
        broken = event(2).to_kafka()._replace(value=b"{no json")
        await publisher.send([Record(shop.topic, *broken)])
    shop.version(shop.new, "data.n < 5")
    shown = await shop.diff("--json")
    document = orjson.loads(shown.out)
    assert shown.code == 0
    assert document["topics"][shop.topic] == {"events": 3, "unreadable": 1, "missing": False}
    assert document["routes"][0]["fail_in_both"] == 1
    told = await shop.diff()
    assert "1 record of" in told.err
    assert "hold no event" in told.err


async def test_topics_that_are_missing_or_empty_are_told(shop):
    """An empty one is compared by nothing; a missing one that was named is wrong input."""
    shown = await shop.diff("--topic", shop.topic)
    assert (shown.code, f"there is no topic {shop.topic} on this Kafka" in shown.err) == (2, True)
    shown = await shop.diff()
    assert (shown.code, f"the topic {shop.topic} doesn't exist" in shown.err) == (0, True)
    await shop.made()
    shown = await shop.diff("--topic", shop.topic)
    assert (shown.code, "no events, so nothing was compared" in shown.err) == (0, True)


async def test_wrong_input_is_2_and_no_kafka_is_3(shop):
    """Each says what to do."""
    shown = await shop.diff("--topic", f"{shop.name}.inn")
    assert (shown.code, f"did you mean {shop.topic}?" in shown.err) == (2, True)
    shown = await shop.diff("--last", "5", "--since", "1h")
    assert (shown.code, "give one of --last, --since and --from-file" in shown.err) == (2, True)
    shown = await called(shop.kafka, None, "diff", str(shop.old), str(shop.old / "nowhere"))
    assert shown.code == 2
    nobody = KafkaSettings.plain("127.0.0.1:1")
    shown = await called(nobody, None, "diff", str(shop.old), str(shop.new))
    assert (shown.code, "Kafka" in shown.err) == (3, True)


async def test_ten_thousand_events_take_seconds(shop):
    """7 kB each, three partitions, a predicate and a map in both versions; far more would be wrong."""
    await shop.made()
    padding = {"text": "x" * 7_000}
    await publish(shop.kafka, shop.topic, [event(n, key=str(n), **padding) for n in range(10_000)])
    began = time.monotonic()
    shown = await shop.diff("--json")
    assert orjson.loads(shown.out)["events"] == 10_000
    assert time.monotonic() - began < 20
