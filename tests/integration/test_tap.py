"""Looking at topics on the real Kafka: what was there, what comes, what is made later, and over a broker's restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.admin import NewPartitions

import hub
from hub.engine.programs.tap import Tap
from hub.kafka import clients
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.publisher import Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import ensure_topics
from hub.routes import ExpressionError
from hub.sdk import ConfigError
from hub.sdk.event import KafkaMessage
from hub.testing.servers import kafka_server
from tests.integration.engine import event, publish, until


@pytest.fixture
async def topic(kafka: KafkaSettings, unique: str) -> str:
    """A topic of two partitions."""
    await ensure_topics(kafka, [TopicSpec(unique, 2)])
    return unique


@asynccontextmanager
async def looking(tap: hub.Tap) -> AsyncIterator[list[hub.Sighting]]:
    """What a tap shows, in a list that grows."""
    seen: list[hub.Sighting] = []

    async def look() -> None:
        async with aclosing(aiter(tap)) as sightings:
            async for sighting in sightings:
                seen.append(sighting)  # noqa: PERF401  it never ends

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError), result


async def live(tap: hub.Tap, kafka: KafkaSettings, topic: str, seen: list[hub.Sighting]) -> None:
    """Waits until the tap sees what is written now."""
    number = 1_000_000

    async def shown() -> bool:
        nonlocal number
        number += 1
        await publish(kafka, topic, [event(number)])
        return any(each.event and each.event.data["n"] >= 1_000_000 for each in seen)

    await until(shown, "the tap's start")


def numbers(seen: list[hub.Sighting], most: int = 1_000_000) -> list[int]:
    return [each.event.data["n"] for each in seen if each.event is not None and each.event.data["n"] < most]


async def first(tap: hub.Tap, count: int) -> list[hub.Sighting]:
    """The first so many sightings."""
    found: list[hub.Sighting] = []
    async with asyncio.timeout(30), aclosing(aiter(tap)) as sightings:
        while len(found) < count:
            found.append(await anext(sightings))
    return found


async def test_only_what_is_written_from_now_on_is_seen(kafka, topic):
    """By default a tap shows nothing old."""
    await publish(kafka, topic, [event(0)])
    tap = hub.tap(topic, settings=kafka)
    async with looking(tap) as seen:
        await live(tap, kafka, topic, seen)
        await publish(kafka, topic, [event(1), event(2)])
        await until(lambda: numbers(seen) == [1, 2])
    assert str(seen[-1].place).startswith(f"{topic}-")
    assert seen[-1].key == b"k"


async def test_the_last_ones_come_in_the_order_of_time_and_then_what_is_new(kafka, topic):
    """So many over all partitions, oldest first."""
    for number in range(9):
        await publish(kafka, topic, [event(number, key=f"k{number}")])
    tap = hub.tap(topic, settings=kafka, last=4)
    async with looking(tap) as seen:
        await until(lambda: numbers(seen) == [5, 6, 7, 8])
        await publish(kafka, topic, [event(9)])
        await until(lambda: numbers(seen) == [5, 6, 7, 8, 9])


async def test_offsets_without_a_record_are_not_counted_among_the_last(kafka, topic):
    """Each transaction ends with a marker that takes an offset: the last ones are found all the same."""
    writer = TransactionWriter(kafka, topic, outputs=[topic])
    await writer.start()
    for number in range(12):
        await writer.write([Record(topic, *event(number).to_kafka())])
    await writer.stop()
    assert numbers(await first(hub.tap(topic, settings=kafka, last=5), 5)) == [7, 8, 9, 10, 11]


async def test_it_begins_at_the_beginning_or_at_a_time(kafka, topic):
    """All that retention has left, or what was written since."""
    await publish(kafka, topic, [event(0), event(1)])
    await asyncio.sleep(0.02)  # timestamps have milliseconds
    moment = datetime.now(UTC)
    await asyncio.sleep(0.02)
    await publish(kafka, topic, [event(2), event(3)])
    assert numbers(await first(hub.tap(topic, settings=kafka, start="earliest"), 4)) == [0, 1, 2, 3]
    assert numbers(await first(hub.tap(topic, settings=kafka, start=moment), 2)) == [2, 3]
    assert numbers(await first(hub.tap(topic, settings=kafka, start=moment.isoformat()), 1)) == [2]


async def test_an_expression_chooses_and_what_it_cannot_judge_is_counted(kafka, topic):
    """Only events of which it is true; one without the field, and what is no event, are counted and said."""
    odd = [event(1), event(2).replace(data={"m": 2}), event(3)]
    await publish(kafka, topic, [*odd, KafkaMessage(b"k", b"plain", []), event(4)])
    tap = hub.tap(topic, settings=kafka, start="earliest", where="data.n > 2")
    assert numbers(await first(tap, 2)) == [3, 4]
    assert tap.unevaluated == 2
    assert "n" in tap.problem


async def test_what_is_no_event_is_shown_with_its_problem(kafka, topic):
    """Nothing on a topic is hidden."""
    await publish(kafka, topic, [KafkaMessage(b"k", b"plain", [])])
    (sighting,) = await first(hub.tap(topic, settings=kafka, start="earliest"), 1)
    assert (sighting.event, sighting.value) == (None, b"plain")
    assert "expected a CloudEvent" in sighting.problem


async def test_only_committed_records_are_seen(kafka, topic):
    """What a transaction has aborted never was."""
    producer = clients.producer(kafka, transactional_id=f"{topic}-aborting")
    async with clients.running(producer):
        await producer.begin_transaction()
        await (await producer.send(topic, b"aborted", b"k"))
        await producer.abort_transaction()
    await publish(kafka, topic, [event(1)])
    (sighting,) = await first(hub.tap(topic, settings=kafka, start="earliest"), 1)
    assert sighting.event.data["n"] == 1


async def test_new_partitions_and_new_topics_are_picked_up(kafka, topic):
    """From their beginning: all that is in them is new."""
    later = f"{topic}-later"
    tap = hub.tap(topic, later, settings=kafka)
    async with looking(tap) as seen:
        await live(tap, kafka, topic, seen)
        assert tap.waiting == {later}
        await ensure_topics(kafka, [TopicSpec(later, 1)])
        await publish(kafka, later, [event(1)])
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.create_partitions({topic: NewPartitions(total_count=3)})
        await until(lambda: numbers(seen) == [1])

        async def third() -> bool:
            await publish(kafka, topic, [event(n, key=f"k{n}") for n in range(2, 12)])
            return any(each.place.topic == topic and each.place.partition == 2 for each in seen)

        await until(third, "an event of the new partition")
    assert tap.waiting == set()


async def test_a_topic_that_is_deleted_and_made_anew_goes_on(kafka, topic, monkeypatch):
    """It is looked for, and shown from its beginning."""
    monkeypatch.setattr("hub.engine.programs.tap.REFRESH", 0.2)
    tap = hub.tap(topic, settings=kafka)
    async with looking(tap) as seen:
        await live(tap, kafka, topic, seen)
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_topics([topic])
            await until(lambda: tap.waiting == {topic}, "the deletion")
        await ensure_topics(kafka, [TopicSpec(topic, 1)])
        await publish(kafka, topic, [event(7)])
        await until(lambda: numbers(seen) == [7])


async def test_it_goes_on_over_a_broker_s_crash_and_misses_nothing(caplog, monkeypatch):
    """Killed and started again: what is written afterwards is seen, and nothing that was seen before comes again.

    The loss is told once, however many attempts fail, and so is the return.
    """
    monkeypatch.setattr("hub.engine.programs.tap.REFRESH", 0.2)
    failures = []
    tell = Tap._tell_lost
    monkeypatch.setattr(Tap, "_tell_lost", lambda tap, problem: (failures.append(problem), tell(tap, problem)))

    def told() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == "hub.tap"]

    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        await ensure_topics(kafka, [TopicSpec("t", 2)])
        tap = hub.tap("t", settings=kafka)
        async with looking(tap) as seen:
            await live(tap, kafka, "t", seen)
            await publish(kafka, "t", [event(1), event(2, key="other")])
            await until(lambda: sorted(numbers(seen)) == [1, 2])
            server.kill()
            await until(lambda: len(failures) >= 3, "three failed attempts")
            await server.start()
            await publish(kafka, "t", [event(3), event(4, key="other")])
            await until(lambda: sorted(numbers(seen)) == [1, 2, 3, 4], "events after the crash")
            await until(lambda: len(told()) > 1, "the return told")
    assert ["Kafka can't be reached" in each for each in told()] == [True, False]
    assert told()[1].startswith("Kafka is back")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "expected the name of a topic"),
        (("t",), {"start": "noon"}, "expected latest, earliest or a time"),
        (("t",), {"start": "2026-11-20T10:00:00"}, "expected a time with its zone"),
        (("t",), {"last": -1}, "expected a number of records, 0 or more; got -1"),
        (("a b",), {}, "expected a topic name"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: tuple[str, ...], options: dict[str, Any], message: str):
    """Before anything is connected."""
    with pytest.raises(ConfigError, match=message):
        hub.tap(*arguments, settings=KafkaSettings(bootstrap_servers="127.0.0.1:1"), **options)


def test_a_wrong_expression_is_refused_with_its_place():
    """The compiler's error, as for routes."""
    with pytest.raises(ExpressionError, match="1:"):
        hub.tap("t", settings=KafkaSettings(bootstrap_servers="127.0.0.1:1"), where="data.n >")
