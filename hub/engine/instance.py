"""A name for the workers on this machine that they have again when they are started again."""

from __future__ import annotations

import fcntl
import logging
import re
import socket
from typing import IO

from hub.cache import cache_directory
from hub.sdk.errors import EnvironmentProblem

SLOTS = 1000
"""How many times the same deployment may run on one machine."""
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
                if self._take(directory / f"{deployment}-{slot}.lock"):
                    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:80]
                    self.name = f"{host}-{slot}"
                    return
        except (OSError, EnvironmentProblem) as error:
            _log.warning("workers have no names that they keep over restarts, so that each is a rebalance: %s", error)

    def _take(self, path: object) -> bool:
        lock = open(path, "ab")  # type: ignore[call-overload]  # noqa: PTH123, SIM115  held as long as we live
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Gives the name up."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
