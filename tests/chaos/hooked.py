"""A worker that receives webhooks: ``python -m tests.chaos.hooked DIRECTORY BOOTSTRAP PORT``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka.settings import KafkaSettings
from hub.testing.scripted import Script


async def main(directory: str, bootstrap: str, port: str) -> None:
    """Receives until SIGTERM."""
    deployment = load(Path(directory), registry=Registry([Script().connector]))
    ingress = IngressSettings(port=int(port))
    runtime = Runtime(deployment, KafkaSettings.plain(bootstrap), ingress=ingress, environ={})
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await runtime.start()
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    await ended.wait()
    await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
