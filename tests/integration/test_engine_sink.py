"""Sinks on the real Kafka: order, retries, outages, dead letters, replies, restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hub.engine.dlq.deadletter import read_dead_letter
from hub.engine.reading import reader
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.topics import ensure_topics
from hub.sdk import Event, NotConnected, Permanent, Transient
from hub.sdk.event import KafkaMessage
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.replies: {{ partitions: 1 }}
sinks:
  out:
    use: script
    from: {name}.in
    start: earliest
    reply: {name}.replies
    concurrency: 4
    on_error: {{ retry: {{ initial_interval: 10ms, max_interval: 50ms, max_retries: 2 }} }}
"""


def numbers(script: Script) -> list[int]:
    return [each.data["n"] for each in script.written]


async def test_everything_is_delivered_in_order_per_key(tmp_path, kafka, unique):
    """Several keys at once, each in order, each event once."""
    script = Script()
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 7}") for n in range(300)])
        totals = await settled(runtime, "out", 300)
    assert totals.delivered == 300
    assert sorted(numbers(script)) == list(range(300))
    for key in range(7):
        mine = [n for n in numbers(script) if n % 7 == key]
        assert mine == sorted(mine)


async def test_passing_failures_are_retried_with_the_same_idempotency_key(tmp_path, kafka, unique):
    """An event that fails twice is delivered at the third attempt, before its key's next event."""
    script = Script()
    script.failures = lambda delivery: (
        Transient("hiccup") if delivery.event.id == "1" and delivery.attempt < 3 else None
    )
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2), event(3, key="other")])
        totals = await settled(runtime, "out", 3)
    assert (totals.delivered, totals.retries) == (3, 2)
    tries = [(attempt, key) for each, attempt, key in script.attempts if each == "1"]
    assert [attempt for attempt, _ in tries] == [1, 2, 3]
    assert len({key for _, key in tries}) == 1
    assert numbers(script).index(1) < numbers(script).index(2)


async def test_a_status_tells_what_waits_for_another_attempt(tmp_path, kafka, unique):
    """Which event, why, and when it is due; nothing any more once it is delivered."""
    script = Script()
    script.failures = lambda delivery: Transient("429 Too Many Requests", retry_after=30)
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        unit = runtime.supervisor.units["out"]
        await until(lambda: bool(unit.status().retrying))
        (told,) = unit.status().retrying
        assert (told.attempt, told.cause) == (1, "429 Too Many Requests")
        assert told.place.startswith(f"{unique}.in-")
        assert 20 < (told.again - datetime.now(UTC)).total_seconds() <= 30
    assert unit.status().retrying == ()


async def test_used_up_retries_and_permanent_failures_are_dead_lettered(tmp_path, kafka, unique):
    """Each with its own cause, status and attempts; others of its key and batch go on."""
    script = Script()
    verdicts = {"1": Transient("always busy", status=500), "2": Permanent("no such channel", status=404)}
    script.failures = lambda delivery: verdicts.get(delivery.event.id)
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2), event(3)])
        totals = await settled(runtime, "out", 3)
    assert totals.dead_lettered == {"Transient": 1, "Permanent": 1}
    assert numbers(script) == [3]
    letters = [read_dead_letter(each.headers) for each in await records(kafka, names.dlq(unique, "out"))]
    assert sorted((each.error, each.cause, each.status, each.attempts) for each in letters) == [
        ("Permanent", "no such channel", 404, 1),
        ("Transient", "always busy", 500, 3),
    ]
    assert {each.stage for each in letters} == {"write"}


async def test_records_that_hold_no_event_are_dead_lettered(tmp_path, kafka, unique):
    """Poison doesn't stop a sink."""
    script = Script()
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), KafkaMessage(b"k", b"\xff", []), event(2)])
        totals = await settled(runtime, "out", 3)
    assert totals.dead_lettered == {"InvalidEvent": 1}
    assert numbers(script) == [1, 2]


async def test_a_fault_of_the_connector_takes_one_event_with_it(tmp_path, kafka, unique):
    """An error that no connector should raise dead-letters the event that brings it about, and no other."""
    script = Script()
    script.bug = lambda delivery: ZeroDivisionError("by none") if delivery.event.id == "2" else None
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(5)])
        totals = await settled(runtime, "out", 5)
    assert (totals.delivered, totals.dead_lettered) == (4, {"Permanent": 1})
    assert sorted(numbers(script)) == [0, 1, 3, 4]
    (letter,) = await records(kafka, names.dlq(unique, "out"))
    assert read_dead_letter(letter.headers).cause == "ZeroDivisionError: by none"


