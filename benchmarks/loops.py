"""The measured programs of `benchmarks.delivery`: one process each, which prints its own CPU and time as JSON."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka.conn
import orjson
import uvloop

from hub.cli import collector
from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings

FAN_OUT = 5
_ROUTE = """
deployment: {name}
topics: {{ {topics} }}
routes:
  bench:
    from: {source}
    to: [{targets}]
    start: earliest
"""
_MAPPING = """\
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

STARTED = "started"
"""Said when the clock starts."""
Loop = Callable[[Any], tuple[bytes | None, bytes, list[tuple[str, bytes]]] | None]


def write(directory: str, text: str) -> None:
    """Writes a schema file."""
    Path(directory, "bench.yaml").write_text(text)


def deployment(task: str, source: str, targets: list[str]) -> str:
    """The schema file of a task; its topics are there."""
    topics = ", ".join(f"{name}: {{}}" for name in (source, *targets))
    text = _ROUTE.format(name=targets[0], topics=topics, source=source, targets=", ".join(targets))
    return text + (_MAPPING if task == "filter_map" else "")


def copy(record: Any) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]]:
    """Forwards a record as it is."""
    return record.key, record.value, list(record.headers)


def filter_map(record: Any) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]] | None:
    """The route of the task, by hand."""
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


class Clock:
    """CPU and wall seconds from the first records that were taken in; they themselves count."""

    def __init__(self) -> None:
        self._began: tuple[float, float, float] | None = None
        self._before = 0

    def start(self, before: int = 0) -> None:
        """Starts, when it is first called.

        Args:
            before: events that are done already, and so don't count.
        """
        if self._began is None:
            sys.stdout.write(f"{STARTED}\n")  # for `benchmarks.profile`
            sys.stdout.flush()
            self._began, self._before = (time.process_time(), time.perf_counter(), os.times().system), before

    def figures(self, events: int) -> dict[str, float]:
        """After so many events."""
        assert self._began is not None
        cpu, wall = time.process_time() - self._began[0], time.perf_counter() - self._began[1]
        kernel = os.times().system - self._began[2]
        measured = events - self._before
        return {
            "cpu_s_per_million": cpu / measured * 1e6,
            "kernel_s_per_million": kernel / measured * 1e6,
            "events_per_s": measured / wall,
        }


async def bare(task: str, kafka: KafkaSettings, source: str, targets: list[str], events: int) -> dict[str, float]:
    """A loop on aiokafka alone, keeping each record's partition: the least that one would write by hand."""
    function: Loop = filter_map if task == "filter_map" else copy
    clock, done = Clock(), 0
    async with (
        clients.running(clients.consumer(kafka, source, group=f"bare-{targets[0]}", auto_offset_reset="earliest")) as c,
        clients.running(clients.producer(kafka)) as producer,
    ):
        while done < events:
            batches = await c.getmany(timeout_ms=1000, max_records=2000)
            if not batches:
                continue
            clock.start()
            futures = []
            for at, records in batches.items():
                made = [each for each in map(function, records) if each is not None]
                for target in targets:
                    batch = producer.create_batch()
                    for key, value, headers in made:
                        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                            futures.append(await producer.send_batch(batch, target, partition=at.partition))
                            batch = producer.create_batch()
                            batch.append(key=key, value=value, timestamp=None, headers=headers)
                    if batch.record_count():
                        futures.append(await producer.send_batch(batch, target, partition=at.partition))
                done += len(records)
            await asyncio.gather(*futures)
            await c.commit({at: records[-1].offset + 1 for at, records in batches.items()})
        return clock.figures(events)


async def hub(task: str, kafka: KafkaSettings, source: str, targets: list[str], events: int) -> dict[str, float]:
    """The same as a route of a deployment: exactly once, with its ledger, as `hub run` does it."""
    with tempfile.TemporaryDirectory() as directory:
        write(directory, deployment(task, source, targets))
        runtime = Runtime(load(directory), kafka, environ={})
        ledger = runtime.supervisor.units["bench"].ledger
        clock = Clock()
        starting = asyncio.ensure_future(runtime.start())
        while not ledger.taken:  # noqa: ASYNC110  counters have no event
            await asyncio.sleep(0.002)
        # Those that are under way already were begun before the clock: they don't count, though their end does.
        clock.start(ledger.taken)
        await starting
        collector.spare()
        while ledger.delivered + ledger.filtered.total() < events:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.02)
        figures = clock.figures(events)
        await runtime.stop()
        return figures


async def main(name: str, task: str, bootstrap: str, source: str, targets: str, events: int) -> None:
    """Runs one candidate and prints its figures."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    if name == "bare":
        aiokafka.conn.READER_LIMIT = 2**16  # what aiokafka has by itself
    elif name == "bare_tuned":
        collector.spare()
    run = hub if name == "hub" else bare
    figures = await run(task, kafka, source, targets.split(","), events)
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    uvloop.run(main(*sys.argv[1:6], int(sys.argv[6])))
