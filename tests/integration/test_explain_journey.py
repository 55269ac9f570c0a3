"""An event's way through a deployment at work on the real Kafka: every hop, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.cli.journeys import Judging
from hub.deployment import Deployment, Registry, load
from hub.engine import status
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.selection import Selection
from hub.engine.runtime import Runtime
from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.sdk import ConfigError, Event, NotConnected, Permanent, Transient
from hub.testing.scripted import Script
from hub.workbench.journey import following
from hub.workbench.journey.hop import Hop, Outcome
from hub.workbench.journey.journey import Journey, trace
from hub.workbench.journey.window import Window
from tests.integration.engine import event, publish, records, running, settled, until

TEXT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 2 }}
  {name}.mid: {{ partitions: 2 }}
  {name}.out: {{ partitions: 2 }}
  {name}.replies: {{ partitions: 1 }}
routes:
  pass: {{ from: {name}.in, where: "data.n != 3", to: [{name}.mid, direct] }}
  split: {{ from: {name}.mid, where: has(data.items), split: data.items, to: {name}.out }}
  rename: {{ from: {name}.mid, where: has(data.name), map: {{ id: = data.name }}, to: {name}.out }}
  strict: {{ from: {name}.in, where: has(data.divisor), map: {{ data: {{ n: = 10 / data.divisor }} }}, to: {name}.out }}
sinks:
  announce:
    use: script
    from: {name}.out
    reply: {name}.replies
    on_error: {{ retry: {{ initial_interval: 10ms, max_interval: 20ms, max_retries: 2 }} }}
  direct: {{ use: script }}
"""


class Shop:
    """The deployment at work, and what a test asks of it."""

    def __init__(self, kafka: KafkaSettings, runtime: Runtime, script: Script) -> None:
        self.kafka = kafka
        self.runtime = runtime
        self.deployment = runtime.deployment
        self.script = script

    async def send(self, *events: Event) -> None:
        await publish(self.kafka, f"{self.deployment.name}.in", events)

    async def settle(self, **received: int) -> None:
        for unit, number in received.items():
            await settled(self.runtime, unit, number)

    async def trace(self, wanted: str, window: Window | None = None) -> Journey:
        return await traced(self.kafka, self.deployment, wanted, window)


async def traced(kafka: KafkaSettings, deployment: Deployment, wanted: str, window: Window | None = None) -> Journey:
    judging = Judging(deployment, {}, values=True)
    return await trace(kafka, deployment, wanted, window or Window.last(timedelta(hours=1)), judging)


@asynccontextmanager
async def at_work(directory: Path, kafka: KafkaSettings, name: str, text: str = TEXT) -> AsyncIterator[Shop]:
    script = Script()
    async with running(directory, kafka, text.format(name=name), script) as runtime:
        yield Shop(kafka, runtime, script)


def told(hop: Hop) -> list:
    """A tree as nested lists, without places and times."""
    name = " ".join(filter(None, (hop.kind, hop.unit, str(hop.outcome))))
    topic = hop.place.topic.rpartition(".")[2] if hop.place else ""
    return [f"{name} {topic}".rstrip(), *map(told, hop.hops)]


def of(journey: Journey, unit: str) -> list[Hop]:
    return [hop for tree in journey.hops for hop in tree.walk() if hop.unit == unit]


async def test_every_hop_is_told_with_its_place(tmp_path, kafka, unique):
    """Topics, an inbox, what was split and renamed, far sides that answered, and why a route kept it out."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1, items=[{"a": 1}, {"a": 2}], name="fresh"), event(2))
        await shop.settle(announce=3, direct=2)
        journey = await shop.trace("1")
        (tree,) = journey.hops
        assert told(tree) == [
            "received in",
            [
                "route pass delivered mid",
                ["route split delivered out", ["sink announce delivered", ["answered replies"]]],
                ["route split delivered out", ["sink announce delivered", ["answered replies"]]],
                ["route rename delivered out", ["sink announce delivered", ["answered replies"]]],
            ],
            ["route pass delivered direct", ["sink direct delivered"]],
            ["route strict filtered"],
        ]
        assert [hop.id for hop in tree.walk() if hop.unit in ("split", "rename")] == ["1/split/0", "1/split/1", "fresh"]
        lying = {f"{unique}.mid": 2, f"{unique}.out": 3}
        for topic, number in lying.items():
            places = {(each.topic, each.partition, each.offset) for each in await records(kafka, topic)}
            hops = {hop.place for hop in tree.walk() if hop.place and hop.place.topic == topic}
            assert len(places) == number
            assert hops <= places
        (strict,) = of(journey, "strict")
        assert strict.detail == "has(data.divisor) is false"
        assert tree.at <= of(journey, "pass")[0].at <= of(journey, "split")[0].at


async def test_an_event_is_found_by_what_was_made_of_it(tmp_path, kafka, unique):
    """A derived id, a new id, and a place lead to where it began."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1, items=[{"a": 1}], name="fresh"))
        await shop.settle(announce=2, direct=1)
        whole = (await shop.trace("1")).hops
        (record, *_) = await records(kafka, f"{unique}.out")
        for wanted in ("1/split/0", "fresh", f"{unique}.out-{record.partition}@{record.offset}"):
            assert [told(hop) for hop in (await shop.trace(wanted)).hops] == [told(hop) for hop in whole]


