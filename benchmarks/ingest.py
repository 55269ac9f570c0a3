"""Webhook ingest beside a bare ASGI application that only verifies the HMAC: CPU per request, requests per second.

Both run under uvicorn with uvloop and httptools, one process. The bare one answers when the signature is right; the hub
also normalizes, deduplicates, publishes to Kafka and waits for the acknowledgements. A client with 32 connections sends
a push event of GitHub, each request a delivery of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sys
import time
from pathlib import Path

from benchmarks import programs, report
from hub.testing.servers import kafka_server

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CONNECTIONS = 32
SECRET = "a secret for the benchmark"
BODY = Path(__file__).parent.parent / "demo" / "payloads" / "push.branch.json"


def requests(body: bytes, path: str, batch: str) -> list[bytes]:
    """Whole HTTP requests, each a delivery of its own."""
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/json\r\nUser-Agent: GitHub-Hookshot/0\r\n"
        f"X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n"
    )
    return [f"{head}X-GitHub-Delivery: {batch}-{number}\r\n\r\n".encode() + body for number in range(REQUESTS)]


async def load(port: int, messages: list[bytes]) -> float:
    """Sends all requests over the connections; the seconds that it took. Every answer must be 2xx."""
    queue = iter(messages)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in queue:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"expected 2xx; got {head.splitlines()[0]!r}")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


async def measured(name: str, bootstrap: str, batch: str) -> dict[str, float]:
    """One server, one load: its CPU per request and the rate."""
    body = BODY.read_bytes()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.bridges",
        name,
        bootstrap,
        batch,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    path = "/webhooks/github"
    await load(port, requests(body, path, f"{batch}-warm")[: REQUESTS // 10])
    messages = requests(body, path, batch)
    process.stdin.write(b"begin\n")
    await process.stdout.readline()
    seconds = await load(port, messages)
    process.stdin.write(b"end\n")
    cpu = float(await process.stdout.readline())
    process.stdin.close()
    await process.wait()
    return {"cpu_us_per_request": cpu / REQUESTS * 1e6, "requests_per_s": REQUESTS / seconds}


async def main() -> None:
    """Runs both in turn and reports."""
    rounds: dict[str, list[dict[str, float]]] = {"bare": [], "hub": []}
    size = BODY.stat().st_size
    print(f"ingest: {REQUESTS:,} requests of {size:,} bytes over {CONNECTIONS} connections, {ROUNDS} rounds")
    async with kafka_server(private=True) as server:
        for round_ in range(ROUNDS):
            for name, each in rounds.items():
                each.append(await measured(name, server.url, f"bench-{name}-{round_}"))
                print(f"  round {round_ + 1} {name}: {each[-1]['cpu_us_per_request']:.0f} µs CPU per request")
    middle = {name: programs.medians(each) for name, each in rounds.items()}
    versus = programs.ratio(rounds["hub"], rounds["bare"], "cpu_us_per_request")
    print()
    report.table(
        ["webhook bridge", "µs CPU per request", "requests/s", "CPU beside the bare one"],
        [
            [
                name,
                f"{middle[name]['cpu_us_per_request']:.0f}",
                f"{middle[name]['requests_per_s']:,.0f}",
                f"{versus if name == 'hub' else 1:.2f}",
            ]
            for name in rounds
        ],
    )
    report.write(
        "ingest",
        {
            "hub_cpu_us_per_request": middle["hub"]["cpu_us_per_request"],
            "hub_requests_per_s": middle["hub"]["requests_per_s"],
            "bare_cpu_us_per_request": middle["bare"]["cpu_us_per_request"],
            "bare_requests_per_s": middle["bare"]["requests_per_s"],
            "cpu_vs_bare": versus,
            "requests_per_s_vs_bare": programs.ratio(rounds["hub"], rounds["bare"], "requests_per_s"),
            "body_bytes": size,
            "requests": REQUESTS,
            "rounds": ROUNDS,
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
