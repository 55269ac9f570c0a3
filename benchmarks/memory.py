"""Memory over millions of events: a worker must hold as much after ten million as after the first two.

``hub run`` with a route that filters and maps, fed as fast as it goes; its resident memory is read every second. The
topics keep little, so that the disk isn't filled. `make bench` runs a million; ``make bench-memory`` the ten million.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks import events, report, worker
from benchmarks.loops import deployment
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_MEMORY_EVENTS", "1000000"))
PARTITIONS = 3
WARM = 0.2
"""Share of the events after which memory must no longer grow: buffers and caches are full then."""
AHEAD = 100_000
"""Events that may wait: with more, the disk would fill."""
_SHORT = {
    "retention.bytes": str(256 * 2**20),
    "segment.bytes": str(64 * 2**20),
    "retention.ms": "120000",
    "file.delete.delay.ms": "1000",
}


async def main() -> None:
    """Runs, prints and writes."""
    samples: list[tuple[int, float]] = []
    name = f"memory-{uuid.uuid4().hex[:8]}"
    source, target = f"{name}-in", f"{name}-out"
    print(f"memory: {EVENTS:,} events, load {report.load():.1f}")
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        topics = [event_topic(each, partitions=PARTITIONS, config=_SHORT) for each in (source, target)]
        await ensure_topics(kafka, topics)
        text = deployment("filter_map", source, [target])
        with tempfile.TemporaryDirectory() as directory:
            async with worker.running(text, directory, server.url, {}) as child:
                began = time.perf_counter()
                feeding = asyncio.create_task(_feed(kafka, source, samples))
                await _watch(kafka, source, name, child, samples)
                await feeding
                seconds, cpu = time.perf_counter() - began, child.cpu
    _report(samples, seconds, cpu)


async def _feed(kafka: KafkaSettings, topic: str, samples: list[tuple[int, float]]) -> None:
    """Sends the events, no further ahead than `AHEAD`: batches that were made once, again and again."""
    records = [events.event(number).to_kafka() for number in range(200)]
    async with clients.running(clients.producer(kafka)) as producer:
        sent = 0
        while sent < EVENTS:
            while sent - (samples[-1][0] if samples else 0) > AHEAD:  # noqa: ASYNC110  a pace, not an event
                await asyncio.sleep(0.05)
            futures = []
            for partition in range(PARTITIONS):
                batch: BatchBuilder = producer.create_batch()
                for key, value, headers in records[: min(100, EVENTS - sent)]:
                    batch.append(key=key, value=value, timestamp=None, headers=headers)
                sent += batch.record_count()
                if batch.record_count():
                    futures.append(await producer.send_batch(batch, topic, partition=partition))
            await asyncio.gather(*futures)


async def _watch(
    kafka: KafkaSettings, topic: str, name: str, child: worker.Worker, samples: list[tuple[int, float]]
) -> None:
    """Takes a sample each second, until the group has committed all events."""
    group = f"{name}-out.bench"
    async with clients.running(clients.consumer(kafka, group=group)) as reader:
        reader.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        done = 0
        while done < EVENTS:
            await asyncio.sleep(1)
            if child.process.returncode is not None:
                raise SystemExit(f"hub run ended with exit code {child.process.returncode}")
            done = await _committed(reader)
            samples.append((done, child.rss))
            if len(samples) % 10 == 0:
                print(f"  {done:,} events, {samples[-1][1]:.1f} MB", flush=True)


async def _committed(reader: AIOKafkaConsumer) -> int:
    positions = [await reader.committed(partition) for partition in reader.assignment()]
    return sum(each or 0 for each in positions)


def _report(samples: list[tuple[int, float]], seconds: float, cpu: float) -> None:
    warm = [each for each in samples if each[0] >= EVENTS * WARM]
    megabytes = [each for _, each in warm]
    middle = sum(megabytes) / len(megabytes)
    half = len(warm) // 2
    early, late = (sum(each) / len(each) for each in (megabytes[:half] or megabytes, megabytes[half:]))
    figures: dict[str, float | str | list[list[float]]] = {
        "events": EVENTS,
        "seconds": seconds,
        "events_per_s": EVENTS / seconds,
        "cpu_s_per_million": cpu / EVENTS * 1e6,
        "mb_mean": middle,
        "mb_least": min(megabytes),
        "mb_most": max(megabytes),
        "spread": (max(megabytes) - min(megabytes)) / 2 / middle,
        "growth": late / early - 1,
        "load_average": report.load(),
        "samples": [[count, each] for count, each in samples[:: max(1, len(samples) // 200)]],
    }
    rows = [
        ["memory, mean after the first fifth", f"{middle:.1f} MB"],
        ["least and most", f"{min(megabytes):.1f} to {max(megabytes):.1f} MB"],
        ["second half beside the first", f"{late / early - 1:+.1%}"],
    ]
    report.table([f"{EVENTS:,} events", ""], rows)
    report.write("memory" if EVENTS >= 10_000_000 else "memory_short", figures)
