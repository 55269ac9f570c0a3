"""What all private servers share: a child process with a port and a directory of its own."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from hub.process import ChildProcess, free_ports
from hub.sdk.errors import EnvironmentProblem

HOST = "127.0.0.1"
_ATTEMPTS = 3
_TAKEN = ("in use", "EADDRINUSE")


class PrivateServer(ABC):
    """One server that belongs to us. Its port stays the same over `stop`, `kill` and `start`.

    Class attributes:
        name: for people.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"hub-{self.name.lower().replace(' ', '-')}-"))
        self._port: int | None = None
        self._server: ChildProcess | None = None

    @property
    def port(self) -> int:
        """Where it listens, once it has been started."""
        if self._port is None:
            raise RuntimeError(f"the private {self.name} has not been started")
        return self._port

    @property
    @abstractmethod
    def url(self) -> str:
        """Where to connect, once it has been started."""

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._server is not None and self._server.running

    async def start(self) -> str:
        """Starts it and waits until it answers.

        Returns:
            its URL.

        Raises:
            EnvironmentProblem: it isn't installed, can't be fetched, or doesn't start.
        """
        if self.running:
            return self.url
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = self._port or free_ports(1)[0]
            try:
                await self._launch()
                break
            except EnvironmentProblem as problem:
                self.kill()
                if attempt == _ATTEMPTS or not any(each in str(problem) for each in _TAKEN):
                    raise
                self._port = None  # somebody took it in the meantime
            except BaseException:
                self.kill()
                raise
        return self.url

    async def stop(self) -> None:
        """Ends it in order."""
        if self._server is not None:
            await self._server.stop()

    def kill(self) -> None:
        """Ends it as a power cut would."""
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
        shutil.rmtree(self.directory, ignore_errors=True)

    @abstractmethod
    async def _launch(self) -> None:
        """Starts a process on `port`, with `_process`, and waits until it is ready."""

    def _process(self, command: list[str], env: dict[str, str] | None = None) -> ChildProcess:
        """Starts the server's process, with a log that holds words of this start only."""
        log = self.directory / "server.log"
        log.unlink(missing_ok=True)
        self._server = ChildProcess(self.name, command, log=log, env=env, cwd=self.directory)
        self._server.start()
        return self._server
