"""A secret that a command gives, which takes its time, on the real Kafka."""

from __future__ import annotations

import asyncio
import sys
import time

from pydantic import SecretStr

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.sdk import Connector, Sink, SinkConfig
from tests.integration.engine import event, publish, settled

TEXT = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1 }} }}
sinks:
  quick: {{ use: safe, from: {name}.in, start: earliest, with: {{ password: x }} }}
  slow: {{ use: safe, from: {name}.in, start: earliest, with: {{ password: "${{exec:{python} wait.py}}" }} }}
"""


class SafeConfig(SinkConfig):
    """What it needs to know."""

    password: SecretStr
    """Opens it."""


class Safe(Sink[SafeConfig]):
    """Takes everything."""

    async def write(self, batch):
        return []


async def test_a_command_that_takes_a_while_holds_up_nobody_else(tmp_path, kafka, unique):
    """The loop turns while it runs, and it runs once for a start."""
    (tmp_path / "wait.py").write_text(
        "import pathlib, time; time.sleep(2); pathlib.Path('ran').open('a').write('x'); print('far')"
    )
    (tmp_path / "deployment.yaml").write_text(TEXT.format(name=unique, python=sys.executable))
    deployment = load(tmp_path, registry=Registry([Connector("safe", "Safe", sinks={"": Safe})]))
    runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
    longest, last = 0.0, time.monotonic()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    watching = asyncio.create_task(watch())
    await runtime.start()
    try:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "quick", 1)
        await settled(runtime, "slow", 1)
    finally:
        watching.cancel()
        await runtime.stop()
    assert (tmp_path / "ran").read_text() == "x"
    assert longest < 1.5, "the loop stood still"
