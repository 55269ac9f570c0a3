"""Subscriptions on the real Kafka: acknowledged, retried, dead-lettered, shared, and ended in good order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from pydantic import BaseModel

import hub
from hub.engine.dlq.deadletter import read_dead_letter, stacktrace
from hub.engine.programs import subscription as subscriptions
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import describe_topics, ensure_topics
from hub.sdk import ConfigError, EnvironmentProblem
from hub.sdk.event import KafkaMessage
from hub.testing.servers import kafka_server
from tests.integration.engine import event, publish, records, until

QUICK = hub.RetryPolicy(initial_interval=0.05, max_interval=0.1, max_retries=2)


@pytest.fixture
async def topic(kafka: KafkaSettings, unique: str) -> str:
    """A topic of two partitions."""
    await ensure_topics(kafka, [TopicSpec(f"{unique}.in", 2)])
    return f"{unique}.in"


def subscribed(kafka: KafkaSettings, topic: str, **options: Any) -> hub.Subscription[Any]:
    """A subscription that begins at the start, retries quickly, and has a group named after the topic."""
    defaults = {"group": f"{topic}-group", "settings": kafka, "retry": QUICK, "start": "earliest"}
    return hub.subscribe(topic, **{**defaults, **options})


async def handled(subscription: hub.Subscription[Any], count: int) -> list[hub.Delivery[Any]]:
    """Handles so many deliveries without trouble."""
    found: list[hub.Delivery[Any]] = []
    async with asyncio.timeout(40), aclosing(aiter(subscription)) as deliveries:
        async for delivery in deliveries:
            async with delivery:
                found.append(delivery)
            if len(found) == count:
                break
    return found


async def test_ten_lines_are_enough(kafka, topic):
    """The example of the README: each event once, acknowledged by leaving the block; the next run goes on after it."""
    await publish(kafka, topic, [event(n) for n in range(5)])
    seen = []
    async for delivery in subscribed(kafka, topic):
        async with delivery as each:
            seen.append(each.data["n"])
        if len(seen) == 3:
            break
    again = await handled(subscribed(kafka, topic), 2)
    assert seen + [delivery.data["n"] for delivery in again] == [0, 1, 2, 3, 4]


async def test_a_failing_block_comes_again_and_holds_back_only_its_key(kafka, topic):
    """Its key waits for it, the other key goes on; attempts are counted."""
    await publish(kafka, topic, [event(0, key="a"), event(1, key="a"), event(2, key="b"), event(3, key="b")])
    seen: list[tuple[int, int]] = []
    slow = hub.RetryPolicy(initial_interval=1.0, max_interval=1.0, max_retries=5)
    async with asyncio.timeout(30), aclosing(aiter(subscribed(kafka, topic, retry=slow))) as deliveries:
        async for delivery in deliveries:
            async with delivery as each:
                seen.append((each.data["n"], delivery.attempt))
                if each.data["n"] == 0 and delivery.attempt < 3:
                    raise RuntimeError("not yet")
            if len(seen) == 6:
                break
    assert [number for number, _ in seen if number in (2, 3)] == [2, 3]
    assert [each for each in seen if each[0] in (0, 1)] == [(0, 1), (0, 2), (0, 3), (1, 1)]
    assert seen.index((0, 3)) > seen.index((3, 1))


async def test_used_up_retries_end_in_the_dead_letter_topic_with_their_cause(kafka, topic):
    """After the last attempt the event is dead-lettered, and its key goes on."""
    await publish(kafka, topic, [event(0), event(1)])
    attempts = []
    async with asyncio.timeout(30), aclosing(aiter(subscribed(kafka, topic))) as deliveries:
        async for delivery in deliveries:
            async with delivery as each:
                attempts.append((each.data["n"], delivery.attempt))
                if each.data["n"] == 0:
                    raise KeyError("the ledger has no such account")
            if each.data["n"] == 1:
                break
    assert attempts == [(0, 1), (0, 2), (0, 3), (1, 1)]
    (letter,) = await records(kafka, f"{topic}-group.dlq")
    failure = read_dead_letter(letter.headers)
    assert (failure.unit, failure.stage, failure.error, failure.attempts) == (f"{topic}-group", "handle", "KeyError", 3)
    assert failure.cause == "'the ledger has no such account'"
    assert failure.origin.topic == topic
    assert "test_subscribe.py" in stacktrace(letter.headers)


async def test_permanent_goes_to_the_dead_letter_topic_at_once(kafka, topic):
    """No retry for what will never work, also where a task group wrapped it; the status is kept."""
    await publish(kafka, topic, [event(0), event(1)])
    async with asyncio.timeout(30), aclosing(aiter(subscribed(kafka, topic, dlq=f"{topic}.bad"))) as deliveries:
        async for delivery in deliveries:
            async with delivery as each, asyncio.TaskGroup():
                raise hub.Permanent("410 Gone", status=410)
            if each.data["n"] == 1:
                break
    letters = [read_dead_letter(letter.headers) for letter in await records(kafka, f"{topic}.bad")]
    assert [(letter.error, letter.status, letter.attempts) for letter in letters] == [("Permanent", 410, 1)] * 2


async def test_an_outage_uses_up_no_attempt(kafka, topic):
    """What raises NotConnected comes again after a pause, as often as it takes, with the same attempt."""
    await publish(kafka, topic, [event(0)])
    attempts = []
    async with asyncio.timeout(30), aclosing(aiter(subscribed(kafka, topic))) as deliveries:
        async for delivery in deliveries:
            async with delivery:
                attempts.append(delivery.attempt)
                if len(attempts) < 5:
                    raise hub.NotConnected("down", retry_after=0.05)
            if len(attempts) == 5:
                break
    assert attempts == [1] * 5
    assert await records(kafka, f"{topic}-group.dlq") == []


class Wanted(BaseModel):
    n: int
    title: str = "none"


async def test_a_model_gives_typed_payloads_and_refuses_the_others(kafka, topic):
    """What doesn't fit is dead-lettered with the field that is wrong, and without the values."""
    odd = [
        event(1).replace(data={"n": "secret-value"}),
        event(2).replace(data=b"{no json"),
        event(3).replace(data=None),
    ]
    poison = KafkaMessage(b"k", b"plain", [])
    await publish(kafka, topic, [event(0, title="hello"), *odd, poison, event(4)])
    found = await handled(subscribed(kafka, topic, model=Wanted), 2)
    assert [delivery.data for delivery in found] == [Wanted(n=0, title="hello"), Wanted(n=4)]
    letters = [read_dead_letter(letter.headers) for letter in await records(kafka, f"{topic}-group.dlq")]
    assert sorted(letter.error for letter in letters) == ["InvalidEvent", *["PayloadMismatch"] * 3]
    assert any("n: Input should be a valid integer" in letter.cause for letter in letters)
    assert not any("secret-value" in letter.cause for letter in letters)


