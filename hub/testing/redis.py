"""A private Redis: Debian's real server as a child process, with a port and data of its own."""

from __future__ import annotations

import asyncio
import shutil

import yarl

from hub.sdk.errors import EnvironmentProblem
from hub.testing.private import HOST, PrivateServer

_START_LIMIT = 30
_MISSING = (
    "A private Redis needs Debian's package redis-server, which is not installed. "
    "Install it (`apt-get install redis-server`; `make setup` does that as root or with sudo), "
    "or name a running one in HUB_TEST_REDIS=redis://host:port/0"
)


class PrivateRedis(PrivateServer):
    """One Redis server that belongs to us.

    Its data stay over `stop`, `kill` and `start`: what it has confirmed is on disk.
    """

    name = "Redis"

    @property
    def url(self) -> str:
        """Where to connect, once it has been started."""
        return f"redis://{HOST}:{self.port}/0"

    async def _launch(self) -> None:
        if shutil.which("redis-server") is None:
            raise EnvironmentProblem(_MISSING)
        options = {"port": self.port, "bind": HOST, "dir": self.directory, "save": "", "appendfsync": "always"}
        arguments = [each for name, value in options.items() for each in (f"--{name}", str(value))]
        server = self._process(["redis-server", *arguments, "--appendonly", "yes"])
        await server.wait_until(lambda: answers_ping(self.url), _START_LIMIT)


async def answers_ping(url: str) -> bool:
    """Whether a Redis at the URL answers now; one that wants a password answers, too."""
    address = yarl.URL(url)
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(address.host, address.port or 6379)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith((b"+PONG", b"-NOAUTH"))
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
