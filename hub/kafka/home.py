"""The directory of an embedded Kafka: can it be used, who may start in it, and is its data directory prepared."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from hub.process import ChildProcess
from hub.sdk import EnvironmentProblem

ROOM = 256 * 2**20
"""Bytes that must be free to start: Kafka ends itself when it can't write."""

_LOCK = ".lock"
_POLL = 0.1


def prepare(directory: Path) -> None:
    """Makes the directory where it isn't there.

    Raises:
        EnvironmentProblem: it can't be made or written, or Kafka would not take its name.
    """
    if "," in str(directory):
        raise EnvironmentProblem(f"Kafka takes no directory with a comma in its name: {directory}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / _LOCK).touch()
    except OSError as error:
        raise EnvironmentProblem(
            f"Kafka's directory {directory} can't be written: {error.strerror}; name another one"
        ) from error


def check_room(directory: Path) -> None:
    """Looks whether there is room to start.

    Raises:
        EnvironmentProblem: says how much there is, and how much is needed.
    """
    free = shutil.disk_usage(directory).free
    if free < ROOM:
        raise EnvironmentProblem(
            f"{directory} has {free / 2**20:.0f} MiB free, and Kafka needs {ROOM / 2**20:.0f} MiB: "
            "free some, or name another directory"
        )


@contextlib.asynccontextmanager
async def alone(directory: Path, limit: float) -> AsyncIterator[None]:
    """One start per directory at a time; the others wait, for so many seconds at most.

    Raises:
        EnvironmentProblem: another process takes longer than that.
    """
    deadline = time.monotonic() + limit
    with (directory / _LOCK).open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise EnvironmentProblem(
                        f"another process has been starting Kafka in {directory} for over {limit:g} s"
                    ) from error
            await asyncio.sleep(_POLL)
        yield


def formatted(data: Path) -> bool:
    """Whether a data directory has its identity: the file that Kafka's tool writes last."""
    return (data / "meta.properties").exists()


def format_arguments(properties: Path) -> list[str]:
    """Main class and arguments of the tool that gives a new data directory its identity."""
    # Kafka's form of a UUID: base64 for URLs, without padding. A leading hyphen would look like an option.
    identity = "-"
    while identity.startswith("-"):
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return ["kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(properties)]


async def format_data(tool: ChildProcess, limit: float) -> None:
    """Runs that tool to its end, for so many seconds at most.

    Raises:
        EnvironmentProblem: it failed; with its words.
    """
    tool.start()
    deadline = time.monotonic() + limit
    try:
        while tool.running and time.monotonic() < deadline:  # noqa: ASYNC110  the end of a process sets no asyncio.Event
            await asyncio.sleep(_POLL)
    finally:
        tool.kill()
    if tool.returncode != 0:
        raise EnvironmentProblem(f"{tool.name} could not prepare its data directory.{tool.last_words()}")
