"""From specs to units: what a deployment declares, wired to Kafka, to services and to the HTTP server."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.deployment import Deployment, InvalidDeployment, RouteSpec, ServiceSpec, SinkSpec, SourceSpec
from hub.deployment.lookups import LookupSpec
from hub.deployment.model import Retry
from hub.engine.contracts import ContractGate
from hub.engine.dlq.outlet import Outlet
from hub.engine.lookups.desk import Desk, DeskSettings
from hub.engine.reading.reader import Reader
from hub.engine.reading.retention import Retentions, Seen
from hub.engine.routing.fused import FusedReader
from hub.engine.routing.route import RouteUnit
from hub.engine.settings import REMEMBERED, WorkerSettings
from hub.engine.sinks.attempts import RetryPolicy
from hub.engine.sinks.parking import Parking
from hub.engine.sinks.sink import SinkUnit
from hub.engine.sources.backfill import Asked, Backfill
from hub.engine.sources.consumed import REMEMBERED as REMEMBERED_MESSAGES
from hub.engine.sources.consumed import Messages, MessageStore
from hub.engine.sources.consuming import ConsumingUnit
from hub.engine.sources.cursors import CursorStore
from hub.engine.sources.deduplication import Deduplication
from hub.engine.sources.deliveries import LINGER, Deliveries, SharedDeliveries
from hub.engine.sources.leadership import Leadership
from hub.engine.sources.lock import RedisLock
from hub.engine.sources.pace import pace_of
from hub.engine.sources.polling import PollingUnit
from hub.engine.sources.tenure import Tenure
from hub.engine.sources.webhook import WebhookUnit
from hub.engine.status import worker_name
from hub.engine.unit import Unit
from hub.ingress import HttpServer
from hub.kafka import clients, names
from hub.kafka.election import Election
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.exactly_once.writer import TIMEOUT
from hub.kafka.settings import KafkaSettings
from hub.routes import Program
from hub.sdk import ConfigError, ConsumingSource, IncrementalSource, PollingSource, Service, UnitContext, WebhookSource
from hub.sdk.service import ServiceInfo

if TYPE_CHECKING:
    from hub.sdk import ServiceConfig
    from hub.services import HttpService


class Assembly:
    """Makes the units of a deployment, and holds the services that they share.

    Args:
        deployment: what was loaded and checked.
        settings: how to reach Kafka.
        server: where webhook sources listen.
        environ: for the references in the schema files.
        worker: who we are among several workers.
        remember: how many webhook deliveries are known at most.
    """

    def __init__(
        self,
        deployment: Deployment,
        settings: KafkaSettings,
        server: HttpServer,
        environ: Mapping[str, str],
        worker: WorkerSettings | None = None,
        remember: int = REMEMBERED,
    ) -> None:
        self._deployment = deployment
        self._settings = settings
        self._server = server
        self._environ = environ
        self._worker = worker or WorkerSettings()
        self._services: dict[str, HttpService] = {}
        self._configured: dict[str, ServiceConfig] = {}
        self._former: dict[str, HttpService] = {}
        self._fused: dict[frozenset[str], FusedReader] = {}
        self._retentions = Retentions(settings)
        self._deliveries = SharedDeliveries(lambda: Deliveries(settings, deployment.name, remember))
        consumed = names.messages(deployment.name)
        self._messages = SharedDeliveries(
            lambda: Messages(settings, deployment.name, REMEMBERED_MESSAGES, topic=consumed)
        )
        self.seen: Callable[[str], Seen | None] = lambda _: None
        """Gives when a unit was last at work, before this process."""
        self.leaving: Callable[[], bool] = lambda: False
        """Whether units that stop leave their groups for good."""

    def following(self, deployment: Deployment) -> tuple[Assembly, list[HttpService]]:
        """The one that makes the units of a deployment's next version, and services that nothing of it will use."""
        following = Assembly(deployment, self._settings, self._server, self._environ, self._worker)
        following.seen, following.leaving = self.seen, self.leaving
        following._retentions, following._fused = self._retentions, self._fused
        following._deliveries, following._messages = self._deliveries, self._messages
        left: list[HttpService] = []
        for name, service in self._services.items():
            before, after = self._deployment.services.get(name), deployment.services.get(name)
            if before and after and (before.section, before.model) == (after.section, after.model):
                following._services[name] = service
            else:
                left.append(service)
                if before and after:
                    following._former[name] = service
        for name, service in self._former.items():
            if name in deployment.services and name not in self._services:
                following._former.setdefault(name, service)
        return following, left

    def units(self, chosen: Iterable[str]) -> list[Unit]:
        """Units by name, in the order of the names; nothing is started or connected yet."""
        units = [self._unit(name) for name in chosen]
        for unit in units:
            self.hold_to_contracts(unit)
            unit.preparing = self._commands(unit.name)
        return units

    def _commands(self, name: str) -> Callable[[], None] | None:
        """Runs the commands of references that a unit's start would wait for; None if it has none."""
        unit = self._spec(name)
        configured = list(unit.lookups.values()) if isinstance(unit, RouteSpec) else [unit]
        services = [each for each in self._deployment.services.values() if _executes(each)] if configured else []
        own = [each for each in configured if _executes(each)]
        if not (services or own):
            return None

        def run() -> None:
            for each in services:
                if each.name not in self._services and each.name not in self._configured:
                    with suppress(InvalidDeployment):  # whoever uses it hears of it
                        self._configured[each.name] = each.config(self._environ)
            for spec in own:
                spec.config(self._environ)  # what they print is at hand for a moment

        return run

    def hold_to_contracts(self, unit: Unit) -> None:
        """Has a unit's events held against this deployment's contracts; what it has counted so far stays."""
        if unit.contracts is None:
            unit.contracts = ContractGate.of(unit.name, self._deployment.contracts)
        else:
            unit.contracts.follow(self._deployment.contracts)

    def fuse(self, units: Iterable[Unit]) -> None:
        """Has routes that read the same topics read for together.

        Args:
            units: all that run here.
        """
        alike: defaultdict[frozenset[str], list[RouteUnit]] = defaultdict(list)
        for unit in units:
            if isinstance(unit, RouteUnit) and not unit.enriches:
                alike[frozenset(self._deployment.routes[unit.name].inputs)].append(unit)
        for inputs, routes in alike.items():
            several = len(routes) > 1
            if several and inputs not in self._fused:
                self._fused[inputs] = self._fused_reader(inputs)
            for route in routes:
                route.fused = self._fused[inputs] if several else None

    def _fused_reader(self, inputs: Collection[str]) -> FusedReader:
        digest = hashlib.sha256("\n".join(sorted(inputs)).encode()).hexdigest()[:12]
        name = f"{self._deployment.name}.fused.{digest}"
        return FusedReader(
            lambda: clients.consumer(self._settings),
            lambda: TransactionWriter(self._settings, f"{name}.{self._own()}", outputs=()),
        )

    def _own(self) -> str:
        return self._worker.instance or uuid.uuid4().hex[:12]

    def swap(self, unit: Unit, program: Program) -> None:
        """Gives a route that runs what its spec in this deployment says."""
        assert isinstance(unit, RouteUnit)
        spec = self._deployment.routes[unit.name]
        unit.swap(program, compile=lambda: spec.program(self._environ), targets=spec.targets, flow=_flow(spec))

    def listens(self, chosen: Collection[str]) -> bool:
        """Whether one of the chosen units is a webhook source."""
        sources = (self._deployment.sources[name] for name in chosen if name in self._deployment.sources)
        return any(issubclass(spec.cls, WebhookSource) for spec in sources)

    async def stop(self) -> None:
        """Closes the services' connections."""
        for service in self._services.values():
            await service.close()

    def _spec(self, name: str) -> SourceSpec | RouteSpec | SinkSpec:
        deployment = self._deployment
        return deployment.sources.get(name) or deployment.routes.get(name) or deployment.sinks[name]

    def _unit(self, name: str) -> Unit:
        spec = self._spec(name)
        if isinstance(spec, RouteSpec):
            return self._route(spec)
        if isinstance(spec, SinkSpec):
            return self._sink(spec)
        if issubclass(spec.cls, WebhookSource):
            return self._webhook(spec, spec.cls)
        if issubclass(spec.cls, PollingSource):
            return self._polling(spec, spec.cls)
        if issubclass(spec.cls, ConsumingSource):
            return self._consuming(spec, spec.cls)
        raise ConfigError(
            f"{spec.use} is neither a PollingSource nor a WebhookSource nor a ConsumingSource; its connector is broken"
        )

    def _context(self, name: str, *, deliveries: bool = False) -> UnitContext:
        return UnitContext(
            name=name,
            deployment=self._deployment.name,
            services=_Services(self, deliveries=deliveries),
            log=logging.getLogger(f"hub.unit.{name}"),
        )

    def service(self, name: str) -> HttpService:
        """A service, made when a unit first asks for it and shared by all that do."""
        if name not in self._services:
            # Here, because it takes a quarter of what all imports of a worker take, and many have no services.
            from hub.services import HttpService  # noqa: PLC0415

            config = self._configured.pop(name, None) or self._deployment.services[name].config(self._environ)
            own, former = self._deployment.name, self._former.pop(name, None)
            self._services[name] = HttpService(name, config, deployment=own, services=self.service, before=former)
        return self._services[name]

    def service_infos(self) -> list[ServiceInfo]:
        """What the services that are in use say of themselves."""
        return [service.info() for service in self._services.values()]

    def _outlet(self, spec: SourceSpec | RouteSpec | SinkSpec, connector: str = "", *, linger: int = 0) -> Outlet:
        return Outlet(self._settings, unit=spec.name, dlq=spec.dlq, connector=connector, linger=linger)

    def _writer(self, spec: RouteSpec) -> TransactionWriter:
        # The group's generation fences. Who has a name of its own ends what it left open when it was killed, by its
        # next start; what others left open ends after the transaction's timeout.
        name = f"{names.transactional_id(self._deployment.name, spec.name)}.{self._own()}"
        return TransactionWriter(self._settings, name, outputs=(*spec.outputs, spec.dlq))

    def _reader(self, spec: RouteSpec | SinkSpec) -> Reader:
        deployment, section = self._deployment.name, spec.section
        starts = dict.fromkeys(spec.inputs, section.start)
        starts[spec.inbox] = "earliest"
        former = section.renamed_from
        return Reader(
            self._settings,
            group=names.group(deployment, spec.name),
            starts=starts,
            former_group=names.group(deployment, former) if former else None,
            retentions=self._retentions,
            seen=lambda: self.seen(spec.name),
            worker=self._worker,
            leaving=self.leaving,
        )

    def _webhook(self, spec: SourceSpec, cls: type[WebhookSource[Any]]) -> WebhookUnit:
        return WebhookUnit(
            spec.name,
            connector=spec.use,
            flow=", ".join(spec.topics()[:3]),
            build=lambda: cls(spec.config(self._environ), self._context(spec.name)),
            open_outlet=lambda: self._outlet(spec, spec.use, linger=LINGER),
            open_deduplication=lambda: Deduplication(self._deliveries),
            topic=spec.topic,
            server=self._server,
        )

    def _polling(self, spec: SourceSpec, cls: type[PollingSource[Any, Any]]) -> PollingUnit:
        pace = pace_of(spec.section.every, cls)
        remember = spec.section.cursor.remember
        return PollingUnit(
            spec.name,
            connector=spec.use,
            flow=f"{pace} → {', '.join(spec.topics())}",
            build=lambda: self._source(spec, cls),
            open_leadership=lambda told: self._leadership(spec, told),
            open_tenure=lambda timeout: self._tenure(spec, timeout),
            pace=pace,
            # An incremental source remembers by itself, with its streams.
            remember=0 if issubclass(cls, IncrementalSource) else cls.remember if remember is None else remember,
        )

    def incremental(self, name: str) -> IncrementalSource[Any]:
        """A configured source that can be asked for a range, for use beside the one that runs.

        Raises:
            ConfigError: there is no such source, or it can't be asked for one.
            InvalidDeployment: a reference can't be resolved.
        """
        sources = self._deployment.sources
        spec = sources.get(name)
        if spec is not None and issubclass(spec.cls, IncrementalSource):
            source = self._source(spec, spec.cls)
            assert isinstance(source, IncrementalSource)
            return source
        able = [each for each, other in sources.items() if issubclass(other.cls, IncrementalSource)]
        those = f"those that can: {', '.join(able)}" if able else "no source of the deployment can"
        if spec is None:
            raise ConfigError(f"no source named {name}; by a range can be asked: {', '.join(able) or 'none'}")
        raise ConfigError(f"source {name} ({spec.use}) can't be asked for a range; {those}")

    def backfill(self, asked: Asked, source: IncrementalSource[Any], told: Callable[[Backfill, str], None]) -> Backfill:
        """A backfill by a source that `incremental` gave."""
        spec = self._deployment.sources[asked.source]
        name = f"{names.transactional_id(self._deployment.name, spec.name)}.{asked.suffix}"
        return Backfill(
            asked,
            source=source,
            tenure=self._tenure(spec, TIMEOUT, name=name, place=asked.place),
            contracts=ContractGate.of(spec.name, self._deployment.contracts),
            told=told,
        )

    def _source(self, spec: SourceSpec, cls: type[PollingSource[Any, Any]]) -> PollingSource[Any, Any]:
        context = replace(self._context(spec.name), cursor=spec.cursor_options)
        return cls(spec.config(self._environ), context)

    def _consuming(self, spec: SourceSpec, cls: type[ConsumingSource[Any]]) -> ConsumingUnit:
        return ConsumingUnit(
            spec.name,
            connector=spec.use,
            flow=", ".join(spec.topics()[:3]),
            build=lambda: cls(spec.config(self._environ), self._context(spec.name)),
            open_store=lambda: self._message_store(spec),
        )

    def _message_store(self, spec: SourceSpec) -> MessageStore:
        deployment = self._deployment.name
        outputs = (*spec.topics(), spec.dlq, names.messages(deployment))
        name = f"{names.transactional_id(deployment, spec.name)}.{self._own()}"
        return MessageStore(
            spec.name,
            connector=spec.use,
            dlq=spec.dlq,
            topic=spec.topic,
            writer=TransactionWriter(self._settings, name, outputs=outputs),
            shared=self._messages,
        )

    def _leadership(self, spec: SourceSpec, told: Callable[[str], None]) -> Leadership:
        name, deployment = worker_name(), self._deployment.name
        section = spec.leader(self._environ)
        key = (section and section.key) or f"{deployment}.{spec.name}"
        return Leadership(
            Election(
                self._settings,
                group=names.group(deployment, spec.name),
                topic=names.cursors(deployment),
                name=name,
            ),
            RedisLock(section, key=key, name=name) if section else None,
            told,
        )

    def _tenure(self, spec: SourceSpec, timeout: float, *, name: str | None = None, place: str | None = None) -> Tenure:
        deployment = self._deployment.name
        cursors = CursorStore(self._settings, deployment, follow=True)
        writer = TransactionWriter(
            self._settings,
            name or names.transactional_id(deployment, spec.name),
            outputs=(*spec.topics(), spec.dlq, cursors.topic),
            timeout=timeout,
        )
        return Tenure(
            spec.name,
            connector=spec.use,
            dlq=spec.dlq,
            topic=spec.topic,
            writer=writer,
            cursors=cursors,
            place=place,
        )

    def _route(self, spec: RouteSpec) -> RouteUnit:
        return RouteUnit(
            spec.name,
            flow=_flow(spec),
            open_reader=lambda: self._reader(spec),
            open_outlet=lambda: self._writer(spec),
            dlq=spec.dlq,
            compile=lambda: spec.program(self._environ),
            targets=spec.targets,
            open_desks=(lambda: [self._desk(each) for each in spec.lookups.values()]) if spec.lookups else None,
        )

    def _desk(self, spec: LookupSpec) -> Desk:
        section, name = spec.section, f"{spec.route}.{spec.name}"
        lookup = spec.cls(spec.config(self._environ), self._context(name))
        on_error, cache = section.on_error, section.cache
        stale = cache.stale_if_error if cache is not None else None
        settings = DeskSettings(
            batch=min(section.batch or lookup.batch, lookup.batch),
            concurrency=section.concurrency or lookup.concurrency,
            timeout=section.timeout.total_seconds(),
            retry=_retry(on_error.retry),
            ttl=cache.ttl.total_seconds() if cache is not None else 0.0,
            stale=stale.total_seconds() if stale is not None else 0.0,
            size=cache.size if cache is not None else 0,
            fallback=(on_error.fallback,) if on_error.falls_back else None,
            falls_back_in_outage=on_error.outage == "fallback",
        )
        return Desk(spec.name, lookup, settings, lookup.log)

    def _sink(self, spec: SinkSpec) -> SinkUnit:
        return SinkUnit(
            spec.name,
            connector=spec.use,
            flow=", ".join(spec.inputs) or "its inbox",
            build=lambda: spec.cls(spec.config(self._environ), self._context(spec.name, deliveries=True)),
            open_reader=lambda: self._reader(spec),
            open_outlet=lambda: self._outlet(spec, spec.use),
            retry=_retry(spec.section.on_error.retry),
            concurrency=spec.section.concurrency,
            reply=spec.reply,
            open_parking=(lambda: self._parking(spec)) if spec.sequenced else None,
        )

    def _parking(self, spec: SinkSpec) -> Parking:
        former = spec.section.renamed_from
        dlq = [spec.dlq, *([names.dlq(self._deployment.name, former)] if former else [])]
        resolutions = names.resolutions(self._deployment.name)
        return Parking(
            self._settings,
            unit=spec.name,
            former=[former] if former else [],
            dlq=dict.fromkeys(dlq),
            resolutions=resolutions,
            group=names.group(self._deployment.name, spec.name),
            inbox=spec.inbox,
        )


