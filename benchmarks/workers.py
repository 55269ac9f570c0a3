"""`hub run --workers 2` beside one process: a route that is busy with its expressions, on eight partitions.

The route is paused until all events lie on its topic; the clock runs from then until the last one is delivered. Both
have the machine's cores to share with the broker: where there are two of them, twice as fast is out of reach.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
import time
import uuid

import aiohttp
import orjson

from benchmarks import events, report, worker
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_WORKERS_EVENTS", "40000"))
ROUNDS = int(os.environ.get("BENCH_WORKERS_ROUNDS", "3"))
PARTITIONS = 8
LIMIT = 600.0
DEPLOYMENT = """
deployment: {name}
topics:
  {name}-in: {{ partitions: 8 }}
  {name}-out: {{ partitions: 8 }}
routes:
  busy:
    from: {name}-in
    start: earliest
    map:
      data:
        words: '= data.commits.map(c, c.message.split(" ").filter(w, size(w) > 3).map(w, w + w))'
        odd: '= data.commits.exists(c, c.message.split(" ").exists(w, data.commits.all(d, d.message.contains(w))))'
    to: {name}-out
"""


async def main() -> None:
    """Measures in turns, prints and writes."""
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    async with kafka_server(private=True) as server:
        print(f"workers: {EVENTS:,} events, {ROUNDS} rounds, load {report.load():.1f}")
        for _ in range(ROUNDS):
            for workers, each in found.items():
                each.append(await _once(server.url, workers))
                print(f"  {workers}: {EVENTS / each[-1][0]:,.0f}/s, {each[-1][1]:.1f} s of processor time", flush=True)
    rate = {workers: EVENTS / statistics.median(wall for wall, _ in each) for workers, each in found.items()}
    cpu = {workers: statistics.median(cpu for _, cpu in each) / EVENTS * 1e6 for workers, each in found.items()}
    rows = [[str(each), f"{rate[each]:,.0f}", f"{cpu[each]:.0f}"] for each in found]
    report.table(["workers", "events/s", "CPU-s per million"], rows)
    figures = {
        "events": EVENTS,
        "rounds": ROUNDS,
        "two_workers_vs_one": rate[2] / rate[1],
        "cpu_two_workers_vs_one": cpu[2] / cpu[1],
        **{f"workers_{each}_events_per_second": value for each, value in rate.items()},
        **{f"workers_{each}_cpu_s_per_million": value for each, value in cpu.items()},
        "load_average": report.load(),
    }
    report.write("workers", figures)


async def _once(url: str, workers: int) -> tuple[float, float]:
    """Seconds from the first event to the last, and seconds of processor time of all processes, starts included."""
    kafka, name = KafkaSettings(bootstrap_servers=url), f"workers-{uuid.uuid4().hex[:8]}"
    await events.make_topics(kafka, [f"{name}-in", f"{name}-out"], PARTITIONS)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as directory:
        worker.write(directory, DEPLOYMENT.format(name=name))
        process = await worker.spawn(directory, url, {"HUB_WORKER__LEAVE": "true"}, "--workers", str(workers))
        assert process.stdout is not None
        try:
            admin = orjson.loads(await process.stdout.readline())["admin"]
            async with aiohttp.ClientSession(admin) as session, asyncio.timeout(LIMIT):
                await _turn(session, "pause")
                await events.preload(kafka, f"{name}-in", EVENTS, PARTITIONS)
                began = time.perf_counter()
                await _turn(session, "resume")
                while await _delivered(session) < EVENTS:  # noqa: ASYNC110  it is another process
                    await asyncio.sleep(0.05)
                wall = time.perf_counter() - began
        finally:
            await worker.end(process)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _turn(session: aiohttp.ClientSession, verb: str) -> None:
    async with session.put(f"/connectors/busy/{verb}") as answer:
        answer.raise_for_status()


async def _delivered(session: aiohttp.ClientSession) -> int:
    """How many events the route has delivered, in all workers."""
    async with session.get("/connectors/busy/status") as answer:
        return int((await answer.json())["totals"]["delivered"])
