"""A deployment at work in one process: its topics, its units, its HTTP server, its supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from hub.deployment import Deployment
from hub.engine.assembly import Assembly
from hub.engine.generation import Changes, Generation, changes
from hub.engine.ledger.ledger import Totals
from hub.engine.reading.absence import AbsenceWatch
from hub.engine.settings import IngressSettings, WorkerSettings
from hub.engine.status import StatusReporter
from hub.engine.supervisor import Supervisor
from hub.engine.unit import Status
from hub.ingress import HttpServer
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.routes import Program
from hub.sdk.errors import ConfigError
from hub.sdk.service import ServiceInfo

SOURCES_LIMIT = 10.0
"""Seconds that a start waits for its sources to take events in."""
_log = logging.getLogger("hub.engine")


class Runtime:
    """Runs units of a deployment until it is stopped.

    Args:
        deployment: what was loaded and checked.
        settings: how to reach Kafka.
        only: names of the units to run; all if none is given.
        ingress: where webhooks are received.
        environ: for the references in the schema files; the process's own if not given.
        worker: who we are among several workers; what the environment says if not given.

    Raises:
        ConfigError: ``only`` names a unit that there is not.
    """

    def __init__(
        self,
        deployment: Deployment,
        settings: KafkaSettings,
        *,
        only: Collection[str] = (),
        ingress: IngressSettings | None = None,
        environ: Mapping[str, str] | None = None,
        worker: WorkerSettings | None = None,
    ) -> None:
        self.deployment = deployment
        self.settings = settings
        ingress = ingress or IngressSettings()
        self.server = HttpServer(ingress.host, ingress.port, name="ingress", fd=ingress.fd)
        self._environ = os.environ if environ is None else environ
        self._only = tuple(only)
        self._assembly = Assembly(deployment, settings, self.server, self._environ, worker, remember=ingress.remember)
        self.supervisor = Supervisor(self._assembly.units(_chosen(deployment, only)))
        self.generation = Generation(1, deployment.digest)
        """Which version of the deployment is at work."""
        self._reporter = StatusReporter(settings, deployment.name, self.supervisor.units, lambda: self.generation)
        self.absence = AbsenceWatch(settings, lambda: self.deployment)
        """Units of the deployment that no worker runs."""
        self._assembly.fuse(self.supervisor.units.values())
        self._assembly.seen = lambda name: self.supervisor.units[name].last_seen
        self._assembly.leaving = lambda: self._leaving
        self._leaving = False
        self._ended: list[Totals] = []
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Makes the topics, starts consumers first and sources once these have their positions.

        So nothing that a source publishes lies before the start of a new route. A start that fails stops what it began.

        Raises:
            ConfigError: a reference or setting of a unit is missing or wrong; nothing was started.
            EnvironmentProblem: a port is taken.
            HubError: Kafka can't be reached.
        """
        await asyncio.to_thread(self.deployment.check_references, self._environ, self.supervisor.units)
        try:
            await self._start()
        except BaseException:
            await self.stop(limit=0.0)
            raise

    async def _start(self) -> None:
        created = await ensure_topics(self.settings, self.deployment.topic_specs())
        if created:
            _log.info("created %d topics", len(created))
        await self._reporter.start()
        for unit in self.supervisor.units.values():
            unit.last_seen = self._reporter.seen(unit.name)
        consumers = [name for name, unit in self.supervisor.units.items() if unit.kind != "source"]
        if consumers:
            self.supervisor.start(*consumers)
            await self.supervisor.ready(*consumers)
        for unit in self.supervisor.units.values():
            unit.claim()
        if self._assembly.listens(self.supervisor.units):
            await self.server.start()
        self.supervisor.start()
        self.absence.start()
        # A source may take long (an outage of its far side): it shows in its state, and holds nobody up.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.supervisor.ready(), SOURCES_LIMIT)

    async def stop(self, limit: float = 20.0, *, leave: bool = False) -> list[str]:
        """Stops sources first, drains the rest, and closes.

        Args:
            limit: seconds for all units together to settle what they have.
            leave: whether a worker that has a name of its own gives up its place in the consumer groups, because it
                won't come back soon.

        Returns:
            Names of units that could not settle within the limit.
        """
        began = time.monotonic()
        self._leaving = leave
        self.supervisor.close()
        await self.absence.stop()
        sources = [name for name, unit in self.supervisor.units.items() if unit.kind == "source"]
        cut = await self.supervisor.stop(*sources, limit=limit) if sources else []
        cut += await self.supervisor.stop(limit=max(0.0, began + limit - time.monotonic()))
        await self._reporter.stop()
        await self.server.stop()
        await self._assembly.stop()
        return cut

    def services(self) -> list[ServiceInfo]:
        """What the services that are in use say of themselves."""
        return self._assembly.service_infos()

    async def reload(self, deployment: Deployment) -> Changes:
        """Puts another version of the deployment to work: routes between two batches, other units by a new start.

        Everything that can be wrong with it is found out before anything changes. Units keep their ledgers, and what
        the operator paused or stopped stays so.

        Args:
            deployment: the new version, loaded and checked.

        Raises:
            ConfigError: it can't follow the one at work, or a reference is missing; nothing has changed.
            HubError: Kafka refuses a new topic, or a port is taken; no unit has changed.
        """
        async with self._changing:
            if deployment.name != self.deployment.name:
                names = f"`{self.deployment.name}` to `{deployment.name}`"
                raise ConfigError(f"a running deployment can't be renamed, from {names}: its positions go by its name")
            chosen = _chosen(deployment, self._only)
            # Many routes take seconds to compile, and events flow meanwhile.
            await asyncio.to_thread(deployment.check_references, self._environ, chosen)
            coming = changes(self.deployment, deployment, list(self.supervisor.units), chosen)
            programs = await asyncio.to_thread(_programs, deployment, coming.swapped, self._environ)
            if coming:
                await ensure_topics(self.settings, deployment.topic_specs())
            assembly, left = self._assembly.following(deployment)
            if assembly.listens([*coming.replaced, *coming.added]) and not self.server.listening:
                await self.server.start()
            self.deployment, self._assembly = deployment, assembly
            self.generation = Generation(self.generation.number + 1, deployment.digest)
            for name, program in programs.items():
                assembly.swap(self.supervisor.units[name], program)
            starting = await self._exchange(coming)
            for unit in self.supervisor.units.values():
                unit.generation = self.generation.number
                assembly.hold_to_contracts(unit)
            assembly.fuse(self.supervisor.units.values())
            await self._begin(starting)
            for name in coming.removed:
                await self._reporter.forget(name)
            for service in left:
                await service.close()
            return coming

    def refuse(self, reason: str) -> None:
        """Notes why the schema files as they are now are not taken; what is at work stays so."""
        self.generation = replace(self.generation, refused=reason)

    def accept(self) -> None:
        """Notes that the schema files as they are now mean what is at work."""
        self.generation = replace(self.generation, refused="")

    async def _exchange(self, coming: Changes) -> list[str]:
        """Ends what is to end, and puts what comes in its place; gives the names of those that are to start."""
        gone = [*coming.removed, *coming.replaced]
        async with self.supervisor.changing:
            stopped = [name for name in gone if self.supervisor.units[name].stopping.is_set()]
            if gone:
                await self.supervisor.stop(*gone)
            ended = [self.supervisor.units[name] for name in gone]
            for name in coming.removed:
                self._ended.append(self.supervisor.remove(name).ledger.totals())
            for unit in self._assembly.units([*coming.replaced, *coming.added]):
                before = self.supervisor.units.get(unit.name)
                unit.last_seen = self._reporter.seen(unit.name) if before is None else before.last_seen
                if before is not None:
                    unit.ledger, unit.failures = before.ledger, before.failures
                    unit.contracts = before.contracts or unit.contracts
                    if before.paused:
                        unit.pause()
                    if unit.name in stopped:
                        unit.stop()
                self.supervisor.put(unit)
                unit.claim()
            # Only now: a path that goes from one to another is never answered 404.
            for unit in ended:
                unit.withdraw()
        return [name for name in (*coming.replaced, *coming.added) if name not in stopped]

    async def _begin(self, starting: Sequence[str]) -> None:
        """Starts units: consumers first."""
        consumers = [name for name in starting if self.supervisor.units[name].kind != "source"]
        if consumers:
            self.supervisor.start(*consumers)
            await self.supervisor.ready(*consumers)
        if starting:
            self.supervisor.start(*starting)

    def status(self) -> list[Status]:
        """Every unit's status."""
        return [unit.status() for unit in self.supervisor.units.values()]

    def totals(self) -> Totals:
        """The ledgers of all units together, those that a new version has removed included."""
        return Totals.sum((*self._ended, *(status.totals for status in self.status())))


def _programs(deployment: Deployment, routes: Iterable[str], environ: Mapping[str, str]) -> dict[str, Program]:
    return {name: deployment.routes[name].program(environ) for name in routes}


def _chosen(deployment: Deployment, only: Collection[str]) -> Sequence[str]:
    names = [*deployment.sources, *deployment.routes, *deployment.sinks]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise ConfigError(f"no unit named {', '.join(unknown)}; the deployment has {', '.join(names)}")
    return [name for name in names if not only or name in only]
