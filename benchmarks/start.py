"""From ``hub run`` to the first event delivered: the whole process, Python's start and imports included.

An event waits on the route's topic; the clock stops when a reader of committed records has what the route made of it.
``first`` is a deployment that Kafka has never seen, so topics are made; ``again`` is the same one started once more,
which is what a deploy or a crash costs. ``imports`` is a process that imports what ``hub run`` does, and ends: what of
the start is Python's, and not Kafka's.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
import uuid

from aiokafka import TopicPartition

from benchmarks import events, report, worker
from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

ROUNDS = int(os.environ.get("BENCH_START_ROUNDS", "7"))
DEPLOYMENT = """
deployment: {name}
topics: {{ {name}-in: {{ partitions: 1 }}, {name}-out: {{ partitions: 1 }} }}
routes:
  bench:
    from: {name}-in
    where: data.ref == "refs/heads/main"
    map: {{ data: {{ who: = data.pusher.name }} }}
    to: {name}-out
    start: earliest
"""


async def main() -> None:
    """Measures, prints and writes."""
    seconds: dict[str, list[float]] = {"first": [], "again": []}
    cpus: dict[str, list[float]] = {"first": [], "again": []}
    imports: list[tuple[float, float]] = []
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        print(f"start: {ROUNDS} rounds, load {report.load():.1f}")
        for _ in range(ROUNDS):
            name = f"start-{uuid.uuid4().hex[:8]}"
            await events.make_topics(kafka, [f"{name}-in", f"{name}-out"], 1)
            imports.append(await _imports())
            with tempfile.TemporaryDirectory() as directory:
                worker.write(directory, DEPLOYMENT.format(name=name))
                for kind, each in seconds.items():
                    wall, cpu = await _once(kafka, server.url, directory, name)
                    each.append(wall)
                    cpus[kind].append(cpu)
                    print(f"  {kind}: {wall:.2f} s, of which {cpu:.2f} s of processor time", flush=True)
    middle = {kind: statistics.median(each) for kind, each in seconds.items()}
    report.table(
        ["start to first delivered event", "median"],
        [
            *([kind, f"{each:.2f} s"] for kind, each in middle.items()),
            ["imports alone", f"{statistics.median(wall for wall, _ in imports):.2f} s"],
        ],
    )
    figures = {f"{kind}_start_seconds": each for kind, each in middle.items()}
    best = {f"{kind}_start_seconds_least": min(each) for kind, each in seconds.items()}
    best |= {f"{kind}_start_seconds_most": max(each) for kind, each in seconds.items()}
    processor = {f"{kind}_start_cpu_seconds": statistics.median(each) for kind, each in cpus.items()}
    for index, unit in enumerate(("seconds", "cpu_seconds")):
        figures[f"imports_{unit}"] = statistics.median(each[index] for each in imports)
    report.write("start", {**figures, **best, **processor, "rounds": ROUNDS, "load_average": report.load()})


async def _imports() -> tuple[float, float]:
    """Seconds, and seconds of processor time, of a process that imports what ``hub run`` does."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    program = "import gc; gc.disable(); import hub.cli.run"  # as the command does
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    if await process.wait():
        raise SystemExit("hub.cli.run can't be imported")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


async def _once(kafka: KafkaSettings, url: str, directory: str, name: str) -> tuple[float, float]:
    """Seconds from the process's start until its first event is there, and seconds of processor time that it took."""
    partition = TopicPartition(f"{name}-out", 0)
    async with Publisher(kafka) as publisher, clients.running(clients.consumer(kafka)) as reader:
        await publisher.send([Record(f"{name}-in", *events.event(1).to_kafka())])
        reader.assign([partition])
        await reader.seek_to_end(partition)
        await reader.position(partition)
        waiting = asyncio.ensure_future(reader.getone())
        began = time.perf_counter()
        process = await worker.spawn(directory, url)
        try:
            async with asyncio.timeout(60):
                await waiting
            return time.perf_counter() - began, worker.Worker(process, {}).cpu
        finally:
            await worker.end(process)
