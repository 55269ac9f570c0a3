"""What a worker process knows of the `hub run --workers` that has started it: a socket to it, whose end is its end."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any, Self

from hub.cli.output import as_json
from hub.engine.settings import WorkerSettings


class Superior:
    """The process above us.

    Args:
        channel: file descriptor of the socket between us.
    """

    def __init__(self, channel: int) -> None:
        self._socket = socket.socket(fileno=channel)
        self._socket.setblocking(False)  # noqa: FBT003  its only parameter

    @classmethod
    def find(cls, settings: WorkerSettings) -> Self | None:
        """The one that the environment tells of; None where we were started by somebody else."""
        return None if settings.channel is None else cls(settings.channel)

    def tell(self, document: dict[str, Any]) -> None:
        """Sends it a document; whether it is still there makes no difference to us."""
        try:
            self._socket.sendall(as_json(document).encode())
        except OSError:
            return

    async def order(self) -> signal.Signals:
        """Waits until it wants us to end, and gives the signal that it has got itself; SIGTERM where it has ended."""
        loop = asyncio.get_running_loop()
        told = b""
        try:
            while not told.endswith(b"\n") and (more := await loop.sock_recv(self._socket, 1024)):
                told += more
            return signal.Signals[told.decode().strip()]
        except (OSError, ValueError, KeyError):
            return signal.SIGTERM
