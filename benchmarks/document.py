"""The tables of docs/performance.md, made of benchmarks/results, so that the document can't tell old figures.

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; ``python -m benchmarks figures`` writes it anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks import profile, report
from benchmarks.partitions import PARTITIONS

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results"
TITLES = {"copy": "copy", "filter_map": "filter + map", "fan_out": "fan-out to five"}
NAMES = {
    "": "**the hub**",
    "bare_": "bare aiokafka loop",
    "bare_tuned_": "bare aiokafka loop, tuned",
    "quix_": "Quix Streams",
    "faststream_batch_": "FastStream, batches",
    "faststream_": "FastStream",
    "faust_": "Faust",
}
_BLOCK = re.compile(r"(<!-- figures: ([a-z0-9_-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_CPU = "cpu_s_per_million"
Figures = Mapping[str, Any]


def rendered(text: str, results: Path = RESULTS) -> str:
    """The document with its tables made anew; one whose figures aren't there stays as it is.

    Raises:
        KeyError: it asks for a table that nobody makes.
    """

    def block(found: re.Match[str]) -> str:
        file, table = TABLES[found[2]]
        path = results / f"{file}.json"
        if not path.exists():
            return found[0]
        return f"{found[1]}{table(orjson.loads(path.read_bytes()))}\n{found[4]}"

    return _BLOCK.sub(block, text)


def delivery(found: Figures, suffix: str = "") -> str:
    """CPU and rate of each program and task."""
    rows = []
    for prefix, name in NAMES.items():
        if f"{prefix}copy_{_CPU}{suffix}" not in found:
            continue
        cells = [name]
        for task in TITLES:
            cpu = found.get(f"{prefix}{task}_{_CPU}{suffix}")
            rate = found.get(f"{prefix}{task}_events_per_s{suffix}")
            cells.append(
                "none"
                if cpu is None or rate is None
                else f"{_number(cpu)} ({_spread(found, f'{prefix}{task}_{_CPU}', suffix)}) · {rate:,.0f}/s"
            )
        rows.append(cells)
    return _table(["CPU-s per million (least to most) · events/s", *TITLES.values()], rows)


def ratios(found: Figures) -> str:
    """The hub beside the bare loops: medians of the rounds' ratios."""
    rows = []
    for suffix, count in (("", 1), ("_8_partitions", 8)):
        for task, title in TITLES.items():
            beside = [
                found.get(f"{task}_{name}{suffix}")
                for name in ("vs_copy_loop", f"vs_bare_{task}", f"vs_bare_tuned_{task}")
            ]
            rows.append(
                [f"{title}, {_partitions(count)}", *("none" if each is None else f"{each:.2f}" for each in beside)]
            )
    return _table(["CPU of the hub beside", "bare copy", "bare, same task", "tuned, same task"], rows)


def stages(found: Figures) -> str:
    """The steps of a route."""
    names = {
        "unpacking": ("records out of a fetched batch", "both"),
        "checksum_read": ("checking the batch's CRC-32C", "both"),
        "form": ("which headers there are, and so what can be skipped", "both"),
        "event": ("a record's headers and payload as an event", "both"),
        "parsing": ("JSON, by orjson", "filter + map"),
        "program": ("the compiled route: predicate, six fields, JSON again", "filter + map"),
        "copy_program": ("the compiled route: forward", "copy"),
        "to_kafka": ("an event as key, value and headers", "both"),
        "writing": ("records into a batch, and its CRC-32C", "both; half as often in filter + map"),
    }
    rows = [[text, where, f"{found[f'{name}_us']:.2f}"] for name, (text, where) in names.items()]
    return _table(["step", "in", "µs"], rows)


def profiled(found: Figures) -> str:
    """Where the time of the whole process goes."""
    names = {**{name: _key(name) for name, _ in profile.PARTS}, profile.REST: _key(profile.REST)}
    tasks = profile.TASKS
    rows = []
    for name, key in names.items():
        spent = [found[f"{task}_{key}_us"] for task in tasks]
        shares = [each / found[f"{task}_cpu_us"] for each, task in zip(spent, tasks, strict=True)]
        rows.append([name, *(f"{each:.1f} ({share:.0%})" for each, share in zip(spent, shares, strict=True))])
    rows.append(["all", *(f"{found[f'{task}_cpu_us']:.1f}" for task in tasks)])
    rows.append(["of it in the kernel", *(f"{found[f'{task}_kernel_us']:.1f}" for task in tasks)])
    return _table(["µs per event", *(TITLES[task] for task in tasks)], rows)


def partitions(found: Figures) -> str:
    """Copies on several numbers of partitions."""
    rows = []
    for count in PARTITIONS:
        cells = [
            f"{found[f'{name}_{_CPU}_{count}']:.1f} ({_spread(found, f'{name}_{_CPU}', f'_{count}')})"
            f" · {found[f'{name}_events_per_s_{count}']:,.0f}/s"
            for name in ("hub", "bare")
        ]
        rows.append([str(count), *cells, f"{found[f'hub_vs_one_partition_{count}']:.2f}"])
    return _table(["partitions", "**the hub**", "bare aiokafka loop", "the hub beside itself on one"], rows)


def fused(found: Figures) -> str:
    """Many routes on one topic, read for together or not."""
    counts = sorted({int(name.rpartition("_")[2]) for name in found if name.startswith("together_")})
    rows = []
    for count in counts:
        ways = [found.get(f"{way}_{_CPU}_{count}") for way in ("together", "apart")]
        rows.append([str(count), *("not measured" if each is None else f"{each:.1f}" for each in ways)])
    table = _table(["routes on one topic", "CPU-s per million", "each by itself"], rows)
    return f"{table}\n\nOne more route that lets nothing through: {found['one_more_us']:.2f} µs of each event."


