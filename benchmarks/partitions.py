"""Many partitions in one worker: what an event costs on 1, 16 and 128 partitions, by the hub and by a bare loop.

The task is `copy` of `benchmarks.delivery`, from as many partitions to as many. The hub has one transactional producer
per route, however many partitions that has.
"""

from __future__ import annotations

import os

from benchmarks import programs, report
from benchmarks.delivery import Bench, Rounds
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_EVENTS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PARTITIONS = (1, 16, 128)
PROGRAMS = ("bare", "hub")


async def main() -> None:
    """Measures, prints and writes."""
    rounds: Rounds = {}
    async with kafka_server(private=True) as server:
        bench = Bench(KafkaSettings(bootstrap_servers=server.url), server.url, EVENTS, rounds)
        print(f"partitions: {EVENTS:,} events, {ROUNDS} rounds, load {report.load():.1f}")
        for partitions in PARTITIONS:
            await bench.fill(partitions, [])
        for round_ in range(ROUNDS):
            for partitions in PARTITIONS:
                for name in PROGRAMS:
                    await bench.own(name, "copy", partitions, round_)
    middle = {key: programs.medians(each) for key, each in rounds.items()}
    rows = []
    figures: dict[str, float | str] = {"events": EVENTS, "rounds": ROUNDS, "load_average": report.load()}
    for partitions in PARTITIONS:
        hub, bare = rounds["hub", "copy", partitions], rounds["bare", "copy", partitions]
        for name, each in (("hub", hub), ("bare", bare)):
            for figure in ("cpu_s_per_million", "events_per_s"):
                figures[f"{name}_{figure}_{partitions}"] = middle[name, "copy", partitions][figure]
            figures |= {
                f"{name}_cpu_s_per_million_least_{partitions}": min(figure["cpu_s_per_million"] for figure in each),
                f"{name}_cpu_s_per_million_most_{partitions}": max(figure["cpu_s_per_million"] for figure in each),
            }
        figures[f"hub_vs_one_partition_{partitions}"] = programs.ratio(
            hub, rounds["hub", "copy", 1], "cpu_s_per_million"
        )
        figures[f"hub_vs_bare_{partitions}"] = programs.ratio(hub, bare, "cpu_s_per_million")
        cells = [f"{figures[f'{name}_cpu_s_per_million_{partitions}']:.1f}" for name in PROGRAMS]
        cells += [f"{figures[f'hub_events_per_s_{partitions}']:,.0f}"]
        rows.append([str(partitions), *cells, f"{figures[f'hub_vs_one_partition_{partitions}']:.2f}"])
    print()
    report.table(["partitions", "bare CPU-s/million", "hub CPU-s/million", "hub events/s", "beside one"], rows)
    report.write("partitions", figures)
