"""The admin API: probes, metrics, and Kafka Connect's REST shape over the units of this process.

    GET  /healthz                     the process lives and its event loop turns
    GET  /readyz                      every unit is at work, or paused or stopped by the operator
    GET  /metrics                     for Prometheus
    GET  /services                    what services do and how they fare: circuit, limits, figures
    GET  /connectors                  names; with ``?expand=status`` every unit's status
    GET  /connectors/{name}           kind and task
    GET  /connectors/{name}/config    its settings as written, secrets hidden
    GET  /connectors/{name}/status    state, detail, ledger, cursor
    GET  /connectors/{name}/offsets   where it stands: committed positions of its partitions here, or its cursor
    GET  /connectors/{name}/contracts events checked, violations and new fields, by event type
    PUT  /connectors/{name}/pause     202: takes in nothing more, keeps its position
    PUT  /connectors/{name}/resume    202: also starts one that was stopped
    PUT  /connectors/{name}/stop      204: once what it had is settled
    POST /connectors/{name}/restart   204: once it has ended in good order and begun anew

What an operator pauses or stops stays so until the process ends. Nobody is asked for a password: the server listens on
the loopback interface unless told otherwise, and refuses requests that a web page sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from hub.engine.generation import Generation
from hub.engine.reading.absence import Absence
from hub.engine.settings import AdminSettings
from hub.engine.status import worker_name
from hub.engine.supervisor import Supervisor
from hub.engine.unit import State, Unit
from hub.ingress import Answer, HttpServer, Route, problem
from hub.operate.guard import Guard
from hub.operate.metrics import CONTENT_TYPE, Metrics
from hub.operate.services import Infos, document
from hub.sdk import WebhookRequest

STOP_LIMIT = 20.0
"""Seconds that a unit has to settle what it took in, when it is stopped or restarted."""

_READ = frozenset({"GET", "HEAD"})
_PUT = frozenset({"PUT"})
_POST = frozenset({"POST"})
Turn = Callable[[Unit], Awaitable[Answer]]


class AdminServer:
    """Serves the admin API.

    Args:
        supervisor: of the units.
        settings: where to listen.
        generation: which version of the deployment is at work, where there can be several.
        config: gives a unit's settings, secrets hidden; None of a unit that the deployment doesn't have.
        absences: gives the units of the deployment that no worker runs.
        services: gives what the services of this process say of themselves.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        settings: AdminSettings | None = None,
        *,
        generation: Callable[[], Generation] | None = None,
        config: Callable[[str], Mapping[str, str] | None] = lambda _: None,
        absences: Callable[[], Iterable[Absence]] = tuple,
        services: Infos = tuple,
    ) -> None:
        settings = settings or AdminSettings()
        self._supervisor = supervisor
        self._metrics = Metrics(supervisor.units.values(), absences, services)
        self._services = services
        self._began = time.monotonic()
        self._worker = worker_name()
        self._draining = False
        self._generation = generation
        self._config = config
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._guard = Guard(settings.host)
        self._server = HttpServer(settings.host, settings.port, name="admin")
        self._add("/healthz", _READ, self._health)
        self._add("/readyz", _READ, self._ready)
        self._add("/metrics", _READ, self._measure)
        self._add("/services", _READ, self._show_services)
        self._add("/connectors", _READ, self._list)
        self._add("/connectors/{name}", _READ, self._show)
        self._add("/connectors/{name}/status", _READ, self._status)
        self._add("/connectors/{name}/config", _READ, self._settings)
        self._add("/connectors/{name}/offsets", _READ, self._offsets)
        self._add("/connectors/{name}/contracts", _READ, self._contracts)
        self._turn("pause", _PUT, self._pause)
        self._turn("resume", _PUT, self._resume)
        self._turn("stop", _PUT, self._stop)
        self._turn("restart", _POST, self._restart)

    @property
    def url(self) -> str:
        """Base URL, without trailing slash."""
        return self._server.url

    async def start(self) -> None:
        """Listens.

        Raises:
            EnvironmentProblem: the port is taken.
        """
        await self._server.start()

    def drain(self) -> None:
        """From now on not ready, and nothing is paused, resumed, stopped or started any more."""
        self._draining = True

    async def stop(self) -> None:
        """Closes."""
        await self._server.stop()

    def _add(self, path: str, methods: frozenset[str], handler: Callable[..., Awaitable[Answer]]) -> None:
        async def guarded(request: WebhookRequest, *values: str) -> Answer:
            return self._guard.refusal(request) or await handler(request, *values)

        add = self._server.add_template if "{" in path else self._server.add
        add(path, Route(guarded, methods, max_body=2**16))

    def _turn(self, verb: str, methods: frozenset[str], turn: Turn) -> None:
        """Serves what changes a unit: one change of a unit at a time, none while we end."""

        async def handle(_: WebhookRequest, name: str) -> Answer:
            unit = self._supervisor.units.get(name)
            if unit is None:
                return self._unknown(name)
            async with self._locks[name]:
                if self._draining:
                    return problem(409, "draining", f"the hub is ending; it does not {verb} units any more")
                return await turn(unit)

        self._add(f"/connectors/{{name}}/{verb}", methods, handle)

    async def _health(self, _: WebhookRequest) -> Answer:
        return Answer.json(200, {"status": "ok", "uptime_seconds": round(time.monotonic() - self._began, 1)})

    async def _ready(self, _: WebhookRequest) -> Answer:
        waiting = {
            name: {"state": unit.state, "detail": unit.detail}
            for name, unit in self._supervisor.units.items()
            if not _at_work(unit)
        }
        if self._draining or waiting:
            detail = "the hub is ending" if self._draining else f"not ready: {', '.join(waiting)}"
            return problem(
                503, "draining" if self._draining else "not_ready", detail, members={"units": waiting} | self._version()
            )
        ready: dict[str, Any] = {"status": "ready", "units": len(self._supervisor.units)}
        return Answer.json(200, ready | self._version())

    def _version(self) -> dict[str, Any]:
        return {"generation": self._generation().to_json()} if self._generation else {}

    async def _show_services(self, _: WebhookRequest) -> Answer:
        return Answer.json(200, document(self._services()))

    async def _measure(self, _: WebhookRequest) -> Answer:
        return Answer(200, self._metrics.text(), ((b"content-type", CONTENT_TYPE.encode()),))

    async def _list(self, request: WebhookRequest) -> Answer:
        units = self._supervisor.units
        if "status" in parse_qs(request.query).get("expand", ()):
            return Answer.json(200, {name: {"status": self._describe(unit)} for name, unit in units.items()})
        return Answer.json(200, list(units))

    async def _show(self, _: WebhookRequest, name: str) -> Answer:
        unit = self._supervisor.units.get(name)
        if unit is None:
            return self._unknown(name)
        task = {"connector": name, "task": 0}
        return Answer.json(
            200,
            {
                "name": name,
                "config": self._config(name) or {},
                "type": unit.kind,
                "connector": unit.connector,
                "tasks": [task],
            },
        )

    async def _settings(self, _: WebhookRequest, name: str) -> Answer:
        config = self._config(name) if name in self._supervisor.units else None
        return self._unknown(name) if config is None else Answer.json(200, dict(config))

    async def _offsets(self, _: WebhookRequest, name: str) -> Answer:
        unit = self._supervisor.units.get(name)
        if unit is None:
            return self._unknown(name)
        offsets: list[dict[str, Any]] = [
            {"partition": {"kafka_topic": topic, "kafka_partition": number}, "offset": {"kafka_offset": offset}}
            for (topic, number), offset in sorted(unit.positions.items())
        ]
        if unit.cursor is not None:
            offsets.append({"partition": {"source": name}, "offset": orjson.loads(unit.cursor)})
        return Answer.json(200, {"offsets": offsets})

    async def _status(self, _: WebhookRequest, name: str) -> Answer:
        unit = self._supervisor.units.get(name)
        return self._unknown(name) if unit is None else Answer.json(200, self._describe(unit))

    async def _contracts(self, _: WebhookRequest, name: str) -> Answer:
        unit = self._supervisor.units.get(name)
        if unit is None:
            return self._unknown(name)
        statuses = unit.contracts.statuses() if unit.contracts else []
        return Answer.json(200, [each.model_dump(mode="json") for each in statuses])

    async def _pause(self, unit: Unit) -> Answer:
        if unit.stopping.is_set():
            return problem(409, "stopped", f"{unit.name} is stopped; resume or restart it first")
        unit.pause()
        return Answer(202)

    async def _resume(self, unit: Unit) -> Answer:
        unit.resume()
        if unit.stopping.is_set():
            await self._supervisor.restart(unit.name)
        return Answer(202)

    async def _stop(self, unit: Unit) -> Answer:
        await self._supervisor.halt(unit.name, limit=STOP_LIMIT)
        return Answer(204)

    async def _restart(self, unit: Unit) -> Answer:
        await self._supervisor.restart(unit.name)
        return Answer(204)

    def _describe(self, unit: Unit) -> dict[str, Any]:
        """Kafka Connect's status document, with ours beside it."""
        status = unit.status()
        task = {"id": 0, "state": status.state, "worker_id": self._worker}
        if status.state is State.FAILED:
            task["trace"] = status.detail
        return {
            "name": unit.name,
            "type": unit.kind,
            "connector": {"state": status.state, "worker_id": self._worker},
            "tasks": [task],
            **status.model_dump(mode="json", exclude={"unit", "state", "connector"}),
        }

    def _unknown(self, name: str) -> Answer:
        return problem(
            404, "unknown_unit", f"no unit {name!r} runs here; there are {', '.join(self._supervisor.units)}"
        )


def _at_work(unit: Unit) -> bool:
    """Whether a unit does what it is meant to: to wait out a far side's outage is part of that, and to stand by."""
    if unit.paused or unit.stopping.is_set() or unit.state is State.STOPPED:
        return True
    return unit.ready.is_set() and unit.state in (State.RUNNING, State.PAUSED, State.UNASSIGNED)
