"""The admin API of several workers on one machine: it asks each of them, and answers for all.

The paths are those of `hub.operate.admin`. A unit runs in every worker, so that it has a task in each, as a connector
has in Kafka Connect; what changes a unit changes it in all of them. Metrics carry a label ``worker``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
import orjson
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from hub.engine.ledger.ledger import Totals
from hub.engine.settings import AdminSettings
from hub.engine.unit import State
from hub.ingress import Answer, HttpServer, Route, problem
from hub.operate.guard import Guard
from hub.operate.metrics import CONTENT_TYPE
from hub.operate.services import merged
from hub.sdk import WebhookRequest

LIMIT = 30.0
"""Seconds that a worker has to answer: stopping a unit may take 20."""
_READ = frozenset({"GET", "HEAD"})
_VERBS = {"pause": "PUT", "resume": "PUT", "stop": "PUT", "restart": "POST"}
_WORST = (State.FAILED, State.PAUSED, State.RUNNING, State.UNASSIGNED, State.STOPPED)
"""What a unit is in, whose tasks are in several states: the first of these that one is in."""


class _Reply(NamedTuple):
    """What a worker answered; status 0 where it didn't."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """As JSON; None where it isn't any."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class FleetServer:
    """Serves the admin API of several workers.

    Args:
        workers: gives the base URL of each worker's own admin API, by its number; empty where it isn't served yet.
        settings: where to listen.
        changed: told of each change that an operator made: the unit and the verb.
    """

    def __init__(
        self,
        workers: Callable[[], Mapping[int, str]],
        settings: AdminSettings,
        changed: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._workers = workers
        self._changed = changed
        self._guard = Guard(settings.host)
        self._session: aiohttp.ClientSession | None = None
        self._server = HttpServer(settings.host, settings.port, name="admin")
        self._add("/healthz", _READ, self._health)
        self._add("/readyz", _READ, self._ready)
        self._add("/metrics", _READ, self._metrics)
        self._add("/services", _READ, self._services)
        self._add("/connectors", _READ, self._list)
        for path in ("", "/config", "/contracts"):
            self._add(f"/connectors/{{name}}{path}", _READ, self._first)
        self._add("/connectors/{name}/status", _READ, self._status)
        self._add("/connectors/{name}/offsets", _READ, self._offsets)
        for verb, method in _VERBS.items():
            self._add(f"/connectors/{{name}}/{verb}", frozenset({method}), self._turn)

    @property
    def url(self) -> str:
        """Base URL, without trailing slash."""
        return self._server.url

    async def start(self) -> None:
        """Listens.

        Raises:
            EnvironmentProblem: the port is taken.
        """
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT))
        await self._server.start()

    async def stop(self) -> None:
        """Closes."""
        await self._server.stop()
        if self._session is not None:
            await self._session.close()

    def _add(self, path: str, methods: frozenset[str], handler: Callable[..., Awaitable[Answer]]) -> None:
        async def guarded(request: WebhookRequest, *values: str) -> Answer:
            return self._guard.refusal(request) or await handler(request, *values)

        add = self._server.add_template if "{" in path else self._server.add
        add(path, Route(guarded, methods, max_body=2**16))

    async def _ask(self, method: str, path: str, query: str = "") -> dict[int, _Reply]:
        """What each worker answers."""
        workers = dict(self._workers())
        replies = await asyncio.gather(*(self._ask_one(method, url, path, query) for url in workers.values()))
        return dict(zip(workers, replies, strict=True))

    async def _ask_one(self, method: str, url: str, path: str, query: str) -> _Reply:
        assert self._session is not None
        if not url:
            return _Reply(0, b"")
        try:
            async with self._session.request(method, f"{url}{path}{f'?{query}' if query else ''}") as response:
                return _Reply(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _Reply(0, b"")

    async def _health(self, request: WebhookRequest) -> Answer:
        replies = await self._ask("GET", request.path)
        silent = [number for number, reply in replies.items() if reply.status != 200]  # noqa: PLR2004  HTTP's OK
        workers = {str(number): reply.document for number, reply in replies.items()}
        if silent:
            detail = f"no answer from worker {', '.join(map(str, silent))}; it is started again where it has ended"
            return problem(503, "not_healthy", detail, members={"workers": workers})
        return Answer.json(200, {"status": "ok", "workers": workers})

    async def _ready(self, request: WebhookRequest) -> Answer:
        replies = await self._ask("GET", request.path)
        workers = {str(number): reply.document for number, reply in replies.items()}
        waiting = [number for number, reply in replies.items() if reply.status != 200]  # noqa: PLR2004  as above
        if waiting or not replies:
            detail = f"not ready: worker {', '.join(map(str, waiting))}"
            return problem(503, "not_ready", detail, members={"workers": workers})
        return Answer.json(200, {"status": "ready", "workers": workers})

    async def _metrics(self, request: WebhookRequest) -> Answer:
        replies = await self._ask("GET", request.path)
        texts = {number: reply.body.decode() for number, reply in replies.items() if reply.status == 200}  # noqa: PLR2004  as above
        text = await asyncio.to_thread(_gathered, texts)
        return Answer(200, text, ((b"content-type", CONTENT_TYPE.encode()),))

    async def _services(self, request: WebhookRequest) -> Answer:
        replies = _good(await self._ask("GET", request.path))
        return Answer.json(200, merged(replies)) if replies else _nobody()

    async def _list(self, request: WebhookRequest) -> Answer:
        replies = _good(await self._ask("GET", "/connectors", "expand=status"))
        if not replies:
            return _nobody()
        names = list(dict.fromkeys(name for units in replies.values() for name in units))
        if "status" not in request.query:
            return Answer.json(200, names)
        found = {
            name: {
                "status": _merged({number: units[name]["status"] for number, units in replies.items() if name in units})
            }
            for name in names
        }
        return Answer.json(200, found)

    async def _first(self, request: WebhookRequest, name: str) -> Answer:
        """What is the same in all workers."""
        replies = await self._ask("GET", request.path)
        found = [reply for reply in replies.values() if reply.document is not None]
        if not found:
            return _nobody()
        document, status = found[0].document, found[0].status
        if isinstance(document, dict) and "tasks" in document:
            document["tasks"] = [{"connector": name, "task": index} for index, _ in enumerate(found)]
        return Answer.json(status, document)

    async def _status(self, request: WebhookRequest, name: str) -> Answer:  # noqa: ARG002  it is in the path
        replies = await self._ask("GET", request.path)
        statuses = _good(replies)
        return Answer.json(200, _merged(statuses)) if statuses else _worst(replies)

    async def _offsets(self, request: WebhookRequest, name: str) -> Answer:  # noqa: ARG002  as above
        replies = await self._ask("GET", request.path)
        found = _good(replies)
        if not found:
            return _worst(replies)
        return Answer.json(200, {"offsets": [each for document in found.values() for each in document["offsets"]]})

    async def _turn(self, request: WebhookRequest, name: str) -> Answer:
        replies = await self._ask(request.method, request.path)
        if all(reply.status in (200, 202, 204) for reply in replies.values()) and replies:
            self._changed(name, request.path.rpartition("/")[2])
            return Answer(next(iter(replies.values())).status)
        return _worst(replies)


def _good(replies: Mapping[int, _Reply]) -> dict[int, Any]:
    return {number: reply.document for number, reply in replies.items() if reply.status == 200}  # noqa: PLR2004  as above


def _nobody() -> Answer:
    return problem(503, "no_worker", "no worker answers; they are started again where they have ended")


def _worst(replies: Mapping[int, _Reply]) -> Answer:
    """The answer of the worker that was least successful."""
    silent = [number for number, reply in replies.items() if reply.status == 0]
    refused = max(replies.values(), key=lambda reply: reply.status, default=_Reply(0, b""))
    if refused.status >= 400 and refused.document is not None:  # noqa: PLR2004  HTTP's errors
        return Answer(refused.status, refused.body, ((b"content-type", b"application/problem+json"),))
    return problem(503, "no_worker", f"no answer from worker {', '.join(map(str, silent)) or 'any'}")


def _merged(statuses: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """One unit's status out of its workers': a task for each, figures added up."""
    first = next(iter(statuses.values()))
    states = {number: State(status["connector"]["state"]) for number, status in statuses.items()}
    worst = next(state for state in _WORST if state in states.values())
    shown = statuses[next(number for number, state in states.items() if state is worst)]
    tasks = [task | {"id": number} for number, status in statuses.items() for task in status["tasks"]]
    totals = Totals.sum(Totals.model_validate(status["totals"]) for status in statuses.values())
    return {
        **first,
        **{key: shown[key] for key in ("detail", "since")},
        "connector": shown["connector"],
        "tasks": tasks,
        "totals": totals.model_dump(mode="json"),
        "lag_seconds": max(status["lag_seconds"] for status in statuses.values()),
        "retrying": [each for status in statuses.values() for each in status["retrying"]],
        "read_with": sorted({each for status in statuses.values() for each in status["read_with"]}),
        "cursor": next((status["cursor"] for status in statuses.values() if status["cursor"]), None),
        "held": _held([status["held"] for status in statuses.values() if status.get("held")]),
    }


def _held(found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The keys that the workers of a sink hold, together: no two have the same key."""
    if not found:
        return None
    return {key: (max if key == "waiting_seconds" else sum)(each[key] for each in found) for key in found[0]}


class _Families:
    """Metric families as a registry gives them."""

    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families.values()


def _gathered(texts: Mapping[int, str]) -> bytes:
    """Several expositions as one, with a label for whose each sample is."""
    families: dict[str, Metric] = {}
    for number, text in texts.items():
        for family in text_string_to_metric_families(text):
            made = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            made.samples += [each._replace(labels={**each.labels, "worker": str(number)}) for each in family.samples]
    return generate_latest(_Families(families))
