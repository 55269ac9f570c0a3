"""A private Redis: Debian's real server as a child process, with a port and data of its own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import yarl

from hub.process import ChildProcess, free_ports
from hub.sdk.errors import EnvironmentProblem

_START_LIMIT = 30
_ATTEMPTS = 3
_MISSING = (
    "A private Redis needs Debian's package redis-server, which is not installed. "
    "Install it (`apt-get install redis-server`; `make setup` does that as root or with sudo), "
    "or name a running one in HUB_TEST_REDIS=redis://host:port/0"
)


class PrivateRedis:
    """One Redis server that belongs to us.

    Its data stay over `stop`, `kill` and `start`, and so does its port: what it has confirmed is on disk.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hub-redis-"))
        self._port: int | None = None
        self._server: ChildProcess | None = None

    @property
    def url(self) -> str:
        """Where to connect, once it has been started."""
        if self._port is None:
            raise RuntimeError("the private Redis has not been started")
        return f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> str:
        """Starts it and waits until it answers.

        Raises:
            EnvironmentProblem: it isn't installed, or doesn't start.
        """
        if self._server is not None and self._server.running:
            return self.url
        if shutil.which("redis-server") is None:
            raise EnvironmentProblem(_MISSING)
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = self._port or free_ports(1)[0]
            try:
                await self._launch(self._port)
                break
            except EnvironmentProblem as problem:
                self.kill()
                if attempt == _ATTEMPTS or "in use" not in str(problem):
                    raise
                self._port = None  # somebody took it in the meantime
        return self.url

    async def stop(self) -> None:
        """Ends it in order; its data stay."""
        if self._server is not None:
            await self._server.stop()

    def kill(self) -> None:
        """Ends it as a power cut would; its data stay as they are."""
        if self._server is not None:
            self._server.kill()

    def suspend(self) -> None:
        """Stops it in its tracks: it answers nothing and closes no connection, until `resume`."""
        assert self._server is not None
        self._server.suspend()

    def resume(self) -> None:
        """Lets it go on after `suspend`."""
        assert self._server is not None
        self._server.resume()

    def close(self) -> None:
        """Ends it for good, and removes its directory."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _launch(self, port: int) -> None:
        log = self._directory / "server.log"
        log.unlink(missing_ok=True)  # so that an error shows words of this start only
        options = {"port": port, "bind": "127.0.0.1", "dir": self._directory, "save": "", "appendfsync": "always"}
        arguments = [each for name, value in options.items() for each in (f"--{name}", str(value))]
        self._server = ChildProcess("Redis", ["redis-server", *arguments, "--appendonly", "yes"], log=log)
        self._server.start()
        await self._server.wait_until(lambda: answers_ping(self.url), _START_LIMIT)


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
