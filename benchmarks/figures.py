"""Draws the plots of docs/performance.md and writes its tables, of what benchmarks/results holds."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks import document, report
from benchmarks.partitions import PARTITIONS
from benchmarks.plot import Bar, Group, bars, line

GOAL = 12.0
"""CPU-seconds per million events of filter + map, on one partition."""
NAMES = {
    "": "the hub",
    "bare_": "bare aiokafka",
    "bare_tuned_": "bare aiokafka, tuned",
    "quix_": "Quix Streams",
    "faststream_batch_": "FastStream, batches",
    "faststream_": "FastStream",
    "faust_": "Faust",
}


async def main() -> None:
    """Draws all."""
    for name, draw in (
        ("delivery", delivery),
        ("partitions", partitions),
        ("latency", latency),
        ("memory", memory),
    ):
        path = report.RESULTS / f"{name}.json"
        if path.exists():
            draw(orjson.loads(path.read_bytes()))
    document.write()


def delivery(found: dict[str, Any]) -> None:
    """CPU of each task and program, on one partition and on eight."""
    for suffix, count, file in (
        ("", "one partition", "delivery-1"),
        ("_8_partitions", "eight partitions", "delivery-8"),
    ):
        groups = []
        for task, title in document.TITLES.items():
            each = [
                _bar(found, name, f"{prefix}{task}", suffix, ours=not prefix)
                for prefix, name in NAMES.items()
                if f"{prefix}{task}_cpu_s_per_million{suffix}" in found
            ]
            goal = GOAL if task == "filter_map" and not suffix else None
            groups.append(Group(title, each, goal))
        title = f"Processor time per million events of a kilobyte, {count}"
        note = "CPU-seconds, less is better. Long bars are cut; a line shows the least and the most of the rounds."
        bars(file, title, note, groups, most=75.0, beside="events/s")


def _bar(found: dict[str, Any], label: str, program: str, suffix: str, *, ours: bool) -> Bar:
    value, rate = found[f"{program}_cpu_s_per_million{suffix}"], found[f"{program}_events_per_s{suffix}"]
    least, most = (found.get(f"{program}_cpu_s_per_million_{end}{suffix}") for end in ("least", "most"))
    spread = None if least is None or most is None else (least, most)
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return Bar(label, value, text, f"{rate:,.0f}", ours, spread)


def partitions(found: dict[str, Any]) -> None:
    """CPU of a copy by number of partitions."""
    groups = []
    for count in PARTITIONS:
        each = [
            _bar(found, label, name, f"_{count}", ours=name == "hub")
            for name, label in (("hub", "the hub"), ("bare", "bare aiokafka"))
        ]
        groups.append(Group(f"{count} partition{'s' if count > 1 else ''}", each))
    most = max(bar.value for group in groups for bar in group.each) * 1.15
    title = "Copy on 1, 16 and 128 partitions in one worker"
    bars("partitions", title, "CPU-seconds per million events, less is better", groups, most=most, beside="events/s")


def latency(found: dict[str, Any]) -> None:
    """Percentiles at both rates."""
    groups = []
    for label, rate in (("at_rate", found["rate"]), ("at_half", found["highest_per_s"] / 2)):
        names = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"))
        values = [(text, found[f"{label}_{name}_ms"]) for name, text in names]
        groups.append(Group(f"{rate:,.0f}/s", [Bar(text, each, f"{each:,.0f} ms", ours=True) for text, each in values]))
    most = max(bar.value for group in groups for bar in group.each)
    title = "Webhook → Kafka → route → Kafka → RabbitMQ"
    bars("latency", title, "milliseconds from when a request was due to its message at a consumer", groups, most=most)


def memory(found: dict[str, Any]) -> None:
    """Memory by events."""
    title = f"Memory of a worker over {found['events']:,.0f} events"
    line("memory", title, "resident megabytes, read every second", found["samples"], axes=("events", "MB"))
