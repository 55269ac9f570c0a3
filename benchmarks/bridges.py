"""The measured programs of `benchmarks.ingest`: a server each, which says its port and then its CPU time when asked."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from benchmarks.ingest import SECRET
from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka.settings import KafkaSettings

DEPLOYMENT = """
deployment: {name}
sources:
  deliveries:
    use: github.webhook
    with: {{ path: /webhooks/github, secret: "${{env:SECRET}}" }}
"""


async def verify(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Reads the body, checks its signature, answers."""
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    signature = dict(scope["headers"])[b"x-hub-signature-256"]
    expected = b"sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()
    status = 202 if hmac.compare_digest(signature, expected) else 401
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


@asynccontextmanager
async def bare() -> AsyncIterator[int]:
    """The bare application on a free port."""
    server = uvicorn.Server(
        uvicorn.Config(verify, port=0, access_log=False, lifespan="off", http="httptools", log_level="error")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


@asynccontextmanager
async def hub(bootstrap: str, name: str) -> AsyncIterator[int]:
    """The hub's webhook bridge on a free port."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "bench.yaml").write_text(DEPLOYMENT.format(name=name))
        settings = KafkaSettings(bootstrap_servers=bootstrap)
        runtime = Runtime(load(directory), settings, ingress=IngressSettings(port=0), environ={"SECRET": SECRET})
        await runtime.start()
        yield int(runtime.server.url.rpartition(":")[2])
        await runtime.stop()


async def main(name: str, bootstrap: str, batch: str) -> None:
    """Serves; each line on standard input is answered with the CPU seconds since the one before."""
    async with bare() if name == "bare" else hub(bootstrap, batch) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        before = time.process_time()
        while await asyncio.to_thread(sys.stdin.readline):
            now = time.process_time()
            sys.stdout.write(f"{now - before}\n")
            sys.stdout.flush()
            before = time.process_time()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    uvloop.run(main(*sys.argv[1:4]))
