"""Sinks: RabbitMQ beside a bare pipelined aio-pika loop, and HTTP beside what its latency allows.

RabbitMQ: events of about 1 kB from one partition into a quorum queue, each confirmed, with as many in flight at most as
in the bare loop, which reads nothing and publishes the same messages, made beforehand. HTTP: a server answers after
50 ms; with so many requests in flight no more than in flight / latency can be through in a second. The hub's figures
count from its first delivery, so that its start is left out, and the climb of its limit is in.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid

from benchmarks import programs, report
from benchmarks.sinking import payload
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from hub.sdk import Event
from hub.testing.servers import kafka_server, rabbitmq_server

EVENTS = int(os.environ.get("BENCH_SINK_EVENTS", "20000"))
ROUNDS = int(os.environ.get("BENCH_SINK_ROUNDS", "3"))
IN_FLIGHT = 256
LATENCY = 0.05
HTTP_IN_FLIGHT = 50
HTTP_EVENTS = int(os.environ.get("BENCH_SINK_REQUESTS", "20000"))
MODULE = "benchmarks.sinking"


async def preload(kafka: KafkaSettings, topic: str, count: int) -> None:
    """Fills the input topic; each event has a key of its own."""
    await ensure_topics(kafka, [event_topic(topic, partitions=1)])
    async with Publisher(kafka) as publisher:
        for start in range(0, count, 5000):
            events = (_event(number) for number in range(start, min(start + 5000, count)))
            for result in await publisher.send([Record(topic, *event.to_kafka()) for event in events]):
                if isinstance(result, Exception):
                    raise result


def _event(number: int) -> Event:
    return Event(
        type="order.placed",
        source="https://shop.example/orders",
        id=str(number),
        time="2026-11-20T10:02:11Z",
        partitionkey=str(number),
        data=payload(number),
    ).checked()


async def rabbitmq(kafka: str, topic: str, url: str) -> dict[str, list[dict[str, float]]]:
    """Both candidates in turn, each with a queue of its own."""
    rounds: dict[str, list[dict[str, float]]] = {"bare_rabbitmq": [], "hub_rabbitmq": []}
    for round_ in range(ROUNDS):
        for kind, found in rounds.items():
            name = f"bench-{uuid.uuid4().hex[:8]}"
            figures = await programs.run(MODULE, kind, kafka, topic, url, name, str(EVENTS), str(IN_FLIGHT))
            found.append(figures)
            print(f"  round {round_ + 1} {kind}: {figures['events_per_s']:,.0f} events/s")
    return rounds


async def http(kafka: str, topic: str) -> list[dict[str, float]]:
    """The hub's HTTP sink, against a server of a fixed latency."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.far_side",
        str(LATENCY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    url = f"http://127.0.0.1:{int(await server.stdout.readline())}/"
    rounds = []
    for round_ in range(ROUNDS):
        name = f"bench-{uuid.uuid4().hex[:8]}"
        figures = await programs.run(MODULE, "hub_http", kafka, topic, url, name, str(HTTP_EVENTS), str(HTTP_IN_FLIGHT))
        rounds.append(figures)
        print(f"  round {round_ + 1} hub_http: {figures['events_per_s']:,.0f} events/s")
    server.stdin.close()
    await server.wait()
    return rounds


async def main() -> None:
    """Runs all candidates and reports."""
    async with kafka_server(private=True) as server, rabbitmq_server(private=True) as broker:
        topic = f"bench-{uuid.uuid4().hex[:8]}"
        print(f"sinks: {EVENTS:,} events to RabbitMQ, {HTTP_EVENTS:,} over HTTP, {ROUNDS} rounds")
        await preload(KafkaSettings(bootstrap_servers=server.url), topic, max(EVENTS, HTTP_EVENTS))
        rounds = await rabbitmq(server.url, topic, broker.url)
        requests = await http(server.url, topic)
    bare, hub, web = (programs.medians(each) for each in (*rounds.values(), requests))
    possible = HTTP_IN_FLIGHT / LATENCY
    versus = programs.ratio(rounds["hub_rabbitmq"], rounds["bare_rabbitmq"], "events_per_s")
    print()
    report.table(
        ["sink", "events/s", "CPU-s per million", "beside"],
        [
            ["bare aio-pika loop", f"{bare['events_per_s']:,.0f}", f"{bare['cpu_s_per_million']:.0f}", ""],
            ["hub to RabbitMQ", f"{hub['events_per_s']:,.0f}", f"{hub['cpu_s_per_million']:.0f}", f"{versus:.2f}"],
            [
                f"hub over HTTP, {HTTP_IN_FLIGHT} in flight at {LATENCY * 1000:g} ms",
                f"{web['events_per_s']:,.0f}",
                f"{web['cpu_s_per_million']:.0f}",
                f"{web['events_per_s'] / possible:.2f}",
            ],
        ],
    )
    report.write(
        "sinks",
        {
            "rabbitmq_events_per_s": hub["events_per_s"],
            "rabbitmq_bare_events_per_s": bare["events_per_s"],
            "rabbitmq_vs_bare": versus,
            "rabbitmq_cpu_s_per_million": hub["cpu_s_per_million"],
            "rabbitmq_bare_cpu_s_per_million": bare["cpu_s_per_million"],
            "rabbitmq_in_flight": IN_FLIGHT,
            "http_events_per_s": web["events_per_s"],
            "http_vs_possible": web["events_per_s"] / possible,
            "http_in_flight": HTTP_IN_FLIGHT,
            "http_latency_s": LATENCY,
            "events": EVENTS,
            "rounds": ROUNDS,
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
