"""A deployment at work in this process: the units, the admin API, and the signals that end them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from hub.cli import collector
from hub.cli.output import INTERRUPTED, OK, RUNTIME, plural
from hub.cli.watch import Watch
from hub.deployment import Deployment
from hub.deployment.shown import shown
from hub.engine.ledger.ledger import Totals
from hub.engine.runtime import Runtime
from hub.engine.settings import WorkerSettings
from hub.engine.unit import State
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.operate import AdminServer
from hub.process import listens
from hub.sdk import EnvironmentProblem, NotConnected

KAFKA_LIMIT = 30.0
"""Seconds to wait for Kafka at the start."""

CLOSE_LIMIT = 5.0
"""Seconds beyond the drain's limit to close connections; both together stay below the 30 s of Kubernetes."""

FAREWELLS = (signal.SIGINT, signal.SIGHUP)
"""Signals of a terminal, by which a worker leaves its groups; after SIGTERM its place is kept for a while."""

_POLL = 0.25
_log = logging.getLogger("hub")


class Signals:
    """What ends us: the first signal asks to drain, the second to end at once."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.number: signal.Signals | None = None
        self.at_once: list[Callable[[], None]] = []
        """What must be done before the process ends at once: processes to end, a terminal to mend."""

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        for number in self._before:
            loop.add_signal_handler(number, self._came, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number, handler in self._before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def _came(self, number: signal.Signals) -> None:
        if not self.first.is_set():
            self.number = number
            self.first.set()
            return
        _log.warning("%s again: ending at once; what is open will be taken in again", number.name)
        with ExitStack() as stack:
            # Whatever one of them raises, the others are done, and the process ends.
            stack.callback(os._exit, RUNTIME)
            for each in self.at_once:
                stack.callback(each)

    def send(self, number: signal.Signals) -> None:
        """Does as if a first signal had come, unless one has."""
        if not self.first.is_set():
            self._came(number)

    async def unless(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Does some work, unless a signal comes first: then it is cancelled. Whether it was done."""
        task = asyncio.ensure_future(work)
        came = asyncio.ensure_future(self.first.wait())
        try:
            await asyncio.wait({task, came}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():
            return False
        task.result()
        return True


class Worker:
    """Runs units until a signal comes, or until all have ended by themselves.

    Args:
        deployment: what was loaded and checked.
        settings: how to reach Kafka.
        signals: in use.
        only: names of the units to run; all if none is given.
        drain_limit: seconds for the units to settle what they have.
        environ: for the references in the schema files.
        watch: whether changed schema files are put to work.
        who: this process among several workers; what the environment says if not given.

    Raises:
        ConfigError: ``only`` names a unit that there is not, or a setting in the environment is wrong.
    """

    def __init__(
        self,
        deployment: Deployment,
        settings: KafkaSettings,
        signals: Signals,
        *,
        only: Collection[str] = (),
        drain_limit: float = 20.0,
        environ: Mapping[str, str] | None = None,
        watch: bool = False,
        who: WorkerSettings | None = None,
    ) -> None:
        self._who = who or WorkerSettings()
        self.runtime = Runtime(deployment, settings, only=only, environ=environ, worker=self._who)
        self.admin = AdminServer(
            self.runtime.supervisor,
            generation=lambda: self.runtime.generation,
            config=self._config,
            absences=lambda: self.runtime.absence.found,
            services=self.runtime.services,
        )
        self._watch = Watch(self.runtime) if watch else None
        self._settings = settings
        self._signals = signals
        self._drain_limit = drain_limit
        self.draining = False
        """Whether the end has begun."""
        self.final = Totals()
        """The ledger of all units, once they have ended."""

    def hold(self, *, paused: Collection[str] = (), stopped: Collection[str] = ()) -> None:
        """Has units paused or stopped from the start; names that there are not are passed over."""
        units = self.runtime.supervisor.units
        for name in paused:
            if name in units:
                units[name].pause()
        for name in stopped:
            if name in units:
                units[name].stop()

    async def run(
        self, started: Callable[[], None] = lambda: None, listening: Callable[[], None] = lambda: None
    ) -> int:
        """Starts the units, waits for the end, and drains them.

        Args:
            started: called once all units take events in.
            listening: called once the admin API is served.

        Returns:
            Exit code: 0 after a clean drain, 1 if a unit was cut off or had failed for good, 130 after Ctrl-C before
            all had started.

        Raises:
            EnvironmentProblem: Kafka can't be reached, or a port is taken.
            HubError: see `Runtime.start`.
        """
        await self.admin.start()
        _log.info("admin API at %s", self.admin.url)
        listening()
        begun = False
        try:
            if await self._signals.unless(reach(self._settings)):
                begun = await self._signals.unless(self.runtime.start())
            if begun:
                self._announce()
                started()
                collector.spare()
                await self._over()
        finally:
            clean = await self._drain()
        if not begun and self._signals.number is signal.SIGINT:
            return INTERRUPTED
        return OK if clean else RUNTIME

    def end(self, drain_limit: float) -> None:
        """Asks for the end, as a signal would.

        Args:
            drain_limit: seconds for the units to settle what they have.
        """
        self._drain_limit = drain_limit
        self._signals.first.set()

    def report(self, phase: str) -> dict[str, Any]:
        """All that is known, for programs."""
        statuses = self.runtime.status()
        return {
            "at": datetime.now(UTC),
            "phase": phase,
            "deployment": self.runtime.deployment.name,
            "kafka": self._settings.bootstrap_servers,
            "admin": self.admin.url,
            "generation": self.runtime.generation.to_json(),
            "ingress": self.runtime.server.url if self.runtime.server.listening else None,
            "units": statuses,
            "ledger": summary(Totals.sum(status.totals for status in statuses)),
        }

    def _config(self, unit: str) -> Mapping[str, str] | None:
        spec = self.runtime.deployment.units.get(unit)
        return None if spec is None else shown(spec)

    def _announce(self) -> None:
        units = plural(len(self.runtime.supervisor.units), "unit")
        _log.info("%s of %s started; SIGTERM or Ctrl-C drains", units, self.runtime.deployment.name)

    async def _over(self) -> None:
        watching = asyncio.create_task(self._watch.keep(), name="watch") if self._watch else None
        try:
            await self._until_over()
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _until_over(self) -> None:
        supervisor = self.runtime.supervisor
        while not self._signals.first.is_set() and not supervisor.finished:
            try:
                await asyncio.wait_for(self._signals.first.wait(), _POLL)
            except TimeoutError:
                continue
        if supervisor.finished:
            _log.info("every unit has ended")

    async def _drain(self) -> bool:
        """Settles what there is, and closes. Whether nothing was cut off and nothing has failed."""
        self.draining = True
        self.admin.drain()
        began = time.monotonic()
        if self._signals.number is not None:
            _log.info(
                "%s: draining within %g s; a second signal ends at once", self._signals.number.name, self._drain_limit
            )
        cut = await self._stop()
        self.final = self.runtime.totals()
        await self.admin.stop()
        failed = [name for name, unit in self.runtime.supervisor.units.items() if unit.state is State.FAILED]
        if cut:
            _log.warning("cut off after %g s: %s", self._drain_limit, ", ".join(cut))
        if failed:
            _log.error("ended as FAILED: %s", ", ".join(failed))
        if not cut and not failed:
            _log.info("drained in %.1f s", time.monotonic() - began)
        _log.info("ledger: %s", " ".join(f"{name}={value}" for name, value in summary(self.final).items()))
        return not cut and not failed

    async def _stop(self) -> list[str]:
        """Stops the units, and bounds the closing of connections to servers that may have gone; what was cut off."""
        # Whoever ends us at a terminal won't have us back within seconds; a deploy will.
        leave = self._signals.number in FAREWELLS if self._who.leave is None else self._who.leave
        stopping = asyncio.create_task(self.runtime.stop(self._drain_limit, leave=leave), name="stop")
        await asyncio.wait({stopping}, timeout=self._drain_limit + CLOSE_LIMIT)
        if stopping.done():
            return stopping.result()
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=1.0)
        return ["connections that could not be closed"]


