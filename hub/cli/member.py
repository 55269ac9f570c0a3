"""A worker process as the one that has started it knows it: its life, what it tells, and how it is asked to end."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from hub.cli.worker import FAREWELLS

_LONGEST = 2**24  # bytes of a report at most


class Member:
    """One life of a worker process.

    Args:
        index: which of the workers it is, from 1.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.admin = ""
        self.reports: dict[str, dict[str, Any]] = {}
        """What it has told, by phase: ``listening``, ``started``, ``ended``."""
        self.told = asyncio.Event()
        """Set when it has started, or has ended."""
        self.began = time.monotonic()
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self, command: Sequence[str], environ: Mapping[str, str], fds: Sequence[int]) -> None:
        """Starts it.

        Args:
            command: its command line.
            environ: its environment, apart from the channel between us.
            fds: file descriptors that it shall have, too.
        """
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                env={**environ, "HUB_WORKER__CHANNEL": str(theirs.fileno())},
                pass_fds=(theirs.fileno(), *fds),
                # Ctrl-C in a terminal is for us alone; we pass it on.
                start_new_session=True,
            )
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=_LONGEST)
        self._listener = asyncio.create_task(self._listen(reader), name=f"worker {self.index}")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, ValueError):
            async for line in reader:
                document = orjson.loads(line)
                self.reports[document["phase"]] = document
                self.admin = document.get("admin", self.admin)
                if document["phase"] == "started":
                    self.told.set()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits for its end; gives its exit code, negative where a signal ended it."""
        assert self._process is not None
        assert self._listener is not None
        code = await self._process.wait()
        await asyncio.wait({self._listener}, timeout=1.0)
        self._listener.cancel()
        self._writer.close()
        self.admin = ""
        self.told.set()
        return code

    def end(self, number: signal.Signals | None) -> None:
        """Asks it to end in good order, as a signal asks us; nothing where it has ended."""
        if number in FAREWELLS and "listening" in self.reports:
            if self._writer.is_closing():
                return
            # A signal may reach it twice, where it is sent to all of our processes; what we tell doesn't.
            self._writer.write(f"{number.name}\n".encode())
        else:
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
