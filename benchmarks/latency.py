"""End to end: from a webhook's first byte to its message at a consumer of RabbitMQ, through Kafka, a route and a sink.

``hub run`` with GitHub's webhook source, a route that maps, and a sink to a quorum queue. Requests leave when they are
due, whatever became of those before (an open loop), and latency counts from when one was due: so a hub that can't keep
up is not flattered. First the highest load, by 32 connections that send as fast as they are answered; then 100 requests
a second, and half of the highest load. Pushes come from 1,000 repositories, which are the keys; those of one would be
delivered one after the other. Sender, receiver and both servers share the machine with the hub.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import orjson
import uvloop

from benchmarks import report, worker
from benchmarks.events import KEYS
from hub.testing.servers import kafka_server, rabbitmq_server

SECONDS = float(os.environ.get("BENCH_LATENCY_SECONDS", "20"))
RATE = 100
CONNECTIONS = 32
SECRET = "a secret for the benchmark"
BODY = Path(__file__).parent.parent / "demo" / "payloads" / "push.branch.json"
DEPLOYMENT = """
deployment: {name}
sources:
  deliveries:
    use: github.webhook
    with: {{ path: /hooks, secret: "${{env:SECRET}}" }}
routes:
  bench:
    from: github.push
    map:
      type: push.seen
      data: {{ number: = data.after, who: = data.pusher.name, repository: = data.repository.full_name }}
    to: queue
sinks:
  queue:
    use: rabbitmq
    with:
      url: "${{env:AMQP_URL}}"
      queue: {name}
"""


class Sender:
    """Sends pushes, each with a number of its own, over connections that stay open."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._body = orjson.loads(BODY.read_bytes())
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.number = 0
        self.due: dict[int, float] = {}
        """When each number was due."""

    async def open(self) -> None:
        """Connects."""
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection(self._host, self._port))

    async def send(self, due: float) -> None:
        """Sends one request and waits for its answer, which must be 2xx."""
        self.number += 1
        number = self.number
        self.due[number] = due
        self._body["after"] = f"{number:040x}"
        self._body["repository"]["full_name"] = f"octo-org/repository-{number % KEYS}"
        body = orjson.dumps(self._body)
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            "POST /hooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
            f"X-GitHub-Delivery: {uuid.uuid4()}\r\nX-Hub-Signature-256: sha256={signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await self._free.get()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 20"):
            raise SystemExit(f"expected 2xx; got {answer.splitlines()[0]!r}")
        await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        self._free.put_nowait((reader, writer))

    async def flood(self, seconds: float) -> None:
        """Sends as fast as requests are answered."""
        until = time.perf_counter() + seconds

        async def one() -> None:
            while (now := time.perf_counter()) < until:
                await self.send(now)

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))

    async def pace(self, rate: float, seconds: float) -> None:
        """Sends at a rate, whatever becomes of the requests before."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for index in range(int(rate * seconds)):
                due = began + index / rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                tasks.create_task(self.send(due))


class Receiver:
    """Consumes the queue, and notes when each number came first."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}

    async def take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """A message came."""
        self.came.setdefault(int(orjson.loads(message.body)["number"], 16), time.perf_counter())

    async def until(self, number: int, limit: float = 120.0) -> None:
        """Waits until so many have come."""
        async with asyncio.timeout(limit):
            while len(self.came) < number:  # noqa: ASYNC110  a counter has no event
                await asyncio.sleep(0.02)


async def main() -> None:
    """Measures, prints and writes; under uvloop, or the benchmark would be slower than what it measures."""
    await asyncio.to_thread(uvloop.run, _main())


async def _main() -> None:
    name = f"latency-{uuid.uuid4().hex[:8]}"
    figures: dict[str, float] = {"rate": RATE, "seconds": SECONDS}
    print(f"latency: load {report.load():.1f}")
    async with kafka_server(private=True) as kafka, rabbitmq_server(private=True) as rabbitmq:
        environ = {"SECRET": SECRET, "AMQP_URL": rabbitmq.url}
        with tempfile.TemporaryDirectory() as directory:
            async with worker.running(DEPLOYMENT.format(name=name), directory, kafka.url, environ) as child:
                address = urlsplit(child.report["ingress"])
                sender, receiver = Sender(address.hostname or "", address.port or 0), Receiver()
                await sender.open()
                connection = await aio_pika.connect(rabbitmq.url)
                channel = await connection.channel()
                queue = await channel.get_queue(name, ensure=False)
                await queue.consume(receiver.take, no_ack=True)
                await sender.pace(RATE, 3)  # all is compiled, connected and known
                await receiver.until(sender.number)
                figures["highest_per_s"] = await _highest(sender, receiver)
                figures |= await _paced("at_rate", RATE, sender, receiver)
                figures |= await _paced("at_half", figures["highest_per_s"] / 2, sender, receiver)
                await connection.close()
    rows = [
        [f"{rate:,.0f}/s", f"{figures[f'{label}_p50_ms']:.0f} ms", f"{figures[f'{label}_p99_ms']:.0f} ms"]
        for label, rate in (("at_rate", RATE), ("at_half", figures["highest_per_s"] / 2))
    ]
    print(f"highest load: {figures['highest_per_s']:,.0f}/s end to end")
    report.table(["webhook → Kafka → route → Kafka → RabbitMQ", "p50", "p99"], rows)
    report.write("latency", figures | {"load_average": report.load()})


async def _highest(sender: Sender, receiver: Receiver) -> float:
    """Events per second that come out at the end while as many go in as are taken."""
    before, began = sender.number, time.perf_counter()
    await sender.flood(SECONDS / 2)
    await receiver.until(sender.number)
    return (sender.number - before) / (max(receiver.came.values()) - began)


async def _paced(label: str, rate: float, sender: Sender, receiver: Receiver) -> dict[str, float]:
    first = sender.number + 1
    await sender.pace(rate, SECONDS)
    await receiver.until(sender.number)
    spent = [receiver.came[number] - sender.due[number] for number in range(first, sender.number + 1)]
    cuts = statistics.quantiles(spent, n=1000, method="inclusive")
    percentiles = {"p50": cuts[499], "p90": cuts[899], "p99": cuts[989], "p999": cuts[998], "most": max(spent)}
    return {f"{label}_{name}_ms": each * 1000 for name, each in percentiles.items()}