async def test_without_a_dead_letter_topic_the_error_is_the_program_s(kafka, topic):
    """With dlq=False nothing is skipped: the error comes out, and the event is read again by the next run."""
    await publish(kafka, topic, [event(0), event(1)])

    async def work() -> None:
        async for delivery in subscribed(kafka, topic, dlq=False):
            async with delivery:
                raise hub.Permanent("no")

    with pytest.raises(hub.Permanent, match="no"):
        await asyncio.wait_for(work(), 30)
    assert [delivery.data["n"] for delivery in await handled(subscribed(kafka, topic, dlq=False), 2)] == [0, 1]
    assert f"{topic}-group.dlq" not in await describe_topics(kafka)


async def test_a_forgotten_block_is_explained(kafka, topic):
    """A delivery that is never entered could never be settled: instead of the next one comes an error that says so."""
    await publish(kafka, topic, [event(0), event(1)])
    deliveries = aiter(subscribed(kafka, topic))
    kept = await anext(deliveries)
    with pytest.raises(hub.NotEntered, match="write `async with delivery as event:`"):
        await anext(deliveries)
    assert kept.event.id == "0"
    assert len(await handled(subscribed(kafka, topic), 2)) == 2


async def test_several_forgotten_ones_are_found_after_a_while(kafka, topic, monkeypatch):
    """With tasks, a delivery may be entered late; once none of them was for long, that is an error too."""
    monkeypatch.setattr(subscriptions, "ENTER_LIMIT", 0.2)
    await publish(kafka, topic, [event(n, key=str(n)) for n in range(4)])
    deliveries = aiter(subscribed(kafka, topic, concurrency=2))
    kept = [await anext(deliveries), await anext(deliveries)]
    with pytest.raises(hub.NotEntered):
        await anext(deliveries)
    assert {delivery.attempt for delivery in kept} == {1}


async def test_a_delivery_is_entered_once(kafka, topic):
    """The second time is a mistake of the program."""
    await publish(kafka, topic, [event(0)])
    (delivery,) = await handled(subscribed(kafka, topic), 1)
    with pytest.raises(RuntimeError, match="was left before"):
        async with delivery:
            pass


