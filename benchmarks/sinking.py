"""The measured programs of `benchmarks.sinks`: one process each, which prints its own CPU and time as JSON."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
import aiohttp
import orjson
import uvloop

from hub.cli import collector
from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.kafka.settings import KafkaSettings

RABBITMQ = """
deployment: {name}
topics: {{ {topic}: {{ partitions: 1 }} }}
sinks:
  bench:
    use: rabbitmq
    from: {topic}
    start: earliest
    concurrency: {flight}
    with: {{ url: "{url}", queue: {name} }}
"""

HTTP = """
deployment: {name}
topics: {{ {topic}: {{ partitions: 1 }} }}
sinks:
  bench:
    use: http
    from: {topic}
    start: earliest
    concurrency: {flight}
    with: {{ url: "{url}" }}
"""


def payload(number: int) -> bytes:
    """About a kilobyte of JSON."""
    return orjson.dumps({"number": number, "name": f"customer {number}", "note": "what was ordered and for whom " * 30})


async def bare(url: str, name: str, events: int, flight: int) -> tuple[float, float]:
    """A pipelined loop on aio-pika: so many publishes in flight, each confirmed; persistent, mandatory, a quorum queue.

    Its messages are those that the hub makes, with the same properties and headers, but made beforehand; and there is
    no Kafka.
    """
    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    messages = [_message(number) for number in range(events)]
    collector.spare()
    room = asyncio.Semaphore(flight)
    exchange = channel.default_exchange

    async def publish(message: aio_pika.Message) -> None:
        try:
            await exchange.publish(message, name, mandatory=True)
        finally:
            room.release()

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for message in messages:
            await room.acquire()
            tasks.create_task(publish(message))
    spent = time.process_time() - cpu, time.perf_counter() - wall
    await connection.close()
    return spent


def _message(number: int) -> aio_pika.Message:
    return aio_pika.Message(
        payload(number),
        headers={
            "cloudEvents:specversion": "1.0",
            "cloudEvents:id": str(number),
            "cloudEvents:source": "https://shop.example/orders",
            "cloudEvents:type": "order.placed",
            "cloudEvents:time": "2026-11-20T10:02:11Z",
            "cloudEvents:partitionkey": str(number),
        },
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=f"{number:032x}",
        content_type="application/json",
        timestamp=datetime(2026, 11, 20, 10, 2, 11, tzinfo=UTC),
        type="order.placed",
        app_id="bench.bench",
    )


async def bare_http(url: str, events: int, flight: int) -> tuple[float, float]:
    """A loop on aiohttp: so many workers, each of which sends a request when the one before is answered.

    Its requests have the hub's headers, and there is no Kafka.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        requests = [(payload(number), _headers(number)) for number in range(events)]
        collector.spare()
        left = iter(requests)

        async def work() -> None:
            for body, headers in left:
                async with session.post(url, data=body, headers=headers) as response:
                    response.raise_for_status()
                    await response.read()

        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(flight)))
        return time.process_time() - cpu, time.perf_counter() - wall


def _headers(number: int) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": str(number),
        "ce-source": "https://shop.example/orders",
        "ce-type": "order.placed",
        "ce-time": "2026-11-20T10:02:11Z",
        "ce-partitionkey": str(number),
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "Idempotency-Key": f"{number:032x}",
    }


async def hub(text: str, kafka: KafkaSettings, events: int) -> tuple[float, float]:
    """A sink of a deployment; from its first delivery until its ledger has all."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "bench.yaml").write_text(text)
        runtime = Runtime(load(directory), kafka, environ={})
        ledger = runtime.supervisor.units["bench"].ledger
        collector.spare()  # as `hub run` does it
        starting = asyncio.create_task(runtime.start())
        while not ledger.delivered:  # noqa: ASYNC110  counters have no event
            await asyncio.sleep(0.001)
        first = ledger.delivered
        cpu, wall = time.process_time(), time.perf_counter()
        while ledger.delivered < events:  # noqa: ASYNC110  counters have no event
            await asyncio.sleep(0.005)
        share = events / (events - first)
        spent = (time.process_time() - cpu) * share, (time.perf_counter() - wall) * share
        await starting
        await runtime.stop()
        return spent


async def main(kind: str, bootstrap: str, topic: str, url: str, name: str, events: int, flight: int) -> None:
    """Runs one candidate and prints its figures."""
    if kind == "bare_rabbitmq":
        cpu, wall = await bare(url, name, events, flight)
    elif kind == "bare_http":
        cpu, wall = await bare_http(url, events, flight)
    else:
        text = RABBITMQ if kind == "hub_rabbitmq" else HTTP
        kafka = KafkaSettings(bootstrap_servers=bootstrap)
        cpu, wall = await hub(text.format(name=name, topic=topic, url=url, flight=flight), kafka, events)
    figures = {"cpu_s_per_million": cpu / events * 1e6, "events_per_s": events / wall}
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    kind_, bootstrap_, topic_, url_, name_, events_, flight_ = sys.argv[1:]
    uvloop.run(main(kind_, bootstrap_, topic_, url_, name_, int(events_), int(flight_)))
