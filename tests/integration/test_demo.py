"""The demo as its users run it: by itself, and against one process per unit, as the containers are."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from demo.stage import QUICKSTART, REPOSITORY, SECRET
from hub.deployment import load
from hub.testing.servers import kafka_server, rabbitmq_server

LAST = re.compile(
    r"ledger: received=(\d+) delivered=(\d+) filtered=(\d+) dead_lettered=(\d+) replayed=(\d+) in_flight=(\d+)\Z"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def played(*arguments: str, **environ: str) -> list[str]:
    """The lines of a demo that ended with 0; its last line is a ledger that adds up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "demo",
        *arguments,
        env={**os.environ, "GITHUB_REPO": "", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    lines = output.decode().rstrip("\n").split("\n")
    assert process.returncode == 0, output.decode()
    match = LAST.match(lines[-1])
    assert match, lines[-1]
    received, delivered, filtered, dead_lettered, replayed, in_flight = map(int, match.groups())
    assert received == delivered + filtered + dead_lettered
    assert in_flight == 0
    assert replayed == dead_lettered > 0
    assert filtered > 0
    return lines


@pytest.mark.timeout(300)
async def test_the_demo_plays_to_its_end_and_the_ledger_adds_up():
    """One command: real deliveries, a source that polls, three routes, two sinks, dead letters, a replay."""
    lines = await played()
    text = "\n".join(lines)
    assert "329 real payloads of 58 event types" in text
    assert "a small API of the demo's own" in text
    assert "403: POST" in text


@asynccontextmanager
async def unit(name: str, environ: dict[str, str]) -> AsyncIterator[None]:
    """A process that runs one unit, drained at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from hub.cli import main; main()", "run", str(QUICKSTART), "--only", name, env=environ
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 40) == 0, name


@pytest.mark.timeout(300)
async def test_the_same_demo_with_a_process_for_each_unit():
    """What docker-compose.yml puts into containers: every unit by itself, the demo attached to them."""
    async with (
        kafka_server(private=True) as kafka,
        rabbitmq_server(private=True) as rabbitmq,
        AsyncExitStack() as units,
    ):
        chat, github, ingress = free_port(), free_port(), free_port()
        environ = {
            **os.environ,
            "HUB_KAFKA__BOOTSTRAP_SERVERS": kafka.url,
            "HUB_INGRESS__PORT": str(ingress),
            "HUB_ADMIN__PORT": "0",
            "AMQP_URL": rabbitmq.url,
            "CHAT_URL": f"http://127.0.0.1:{chat}/api/post",
            "GITHUB_API_URL": f"http://localhost:{github}",
            "GITHUB_REPO": REPOSITORY,
            "GITHUB_WEBHOOK_SECRET": SECRET,
        }
        for name in load(QUICKSTART).units:
            await units.enter_async_context(unit(name, environ))
        await played(
            "--attach",
            **{
                **environ,
                "GITHUB_REPO": "",
                "DEMO_CHAT_PORT": str(chat),
                "DEMO_GITHUB_PORT": str(github),
                "DEMO_WEBHOOK_URL": f"http://127.0.0.1:{ingress}/webhooks/github",
            },
        )
