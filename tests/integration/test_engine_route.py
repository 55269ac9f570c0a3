"""Routes on the real Kafka: filter, reshape, fan out, dead-letter, start, restart, retention."""

from __future__ import annotations

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.engine.dlq.deadletter import ORIGIN, ROUTE, read_dead_letter
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.sdk import Event
from hub.sdk.event import KafkaMessage
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 2 }}
  {name}.out: {{ partitions: 1 }}
  {name}.copy: {{ partitions: 1 }}
routes:
  odd:
    from: {name}.in
    start: {start}
    where: data.n % 2 == 1
    map:
      type: odd.number
      data: {{ number: = data.n, key: = event.partitionkey }}
    to: [{name}.out, {name}.copy]
"""


async def test_a_route_filters_reshapes_and_fans_out(tmp_path, kafka, unique):
    """Matching events land on every target with their id and origin; the others are filtered; all are counted once."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n % 3)) for n in range(20)])
        totals = await settled(runtime, "odd", 20)
    assert (totals.delivered, totals.filtered, totals.dead_lettered) == (10, {"where": 10}, {})
    for topic in (f"{unique}.out", f"{unique}.copy"):
        made = [Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, topic)]
        assert sorted(each.data["number"] for each in made) == list(range(1, 20, 2))
        assert {each.type for each in made} == {"odd.number"}
        assert all(each.id == str(each.data["number"]) for each in made)
        assert all(each.header(ROUTE) == "odd" for each in made)
        assert all(each.header(ORIGIN).startswith(f"{unique}.in-") for each in made)


async def test_order_is_kept_per_key(tmp_path, kafka, unique):
    """Events of one key come out in the order in which they went in."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 5}") for n in range(1, 1000, 2)])
        await settled(runtime, "odd", 500)
    by_key: dict[bytes, list[int]] = {}
    for record in await records(kafka, f"{unique}.out"):
        by_key.setdefault(record.key, []).append(orjson.loads(record.value)["number"])
    assert len(by_key) == 5
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_what_a_mapping_cannot_handle_is_dead_lettered_alone(tmp_path, kafka, unique):
    """Poison of every kind goes to the DLQ, byte for byte, with cause and origin; the batch's others go on."""
    poison = [
        event(1).replace(data={"m": 1}).to_kafka(),
        event(3).replace(data=b"{no json").to_kafka(),
        KafkaMessage(b"k", b"plain", []),
        event(5).replace(data=["a list"]).to_kafka(),
    ]
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(7), *poison, event(9)])
        totals = await settled(runtime, "odd", 6)
    assert (totals.delivered, sum(totals.dead_lettered.values())) == (2, 4)
    letters = await records(kafka, names.dlq(unique, "odd"))
    assert sorted(letter.value for letter in letters) == sorted(message.value for message in poison)
    for letter in letters:
        read = read_dead_letter(letter.headers)
        assert read.unit == "odd"
        assert read.cause
        assert read.origin is not None
        assert read.origin.topic == f"{unique}.in"
        assert read.origin.partition == letter.partition
    stages = {letter.value: read_dead_letter(letter.headers).stage for letter in letters}
    assert (stages[b"plain"], stages[b'{"m":1}']) == ("parse", "where")
    causes = {letter.value: read_dead_letter(letter.headers).cause for letter in letters}
    assert "expected a CloudEvent" in causes[b"plain"]
    assert "data.n" in causes[b'{"m":1}']


async def test_an_output_over_the_limit_is_dead_lettered_with_size_and_limit(tmp_path, kafka, unique):
    """Only the event that is too large fails; its DLQ takes more than its topic."""
    text = (
        DEPLOYMENT.format(name=unique, start="earliest")
        .replace(f"{unique}.out: {{ partitions: 1 }}", f"{unique}.out: {{ partitions: 1, max_message: 2kB }}")
        .replace("number: = data.n,", "number: = data.n, text: = data.text,")
    )
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1, text="a"), event(3, text="b" * 5000), event(5, text="c")])
        totals = await settled(runtime, "odd", 3)
    assert (totals.delivered, totals.dead_lettered) == (2, {"TooLarge": 1})
    (letter,) = await records(kafka, names.dlq(unique, "odd"))
    read = read_dead_letter(letter.headers)
    assert read.stage == "publish"
    assert "takes 2,000" in read.cause
    assert len(await records(kafka, f"{unique}.out")) == 2


async def test_a_new_route_starts_at_latest_and_then_keeps_its_place(tmp_path, kafka, unique):
    """What lay there before a route was new is not its business; what comes while it is down is."""
    text = DEPLOYMENT.format(name=unique, start="latest")
    async with running(tmp_path, kafka, text, Script(), only=["odd"]):
        pass
    await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(1, 20, 2)])
    async with running(tmp_path, kafka, text, Script()) as runtime:
        assert (await settled(runtime, "odd", 10)).delivered == 10


async def test_events_before_a_route_was_new_are_left_alone(tmp_path, kafka, unique):
    """Latest means latest."""
    text = DEPLOYMENT.format(name=unique, start="latest")
    other = text.replace("odd:", "other:")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "odd", 1)
    async with running(tmp_path, kafka, other, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(3)])
        totals = await settled(runtime, "other", 1)
        assert totals.received == 1


async def test_a_renamed_route_takes_over_the_position(tmp_path, kafka, unique):
    """`renamed_from` continues where the former name stood: nothing lost, nothing twice."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(3)])
        await settled(runtime, "odd", 2)
    await publish(kafka, f"{unique}.in", [event(5)])
    renamed = text.replace("  odd:\n", "  uneven:\n    renamed_from: odd\n")
    async with running(tmp_path, kafka, renamed, Script()) as runtime:
        assert (await settled(runtime, "uneven", 1)).received == 1


async def test_a_position_that_fell_off_the_topic_stops_the_unit(tmp_path, kafka, unique):
    """Retention that deleted unread events is an error that counts them, never a jump."""
    text = DEPLOYMENT.format(name=unique, start="earliest").replace("partitions: 2", "partitions: 1")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "odd", 1)
    await publish(kafka, f"{unique}.in", [event(n) for n in range(3, 13, 2)])
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_records({TopicPartition(f"{unique}.in", 0): RecordsToDelete(before_offset=4)})
    async with running(tmp_path, kafka, text, Script()) as runtime:
        unit = runtime.supervisor.units["odd"]
        await until(lambda: unit.state is State.FAILED)
        assert "deleted 3 events" in unit.detail


@pytest.mark.parametrize("unit", ["odd"])
async def test_a_paused_route_keeps_its_place_and_goes_on(tmp_path, kafka, unique, unit):
    """Pausing takes in nothing; lag shows as in flight; resuming delivers it."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        route = runtime.supervisor.units[unit]
        route.pause()
        await until(lambda: route.state is State.PAUSED)
        await publish(kafka, f"{unique}.in", [event(n) for n in range(7)])

        async def lagging() -> bool:
            await route.measure()
            return route.lag == 7

        await until(lagging, "lag")
        assert route.status().totals.in_flight == 7
        route.resume()
        await settled(runtime, unit, 7)


async def test_a_runtime_may_be_stopped_twice(tmp_path, kafka, unique):
    """As when a signal comes while it starts: the start that is cut off stops it, and then the worker does."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await runtime.stop(limit=0.0)