def summary(totals: Totals) -> dict[str, int]:
    """A ledger in six numbers."""
    return {
        "received": totals.received,
        "delivered": totals.delivered,
        "filtered": sum(totals.filtered.values()),
        "dead_lettered": sum(totals.dead_lettered.values()),
        "replayed": totals.replayed,
        "in_flight": totals.in_flight,
    }


async def reach(settings: KafkaSettings, limit: float = KAFKA_LIMIT) -> None:
    """Waits until Kafka answers.

    Raises:
        EnvironmentProblem: it doesn't within the limit in seconds.
        ConfigError: it refuses us.
    """
    deadline = time.monotonic() + limit
    servers = settings.bootstrap_servers or ""
    told = False
    while True:
        try:
            await answers(settings)
        except NotConnected as error:
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"Kafka at {servers} has not answered for {limit:g} s: {error}. Start it, or set "
                    "HUB_KAFKA__BOOTSTRAP_SERVERS to where it is; `hub doctor` tells more"
                ) from error
            if not told:
                _log.warning("Kafka at %s doesn't answer yet; waiting for it up to %g s", servers, limit)
                told = True
            await asyncio.sleep(_POLL)
        else:
            return


async def answers(settings: KafkaSettings, limit: float = 10.0) -> dict[str, Any]:
    """What the cluster says of itself: Kafka's answer to DescribeCluster.

    Raises:
        NotConnected: no broker answers.
        ConfigError: Kafka refuses us.
    """
    addresses = [each.strip().rpartition(":") for each in (settings.bootstrap_servers or "").split(",")]
    # Asked first, because aiokafka logs each refused connection as an error.
    if not any([await listens(host.strip("[]"), int(port)) for host, _, port in addresses]):
        raise NotConnected("nothing listens there")
    async with clients.running(clients.admin(settings), limit) as admin:
        cluster: dict[str, Any] = await admin.describe_cluster()
        return cluster
