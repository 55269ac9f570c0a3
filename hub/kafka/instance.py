"""Which process is the embedded Kafka of a directory: written down by whoever starts it, verified by whoever asks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.cache import written_whole

_FILE = "instance.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """An embedded Kafka that was started, and may have ended since.

    Args:
        pid: its process.
        port: for clients.
        controller_port: its own.
        started: seconds since 1970.
    """

    pid: int
    port: int
    controller_port: int
    started: float


def mark(directory: Path) -> str:
    """The argument by which the process of a directory is known."""
    return f"-Dhub.kafka.directory={directory}"


def read(directory: Path) -> Instance | None:
    """What was last written down in a directory; ``None`` if nothing that can be read."""
    try:
        return Instance(**json.loads((directory / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(directory: Path, instance: Instance) -> None:
    """Writes an instance down.

    Raises:
        EnvironmentProblem: the directory can't be written.
    """
    with written_whole(directory / _FILE) as path:
        path.write_text(json.dumps(asdict(instance)), encoding="utf-8")


def running(directory: Path) -> Instance | None:
    """The instance of a directory whose process runs and is really the one: process ids are used again."""
    instance = read(directory)
    return instance if instance is not None and mark(directory) in _arguments(instance.pid) else None


def end(instance: Instance, number: signal.Signals) -> None:
    """Sends a signal to an instance that `running` has just given."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(instance.pid, number)


def _arguments(pid: int) -> list[str]:
    """A process's command line; empty if there is no such process, or only its remains."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="surrogateescape").split("\0")
        except OSError:
            return []
    listed = subprocess.run(  # noqa: S603  fixed program and a number
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.split()
