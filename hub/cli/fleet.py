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

from hub.cli.member import Member
from hub.cli.output import ENVIRONMENT, INTERRUPTED, INVALID, OK, RUNTIME, plural
from hub.cli.worker import CLOSE_LIMIT, Signals
from hub.engine.backoff import backoff
from hub.engine.settings import AdminSettings, numbered
from hub.operate.fleet import FleetServer

FIRST_RESTART, LONGEST_RESTART = 0.5, 30.0
"""Bounds in seconds of the waits before a worker that has died is started again."""
RECOVERED = 60.0
"""Seconds that a worker must live for its next death to count as the first."""
GRACE = 5.0
"""Seconds beyond all limits of a worker after which it is killed."""
RENEW = signal.SIGUSR1
"""Restarts the workers one after the other."""
_LOOK = 0.05
_log = logging.getLogger("hub")

# The path of imports is ours, not what `-c` would make of the working directory.
_START = "import sys; sys.path[:] = {path!r}; from hub.cli import main; main()"


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
        leave: whether they leave their groups at the end, whatever ends them; None where that depends.
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
        leave: bool | None,
        listener: socket.socket | None,
    ) -> None:
        self._count = count
        self._command = [sys.executable, "-c", _START.format(path=sys.path), *arguments]
        self._environ = dict(environ)
        self._signals = signals
        self._drain_limit = drain_limit
        self._instance = instance
        self._leave = leave
        self._listener = listener
        self._held: dict[str, str] = {}
        self.members: dict[int, Member] = {}
        self._keepers: dict[int, asyncio.Task[int]] = {}
        self._up = False
        self._draining = False
        self._renewing: asyncio.Task[None] | None = None
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
        # From the start to the end: by default the signal would kill us.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(RENEW, self.renew)
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
            loop.remove_signal_handler(RENEW)
        if not self._up and self._signals.number is signal.SIGINT:
            return INTERRUPTED
        return _code(codes)

    def renew(self) -> None:
        """Restarts the workers one after the other, e.g. because another version of the hub is installed now."""
        if not self._up or self._draining or (self._renewing is not None and not self._renewing.done()):
            _log.warning("%s: the workers are starting or ending already", RENEW.name)
            return
        self._renewing = asyncio.create_task(self._renew(), name="renew")

    async def _renew(self) -> None:
        _log.info("restarting %s, one after the other", plural(self._count, "worker"))
        for index in sorted(self.members):
            before = self.members[index]
            before.end(signal.SIGTERM)
            while self.members[index] is before and not self._keepers[index].done():  # noqa: ASYNC110  no event tells
                await asyncio.sleep(_LOOK)
            after = self.members[index]
            await after.told.wait()
            if after is before or "started" not in after.reports:
                _log.error("worker %d doesn't start any more; the others are left as they are", index)
                return
        _log.info("%s restarted", plural(self._count, "worker"))

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
            if self._draining and code in (-signal.SIGTERM, INTERRUPTED):
                return OK  # it was only about to begin, and has nothing open
            if self._draining or self._is_over(member, code):
                return code
            if code == OK:
                _log.info("worker %d was asked to end; starting it again", index)
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
            member.end(self._signals.number)
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
            environ["HUB_WORKER__INSTANCE"] = numbered(self._instance, index)
            environ["HUB_WORKER__FAMILIES"] = self._instance
            environ["HUB_WORKER__COUNT"] = str(self._count)
        if self._leave is not None:
            environ["HUB_WORKER__LEAVE"] = str(self._leave)
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
        if self._renewing is not None:
            self._renewing.cancel()
        if self._signals.number is not None:
            _log.info("%s: draining %s", self._signals.number.name, plural(len(self.members), "worker"))
        for member in self.members.values():
            member.end(self._signals.number)
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
