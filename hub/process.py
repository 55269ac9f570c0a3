"""Servers that the hub runs for itself, as child processes: started, watched and ended by their own process id.

A child never outlives us, not even after a ``kill -9`` (on Linux; elsewhere only after an orderly end), unless it is
asked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from hub.sdk.errors import EnvironmentProblem

# Runs between fork and the server, in an interpreter of its own rather than in a `preexec_fn`, which can deadlock where
# there are threads. 1 is PR_SET_PDEATHSIG of prctl(2), 9 is SIGKILL; the parent may be gone by then.
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]): sys.exit("its parent is gone")
os.execvpe(sys.argv[2], sys.argv[2:], os.environ)
"""

_POLL = 0.02  # seconds between two looks at a process or a port
_TAIL = 32_768  # bytes of a log in which the lines that an error shows are looked for


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody listens on now, all different. Another process may still be faster to take one."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


async def listens(host: str, port: int) -> bool:
    """Whether something takes TCP connections there now."""
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


class ChildProcess:
    """A server process of our own.

    It gets a session of its own, so that Ctrl-C in a terminal reaches only us and we end it in order. Start it from the
    main thread: Linux takes the end of the thread that started it for the end of its parent.

    Args:
        name: for people, e.g. ``RabbitMQ``.
        command: program and arguments.
        log: file that its standard output and error are appended to.
        env: its whole environment; ours if not given.
        cwd: its working directory.
        outlives_us: whether it goes on running when we end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        outlives_us: bool = False,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._env = env
        self._cwd = cwd
        self._outlives_us = outlives_us
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the last start; ``None`` before the first."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Exit status; ``None`` while it runs and before the first start; negative: ended by that signal."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, without waiting for it to be ready.

        Raises:
            EnvironmentProblem: the program can't be run.
        """
        if self.running:
            raise RuntimeError(f"{self.name} runs already, as process {self.pid}")
        command = self.command
        if shutil.which(command[0]) is None:
            raise EnvironmentProblem(f"{self.name} can't be started: there is no program {command[0]}")
        if sys.platform == "linux" and not self._outlives_us:
            command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  the command is the hub's own
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise EnvironmentProblem(f"{self.name} can't be started: {error}") from error

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], limit: float) -> None:
        """Waits until the server answers.

        Args:
            ready: asks it once, by its protocol, within a short time.
            limit: seconds to wait in all.

        Raises:
            EnvironmentProblem: it ended, or did not answer in time; with the last lines of its log. It may still run.
        """
        deadline = time.monotonic() + limit
        while not await ready():
            if not self.running:
                raise EnvironmentProblem(
                    f"{self.name} ended while starting, with status {self.returncode}.{self.last_words()}"
                )
            if time.monotonic() > deadline:
                raise EnvironmentProblem(f"{self.name} was not ready within {limit:g} s.{self.last_words()}")
            await asyncio.sleep(_POLL)

    async def stop(self, limit: float = 30) -> None:
        """Asks it to end and waits; kills it if it takes longer than the limit in seconds."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + limit
        while self.running and time.monotonic() < deadline:  # noqa: ASYNC110  the end of a process sets no asyncio.Event
            await asyncio.sleep(_POLL)
        self.kill()

    def kill(self) -> None:
        """Ends it at once, as ``kill -9`` or a power cut would, with all that it has started in its session."""
        if self._process is None or not self.running:
            return
        os.killpg(self._process.pid, signal.SIGKILL)  # not reaped yet, so the group is still its own
        self._process.wait()

    def suspend(self) -> None:
        """Stops it in its tracks (SIGSTOP): it neither works nor closes its connections, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after `suspend`."""
        self._signal(signal.SIGCONT)

    def last_words(self) -> str:
        """The end of its log, to go into an error message; empty if there is none."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL))
            lines = log.read().decode(errors="replace").strip().splitlines()
            # Without Java's stack frames, which would crowd out what was said before them.
            if lines := [line for line in lines if not line.startswith("\tat ")][-20:]:
                return "\nThe end of its log:\n" + "\n".join(f"  {line}" for line in lines)
        return ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # looks first whether it has ended, so that no stranger is hit
