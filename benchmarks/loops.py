"""The measured programs of `benchmarks.delivery`: one process each, which prints its own CPU and time as JSON."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import TopicPartition

from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings

COPY = """
deployment: {name}
topics: {{ {source}: {{ partitions: 1 }}, {target}: {{ partitions: 1 }} }}
routes:
  bench:
    from: {source}
    to: {target}
    start: earliest
"""

FILTER_MAP = (
    COPY
    + """
    where: data.ref == "refs/heads/main" && !data.deleted
    map:
      type: push.seen
      data:
        repository: = data.repository.full_name
        who: = data.pusher.name
        ref: = data.ref
        message: = data.head_commit.message
        commits: = size(data.commits)
        size: |-
          = data.size > 20 ? "large" : "small"
"""
)

Loop = Callable[[Any], tuple[bytes | None, bytes, list[tuple[str, bytes]]] | None]


def copy(record: Any) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]]:
    """Forwards a record as it is."""
    return record.key, record.value, list(record.headers)


def filter_map(record: Any) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]] | None:
    """The route of `FILTER_MAP`, by hand."""
    data = orjson.loads(record.value)
    if data["ref"] != "refs/heads/main" or data["deleted"]:
        return None
    made = {
        "repository": data["repository"]["full_name"],
        "who": data["pusher"]["name"],
        "ref": data["ref"],
        "message": data["head_commit"]["message"],
        "commits": len(data["commits"]),
        "size": "large" if data["size"] > 20 else "small",
    }
    headers = [(name, b"push.seen" if name == "ce_type" else value) for name, value in record.headers]
    return record.key, orjson.dumps(made), headers


async def bare(function: Loop, kafka: KafkaSettings, source: str, target: str, events: int) -> tuple[float, float]:
    """A copy loop on aiokafka alone; CPU and wall seconds from the first record to the last commit."""
    partition, goal = TopicPartition(source, 0), TopicPartition(target, 0)
    async with (
        clients.running(clients.consumer(kafka, group=f"bare-{target}")) as consumer,
        clients.running(clients.producer(kafka)) as producer,
    ):
        consumer.assign([partition])
        consumer.seek(partition, 0)
        await consumer.getmany(timeout_ms=5000, max_records=1)
        consumer.seek(partition, 0)
        cpu, wall, done = time.process_time(), time.perf_counter(), 0
        while done < events:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
                futures = []
                batch = producer.create_batch()
                for record in records:
                    made = function(record)
                    if made is None:
                        continue
                    key, value, headers = made
                    if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                        futures.append(await producer.send_batch(batch, target, partition=goal.partition))
                        batch = producer.create_batch()
                        batch.append(key=key, value=value, timestamp=None, headers=headers)
                if batch.record_count():
                    futures.append(await producer.send_batch(batch, target, partition=goal.partition))
                await asyncio.gather(*futures)
                await consumer.commit({partition: records[-1].offset + 1})
                done += len(records)
        return time.process_time() - cpu, time.perf_counter() - wall


async def hub(text: str, kafka: KafkaSettings, source: str, target: str, events: int) -> tuple[float, float]:
    """The same as a route of a deployment; CPU and wall seconds from its start until its ledger has all events."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.yaml"
        path.write_text(text.format(name=target, source=source, target=target))
        runtime = Runtime(load(directory), kafka, environ={})
        ledger = runtime.supervisor.units["bench"].ledger
        cpu, wall = time.process_time(), time.perf_counter()
        await runtime.start()
        while ledger.delivered + ledger.filtered.total() < events:  # noqa: ASYNC110  counters have no event
            await asyncio.sleep(0.01)
        spent = time.process_time() - cpu, time.perf_counter() - wall
        await runtime.stop()
        return spent


async def main(name: str, bootstrap: str, source: str, target: str, events: int) -> None:
    """Runs one candidate and prints its figures."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    match name:
        case "bare_copy":
            cpu, wall = await bare(copy, kafka, source, target, events)
        case "bare_filter_map":
            cpu, wall = await bare(filter_map, kafka, source, target, events)
        case "hub_copy":
            cpu, wall = await hub(COPY, kafka, source, target, events)
        case _:
            cpu, wall = await hub(FILTER_MAP, kafka, source, target, events)
    figures = {"cpu_s_per_million": cpu / events * 1e6, "events_per_s": events / wall}
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    uvloop.run(main(*sys.argv[1:5], int(sys.argv[5])))
