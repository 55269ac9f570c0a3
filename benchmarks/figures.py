"""Draws the plots of docs/performance.md and writes its tables, of what benchmarks/results holds."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks import document, report
from benchmarks.plot import Bar, bars, line

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
        rows: list[Bar] = []
        for task, title in document.TITLES.items():
            for prefix, name in NAMES.items():
                value = found.get(f"{prefix}{task}_cpu_s_per_million{suffix}")
                if value is not None:
                    rate = found[f"{prefix}{task}_events_per_s{suffix}"]
                    text = f"{value:.1f}   {rate:,.0f}/s"
                    rows.append(Bar(name if prefix else f"{title}: {name}", value, text, ours=not prefix))
            rows.append(Bar())
        goal = 12.0 if count == "one partition" else None
        title = f"Processor time per million events, {count}"
        note = "CPU-seconds, less is better; events per second beside it. Long bars are cut."
        bars(file, title, note, rows[:-1], most=60.0, goal=goal)


def partitions(found: dict[str, Any]) -> None:
    """CPU of a copy by number of partitions."""
    rows: list[Bar] = []
    for count in (1, 16, 128):
        for name, label in (("hub", f"{count}: the hub"), ("bare", "bare aiokafka")):
            value = found[f"{name}_cpu_s_per_million_{count}"]
            rate = found[f"{name}_events_per_s_{count}"]
            rows.append(Bar(label, value, f"{value:.1f}   {rate:,.0f}/s", ours=name == "hub"))
        rows.append(Bar())
    most = max(bar.value for bar in rows) * 1.15
    title = "Copy on 1, 16 and 128 partitions in one worker"
    bars("partitions", title, "CPU-seconds per million events, less is better", rows[:-1], most=most)


def latency(found: dict[str, Any]) -> None:
    """Percentiles at both rates."""
    rows: list[Bar] = []
    rates = (("at_rate", found["rate"]), ("at_half", found["highest_per_s"] / 2))
    for label, rate in rates:
        for name, text in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9")):
            value = found[f"{label}_{name}_ms"]
            rows.append(Bar(f"{rate:,.0f}/s, {text}", value, f"{value:,.0f} ms", ours=True))
        rows.append(Bar())
    most = max(bar.value for bar in rows) * 1.1
    title = "Webhook → Kafka → route → Kafka → RabbitMQ"
    bars(
        "latency", title, "milliseconds from when a request was due to its message at a consumer", rows[:-1], most=most
    )


def memory(found: dict[str, Any]) -> None:
    """Memory by events."""
    title = f"Memory of a worker over {found['events']:,.0f} events"
    line("memory", title, "resident megabytes, read every second", found["samples"], axes=("events", "MB"))
