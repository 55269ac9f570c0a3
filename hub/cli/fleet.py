"""``hub run --workers N``: several processes for the cores of one machine, and one above them that keeps them going."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from hub.cli.output import ENVIRONMENT, INTERRUPTED, INVALID, OK, RUNTIME, plural
from hub.cli.worker import CLOSE_LIMIT, Signals
from hub.engine.backoff import backoff
from hub.engine.settings import AdminSettings
from hub.operate.fleet import FleetServer

FIRST_RESTART, LONGEST_RESTART = 0.5, 30.0
"""Bounds in seconds of the waits before a worker that has died is started again."""
RECOVERED = 60.0
"""Seconds that a worker must live for its next death to count as the first."""
GRACE = 5.0
"""Seconds beyond all limits of a worker after which it is killed."""
_LONGEST = 2**24  # bytes of a report at most
_log = logging.getLogger("hub")

# The path of imports is ours, not what `-c` would make of the working directory.
_START = "import sys; sys.path[:] = {path!r}; from hub.cli import main; main()"


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

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class Fleet:
    """Runs a deployment in several processes until a signal comes, or until all have ended by themselves.

    The first one is started alone: it gives new units their positions before any source publishes. One that dies is
    started again, under the same name in the consumer groups, so that it finds its partitions as it left them.

    Args:
        count: how many processes.
        arguments: of `hub` in each of them.
        environ: of each of them.
        signals: in use.
        drain_limit: seconds for each to settle what it has.
        instance: their name, to which each adds its number; None where they have none.
        listener: the socket where webhooks arrive, shared by all; None where they don't.
    """

    def __init__(
        self,
        count: int,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        signals: Signals,
        *,
        drain_limit: float,
        instance: str | None,
        listener: socket.socket | None,
    ) -> None:
        self._count = count
        self._command = [sys.executable, "-c", _START.format(path=sys.path), *arguments]
        self._environ = dict(environ)
        self._signals = signals
        self._drain_limit = drain_limit
        self._instance = instance
        self._listener = listener
        self._held: dict[str, str] = {}
        self.members: dict[int, Member] = {}
        self._keepers: dict[int, asyncio.Task[int]] = {}
        self._up = False
        self._draining = False
        self.admin = FleetServer(self._urls, AdminSettings(), self._changed)

    async def run(self, started: Callable[[], None] = lambda: None) -> int:
        """Starts the workers, keeps them going, and drains them.

        Args:
            started: called once all take events in.

        Returns:
            Exit code: 0 after a clean drain, what the first worker ended with if it couldn't start, 130 after Ctrl-C
            before all had started, else 1.

        Raises:
            EnvironmentProblem: the admin API's port is taken.
        """
        await self.admin.start()
        self._signals.at_once.append(self._kill)
        _log.info("admin API of all workers at %s", self.admin.url)
        try:
            if await self._start():
                self._up = True
                _log.info("%s started; SIGTERM or Ctrl-C drains", plural(self._count, "worker"))
                started()
            over = asyncio.gather(*self._keepers.values(), return_exceptions=True)
            if self._up:
                await self._signals.unless(_all_of(over))
        finally:
            codes = await self._drain()
            await self.admin.stop()
        if not self._up and self._signals.number is signal.SIGINT:
            return INTERRUPTED
        return _code(codes)

    def report(self, phase: str) -> dict[str, Any]:
        """What the workers have told last of a phase, for programs."""
        workers = [member.reports[phase] for member in self.members.values() if phase in member.reports]
        ledger: dict[str, int] = {}
        for worker in workers:
            for name, number in worker["ledger"].items():
                ledger[name] = ledger.get(name, 0) + number
        return {"phase": phase, "admin": self.admin.url, "ledger": ledger, "workers": workers}

    async def _start(self) -> bool:
        """Starts all workers, the first one first. False where it ended, or a signal came."""
        for batch in ([1], range(2, self._count + 1)):
            for index in batch:
                self._keepers[index] = asyncio.create_task(self._keep(index), name=f"keep worker {index}")
            for index in batch:
                if not await self._signals.unless(self._started(index)):
                    return False
                if self._keepers[index].done():
                    return False
        return True

    async def _started(self, index: int) -> None:
        """Waits until a worker has started, in whichever life, or is given up."""
        keeper = self._keepers[index]
        while not keeper.done():
            member = self.members.get(index)
            if member is not None and "started" in member.reports:
                return
            told = asyncio.create_task(member.told.wait() if member else asyncio.sleep(0.05))
            await asyncio.wait({keeper, told}, return_when=asyncio.FIRST_COMPLETED, timeout=0.5)
            told.cancel()

    async def _keep(self, index: int) -> int:
        """Keeps one worker going; gives the exit code with which it is over."""
        failures = 0
        while True:
            member = Member(index)
            code = await self._life(member)
            if self._draining and code == -signal.SIGTERM:
                return OK  # it was only about to begin, and has nothing open
            if self._draining or self._is_over(member, code):
                return code
            if code == OK:
                _log.warning("worker %d was asked to end by somebody else; starting it again", index)
                failures = 0
                continue
            failures = 1 if time.monotonic() - member.began > RECOVERED else failures + 1
            wait = backoff(failures, initial=FIRST_RESTART, maximum=LONGEST_RESTART)
            _log.warning("worker %d %s; starting it again in %.1f s", index, _said(code), wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._signals.first.wait(), wait)
                # Once may happen to anybody; one that dies again and again has failed.
                return OK if failures == 1 else RUNTIME

    async def _life(self, member: Member) -> int:
        """One life of a worker; gives its exit code."""
        try:
            await member.start(self._command, self._environment(member.index), self._fds)
        except OSError as error:
            _log.error("worker %d can't be started: %s", member.index, error)
            return RUNTIME
        self.members[member.index] = member
        if self._draining:
            member.signal(signal.SIGTERM)
        return await member.ended()

    def _is_over(self, member: Member, code: int) -> bool:
        """Whether a worker that has ended isn't to be started again."""
        ended = member.reports.get("ended")
        if ended is not None:
            return ended["signal"] is None  # all of its units have ended by themselves
        # What can't work at all doesn't the second time; what worked once may, when whoever changed something mends it.
        return not self._up and code in (INVALID, ENVIRONMENT)

    def _environment(self, index: int) -> dict[str, str]:
        environ = {
            **self._environ,
            "HUB_ADMIN__HOST": "127.0.0.1",
            "HUB_ADMIN__PORT": "0",
            "HUB_WORKER__INDEX": str(index),
            "HUB_WORKER__PAUSED": ",".join(unit for unit, verb in self._held.items() if verb == "pause"),
            "HUB_WORKER__STOPPED": ",".join(unit for unit, verb in self._held.items() if verb == "stop"),
        }
        if self._instance is not None:
            environ["HUB_WORKER__INSTANCE"] = f"{self._instance}-{index}"
        if self._listener is not None:
            environ["HUB_INGRESS__FD"] = str(self._listener.fileno())
        return environ

    @property
    def _fds(self) -> list[int]:
        return [] if self._listener is None else [self._listener.fileno()]

    def _urls(self) -> dict[int, str]:
        return {index: member.admin for index, member in sorted(self.members.items())}

    def _changed(self, unit: str, verb: str) -> None:
        """Remembers what an operator has paused or stopped, for workers that are started again."""
        if verb in ("pause", "stop"):
            self._held[unit] = verb
        elif verb == "resume":
            self._held.pop(unit, None)

    async def _drain(self) -> dict[int, int]:
        """Ends all workers in good order; gives their exit codes."""
        self._draining = True
        if self._signals.number is not None:
            _log.info("%s: draining %s", self._signals.number.name, plural(len(self.members), "worker"))
        for member in self.members.values():
            member.signal(signal.SIGTERM)
        if self._listener is not None:
            self._listener.close()
        keepers = set(self._keepers.values())
        if keepers:
            _, slow = await asyncio.wait(keepers, timeout=self._drain_limit + CLOSE_LIMIT + GRACE)
            if slow:
                _log.warning("killing workers that do not end")
                self._kill()
                await asyncio.wait(slow, timeout=GRACE)
        return {index: keeper.result() for index, keeper in self._keepers.items() if keeper.done()}

    def _kill(self) -> None:
        for member in self.members.values():
            member.signal(signal.SIGKILL)


async def _all_of(gathered: asyncio.Future[Any]) -> None:
    # Shielded, because a signal that comes first cancels the wait and not the workers' keepers.
    await asyncio.shield(gathered)


def _said(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _code(codes: Mapping[int, int]) -> int:
    """The exit code of all together."""
    if not any(codes.values()):
        return OK
    kinds = set(codes.values()) - {OK}
    return next(iter(kinds)) if kinds <= {INVALID} or kinds <= {ENVIRONMENT} else RUNTIME