async def test_what_is_beyond_the_bounds_is_not_said_to_be_nothing(tmp_path, kafka, unique, monkeypatch):
    """Of an event with more records than are looked at, nothing tells what came of some."""
    text = """
deployment: {name}
topics: {{ {name}.in: , {name}.out: }}
routes: {{ split: {{ from: {name}.in, split: data.items, to: {name}.out }} }}
"""
    async with at_work(tmp_path, kafka, unique, text) as shop:
        await shop.send(event(1, items=[1, 2]))
        await shop.settle(split=1)
        monkeypatch.setattr(following, "MOST", 1)
        journey = await shop.trace("1")
        (hop,) = of(journey, "split")
        assert journey.cut
        assert hop.outcome is Outcome.UNKNOWN
        assert hop.detail.startswith("there are more records of this event than are looked at")


async def test_filtered_events_are_told_with_the_part_that_decided(tmp_path, kafka, unique):
    """By asking the route again."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(3))
        await shop.settle(**{"pass": 1, "strict": 1})
        (tree,) = (await shop.trace("3")).hops
        assert told(tree) == ["received in", ["route pass filtered"], ["route strict filtered"]]
        assert tree.hops[0].detail == "data.n != 3 is false: data.n is 3"


async def test_dead_letters_and_their_replays_are_told(tmp_path, kafka, unique):
    """Of a route and of a sink: the cause, the way back, and what came of it."""
    async with at_work(tmp_path, kafka, unique) as shop:
        shop.script.failures = lambda delivery: Permanent("403 Forbidden", status=403)
        await shop.send(event(1, divisor=0), event(2, items=[{"a": 1}]))
        await shop.settle(strict=2, announce=1, direct=2)
        (tree,) = (await shop.trace("1")).hops
        (failed,) = [hop for hop in tree.hops if hop.unit == "strict"]
        assert (failed.outcome, failed.place.topic) == (Outcome.DEAD_LETTERED, names.dlq(unique, "strict"))
        assert "division by zero" in failed.detail
        (direct,) = of(await shop.trace("1"), "direct")
        assert (direct.outcome, direct.detail) == (Outcome.DEAD_LETTERED, "403 Forbidden")
        shop.script.failures = lambda delivery: None
        await Replay(kafka, shop.deployment, Selection(units=frozenset(["direct", "strict"]))).replay()
        await shop.settle(direct=4, strict=3)
        (tree,) = (await shop.trace("1")).hops
        assert told(tree)[1:] == [
            ["route pass delivered mid", ["route split filtered"], ["route rename filtered"]],
            [
                "route pass delivered direct",
                ["sink direct dead-lettered dlq", ["replayed direct", ["sink direct delivered"]]],
            ],
            ["route strict dead-lettered dlq", ["replayed strict", ["route strict dead-lettered dlq"]]],
        ]
        await Replay(kafka, shop.deployment, Selection(units=frozenset(["announce"]))).discard("too late")
        (announce,) = of(await shop.trace("2"), "announce")
        (discarded,) = announce.hops
        assert discarded.outcome is Outcome.DISCARDED
        assert discarded.detail.endswith(": too late")


async def test_what_is_tried_again_is_told_with_the_attempt_and_the_next_time(tmp_path, kafka, unique):
    """As the worker reports it."""
    async with at_work(tmp_path, kafka, unique) as shop:
        shop.script.failures = lambda delivery: Transient("429 Too Many Requests", retry_after=60)
        await shop.send(event(1), event(2))

        async def retrying() -> bool:
            return of(await shop.trace("1"), "direct")[0].outcome is Outcome.RETRYING

        await until(retrying)
        (direct,) = of(await shop.trace("1"), "direct")
        text, _, following = direct.detail.rpartition(", next in ")
        assert text == "attempt 1: 429 Too Many Requests"
        assert 40 < int(following.removesuffix(" s")) <= 60
        # The second event has the same key: it waits behind the first.
        (second,) = of(await shop.trace("2"), "direct")
        assert (second.outcome, second.detail) == (Outcome.IN_FLIGHT, "behind 1 other")


async def test_what_waits_is_told_with_the_reason(tmp_path, kafka, unique):
    """The far side is down; or the operator has paused the unit."""
    async with at_work(tmp_path, kafka, unique) as shop:
        shop.script.outage = NotConnected("refused: chat.example:443", retry_after=60)
        shop.runtime.supervisor.units["strict"].pause()
        await until(lambda: shop.runtime.supervisor.units["strict"].state == "PAUSED")
        await shop.send(event(1))

        async def waiting() -> bool:
            (direct,) = of(await shop.trace("1"), "direct")
            (strict,) = of(await shop.trace("1"), "strict")
            return "PAUSED" in direct.detail and "PAUSED" in strict.detail

        await until(waiting)
        (direct,) = of(await shop.trace("1"), "direct")
        assert direct.outcome is Outcome.IN_FLIGHT
        assert "refused: chat.example:443" in direct.detail
        (strict,) = of(await shop.trace("1"), "strict")
        assert strict.detail.startswith("PAUSED: paused by the operator; ")


async def test_nothing_runs(tmp_path, kafka, unique, monkeypatch):
    """Once its workers are gone, and what they reported is old."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1))
        await shop.settle(direct=1)
    await publish(kafka, f"{unique}.in", [event(2)])
    monkeypatch.setattr(status, "STALE", timedelta(0))
    (tree,) = (await traced(kafka, shop.deployment, "2")).hops
    assert [(hop.unit, hop.outcome, hop.detail) for hop in tree.hops] == [
        ("pass", Outcome.IN_FLIGHT, "no worker runs it; it is next, or being handled"),
        ("strict", Outcome.IN_FLIGHT, "no worker runs it; it is next, or being handled"),
    ]
    assert of(await traced(kafka, shop.deployment, "1"), "direct")[0].outcome is Outcome.DELIVERED