async def test_an_outage_is_waited_out(tmp_path, kafka, unique):
    """While the far side is down nothing is dead-lettered and no retry used up; lag shows; then all comes in order."""
    script = Script()
    script.outage = NotConnected("refused", retry_after=0.05)
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(600)])
        unit = runtime.supervisor.units["out"]
        await until(lambda: unit.state is State.PAUSED and "refused" in unit.detail)

        async def all_in_flight() -> bool:
            await unit.measure()
            totals = unit.status().totals
            return totals.in_flight == 600 and totals.lag > 0

        await until(all_in_flight, "all in flight")
        script.outage = None
        totals = await settled(runtime, "out", 600)
        assert unit.state is State.RUNNING
    assert (totals.delivered, totals.dead_lettered, totals.retries) == (600, {}, 0)
    assert numbers(script) == list(range(600))
    assert {attempt for _, attempt, _ in script.attempts} == {1}


async def test_a_far_side_that_is_down_at_the_start_is_waited_for(tmp_path, kafka, unique):
    """The unit has its place in the topic before it has its connection: nothing published meanwhile is missed."""
    script = Script()
    script.opening = [NotConnected("refused", retry_after=0.05)] * 3
    text = DEPLOYMENT.format(name=unique).replace("earliest", "latest")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        assert (await settled(runtime, "out", 1)).delivered == 1
    assert script.opening == []


async def test_answers_of_the_far_side_are_published(tmp_path, kafka, unique):
    """What write returns lands on the reply topic before the offset is committed, also beside failures."""
    script = Script()
    script.failures = lambda delivery: Permanent("no") if delivery.event.id == "2" else None
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2, key="b"), event(3, key="c")])
        await settled(runtime, "out", 3)
    replies = [
        Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, f"{unique}.replies")
    ]
    assert sorted(each.data["of"] for each in replies) == ["1", "3"]
    assert {each.type for each in replies} == {"script.reply"}


async def test_a_stop_in_mid_batch_repeats_nothing_that_was_settled(tmp_path, kafka, unique):
    """A drain finishes what is under way and commits; the next life goes on from there."""
    script = Script()
    text = DEPLOYMENT.format(name=unique).replace("partitions: 3", "partitions: 1")
    async with running(tmp_path, kafka, text, script):
        await publish(kafka, f"{unique}.in", [event(n) for n in range(400)])
        await until(lambda: len(script.written) >= 5)
    first = len(script.written)
    async with running(tmp_path, kafka, text, script) as runtime:
        await settled(runtime, "out", 400 - first)
    assert numbers(script) == list(range(400))


async def test_a_dead_letter_that_cannot_be_written_stops_the_unit(tmp_path, kafka, unique):
    """The unit stands still and shows why; nothing is lost, and nothing that was delivered is delivered again."""
    script = Script()
    script.failures = lambda delivery: Permanent("no") if delivery.event.id == "1" else None
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), script) as runtime:
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_topics([names.dlq(unique, "out")])
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(5)])
        unit = runtime.supervisor.units["out"]
        await until(lambda: unit.state is State.FAILED)
        assert names.dlq(unique, "out") in unit.detail
        assert unit.status().totals.in_flight > 0
        await ensure_topics(kafka, runtime.deployment.topic_specs())
        totals = await settled(runtime, "out", 5)
        assert unit.state is State.RUNNING
    assert (totals.delivered, totals.dead_lettered) == (4, {"Permanent": 1})
    assert sorted(numbers(script)) == [0, 2, 3, 4]
    assert len(await records(kafka, names.dlq(unique, "out"))) == 1


async def test_a_rebalance_that_could_not_wait_ends_the_batch(tmp_path, kafka, unique, monkeypatch):
    """A write that outlasts the group's patience repeats itself alone: the rest of the batch is the new owner's."""
    monkeypatch.setattr(reader, "SETTLE_LIMIT", 0.2)
    script = Script()
    stalled, released = asyncio.Event(), asyncio.Event()

    async def stall(batch: list) -> None:
        if not stalled.is_set():
            stalled.set()
            await released.wait()

    script.before = stall
    text = DEPLOYMENT.format(name=unique).replace("concurrency: 4", "concurrency: 1")
    async with running(tmp_path, kafka, text, script):
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(60)])
        await asyncio.wait_for(stalled.wait(), 20)
        async with running(tmp_path, kafka, text, script) as second:
            await until(lambda: len(script.written) > 5, "the second worker's work")
            released.set()
            await until(lambda: len(set(numbers(script))) == 60)
            assert second.totals().balanced
    assert len(numbers(script)) <= 61


async def test_two_workers_share_a_sink_and_hand_over_without_repeating(tmp_path, kafka, unique):
    """A second copy takes over partitions; in a healthy hand-over nothing is lost or written twice."""
    script = Script()
    text = DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script):
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(200)])
        async with running(tmp_path, kafka, text, script):
            await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(200, 400)])
            await until(lambda: len(set(numbers(script))) == 400)
        await asyncio.sleep(0)
    assert sorted(numbers(script)) == list(range(400))
