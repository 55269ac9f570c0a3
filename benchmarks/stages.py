"""Where each microsecond of a route goes: its steps one by one, on events in memory, without a broker.

Each step is timed over all events several times, and the quickest counts, less what an empty loop takes. What
`delivery` measures beyond their sum is the network: sockets, requests, the transactions' ends, and the event loop.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from benchmarks import events, loops, report
from hub.deployment import load
from hub.engine.routing.mapper import Forms, read
from hub.kafka.exactly_once.writer import TransactionWriter, _Target
from hub.kafka.fetching import _batches
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event

EVENTS = 20_000
ROUNDS = int(os.environ.get("BENCH_STAGE_ROUNDS", "9"))
_AT = TopicPartition("t", 0)
_BATCH = 262_144


def fetched() -> list[bytes]:
    """Batches as a broker sends them."""
    found: list[bytes] = []
    base = 0
    builder = BatchBuilder(_BATCH, 0)
    for number in range(EVENTS):
        key, value, headers = events.event(number).to_kafka()
        if builder.append(timestamp=1, key=key, value=value, headers=headers) is None:
            found.append(base.to_bytes(8, "big") + bytes(builder._build())[8:])  # noqa: SLF001  as the producer does
            base, builder = number, BatchBuilder(_BATCH, 0)
            builder.append(timestamp=1, key=key, value=value, headers=headers)
    found.append(base.to_bytes(8, "big") + bytes(builder._build())[8:])  # noqa: SLF001  as above
    return found


def answers(batches: list[bytes], *, check: bool = True) -> Iterator[Any]:
    """The answer to a fetch for each batch."""
    at = 0
    for each in batches:
        records = PartitionRecords(_AT, MemoryRecords(each), [], at, None, None, check, READ_COMMITTED)
        records._records_iterator = None  # noqa: SLF001  a cycle, see `hub.kafka.fetching`
        yield records
        at = records.next_fetch_offset = _next(each, at)


def _next(batch: bytes, at: int) -> int:
    return at + 1 + int.from_bytes(batch[23:27], "big")  # KIP-98: last offset delta


def unpacking(batches: list[bytes], *, check: bool) -> float:
    """Microseconds per event, from an answer to records."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for answer in answers(batches, check=check):
            for _found in _batches(answer):
                pass
        best = min(best, time.process_time() - began)
    return best / EVENTS * 1e6


def step(batches: list[bytes], function: Callable[[Any], Any]) -> float:
    """Microseconds per event of a function of a record; records are fresh ones, as from a fetch."""
    best = float("inf")
    for _ in range(ROUNDS):
        spent = 0.0
        for answer in answers(batches):
            for records, _ in _batches(answer):
                began = time.process_time()
                for record in records:
                    function(record)
                spent += time.process_time() - began
        best = min(best, spent)
    return best / EVENTS * 1e6


def program(task: str) -> Callable[[Event], Any]:
    """The compiled route of a task."""
    with tempfile.TemporaryDirectory() as directory:
        loops.write(directory, loops.deployment(task, "source", ["target"]))
        return load(directory).routes["bench"].program({}).function


class _Adding:
    """Puts records into batches, without sending them."""

    def __init__(self) -> None:
        self._writer = TransactionWriter(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "id", outputs=("t",))
        self._writer._targets["t"] = _Target("t", 1 << 20, 1, _BATCH)  # noqa: SLF001  no broker tells

    def __call__(self, record: Any) -> None:
        self._writer.add("t", record.key, record.value, record.headers)
        if closed := self._writer._closed:  # noqa: SLF001  as above
            for _, _, builder in closed:
                builder._build()  # noqa: SLF001  what sending does first: the checksum
            closed.clear()


async def main() -> None:
    """Measures, prints and writes."""
    batches = fetched()
    forms = Forms().of
    form = forms(next(iter(next(_batches(next(answers(batches))))[0])).headers)  # all have the same
    copy, filter_map = program("copy"), program("filter_map")
    gc.collect()
    gc.disable()

    def event(record: Any) -> Event:
        return read(record, form)

    empty = step(batches, lambda _: None)
    whole = unpacking(batches, check=True)
    bare = unpacking(batches, check=False)
    made = step(batches, event) - empty
    parsing = step(batches, lambda record: orjson.loads(record.value)) - empty
    steps = {
        "unpacking": bare,
        "checksum_read": whole - bare,
        "form": step(batches, lambda record: forms(record.headers)) - empty,
        "event": made,
        "parsing": parsing,
        "program": step(batches, lambda record: filter_map(event(record))) - empty - made - parsing,
        "copy_program": step(batches, lambda record: copy(event(record))) - empty - made,
        "to_kafka": step(batches, lambda record: event(record).to_kafka()) - empty - made,
        "writing": step(batches, _Adding()) - empty,
    }
    gc.enable()
    report.table(["step", "µs per event"], [[name, f"{each:.2f}"] for name, each in steps.items()])
    report.write("stages", {f"{name}_us": each for name, each in steps.items()} | {"load_average": report.load()})
