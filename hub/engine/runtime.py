"""A deployment at work in one process: its topics, its units, its HTTP server, its supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from hub.deployment import Deployment
from hub.engine.assembly import Assembly
from hub.engine.ledger import Totals
from hub.engine.settings import IngressSettings
from hub.engine.status import StatusReporter
from hub.engine.supervisor import Supervisor
from hub.engine.unit import Status
from hub.ingress import HttpServer
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk.errors import ConfigError

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
    ) -> None:
        self.deployment = deployment
        self.settings = settings
        ingress = ingress or IngressSettings()
        self.server = HttpServer(ingress.host, ingress.port, name="ingress")
        self._environ = os.environ if environ is None else environ
        self._assembly = Assembly(deployment, settings, self.server, self._environ)
        self.supervisor = Supervisor(self._assembly.units(_chosen(deployment, only)))
        self._reporter = StatusReporter(settings, deployment.name, self.supervisor.units.values())

    async def start(self) -> None:
        """Makes the topics, starts consumers first and sources once these have their positions.

        So nothing that a source publishes lies before the start of a new route. A start that fails stops what it began.

        Raises:
            ConfigError: a reference or setting of a unit is missing or wrong; nothing was started.
            EnvironmentProblem: a port is taken.
            HubError: Kafka can't be reached.
        """
        self.deployment.check_references(self._environ, self.supervisor.units)
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
        consumers = [name for name, unit in self.supervisor.units.items() if unit.kind != "source"]
        if consumers:
            self.supervisor.start(*consumers)
            await self.supervisor.ready(*consumers)
        if self._assembly.listens(self.supervisor.units):
            await self.server.start()
        self.supervisor.start()
        # A source may take long (an outage of its far side): it shows in its state, and holds nobody up.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.supervisor.ready(), SOURCES_LIMIT)

    async def stop(self, limit: float = 20.0) -> list[str]:
        """Stops sources first, drains the rest, and closes.

        Args:
            limit: seconds for all units together to settle what they have.

        Returns:
            Names of units that could not settle within the limit.
        """
        began = time.monotonic()
        self.supervisor.close()
        sources = [name for name, unit in self.supervisor.units.items() if unit.kind == "source"]
        cut = await self.supervisor.stop(*sources, limit=limit) if sources else []
        cut += await self.supervisor.stop(limit=max(0.0, began + limit - time.monotonic()))
        await self._reporter.stop()
        await self.server.stop()
        await self._assembly.stop()
        return cut

    def status(self) -> list[Status]:
        """Every unit's status."""
        return [unit.status() for unit in self.supervisor.units.values()]

    def totals(self) -> Totals:
        """The ledgers of all units together."""
        return Totals.sum(status.totals for status in self.status())


def _chosen(deployment: Deployment, only: Collection[str]) -> Sequence[str]:
    names = [*deployment.sources, *deployment.routes, *deployment.sinks]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise ConfigError(f"no unit named {', '.join(unknown)}; the deployment has {', '.join(names)}")
    return [name for name in names if not only or name in only]
