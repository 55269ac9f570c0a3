"""RabbitMQ → Kafka with real servers and processes, which are killed: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import orjson
import pytest

from hub.deployment import load
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import Event
from hub.testing.rabbitmq import PrivateRabbitMQ
from hub.testing.servers import kafka_server
from tests.integration.commands import Command, command, environment
from tests.integration.engine import records

LIMIT = 100.0

TEXT = """
deployment: {name}
topics:
  {name}.orders: {{ partitions: 2 }}
events:
  shop.order: {{ schema: {{ type: object, required: [n] }}, topic: {name}.orders }}
sources:
  orders:
    use: rabbitmq
    with:
      url: "${{env:AMQP_URL}}"
      queue:
        name: {name}
        dead_letter: {{ queue: "{name}.dead" }}
      type: shop.order
      content_type: application/json
      prefetch: {prefetch}
"""


@pytest.fixture
async def broker() -> AsyncIterator[PrivateRabbitMQ]:
    """A server that the test may kill."""
    server = PrivateRabbitMQ()
    try:
        await server.start()
        yield server
    finally:
        server.close()


async def prepare(directory: Path, kafka: KafkaSettings, name: str, prefetch: int = 50, **changes: str) -> Path:
    """A directory with the source; its topics are made."""
    directory.mkdir(exist_ok=True)  # noqa: ASYNC240  a test
    text = TEXT.format(name=name, prefetch=prefetch)
    for old, new in changes.items():
        text = text.replace(old, new)
    (directory / "hub.yaml").write_text(text)
    await ensure_topics(kafka, load(directory).topic_specs())
    return directory


async def declare(url: str, queue: str) -> None:
    """The queue as the source declares it, so that messages can wait in it already."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        arguments = {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{queue}.dead",
        }
        await channel.declare_queue(queue, durable=True, arguments=arguments)


async def send(url: str, queue: str, first: int, last: int, *, named: bool = True) -> None:
    """Messages with numbers, each confirmed; by the same ids again where the broker went away in between."""
    n = first
    while n < last:
        try:
            async with await aio_pika.connect(url) as connection, connection.channel() as channel:
                while n < last:
                    part = range(n, min(last, n + 100))
                    sent = [
                        channel.default_exchange.publish(
                            aio_pika.Message(
                                b'{"n":%d}' % each, delivery_mode=2, message_id=f"m{each}" if named else None
                            ),
                            queue,
                        )
                        for each in part
                    ]
                    async with asyncio.timeout(10):
                        await asyncio.gather(*sent)
                    n = part.stop
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError, asyncio.CancelledError, RuntimeError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await asyncio.sleep(0.3)


async def ready(url: str, queue: str) -> int:
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def stored(kafka: KafkaSettings, name: str) -> list[int]:
    """Numbers of the events that are committed."""
    found = await records(kafka, f"{name}.orders")
    return [Event.from_kafka(each.key, each.value, each.headers).data["n"] for each in found]


async def until(condition: Callable[[], Awaitable[Any]], hub: Command | None = None, limit: float = LIMIT) -> Any:
    """Waits until a condition gives something true."""
    async with asyncio.timeout(limit):
        while not (found := await condition()):
            if hub is not None:
                assert hub.process.poll() is None, f"ended with {hub.process.returncode}:\n{hub.err}"
            await asyncio.sleep(0.1)
    return found


async def totals(hub: Command) -> dict[str, Any]:
    """The source's ledger in this process, from the admin API."""
    report = await hub.report("started")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{report['admin']}/connectors/orders/status") as response,
    ):
        return orjson.loads(await response.read())["totals"]


def run(directory: Path, output: Path, env: dict[str, str]) -> Any:
    return command("run", str(directory), "--json", directory=output, env=env)


@pytest.mark.timeout(400)
async def test_a_hub_that_is_killed_loses_nothing_and_repeats_nothing_that_has_an_id(tmp_path, kafka, unique, rabbitmq):
    """Kill -9 wherever it is, several times: what wasn't acknowledged comes again, and is known if it was stored."""
    directory = await prepare(tmp_path / "deployment", kafka, unique)
    await declare(rabbitmq, unique)
    env = environment(kafka, AMQP_URL=rabbitmq)
    sending = asyncio.create_task(send(rabbitmq, unique, 0, 6_000))
    for life in range(5):
        async with run(directory, tmp_path / f"life{life}", env) as hub:
            before = len(await stored(kafka, unique))

            async def progressed(hub: Command = hub, before: int = before) -> bool:
                return len(await stored(kafka, unique)) > before + 200

            await until(progressed, hub)
            hub.signal(signal.SIGKILL)
            await hub.ended()
    await sending
    async with run(directory, tmp_path / "last", env) as hub:

        async def complete() -> bool:
            return len(set(await stored(kafka, unique))) == 6_000

        await until(complete, hub)
        await until(lambda: _empty(rabbitmq, unique), hub)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    counted = Counter(await stored(kafka, unique))
    assert sorted(counted) == list(range(6_000))
    assert {n: times for n, times in counted.items() if times > 1} == {}


async def _empty(url: str, queue: str) -> bool:
    return await ready(url, queue) == 0


