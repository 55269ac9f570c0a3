"""Many routes on one topic: what one more costs, where they are read for together, and where each reads by itself.

The first route is `filter_map` of `benchmarks.delivery`; all others look at the payload, too, and let nothing through.
By themselves each would fetch, unpack and parse every event anew; that is measured with few routes only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile

import orjson
import uvloop

from benchmarks import programs, report
from benchmarks.delivery import Bench, Rounds
from benchmarks.loops import Clock, deployment, write
from hub.cli import collector
from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_EVENTS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
TOGETHER = (1, 2, 10, 50)
APART = (2, 10)
WARM = 20_000
"""Events until all are at work and compiled into one function: they don't count."""


def routes(source: str, target: str, count: int) -> str:
    """The schema file."""
    others = "".join(
        f'  other{n}: {{ from: {source}, start: earliest, where: data.ref == "refs/heads/none-{n}", to: {target} }}\n'
        for n in range(1, count)
    )
    return deployment("filter_map", source, [target]) + others


async def hub(kafka: KafkaSettings, source: str, target: str, events: int, count: int, *, together: bool) -> None:
    """Runs so many routes over the events and prints the figures."""
    with tempfile.TemporaryDirectory() as directory:
        write(directory, routes(source, target, count))
        runtime = Runtime(load(directory), kafka, environ={})
        units = [runtime.supervisor.units[name] for name in ("bench", *(f"other{n}" for n in range(1, count)))]
        if not together:
            for unit in units:
                unit.fused = None  # type: ignore[attr-defined]  # they are routes
        clock = Clock()
        await runtime.start()
        collector.spare()
        warm = min(WARM, events // 2)
        while any(unit.ledger.taken < warm for unit in units):  # noqa: ASYNC110  counters have no event
            await asyncio.sleep(0.002)
        clock.start(sum(unit.ledger.taken for unit in units) // count)
        while any(unit.ledger.delivered + unit.ledger.filtered.total() < events for unit in units):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        figures = clock.figures(events)
        await runtime.stop()
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")


async def main() -> None:
    """Measures, prints and writes."""
    rounds: Rounds = {}
    async with kafka_server(private=True) as server:
        bench = Bench(KafkaSettings(bootstrap_servers=server.url), server.url, EVENTS, rounds)
        print(f"fused: {EVENTS:,} events, {ROUNDS} rounds, load {report.load():.1f}")
        await bench.fill(1, [])
        for round_ in range(ROUNDS):
            for way, counts in (("together", TOGETHER), ("apart", APART)):
                for count in counts:
                    await bench.program("benchmarks.fused", way, str(count), count, round_)
    figures: dict[str, float | str] = {"events": EVENTS, "rounds": ROUNDS, "load_average": report.load()}
    rows = []
    for (way, _, count), each in rounds.items():
        middle = programs.medians(each)["cpu_s_per_million"]
        figures[f"{way}_cpu_s_per_million_{count}"] = middle
        rows.append([f"{count} routes, {way}", f"{middle:.1f}"])
    one, many = figures["together_cpu_s_per_million_1"], figures[f"together_cpu_s_per_million_{TOGETHER[-1]}"]
    assert isinstance(one, float)
    assert isinstance(many, float)
    figures["one_more_us"] = (many - one) / (TOGETHER[-1] - 1)
    print()
    report.table(["", "CPU-s per million"], rows)
    print(f"one more route: {figures['one_more_us']:.3f} µs of each event")
    report.write("fused", figures)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    way, count, bootstrap, source, target, events = sys.argv[1:7]
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    uvloop.run(hub(settings, source, target, int(events), int(count), together=way == "together"))
