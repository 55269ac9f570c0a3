"""Sinks: RabbitMQ beside a bare pipelined aio-pika loop, and HTTP beside what its latency allows.

RabbitMQ: events of about 1 kB from one partition into a quorum queue, each confirmed, with as many in flight at most as
in the bare loop, which reads nothing and publishes the same messages, made beforehand. HTTP: a server answers after
50 ms; with so many requests in flight no more than in flight / latency can be through in a second, and a bare aiohttp
loop shows how much of that a client on this machine gets. The hub's figures count from its first delivery, so that its
start is left out, and the climb of its limit is in.
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


async def http(kafka: str, topic: str) -> dict[str, list[dict[str, float]]]:
    """A bare aiohttp loop and the hub's HTTP sink in turn, against a server of a fixed latency."""
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
    rounds: dict[str, list[dict[str, float]]] = {"bare_http": [], "hub_http": []}
    for round_ in range(ROUNDS):
        for kind, found in rounds.items():
            name = f"bench-{uuid.uuid4().hex[:8]}"
            figures = await programs.run(MODULE, kind, kafka, topic, url, name, str(HTTP_EVENTS), str(HTTP_IN_FLIGHT))
            found.append(figures)
            print(f"  round {round_ + 1} {kind}: {figures['events_per_s']:,.0f} events/s")
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
    bare, hub, bare_web, web = (programs.medians(each) for each in (*rounds.values(), *requests.values()))
    possible = HTTP_IN_FLIGHT / LATENCY
    versus = programs.ratio(rounds["hub_rabbitmq"], rounds["bare_rabbitmq"], "events_per_s")
    web_versus = programs.ratio(requests["hub_http"], requests["bare_http"], "events_per_s")
    print()
    report.table(
        ["sink", "events/s", "CPU-s per million", "of the bare loop", "of what is possible"],
        [
            ["bare aio-pika loop", *_shown(bare), "", ""],
            ["hub to RabbitMQ", *_shown(hub), f"{versus:.2f}", ""],
            ["bare aiohttp loop", *_shown(bare_web), "", f"{bare_web['events_per_s'] / possible:.2f}"],
            ["hub over HTTP", *_shown(web), f"{web_versus:.2f}", f"{web['events_per_s'] / possible:.2f}"],
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
            "http_bare_events_per_s": bare_web["events_per_s"],
            "http_vs_bare": web_versus,
            "http_vs_possible": web["events_per_s"] / possible,
            "http_bare_vs_possible": bare_web["events_per_s"] / possible,
            "http_cpu_s_per_million": web["cpu_s_per_million"],
            "http_bare_cpu_s_per_million": bare_web["cpu_s_per_million"],
            "http_in_flight": HTTP_IN_FLIGHT,
            "http_latency_s": LATENCY,
            "events": EVENTS,
            "rounds": ROUNDS,
        },
    )


def _shown(figures: dict[str, float]) -> tuple[str, str]:
    return f"{figures['events_per_s']:,.0f}", f"{figures['cpu_s_per_million']:.0f}"


if __name__ == "__main__":
    asyncio.run(main())
