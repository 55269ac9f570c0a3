"""What a worker process knows of the `hub run --workers` that has started it: a socket to it, whose end is its end."""

from __future__ import annotations

import asyncio
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

    async def gone(self) -> None:
        """Waits until it has ended, however it did."""
        loop = asyncio.get_running_loop()
        try:
            while await loop.sock_recv(self._socket, 1024):
                pass
        except OSError:
            return