def workers(found: Figures) -> str:
    """One process, and two."""
    rows = [
        [
            str(count),
            f"{found[f'workers_{count}_events_per_second']:,.0f}",
            f"{found[f'workers_{count}_{_CPU}']:,.0f}",
        ]
        for count in (1, 2)
    ]
    return _table(["workers", "events/s", "CPU-s per million"], rows)


def latency(found: Figures) -> str:
    """Percentiles."""
    rows = []
    for label, rate in (("at_rate", found["rate"]), ("at_half", found["highest_per_s"] / 2)):
        cells = [f"{found[f'{label}_{name}_ms']:,.0f} ms" for name in ("p50", "p90", "p99", "p999")]
        rows.append([f"{rate:,.0f}/s", *cells])
    note = f"Highest load that came out at the end: {found['highest_per_s']:,.0f}/s."
    return f"{_table(['load', 'p50', 'p90', 'p99', 'p99.9'], rows)}\n\n{note}"


def ingest(found: Figures) -> str:
    """Taking in a webhook, beside a server that only checks its signature."""
    rows = []
    for name, text in (("hub", "**the hub**"), ("bare", "bare ASGI application on uvicorn")):
        rows.append([text, f"{found[f'{name}_cpu_us_per_request']:,.0f}", f"{found[f'{name}_requests_per_s']:,.0f}"])
    return _table(["webhooks, one process", "CPU, µs per request", "requests/s"], rows)


def start(found: Figures) -> str:
    """Seconds to the first event."""
    rows = []
    for kind, name in (("first", "a deployment that Kafka has never seen"), ("again", "the same, once more")):
        wall = f"{found[f'{kind}_start_seconds']:.2f} s"
        least, most = found[f"{kind}_start_seconds_least"], found[f"{kind}_start_seconds_most"]
        rows.append([name, wall, f"{least:.2f} to {most:.2f} s", f"{found[f'{kind}_start_cpu_seconds']:.2f} s"])
    rows.append(["imports alone", f"{found['imports_seconds']:.2f} s", "", f"{found['imports_cpu_seconds']:.2f} s"])
    return _table(["", "median", "least to most", "processor time"], rows)


def memory(found: Figures) -> str:
    """Megabytes over millions of events."""
    rows = [
        ["mean after the first fifth", f"{found['mb_mean']:.1f} MB"],
        ["least and most", f"{found['mb_least']:.1f} and {found['mb_most']:.1f} MB: ± {found['spread']:.1%}"],
        ["second half of these beside the first", f"{found['growth']:+.1%}"],
        ["events per second, fed by the same machine", f"{found['events_per_s']:,.0f}"],
    ]
    return _table([f"{found['events']:,.0f} events", ""], rows)


def sinks(found: Figures) -> str:
    """Each sink beside a bare loop of its client."""
    rows = []
    for sink, bare, name in (("rabbitmq", "aio-pika", "RabbitMQ"), ("http", "aiohttp", "HTTP")):
        for prefix, title in ((f"{sink}_bare", f"bare {bare} loop"), (sink, f"**the hub**, {name}")):
            versus = found[f"{sink}_vs_bare"] if prefix == sink else None
            possible = found.get(f"{prefix}_vs_possible")
            shares = ["" if share is None else f"{share:.2f}" for share in (versus, possible)]
            rows.append([title, f"{found[f'{prefix}_events_per_s']:,.0f}", f"{found[f'{prefix}_{_CPU}']:.0f}", *shares])
    return _table(["", "events/s", "CPU-s per million", "of the bare loop", "of what the latency allows"], rows)


def machine(found: Figures) -> str:
    """What `delivery` was measured on."""
    versions = ", ".join(f"{name} {found[f'version_{name}']}" for name in ("aiokafka", "orjson", "uvloop"))
    return (
        f"{found['processor']}, {found['cores']:.0f} cores, {found['system']}; Python {found['python']}, {versions}; "
        f"{found['events']:,.0f} events, {found['rounds']:.0f} rounds, on {found['measured_at'][:10]}; "
        f"load average at the end {found['load_average']:.1f}."
    )


def _eight(found: Figures) -> str:
    return delivery(found, "_8_partitions")


TABLES: Mapping[str, tuple[str, Callable[[Figures], str]]] = {
    "machine": ("delivery", machine),
    "delivery": ("delivery", delivery),
    "delivery-8": ("delivery", _eight),
    "ratios": ("delivery", ratios),
    "stages": ("stages", stages),
    "profile": ("profile", profiled),
    "partitions": ("partitions", partitions),
    "fused": ("fused", fused),
    "workers": ("workers", workers),
    "latency": ("latency", latency),
    "ingest": ("ingest", ingest),
    "start": ("start", start),
    "memory": ("memory", memory),
    "sinks": ("sinks", sinks),
}
"""A table's name, the file of results that it is made of, and what makes it."""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _spread(found: Figures, name: str, suffix: str) -> str:
    least, most = found.get(f"{name}_least{suffix}"), found.get(f"{name}_most{suffix}")
    return "one round" if least is None or most is None else f"{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"


def _key(name: str) -> str:
    return name.replace(" ", "_")


def write() -> None:
    """Writes the tables of the document anew."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(rendered(text, report.RESULTS))
    print(f"tables written to docs/{DOCUMENT.name}")
