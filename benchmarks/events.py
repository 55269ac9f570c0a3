"""What the benchmarks send: push events of GitHub, cut down to about a kilobyte with their headers."""

from __future__ import annotations

import asyncio

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from hub.sdk import Event

KEYS = 1000
"""Different keys, so that eight partitions get about as much each."""
_GONE_QUICKLY = {"file.delete.delay.ms": "1000", "segment.bytes": str(64 * 2**20)}


def payload(number: int) -> bytes:
    """JSON of 876 bytes and more; every other event passes the filter."""
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


def event(number: int) -> Event:
    """An event as the hub's sources publish it: its payload is known to be strict JSON."""
    return Event(
        type="github.push",
        source="https://github.com/octo-org/octo-repo",
        id=str(number),
        time="2026-11-20T10:02:11Z",
        partitionkey=f"k{number % KEYS}",
        data=payload(number),
    ).checked()


async def make_topics(kafka: KafkaSettings, names: list[str], partitions: int) -> None:
    """Makes topics whose files go soon after they are deleted."""
    await ensure_topics(kafka, [event_topic(name, partitions=partitions, config=_GONE_QUICKLY) for name in names])


async def preload(kafka: KafkaSettings, topic: str, events: int, partitions: int = 1) -> None:
    """Makes a topic and fills it."""
    await make_topics(kafka, [topic], partitions)
    async with Publisher(kafka) as publisher:
        for start in range(0, events, 5000):
            records = [Record(topic, *event(number).to_kafka()) for number in range(start, min(start + 5000, events))]
            for result in await publisher.send(records):
                if isinstance(result, Exception):
                    raise result


async def count(kafka: KafkaSettings, topics: list[str], limit: float = 120.0) -> int:
    """Counts the committed records of topics.

    Args:
        kafka: where they are.
        topics: their names.
        limit: seconds that it may take.
    """
    found = 0
    async with clients.running(clients.consumer(kafka, auto_offset_reset="earliest")) as reader, asyncio.timeout(limit):
        for topic in topics:
            partitions = [TopicPartition(topic, each) for each in await _partitions(reader, topic)]
            reader.assign(partitions)
            ends = await reader.end_offsets(partitions)
            while any([await reader.position(at) < ends[at] for at in partitions]):
                found += sum(map(len, (await reader.getmany(timeout_ms=200, max_records=5000)).values()))
    return found


async def _partitions(reader: AIOKafkaConsumer, topic: str) -> set[int]:
    await reader._client.add_topic(topic)  # noqa: SLF001  aiokafka learns of a topic only once it is assigned
    return set(reader.partitions_for_topic(topic) or ())