async def test_several_keys_are_handled_at_once_and_each_in_order(kafka, topic):
    """With concurrency, tasks handle events of different keys side by side; of one key never two."""
    await publish(kafka, topic, [event(n, key=f"k{n % 5}") for n in range(60)])
    busy: set[str] = set()
    most = 0
    by_key: dict[str, list[int]] = {}

    async def handle(delivery: hub.Delivery[Any]) -> None:
        nonlocal most
        async with delivery as each:
            assert each.key not in busy
            busy.add(each.key)
            most = max(most, len(busy))
            await asyncio.sleep(0.005)
            by_key.setdefault(each.key, []).append(each.data["n"])
            busy.remove(each.key)

    subscription = subscribed(kafka, topic, concurrency=3)
    async with asyncio.timeout(40), asyncio.TaskGroup() as group, aclosing(aiter(subscription)) as deliveries:
        for _ in range(60):
            group.create_task(handle(await anext(deliveries)))
    assert most == 3
    assert by_key == {f"k{key}": list(range(key, 60, 5)) for key in range(5)}
    await publish(kafka, topic, [event(99)])
    assert [delivery.data["n"] for delivery in await handled(subscribed(kafka, topic), 1)] == [99]


async def test_cancelling_leaves_the_block_and_loses_nothing(kafka, topic):
    """What was cancelled in the middle is read again by the next run."""
    await publish(kafka, topic, [event(0)])
    entered = asyncio.Event()

    async def work() -> None:
        async for delivery in subscribed(kafka, topic):
            async with delivery:
                entered.set()
                await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.wait_for(entered.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [delivery.attempt for delivery in await handled(subscribed(kafka, topic), 1)] == [1]


async def test_two_programs_of_a_group_share_the_events(kafka, topic):
    """A second one takes partitions over in the middle: everything is handled, nothing twice, keys stay in order."""
    await publish(kafka, topic, [event(n, key=f"k{n % 8}") for n in range(300)])
    seen: dict[str, list[int]] = {"first": [], "second": []}

    async def work(name: str, subscription: hub.Subscription[Any]) -> None:
        async for delivery in subscription:
            async with delivery as each:
                await asyncio.sleep(0.02)
                seen[name].append(each.data["n"])

    first, second = subscribed(kafka, topic), subscribed(kafka, topic)
    tasks = [asyncio.create_task(work("first", first)), asyncio.create_task(work("second", second))]
    await until(lambda: len(seen["first"]) + len(seen["second"]) >= 300, "all events")
    first.stop()
    second.stop()
    await asyncio.gather(*tasks)
    assert sorted(seen["first"] + seen["second"]) == list(range(300))
    assert all(seen.values())
    for numbers in seen.values():
        for key in range(8):
            mine = [number for number in numbers if number % 8 == key]
            assert mine == sorted(mine)


async def test_one_that_leaves_hands_its_partitions_over_at_once(kafka, topic):
    """Ended by `stop`, its partitions go to the other, which goes on exactly where it stood."""
    await publish(kafka, topic, [event(n, key=f"k{n % 8}") for n in range(40)])
    first, second = subscribed(kafka, topic), subscribed(kafka, topic)
    seen: list[int] = []

    async def work(subscription: hub.Subscription[Any], limit: int) -> None:
        async for delivery in subscription:
            async with delivery as each:
                seen.append(each.data["n"])
            if len(seen) >= limit:
                subscription.stop()

    await work(first, 15)
    await asyncio.wait_for(work(second, 40), 30)
    assert sorted(seen) == list(range(40))


async def test_positions_are_committed_while_a_block_is_under_way(kafka, topic):
    """A handler that takes long doesn't keep what came before it from being committed."""
    await publish(kafka, topic, [event(n) for n in range(3)])
    first = subscribed(kafka, topic)
    entered = asyncio.Event()

    async def work() -> None:
        async for delivery in first:
            async with delivery as each:
                if each.data["n"] == 2:
                    entered.set()
                    await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.wait_for(entered.wait(), 30)
    async with clients.running(clients.consumer(kafka, group=f"{topic}-group")) as consumer:

        async def committed() -> bool:
            return sum([await consumer.committed(TopicPartition(topic, each)) or 0 for each in (0, 1)]) == 2

        await until(committed, "the commit")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


PROGRAM = """
import asyncio, sys
import hub

async def main():
    settings = hub.KafkaSettings(bootstrap_servers=sys.argv[2])
    async for delivery in hub.subscribe(sys.argv[1], group=sys.argv[1] + "-group", settings=settings, start="earliest"):
        async with delivery as event:
            print("begin", event.id, flush=True)
            await asyncio.sleep(0.3)
            print("end", event.id, flush=True)
    print("bye", flush=True)

asyncio.run(main())
"""


async def program(topic: str, kafka: KafkaSettings) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        PROGRAM,
        topic,
        kafka.bootstrap_servers,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path.cwd(),
        env={**os.environ},
    )


