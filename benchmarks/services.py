"""Requests through a service's policies, beside the same requests by bare aiohttp in the same process and run.

The far side is a process of its own that answers at once with 1 kB of JSON and the headers of a rate limit. Four ways
to ask it the same, with the same headers, take turns: aiohttp's session alone, a service that declares nothing, one
with every policy (each URL is new, so that the cache is asked and filled, and gives nothing), and one whose cache holds
the answers. Turns are short, and compared with those beside them, as what else the machine does changes; besides the
time that passes, the processor's time of this process is told.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import cast

import aiohttp
import uvloop

from benchmarks import report
from hub.cli.collector import spare
from hub.sdk import ServiceConfig
from hub.services import HttpService

REQUESTS = int(os.environ.get("BENCH_SERVICES_REQUESTS", "320"))
ROUNDS = int(os.environ.get("BENCH_SERVICES_ROUNDS", "100"))
CONCURRENCY = 16
HEADERS = {"authorization": "Bearer benchmark", "user-agent": "integration-hub", "accept": "application/json"}

ALL = {
    "auth": {"token": "benchmark"},
    "cache": {"ttl": "1m", "max_entries": 1000},
    "retry": {},
    "circuit_breaker": {},
    "rate_limit": {
        "count": 1_000_000,
        "interval": "1s",
        "endpoints": [{"match": "GET /items/*", "count": 1_000_000, "interval": "1s", "algorithm": "sliding_window"}],
    },
    "fallback": [{"match": "/items/*", "value": None}],
}
_WARM = 5  # turns that aren't counted
_BODY = b'{"id": 1, "text": "' + b"x" * 1000 + b'"}'
_ANSWER = (
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Sat, 21 Nov 2026 12:00:00 GMT\r\netag: "1"\r\n'
    b"x-ratelimit-limit: 1000000\r\nx-ratelimit-remaining: 999999\r\nx-ratelimit-reset: 60\r\n"
    b"content-length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)

Ask = Callable[[int], Awaitable[None]]


class _FarSide(asyncio.Protocol):
    """Answers requests without a body, which may come in pieces."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        self._transport.write(_ANSWER * len(requests))


async def main() -> None:
    """Measures, prints and writes, on the event loop that workers use."""
    await asyncio.to_thread(uvloop.run, _measure())


async def _measure() -> None:
    spare()  # as `hub run` does
    server = subprocess.Popen(  # noqa: ASYNC220  starts once
        [sys.executable, "-m", "benchmarks.services"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        await _compare(url)
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


async def _compare(url: str) -> None:
    plain = HttpService("plain", ServiceConfig(base_url=url))
    full = HttpService("full", ServiceConfig(base_url=url, **ALL))
    kept = HttpService("kept", ServiceConfig(base_url=url, **ALL))
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session, plain, full, kept:

        async def bare(number: int) -> None:
            async with session.get(f"{url}/items/{number}") as answer:
                await answer.read()

        def by(service: HttpService, most: int = sys.maxsize) -> Ask:
            async def ask(number: int) -> None:
                await service.request("GET", f"/items/{number % most}")

            return ask

        ways = {"bare": bare, "no_policy": by(plain), "all_policies": by(full), "cache_hit": by(kept, 100)}
        numbers = itertools.count()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        processor: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(-_WARM, ROUNDS):
            for name, ask in ways.items():
                wall, cpu = await _round(ask, numbers)
                if turn >= 0:
                    seconds[name].append(wall)
                    processor[name].append(cpu)
    _report(seconds, processor)


async def _round(ask: Ask, numbers: itertools.count[int]) -> tuple[float, float]:
    async def worker() -> None:
        for _ in range(REQUESTS // CONCURRENCY):
            await ask(next(numbers))

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return time.perf_counter() - wall, time.process_time() - cpu


def _report(seconds: dict[str, list[float]], processor: dict[str, list[float]]) -> None:
    count = REQUESTS // CONCURRENCY * CONCURRENCY
    rates = {name: count / statistics.median(each) for name, each in seconds.items()}
    micros = {name: statistics.median(each) / count * 1e6 for name, each in processor.items()}
    ratios, spent = _ratios(seconds), _ratios(processor)
    titles = {
        "bare": "aiohttp alone",
        "no_policy": "a service without policies",
        "all_policies": "with every policy",
        "cache_hit": "from its cache",
    }
    rows = [
        (titles[name], f"{rates[name]:,.0f}", f"{ratios[name]:.2f}", f"{micros[name]:,.0f}", f"{spent[name]:.2f}")
        for name in titles
    ]
    report.table(("", "requests/s", "to aiohttp alone", "CPU µs each", "aiohttp alone to it"), rows)
    report.write(
        "services",
        {
            "requests": count * ROUNDS,
            "concurrency": CONCURRENCY,
            **{f"{name}_per_second": rate for name, rate in rates.items()},
            **{f"{name}_cpu_microseconds": each for name, each in micros.items()},
            "no_policy_vs_bare_transport": ratios["no_policy"],
            "vs_bare_transport": ratios["all_policies"],
            "vs_bare_transport_by_cpu": spent["all_policies"],
        },
    )


def _ratios(measured: dict[str, list[float]]) -> dict[str, float]:
    """How much less aiohttp alone took, turn by turn."""
    return {
        name: statistics.median(bare / other for bare, other in zip(measured["bare"], each, strict=True))
        for name, each in measured.items()
    }


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_FarSide, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())