@pytest.mark.timeout(400)
async def test_a_broker_that_is_killed_loses_nothing_and_repeats_nothing_that_has_an_id(
    tmp_path, kafka, unique, broker
):
    """Kill -9 of RabbitMQ under load: the source waits, comes back by itself, and knows what it had stored."""
    directory = await prepare(tmp_path / "deployment", kafka, unique)
    await declare(broker.url, unique)
    await declare(broker.url, f"{unique}.dead")
    # RabbitMQ 3.10 writes to disk only every few seconds which quorum queues there are.
    await broker.control("eval", "[dets:sync(Table) || Table <- dets:all()].")
    sending = asyncio.create_task(send(broker.url, unique, 0, 3_000))
    async with run(directory, tmp_path / "hub", environment(kafka, AMQP_URL=broker.url)) as hub:
        for goal in (300, 1_200):

            async def reached(goal: int = goal) -> bool:
                return len(await stored(kafka, unique)) >= goal

            await until(reached, hub)
            broker.kill()
            await broker.start()
        await sending

        async def complete() -> bool:
            return len(set(await stored(kafka, unique))) == 3_000

        await until(complete, hub)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    counted = Counter(await stored(kafka, unique))
    assert sorted(counted) == list(range(3_000))
    assert {n: times for n, times in counted.items() if times > 1} == {}


@pytest.mark.timeout(300)
async def test_two_workers_share_a_queue_and_one_is_killed(tmp_path, kafka, unique, rabbitmq):
    """What the one held the other gets: marked as redelivered, and looked up before it is stored."""
    directory = await prepare(tmp_path / "deployment", kafka, unique)
    env = environment(kafka, AMQP_URL=rabbitmq)
    await declare(rabbitmq, unique)
    async with run(directory, tmp_path / "one", env) as one, run(directory, tmp_path / "two", env) as two:
        await one.report("started")
        await two.report("started")
        sending = asyncio.create_task(send(rabbitmq, unique, 0, 4_000))

        async def half() -> bool:
            return len(await stored(kafka, unique)) > 1_500

        await until(half, one)
        delivered = [(await totals(each))["delivered"] for each in (one, two)]
        assert all(delivered), delivered
        one.signal(signal.SIGKILL)
        await sending

        async def complete() -> bool:
            return len(set(await stored(kafka, unique))) == 4_000

        await until(complete, two)
        await until(lambda: _empty(rabbitmq, unique), two)
    counted = Counter(await stored(kafka, unique))
    assert {n: times for n, times in counted.items() if times > 1} == {}


@pytest.mark.timeout(300)
async def test_without_kafka_no_more_is_taken_than_prefetch_says(tmp_path, unique, rabbitmq):
    """The rest waits in the queue, for whoever can take it; afterwards each is stored once, also without an id."""
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        directory = await prepare(tmp_path / "deployment", kafka, unique, prefetch=16)
        await declare(rabbitmq, unique)
        async with run(directory, tmp_path / "hub", environment(kafka, AMQP_URL=rabbitmq)) as hub:
            await send(rabbitmq, unique, 0, 10, named=False)

            async def ten() -> bool:
                return len(await stored(kafka, unique)) == 10

            await until(ten, hub)
            server.kill()
            await send(rabbitmq, unique, 10, 300, named=False)

            async def held_back() -> bool:
                return await ready(rabbitmq, unique) == 290 - 16

            await until(held_back, hub)
            await server.start()

            async def complete() -> bool:
                return len(await stored(kafka, unique)) >= 300

            await until(complete, hub)
            await until(lambda: _empty(rabbitmq, unique), hub)
        assert sorted(await stored(kafka, unique)) == list(range(300))


@pytest.mark.timeout(200)
async def test_poison_is_dead_lettered_with_bytes_and_properties(tmp_path, kafka, unique, rabbitmq):
    """And acknowledged, so that it blocks nothing; with `poison: reject` it goes to the queue's own dead letters."""
    directory = await prepare(tmp_path / "deployment", kafka, unique)
    await declare(rabbitmq, unique)
    env = environment(kafka, AMQP_URL=rabbitmq)

    async def publish(body: bytes, **properties: Any) -> None:
        async with await aio_pika.connect(rabbitmq) as connection, connection.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(body, **properties), unique)

    async with run(directory, tmp_path / "hub", env) as hub:
        await hub.report("started")
        await publish(b'{"n": 1,}', message_id="m1", headers={"tenant": "acme"}, priority=3)
        await publish(b'{"m": 1}', headers={"cloudEvents:specversion": "0.3"}, correlation_id="c1")
        await publish(b'{"n": 2}')

        async def one() -> bool:
            return len(await stored(kafka, unique)) == 1

        await until(one, hub)
        await until(lambda: _empty(rabbitmq, unique), hub)
        counts = await totals(hub)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    assert counts["dead_lettered"] == {"InvalidPayload": 1, "InvalidEvent": 1}
    letters = {each.value: dict(each.headers) for each in await records(kafka, names.dlq(unique, "orders"))}
    assert letters[b'{"n": 1,}']["ce_amqppriority"] == b"3"
    assert letters[b'{"n": 1,}']["amqp_tenant"] == b"acme"
    assert letters[b'{"m": 1}']["amqp-correlation-id"] == b"c1"
    assert b"specversion 1.0" in letters[b'{"m": 1}']["__connect.errors.exception.message"]

    changes = {"prefetch: 50": "prefetch: 50\n      poison: reject"}
    directory = await prepare(tmp_path / "deployment", kafka, unique, **changes)
    async with run(directory, tmp_path / "rejecting", env) as hub:
        await hub.report("started")
        await publish(b"?")

        async def dead() -> bool:
            return await ready(rabbitmq, f"{unique}.dead") == 1

        await until(dead, hub)
        assert (await totals(hub))["refused"] == {"InvalidPayload": 1}