def _retry(section: Retry) -> RetryPolicy:
    elapsed = section.max_elapsed_time
    return RetryPolicy(
        initial_interval=section.initial_interval.total_seconds(),
        max_interval=section.max_interval.total_seconds(),
        max_retries=section.max_retries,
        max_elapsed_time=None if elapsed is None else elapsed.total_seconds(),
    )


def _flow(spec: RouteSpec) -> str:
    return f"{', '.join(spec.inputs)} → {', '.join(spec.targets)}"


class _Services(Mapping[str, Service]):
    """The deployment's services by name, each made when first asked for; a sink's never retry: the engine does."""

    def __init__(self, assembly: Assembly, *, deliveries: bool) -> None:
        self._assembly = assembly
        self._deliveries = deliveries

    def __getitem__(self, name: str) -> Service:
        service = self._assembly.service(name)
        return service.for_deliveries() if self._deliveries else service

    def __iter__(self) -> Any:
        return iter(self._assembly._deployment.services)  # noqa: SLF001  its own view

    def __len__(self) -> int:
        return len(self._assembly._deployment.services)  # noqa: SLF001  its own view


def _executes(spec: SourceSpec | SinkSpec | ServiceSpec | LookupSpec) -> bool:
    return "${exec:" in str(spec.section.model_dump())
