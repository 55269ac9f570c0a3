"""Workers as processes of their own: `hub run`, with signals that nobody can catch."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from hub.kafka.settings import KafkaSettings
from hub.process import ChildProcess
from tests.chaos.scale import scaled
from tests.integration.commands import HUB, environment

START_LIMIT = scaled(90.0, 240.0)
SESSION = scaled(6.0, 10.0)
"""Seconds: a worker's session timeout; the default, and the least that there is for every change."""
SIGN = "started; SIGTERM"
"""What a worker of the hub says when it is at work."""


class Worker:
    """One process.

    Args:
        name: for people, and its log.
        command: its command line.
        directory: where its log goes.
        kafka: which cluster.
    """

    def __init__(self, name: str, command: list[str], directory: Path, kafka: KafkaSettings) -> None:
        self.name = name
        self.process = ChildProcess(
            name,
            command,
            log=directory / f"{name}.log",
            env=environment(kafka, HUB_WORKER__SESSION_TIMEOUT=f"{SESSION:g}"),
            cwd=Path.cwd(),
        )

        self.leaving = False

    @property
    def ready_now(self) -> bool:
        """Whether it is at work, and not about to end."""
        return not self.leaving and SIGN in self.log

    @property
    def log(self) -> str:
        return self.process.log.read_text(errors="replace") if self.process.log.exists() else ""

    async def ready(self, sign: str) -> None:
        """Waits until it has said that it is at work."""
        deadline = time.monotonic() + START_LIMIT
        while sign not in self.log:
            assert self.process.running, f"{self.name} ended with {self.process.returncode}:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self.log[-3000:]}"
            await asyncio.sleep(0.05)


def hub(name: str, deployment: Path, kafka: KafkaSettings) -> Worker:
    """A worker of the hub."""
    return Worker(name, [*HUB, "run", str(deployment)], deployment.parent, kafka)


def scheme_a(name: str, topic: str, deployment: Path, kafka: KafkaSettings) -> Worker:
    """A worker that does what the hub must not do; see `tests.chaos.scheme_a`."""
    command = [sys.executable, "-m", "tests.chaos.scheme_a", str(kafka.bootstrap_servers), topic]
    return Worker(name, command, deployment.parent, kafka)
