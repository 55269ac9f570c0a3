"""Routes beside a bare aiokafka copy loop: CPU-seconds per million events, and events per second.

One partition, events of about 1 kB. ``copy`` forwards every event; ``filter_map`` keeps one half and makes six fields
of each. The bare loops are what one would write by hand for the same guarantees as far as they go: read_committed,
acks=all, idempotent, offsets committed after the acknowledgements, aiokafka's batch interface.
"""

from __future__ import annotations

import asyncio
import os
import uuid

import orjson

from benchmarks import programs, report
from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from hub.sdk import Event
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_EVENTS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CANDIDATES = ("bare_copy", "hub_copy", "bare_filter_map", "hub_filter_map")


def payload(number: int) -> bytes:
    """A push event of GitHub, cut down to about a kilobyte."""
    commit = {"id": f"{number:040x}", "message": "Say what was expected and what came " * 3, "timestamp": "2026-11-20"}
    return orjson.dumps(
        {
            "ref": "refs/heads/main" if number % 2 else "refs/heads/wip",
            "deleted": False,
            "forced": False,
            "repository": {"id": 1296269, "full_name": "octo-org/octo-repo", "private": False, "language": "Python"},
            "pusher": {"name": f"user{number % 97}", "email": "user@example.com"},
            "sender": {"login": f"user{number % 97}", "id": number % 97, "type": "User"},
            "head_commit": commit,
            "commits": [commit, commit],
            "size": 2,
        }
    )


async def preload(kafka: KafkaSettings, topic: str) -> None:
    """Fills the input topic."""
    await ensure_topics(kafka, [event_topic(topic, partitions=1)])
    async with Publisher(kafka) as publisher:
        for start in range(0, EVENTS, 5000):
            records = [Record(topic, *_event(number).to_kafka()) for number in range(start, min(start + 5000, EVENTS))]
            for result in await publisher.send(records):
                if isinstance(result, Exception):
                    raise result


def _event(number: int) -> Event:
    return Event(
        type="github.push",
        source="https://github.com/octo-org/octo-repo",
        id=str(number),
        time="2026-11-20T10:02:11Z",
        partitionkey=f"k{number % 100}",
        data=payload(number),
    ).checked()


async def main() -> None:
    """Runs all candidates in turn and reports."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CANDIDATES}
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        topic = f"bench-{uuid.uuid4().hex[:8]}"
        print(f"delivery: {EVENTS:,} events of {len(payload(1)):,} bytes, {ROUNDS} rounds")
        await preload(kafka, topic)
        for round_ in range(ROUNDS):
            for name in CANDIDATES:
                out = f"{topic}-{name.replace('_', '-')}-{round_}"
                await ensure_topics(kafka, [event_topic(out, partitions=1)])
                figures = await programs.run("benchmarks.loops", name, server.url, topic, out, str(EVENTS))
                rounds[name].append(figures)
                print(f"  round {round_ + 1} {name}: {figures['cpu_s_per_million']:.1f} CPU-s/million")
                async with clients.running(clients.admin(kafka)) as admin:
                    await admin.delete_topics([out])
    report_(rounds)


def report_(rounds: dict[str, list[dict[str, float]]]) -> None:
    """Prints and writes the figures."""
    middle = {name: programs.medians(each) for name, each in rounds.items()}
    versus = {name: programs.ratio(rounds[name], rounds["bare_copy"], "cpu_s_per_million") for name in CANDIDATES}
    print()
    report.table(
        ["route", "CPU-s per million", "events/s", "CPU beside the bare copy loop"],
        [
            [
                name.replace("_", " "),
                f"{middle[name]['cpu_s_per_million']:.1f}",
                f"{middle[name]['events_per_s']:,.0f}",
                f"{versus[name]:.2f}",
            ]
            for name in CANDIDATES
        ],
    )
    figures = {
        "copy_cpu_s_per_million": middle["hub_copy"]["cpu_s_per_million"],
        "copy_events_per_s": middle["hub_copy"]["events_per_s"],
        "copy_vs_copy_loop": versus["hub_copy"],
        "filter_map_cpu_s_per_million": middle["hub_filter_map"]["cpu_s_per_million"],
        "filter_map_events_per_s": middle["hub_filter_map"]["events_per_s"],
        "filter_map_vs_copy_loop": versus["hub_filter_map"],
        "filter_map_vs_bare_filter_map": programs.ratio(
            rounds["hub_filter_map"], rounds["bare_filter_map"], "cpu_s_per_million"
        ),
        "bare_copy_cpu_s_per_million": middle["bare_copy"]["cpu_s_per_million"],
        "bare_copy_events_per_s": middle["bare_copy"]["events_per_s"],
        "bare_filter_map_cpu_s_per_million": middle["bare_filter_map"]["cpu_s_per_million"],
        "events": EVENTS,
        "rounds": ROUNDS,
    }
    report.write("delivery", figures)


if __name__ == "__main__":
    asyncio.run(main())
