"""Where the processor's time of a running route goes: py-spy looks at its process 500 times a second.

`stages` measures a route's steps one by one, without a broker; this is the whole process at work on one partition, from
its first event to its last, its sockets, event loop and transactions included. py-spy sees Python's frames: what C code
does counts for the line that has called it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson

from benchmarks import events, loops, report
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_PROFILE_EVENTS", "600000"))
TASKS = ("copy", "filter_map")
RATE = 500
REST = "event loop and receiving"
PARTS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("unpacking records", ("hub/kafka/fetching.py",)),
    ("route", ("hub/engine/routing/mapper.py", "hub/engine/routing/route.py", "hub/routes/", "<route", "hub/sdk/")),
    ("packing records", ("hub/kafka/exactly_once/writer.py", "aiokafka/producer/message_accumulator.py")),
    ("sending", ("aiokafka/producer/", "hub/kafka/exactly_once/")),
    ("fetching", ("aiokafka/consumer/", "hub/engine/reading/")),
    ("protocol and sockets", ("aiokafka/conn.py", "aiokafka/client.py", "aiokafka/protocol/", "asyncio/streams.py")),
)
"""A part's name, and the files whose frames belong to it. The innermost frame that belongs to one decides."""


async def main() -> None:
    """Measures, prints and writes."""
    spy = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if spy is None:
        print("profile: not measured, py-spy isn't installed")
        return
    figures: dict[str, float] = {}
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        print(f"profile: {EVENTS:,} events, load {report.load():.1f}")
        await events.preload(kafka, "source", EVENTS)
        for task in TASKS:
            await events.make_topics(kafka, [_output(task)], 1)
            found, parts = await _profiled(spy, task, server.url)
            figures[f"{task}_cpu_us"] = cpu = found["cpu_s_per_million"]
            figures[f"{task}_kernel_us"] = found["kernel_s_per_million"]
            total = parts.total()
            rows = []
            for name in (*(name for name, _ in PARTS), REST):
                figures[f"{task}_{name.replace(' ', '_')}_us"] = spent = cpu * parts[name] / total
                rows.append([name, f"{spent:.2f}", f"{parts[name] / total:.0%}"])
            print()
            report.table(
                [task, "µs per event", ""],
                [
                    *rows,
                    ["all", f"{cpu:.2f}", ""],
                    ["… of which in the kernel", f"{found['kernel_s_per_million']:.2f}", ""],
                ],
            )
    report.write("profile", figures | {"events": EVENTS, "load_average": report.load()})


async def _profiled(spy: str, task: str, url: str) -> tuple[dict[str, float], Counter[str]]:
    """The figures that the route gives of itself, and how often each part was seen at work."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.loops", "hub", task, url, "source", _output(task), str(EVENTS)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    with tempfile.TemporaryDirectory() as directory:
        stacks = Path(directory, "stacks")
        while (line := await process.stdout.readline()).strip() != loops.STARTED.encode():
            if not line:
                raise SystemExit(f"the route ended with exit code {await process.wait()} before it had begun")
        spying = await asyncio.create_subprocess_exec(
            *(spy, "record", "--pid", str(process.pid), "--rate", str(RATE), "--format", "raw", "--full-filenames"),
            *("--output", str(stacks)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        _, errors = await spying.communicate()
        return orjson.loads(output.splitlines()[-1]), parts_of(_read(stacks, errors))


def _read(stacks: Path, errors: bytes) -> str:
    if not stacks.exists():
        raise SystemExit(f"py-spy failed: {errors.decode(errors='replace').strip()}")
    return stacks.read_text()


def parts_of(stacks: str) -> Counter[str]:
    """Samples of each part.

    Args:
        stacks: lines of frames, outermost first, separated by ``;``, and a number of samples.
    """
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, samples = line.rpartition(" ")
        found[_part(frames.split(";"))] += int(samples)
    return found


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, files in PARTS:
            if any(file in frame for file in files):
                return name
    return REST


def _output(task: str) -> str:
    return f"out-{task.replace('_', '-')}"
