"""What strict JSON costs: reading an event and its data, as it came from Kafka, beside orjson that hides what is wrong.

Two payloads: a real one of GitHub of 7 kB, and one of 1 kB with many fields. All ways in turn, round by round, the best
of each, so that a busy machine bothers all alike. ``docs/adr/0009-strict-json.md`` draws the conclusions.
"""

from __future__ import annotations

import gc
import json
import timeit
from collections.abc import Callable
from typing import Any

import jiter
import orjson

from benchmarks.report import table, write
from hub.sdk import Event
from hub.sdk.event import CHECKED, Header
from hub.sdk.strictjson import parse
from hub.testing.octokit import webhook_payloads

ROUNDS = 15
CALLS = 2_000

HEADERS: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    ("ce_source", b"https://github.com/octo/hello"),
    ("ce_type", b"github.push"),
    ("ce_time", b"2026-11-20T10:02:11Z"),
    ("ce_subject", b"refs/heads/main"),
    ("ce_partitionkey", b"octo/hello"),
    ("content-type", b"application/json"),
]
Ways = dict[str, Callable[[], Any]]


def payloads() -> dict[str, bytes]:
    """A payload of each size."""
    push = next(body for name, body in webhook_payloads() if name == "push" and 6_500 < len(body) < 7_600)
    fields = {f"field_{number}": f"value number {number}" for number in range(28)}
    small = {"action": "opened", "numbers": [1, 2.5, 3], "issue": fields, "draft": False, "milestone": None}
    return {"7k": push, "1k": orjson.dumps(small)}


def events(body: bytes) -> Ways:
    """Ways of reading an event and its data."""
    spaced = json.dumps(orjson.loads(body)).encode()
    marked = [*HEADERS, CHECKED]

    def read(raw: bytes, headers: list[Header]) -> Callable[[], Any]:
        return lambda: Event.from_kafka(b"octo/hello", raw, headers).data

    return {
        "orjson alone": lambda: orjson.loads(Event.from_kafka(b"octo/hello", body, HEADERS).raw or b""),
        "checked when taken in": read(body, marked),
        "other program, compact": read(body, HEADERS),
        "other program, with spaces": read(spaced, HEADERS),
    }


def parsers(body: bytes) -> Ways:
    """Parsers by themselves."""
    spaced = json.dumps(orjson.loads(body)).encode()
    return {
        "orjson": lambda: orjson.loads(body),
        "strict, compact": lambda: parse(body),
        "strict, with spaces": lambda: parse(spaced),
        "jiter": lambda: jiter.from_json(body),
        "jiter, keys once": lambda: jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False),
        "json, keys once": lambda: json.loads(body, object_pairs_hook=_once),
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def measured(ways: Ways) -> dict[str, float]:
    """Microseconds of one call, the best of all rounds."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            best[name] = min(best[name], timeit.timeit(way, number=CALLS) / CALLS * 1e6)
    return best


async def main() -> None:
    """Measures, prints, and writes ``results/payloads.json``."""
    figures: dict[str, float] = {}
    gc.disable()
    for size, body in payloads().items():
        for title, ways in (("event and data", events(body)), ("parser", parsers(body))):
            found = measured(ways)
            first = next(iter(found.values()))
            rows = [(name, f"{value:.2f}", f"{value / first:.2f}") for name, value in found.items()]
            print(f"\n{len(body):,} bytes")
            table((title, "us", "ratio"), rows)
            for name, value in found.items():
                key = "_".join(name.replace(",", "").split())
                figures[f"{size}_{title.split()[0]}_{key}_us"] = value
                figures[f"{size}_{title.split()[0]}_{key}_ratio"] = value / first
    gc.enable()
    write("payloads", figures)