async def test_a_unit_that_began_later_has_not_read_it(tmp_path, kafka, unique):
    """Its position is behind the event, and yet it never saw it: no delivery is claimed."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1, items=[{"a": 1}]))
        await shop.settle(announce=1)
    more = TEXT + "  late: {{ use: script, from: {name}.out }}\n  later: {{ use: script, from: {name}.in }}\n"
    async with at_work(tmp_path, kafka, unique, more) as shop:
        await shop.send(event(2, items=[{"a": 1}]))
        await shop.settle(late=1, later=1)
        journey = await shop.trace("1")
        assert [hop.outcome for hop in of(journey, "late")] == [Outcome.NOT_READ]
        assert [hop.outcome for hop in of(journey, "later")] == [Outcome.NOT_READ]
        assert of(journey, "late")[0].detail == "sink late began to read behind it"
        assert [hop.outcome for hop in of(await shop.trace("2"), "late")] == [Outcome.DELIVERED]


async def test_two_workers_are_one_deployment(tmp_path, kafka, unique):
    """Whichever of them has handled it."""
    async with at_work(tmp_path, kafka, unique) as shop:
        other = Runtime(shop.deployment, kafka, environ={})
        await other.start()
        try:
            await shop.send(*(event(n, key=str(n)) for n in range(10, 20)))

            async def delivered() -> bool:
                return len(shop.script.written) >= 10

            await until(delivered)
            for number in (10, 15, 19):

                async def done(number: int = number) -> bool:
                    return of(await shop.trace(str(number)), "direct")[0].outcome is Outcome.DELIVERED

                await until(done)
        finally:
            await other.stop()


async def test_an_event_that_was_published_twice_has_two_trees(tmp_path, kafka, unique):
    """Each with its own way."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1), event(1))
        await shop.settle(direct=2)
        first, second = (await shop.trace("1")).hops
        assert (first.place.offset, second.place.offset) == (0, 1)
        assert told(first) == told(second)
        assert of(Journey([first], frozenset(), None), "direct")[0].outcome is Outcome.DELIVERED


async def test_beginnings_of_ids_do_where_they_mean_one_event(tmp_path, kafka, unique):
    """A UUID's first part; what several events begin with is refused with their ids."""
    async with at_work(tmp_path, kafka, unique) as shop:
        uuids = ["72d3162e-cc78-11e3-81ab-4c9367dc0958", "72d3aaaa-cc78-11e3-81ab-4c9367dc0958"]
        await shop.send(*(Event(type="t", source="/s", id=each, data={"n": 1}) for each in uuids))
        await shop.settle(direct=2)
        (tree,) = (await shop.trace("72d3162e")).hops
        assert tree.id == uuids[0]
        with pytest.raises(ConfigError, match=f"the ids of 2 events begin with 72d3: {', '.join(uuids)}. Give more"):
            await shop.trace("72d3")


