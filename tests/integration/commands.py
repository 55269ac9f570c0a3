"""The command ``hub`` as its users run it: a process of its own, signals, standard output and error."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from hub.kafka.settings import KafkaSettings

LIMIT = 60.0
HUB = [sys.executable, "-c", "from hub.cli import main; main()"]


def environment(kafka: KafkaSettings | None = None, **more: str) -> dict[str, str]:
    """Ours without the hub's own variables; ports are free ones."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_") or name == "HUB_CACHE"}
    clean |= {"HUB_ADMIN__PORT": "0", "HUB_INGRESS__PORT": "0"}
    if kafka is not None:
        clean["HUB_KAFKA__BOOTSTRAP_SERVERS"] = str(kafka.bootstrap_servers)
    return clean | more


class Command:
    """A running command, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path) -> None:
        self.process = process
        self._out, self._err = directory / "stdout", directory / "stderr"

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    async def report(self, phase: str) -> dict[str, Any]:
        """The first report of a phase on standard output."""
        async with asyncio.timeout(LIMIT):
            while True:
                for line in self.out.splitlines():
                    if (document := orjson.loads(line))["phase"] == phase:
                        return document
                assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.err}"
                await asyncio.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(LIMIT):
            while self.process.poll() is None:  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.02)
        return self.process.returncode


@asynccontextmanager
async def command(
    *arguments: str, directory: Path, env: Mapping[str, str], cwd: Path | None = None, session: bool = False
) -> AsyncIterator[Command]:
    """Runs a command; it is killed at the end if it still runs.

    Args:
        arguments: after ``hub``.
        directory: where its output goes.
        env: its whole environment.
        cwd: its working directory.
        session: whether it leads a process group of its own, as in a terminal.
    """
    process = _start(arguments, directory, env, cwd, session=session)
    try:
        yield Command(process, directory)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _start(
    arguments: Sequence[str], directory: Path, env: Mapping[str, str], cwd: Path | None, *, session: bool
) -> subprocess.Popen[bytes]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "stdout").open("wb") as out, (directory / "stderr").open("wb") as err:
        return subprocess.Popen(
            [*HUB, *arguments], stdout=out, stderr=err, env=dict(env), cwd=cwd, start_new_session=session
        )
