"""``hub run`` as a child process, as people run it, with what a benchmark wants to know of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_PROGRAM = "import sys; sys.argv[0] = 'hub'; from hub.cli import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Worker:
    """A worker that runs.

    Attributes:
        process: its process.
        report: what it said of itself when it had started.
    """

    process: asyncio.subprocess.Process
    report: dict[str, Any]

    @property
    def rss(self) -> float:
        """Megabytes (10^6 bytes) of memory that it holds."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kilobytes = next(line for line in lines if line.startswith("VmRSS")).split()[1]
        return int(kilobytes) * 1024 / 1e6

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS


async def spawn(
    directory: str, bootstrap: str, environ: Mapping[str, str] | None = None, *arguments: str
) -> asyncio.subprocess.Process:
    """Starts a worker on a Kafka, with more arguments of `hub run` where given; its ports are free ones."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROGRAM,
        "run",
        directory,
        "--json",
        "--log-level",
        "warning",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ)
        | {"HUB_KAFKA__BOOTSTRAP_SERVERS": bootstrap, "HUB_INGRESS__PORT": "0", "HUB_ADMIN__PORT": "0"}
        | (environ or {}),
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Asks it to drain, and waits for that."""
    if process.returncode is None:
        process.terminate()
    await process.communicate()


@asynccontextmanager
async def running(text: str, directory: str, bootstrap: str, environ: Mapping[str, str]) -> AsyncIterator[Worker]:
    """A worker of a deployment, once all its units have started.

    Args:
        text: the schema file.
        directory: where it goes.
        bootstrap: Kafka's address.
        environ: what the schema file refers to.
    """
    write(directory, text)
    process = await spawn(directory, bootstrap, environ)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            document = b""
            while True:
                line = await process.stdout.readline()
                if not line:
                    raise SystemExit("hub run ended before it had started")
                document += line
                try:
                    report = orjson.loads(document)
                    break
                except ValueError:
                    continue  # it is printed over several lines
        yield Worker(process, report)
    finally:
        await end(process)


def write(directory: str, text: str) -> None:
    """Writes a schema file."""
    Path(directory, "bench.yaml").write_text(text)