async def test_sigterm_ends_the_program_after_the_block_under_way(kafka, topic):
    """The block is finished and acknowledged, the program goes on after the loop, and exits with 0."""
    await publish(kafka, topic, [event(n) for n in range(20)])
    process = await program(topic, kafka)
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"begin 0\n"
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (out, process.returncode, err) == (b"end 0\nbye\n", 0, b"")
    assert [delivery.data["n"] for delivery in await handled(subscribed(kafka, topic), 1)] == [1]


async def test_ctrl_c_leaves_the_block_and_the_group(kafka, topic):
    """The event under way isn't acknowledged; the next run gets it at once, without waiting for a dead member."""
    await publish(kafka, topic, [event(n) for n in range(20)])
    process = await program(topic, kafka)
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"begin 0\n"
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert out == b""
    assert err.splitlines()[-1].startswith(b"KeyboardInterrupt")
    began = asyncio.get_running_loop().time()
    assert [delivery.data["n"] for delivery in await handled(subscribed(kafka, topic), 1)] == [0]
    assert asyncio.get_running_loop().time() - began < 8


async def test_kill_9_loses_nothing(kafka, topic):
    """What wasn't acknowledged is read again once the group has noticed."""
    await publish(kafka, topic, [event(n) for n in range(3)])
    process = await program(topic, kafka)
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"begin 0\n"
    process.kill()
    await process.communicate()
    assert [delivery.data["n"] for delivery in await handled(subscribed(kafka, topic), 3)] == [0, 1, 2]


async def test_a_missing_topic_is_said(kafka, unique):
    """A name that is misspelt is an error, not an endless wait."""
    with pytest.raises(EnvironmentProblem, match=f"the topic {unique} doesn't exist"):
        await anext(aiter(hub.subscribe(unique, group="g", settings=kafka)))


async def test_a_new_group_begins_where_it_is_told(kafka, topic):
    """Latest is the default: what was there before isn't read."""
    await publish(kafka, topic, [event(0)])
    subscription = subscribed(kafka, topic, start="latest")
    task = asyncio.create_task(handled(subscription, 1))
    await until(lambda: subscription._keeper is not None)
    await publish(kafka, topic, [event(1)])
    assert [delivery.data["n"] for delivery in await task] == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": ""}, "expected the name of a consumer group"),
        ({"group": "g", "concurrency": 0}, "expected a concurrency of 1 or more; got 0"),
        ({"group": "g", "start": "yesterday"}, "expected latest, earliest or a time"),
        ({"group": "g", "dlq": "a b"}, "expected a topic name"),
        ({"group": "g g"}, "expected a topic name"),
        ({"group": "g", "dlq": "t"}, "dead letters need a topic of their own"),
    ],
)
def test_wrong_arguments_are_refused_at_once(options, message):
    """Before anything is connected, with what was expected."""
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(ConfigError, match=message):
        hub.subscribe("t", settings=settings, **options)


async def test_a_broker_s_crash_is_outlived(unique):
    """Killed and started again in the middle: everything is handled, and nothing is lost."""
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        await ensure_topics(kafka, [TopicSpec(unique, 2)])
        await publish(kafka, unique, [event(n, key=f"k{n % 4}") for n in range(60)])
        subscription = subscribed(kafka, unique)
        seen: list[int] = []

        async def work() -> None:
            async for delivery in subscription:
                async with delivery as each:
                    await asyncio.sleep(0.02)
                    seen.append(each.data["n"])

        task = asyncio.create_task(work())
        await until(lambda: len(seen) > 10)
        server.kill()
        await asyncio.sleep(2)  # commits fail meanwhile
        await server.start()
        await publish(kafka, unique, [event(60)])
        await until(lambda: set(seen) == set(range(61)), "all events")
        assert not task.done()
        subscription.stop()
        await asyncio.wait_for(task, 30)