async def test_the_window_bounds_the_search(tmp_path, kafka, unique):
    """What lies outside of it isn't found; around the right time it is."""
    old = datetime.now(UTC) - timedelta(days=3)
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1))
        await shop.settle(direct=1)
        async with clients.running(clients.producer(kafka)) as producer:
            message = event(9, n=9).to_kafka()
            await producer.send_and_wait(
                f"{unique}.replies",
                message.value,
                message.key,
                partition=0,
                timestamp_ms=int(old.timestamp() * 1000),
                headers=message.headers,
            )
        journey = await shop.trace("9")
        assert journey.hops == []
        assert journey.searched.records > 0
        assert f"{unique}.in" in journey.searched.topics
        around = Window.around(old + timedelta(minutes=10), timedelta(hours=1))
        (tree,) = (await shop.trace("9", around)).hops
        assert tree.at < datetime.now(UTC) - timedelta(days=2)
        assert (await shop.trace("9", Window.last(timedelta(days=4)))).hops


async def test_tracing_leaves_no_trace(tmp_path, kafka, unique):
    """Groups, their positions and topics are what they were."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1, items=[{"a": 1}]))
        await shop.settle(announce=1, direct=1)
    before = await left(kafka, shop.deployment)
    assert (await traced(kafka, shop.deployment, "1")).hops
    assert (await traced(kafka, shop.deployment, "none")).hops == []
    assert await left(kafka, shop.deployment) == before


async def left(kafka: KafkaSettings, deployment: Deployment) -> Sequence[object]:
    async with clients.running(clients.admin(kafka)) as admin:
        groups = sorted(group for group, *_ in await admin.list_consumer_groups())
        positions = {
            unit: await admin.list_consumer_group_offsets(names.group(deployment.name, unit))
            for unit in (*deployment.routes, *deployment.sinks)
        }
        return groups, positions, sorted(await admin.list_topics())


async def test_a_deployment_that_never_ran_has_nothing_to_tell(tmp_path, kafka, unique):
    """No topics, no groups, no error."""
    (tmp_path / "shop.yaml").write_text(TEXT.format(name=unique))
    deployment = load(tmp_path, registry=Registry([Script().connector]))
    journey = await asyncio.wait_for(traced(kafka, deployment, "1"), 20)
    assert (journey.hops, journey.searched.records, journey.searched.topics) == ([], 0, set())


async def test_what_retention_has_deleted_is_told(tmp_path, kafka, unique):
    """The rest of the way is shown from where it is left."""
    async with at_work(tmp_path, kafka, unique) as shop:
        await shop.send(event(1, items=[{"a": 1}]))
        await shop.settle(announce=1, direct=1)
        (record,) = await records(kafka, f"{unique}.in")
        await delete(kafka, f"{unique}.in", record.partition)
        place = f"{unique}.in-{record.partition}@{record.offset}"
        trees = (await shop.trace("1")).hops
        assert sorted(map(str, map(told, trees))) == sorted(
            map(
                str,
                [
                    ["route pass delivered direct", ["sink direct delivered"]],
                    [
                        "route pass delivered mid",
                        ["route split delivered out", ["sink announce delivered", ["answered replies"]]],
                        ["route rename filtered"],
                    ],
                ],
            )
        )
        assert {tree.detail for tree in trees} == {f"came of {place}, which retention has deleted"}


async def delete(kafka: KafkaSettings, topic: str, partition: int) -> None:
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=-1)})


async def test_an_event_that_came_through_another_deployment_is_followed_from_its_beginning(tmp_path, kafka, unique):
    """Its routes are told by their names, though they are none of ours."""
    more = "deployment: {name}-b\ntopics: {{ {name}.mid: {{ partitions: 2 }} }}\n"
    more += "sinks: {{ end: {{ use: script, from: {name}.mid }} }}\n"
    (tmp_path / "b").mkdir()
    async with at_work(tmp_path, kafka, unique) as shop, at_work(tmp_path / "b", kafka, unique, more) as other:
        await shop.send(event(1))
        await other.settle(end=1)
        await shop.settle(direct=1)
        (tree,) = (await other.trace("1")).hops
        assert told(tree) == ["received in", ["route pass delivered mid", ["sink end delivered"]]]


async def test_a_source_that_could_not_publish_is_told(tmp_path, kafka, unique):
    """Its dead letter has no place where it lay before."""
    async with at_work(tmp_path, kafka, unique, SOURCE) as shop:
        shop.script.records.append({"key": "k", "n": 1, "text": "x" * 20_000})
        await until(lambda: shop.runtime.supervisor.units["poll"].status().totals.dead_lettered != {})
        (tree,) = (await shop.trace("0")).hops
        assert told(tree) == ["source poll dead-lettered dlq"]
        assert "max.message.bytes" in tree.detail


SOURCE = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1, max_message: 10kB }} }}
events: {{ script.event: {{ schema: {{}}, topic: {name}.in }} }}
sources: {{ poll: {{ use: script.poll, every: 10ms }} }}
"""
