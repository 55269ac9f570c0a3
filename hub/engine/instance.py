"""A name for the workers on this machine that they have again when they are started again."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
from pathlib import Path
from typing import IO

from hub.cache import cache_directory
from hub.sdk.errors import EnvironmentProblem

SLOTS = 1000
"""How many times the same deployment may run on one machine."""
_IN_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
_log = logging.getLogger("hub.engine.instance")


class Claim:
    """The first name of ``<host>-1``, ``<host>-2``, … that no process of this machine has for a deployment.

    It is ours until the process ends, however it ends.

    Args:
        deployment: its name.

    Attributes:
        name: what we got; None where no name can be claimed.
    """

    def __init__(self, deployment: str) -> None:
        self._lock: IO[bytes] | None = None
        self.name: str | None = None
        try:
            directory = cache_directory("workers")
            for slot in range(1, SLOTS + 1):
                lock = _taken(directory / f"{deployment}-{slot}.lock")
                if lock is not None:
                    self._lock, self.name = lock, _name(slot)
                    return
        except (OSError, EnvironmentProblem) as error:
            _log.warning("workers have no names that they keep over restarts, so that each is a rebalance: %s", error)

    def release(self) -> None:
        """Gives the name up."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def unclaimed(deployment: str) -> list[str]:
    """Names that processes of this machine had for a deployment, and none has now."""
    found = []
    try:
        for path in sorted(cache_directory("workers").glob(f"{deployment}-*.lock")):
            slot = path.name.removeprefix(f"{deployment}-").removesuffix(".lock")
            lock = _taken(path) if slot.isdecimal() else None
            if lock is not None:
                lock.close()
                found.append(_name(int(slot)))
    except (OSError, EnvironmentProblem) as error:
        _log.debug("not known which names workers of this machine had: %s", error)
    return found


def passing() -> bool:
    """Whether this machine's name isn't likely to come back: a container's is made up anew with each."""
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(each.exists() for each in _IN_A_CONTAINER)


def _taken(path: Path) -> IO[bytes] | None:
    """The lock of a file, held until it is closed; None where another process has it."""
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _name(slot: int) -> str:
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:80]
    return f"{host}-{slot}"
