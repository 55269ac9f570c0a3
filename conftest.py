"""Gives all tests, the hub's and the connectors', the same fixtures, and sees that they leave nothing running."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["hub.testing.fixtures"]


def pytest_configure() -> None:
    """Takes Ctrl-C as it is meant: what a shell starts in the background ignores it, and so would all that we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    """Fails the run if a child process is still there after everything else has been put away."""
    yield
    left = [f"process {pid}: {command}" for pid, command in _children() if command]
    assert not left, f"left running: {'; '.join(left)}"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands set up logging for the whole process, and tests call them within theirs."""
    root = logging.getLogger()
    names = ["", "hub", "aiokafka", "aio_pika", "aiormq", "aiohttp", "jgo", "urllib3"]
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _children() -> Iterator[tuple[int, str]]:
    """Child processes of ours and their command lines; those that have ended have an empty one."""
    for task in Path("/proc/self/task").glob("*/children"):  # only Linux has it
        for pid in task.read_text().split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
            except OSError:
                continue
            yield int(pid), command.replace("\0", " ").strip()[:200]
