"""An API that throttles, and one that goes away, under a source and sinks that share it, on the real Kafka.

The far side is an HTTP server of our own. What was sent is told by the transport, just before it goes to the wire.
``make storm`` runs the long form: five minutes of each, with the figures in ``benchmarks/results/storm.json``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
from aiohttp import web

from benchmarks import report
from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.unit import State
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.sdk import (
    Batch,
    Connector,
    Cursor,
    Delivery,
    Event,
    PollingSource,
    Response,
    ServiceConfig,
    Signal,
    Sink,
    SinkConfig,
    SourceConfig,
    WriteFailed,
)
from hub.services.request import Request
from hub.services.transport import Transport
from tests.integration.engine import event, publish, records

LONG = os.environ.get("HUB_STORM") == "long"
SECONDS = 300.0 if LONG else 8.0
"""How long a storm or an outage lasts."""
PROBE = 30.0 if LONG else 1.0
"""Seconds between two probes of an open circuit."""
LIMIT, INTERVAL = (500, 5.0) if LONG else (100, 1.0)
"""What the API takes: requests in any so many seconds."""
PATIENCE = 120.0 + (400.0 if LONG else 0.0)
TYPE = "far.thing"

pytestmark = pytest.mark.timeout(3 * PATIENCE)

TEXT = """
deployment: {name}
events:
  far.thing: {{ schema: {{}}, topic: {name}.things }}
topics:
  {name}.things: {{ partitions: 3 }}
  {name}.in: {{ partitions: 3 }}
services:
  far:
    use: far
    with: {{ base_url: "{url}" }}
    rate_limit: {rate_limit}
    circuit_breaker: {{ breaker_timeout: {probe}s }}
    retry: {{ max_retries: 2, initial_interval: 50ms, max_interval: 1s }}
    timeout: {{ connect: 2s, read: 2s, total: 5s }}
sources:
  feed: {{ use: far, every: 100ms }}
sinks:
  one: {{ use: far, from: {name}.in, start: earliest }}
  two: {{ use: far, from: {name}.in, start: earliest }}
"""


class Position(Cursor):
    """How many things were read."""

    at: int = 0


class Feed(PollingSource[SourceConfig, Position]):
    """Reads things in pages."""

    events = {TYPE: None}

    @property
    def service(self) -> Any:
        return self.context.services["far"]

    async def poll(self, cursor: Position) -> AsyncIterator[Batch]:
        at = cursor.at
        while page := (await self.service.request("GET", "/things", params={"from": at}, fresh=True)).json():
            at += len(page)
            yield Batch([self.event(TYPE, {"n": n}, id=str(n)) for n in page], Position(at=at))


class Write(Sink[SinkConfig]):
    """Puts each event to its place."""

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        try:
            for each in batch:
                await self.context.services["far"].request("PUT", f"/{self.name}/{each.event.id}", json=each.event.data)
        except Signal as signal:
            raise WriteFailed({0: signal}) from None
        return []


CONNECTOR = Connector("far", "Far", sources={"": Feed}, sinks={"": Write}, service=ServiceConfig)


class Api:
    """What the units talk to. It takes so many requests in any stretch of time, and is away when told.

    Attributes:
        things: how many the source can read.
        written: how often it took each event, by sink.
        away: how it is away: ``status`` answers 503 and 500 by turns, ``closed`` listens no more; empty for not at all.
        throttling: whether it answers 429 whatever comes.
        answers: by status.
        good: when it gave a good answer.
        tells: whether answers tell the limit, which then is of windows that follow each other, as GitHub's.
        windows: requests by the window that they came in.
    """

    def __init__(self) -> None:
        self.things = 0
        self.written: dict[str, Counter[str]] = {"one": Counter(), "two": Counter()}
        self.away = ""
        self.throttling = False
        self.answers: Counter[int] = Counter()
        self.good: list[float] = []
        self.tells = False
        self.windows: Counter[int] = Counter()
        self._taken: deque[float] = deque()
        self._port = 0
        self._number = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def listen(self) -> None:
        """Is there, at the same port as before."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def leave(self) -> None:
        """Refuses connections, and breaks those that are open."""
        await self._site.stop()
        server = self._runner.server
        assert server is not None
        for each in list(server.connections):
            each.force_close()
            if each.transport is not None:
                each.transport.abort()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._number += 1
        answer = self._answer(request, body)
        self.answers[answer.status] += 1
        return answer

    def _answer(self, request: web.Request, body: bytes) -> web.Response:
        now = time.monotonic()
        if self.away:
            return web.Response(status=503 if self._number % 2 else 500)
        window = int(now / INTERVAL)
        self.windows[window] += 1
        since = window * INTERVAL if self.tells else now - INTERVAL
        while self._taken and self._taken[0] <= since:
            self._taken.popleft()
        if self.throttling or len(self._taken) >= LIMIT:
            return web.Response(status=429, headers={"Retry-After": self._retry_after()})
        self._taken.append(now)
        self.good.append(now)
        headers = {}
        if self.tells:
            left, reset = LIMIT - len(self._taken), (window + 1) * INTERVAL - now
            headers = {
                "X-RateLimit-Limit": str(LIMIT),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset": f"{reset:.3f}",
            }
        if request.path == "/things":
            start = int(request.query["from"])
            return web.json_response(list(range(start, min(start + 5, self.things))), headers=headers)
        _, sink, name = request.path.split("/")
        self.written[sink][name] += 1
        return web.Response(status=204, headers=headers)

    def _retry_after(self) -> str:
        """Both forms by turns."""
        if self._number % 2:
            return "1"
        return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each request went to the wire."""
    times: list[float] = []
    whole = Transport.__call__

    async def watched(transport: Transport, request: Request) -> Response:
        times.append(time.monotonic())
        return await whole(transport, request)

    monkeypatch.setattr(Transport, "__call__", watched)
    return times


class Setting:
    """A deployment at work, and what was given to it."""

    def __init__(self, runtime: Runtime, kafka: KafkaSettings, name: str, api: Api) -> None:
        self.runtime = runtime
        self._kafka = kafka
        self._name = name
        self._api = api
        self.given = 0

    async def give(self, count: int) -> None:
        """So many more things to read, and events to write."""
        start, self.given = self.given, self.given + count
        self._api.things = self.given
        await publish(self._kafka, f"{self._name}.in", [event(n, key=f"k{n}") for n in range(start, self.given)])

    async def through(self) -> None:
        """Waits until all has arrived, once at least at each sink, and sees that nothing was given up."""
        wanted = {str(n) for n in range(self.given)}

        async def done() -> bool:
            units = self.runtime.supervisor.units
            totals = {name: unit.status().totals for name, unit in units.items()}
            return all(each.keys() >= wanted for each in self._api.written.values()) and all(
                each.received >= self.given and not each.in_flight for each in totals.values()
            )

        await self.until(done, "everything arriving")
        for name, unit in self.runtime.supervisor.units.items():
            totals = unit.status().totals
            assert (name, totals.delivered, dict(totals.dead_lettered)) == (name, self.given, {})
            assert totals.balanced
        topics = [f"{self._name}.things", names.dlq(self._name, "one"), names.dlq(self._name, "two")]
        read, *letters = [await records(self._kafka, topic) for topic in topics]
        assert sorted(Event.from_kafka(each.key, each.value, each.headers).data["n"] for each in read) == list(
            range(self.given)
        )
        assert letters == [[], []]

    async def until(self, condition: Any, what: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110  there is no event for all of it
                await asyncio.sleep(0.02)

    def paused(self) -> dict[str, str]:
        """The units that wait, and why."""
        units = self.runtime.supervisor.units
        return {name: unit.detail for name, unit in units.items() if unit.state is State.PAUSED}


@asynccontextmanager
async def at_work(
    directory: Path, kafka: KafkaSettings, name: str, api: Api, rate_limit: str
) -> AsyncIterator[Setting]:
    text = TEXT.format(name=name, url=api.url, rate_limit=rate_limit, probe=PROBE)
    (directory / "deployment.yaml").write_text(text)
    deployment = load(directory, registry=Registry([CONNECTOR]))
    runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        yield Setting(runtime, kafka, name, api)
    finally:
        await runtime.stop()


def most(times: Sequence[float], seconds: float) -> int:
    """The most that went in any stretch of so many seconds."""
    return max((index + 1 - bisect_left(times, at - seconds) for index, at in enumerate(times)), default=0)


def told(name: str, figures: Mapping[str, Any]) -> None:
    """Keeps what the long form found."""
    logging.getLogger("tests.storm").info("%s: %s", name, figures)
    if LONG:
        kept = report.RESULTS / "storm.json"
        earlier = orjson.loads(kept.read_bytes()) if kept.exists() else {}
        report.write("storm", {**earlier, **{f"{name}_{key}": float(each) for key, each in figures.items()}})


@pytest.mark.parametrize("kind", ["declared", "learnt"])
async def test_a_storm_of_429_costs_time_and_nothing_else(tmp_path, kafka, unique, sent, kind):
    """What is sent stays within the API's limit, by what the file says and by what answers say; nothing is lost."""
    declared = f"{{ count: {LIMIT}, interval: {INTERVAL:g}s, algorithm: sliding_window }}"
    async with Api() as api:
        api.tells = kind == "learnt"
        async with at_work(tmp_path, kafka, unique, api, declared if kind == "declared" else "{}") as it:
            began = time.monotonic()
            # Three times what the limit lets through in the first half: two sinks, and pages of five.
            await it.give(int(LIMIT / INTERVAL * SECONDS / 2.2))
            await asyncio.sleep(SECONDS / 4)
            api.throttling = True
            before = len(sent)
            await asyncio.sleep(SECONDS / 4)
            stormed, api.throttling = len(sent) - before, False
            storm_over = time.monotonic()
            await it.through()
            took = time.monotonic() - began
    densest = max(api.windows.values()) if kind == "learnt" else most(sent, INTERVAL)
    again = min(at for at in api.good if at > storm_over) - storm_over
    told(
        f"storm_{kind}",
        {
            "seconds": took,
            "limit": LIMIT,
            "limit_seconds": INTERVAL,
            "sent": len(sent),
            "densest_interval": densest,
            "densest_of_limit": densest / LIMIT,
            "sent_of_allowed": len(sent) / (LIMIT * (took / INTERVAL + 1)),
            "sent_while_all_refused": stormed,
            "answers_429": api.answers[429],
            "recovery_seconds": again,
            "delivered": 3 * it.given,
            "lost": 0,
            "dead_lettered": 0,
        },
    )
    assert densest <= LIMIT * 1.01
    # While it refuses everything: those under way, then one for each second that it asks to wait.
    assert stormed <= 40 + 2 * SECONDS / 4
    assert again <= 1.0 + 1.5  # what it asked for, a second more for the date's whole ones, on a busy machine


@pytest.mark.parametrize("kind", ["status", "closed"])
async def test_an_outage_is_sat_out_with_probes_alone(tmp_path, kafka, unique, sent, kind):
    """The open circuit pauses the source and both sinks; they go on by themselves within one probe interval."""
    async with Api() as api, at_work(tmp_path, kafka, unique, api, "null") as it:
        await it.give(100)
        await it.through()
        api.away = kind
        if kind == "closed":
            await api.leave()
        gone = time.monotonic()
        await it.give(200)

        async def all_wait() -> bool:
            return len(it.paused()) == 3

        await it.until(all_wait, "all units waiting")
        assert any("circuit is open" in why or "again in" in why for why in it.paused().values())
        quiet = len(sent)
        while (left := gone + SECONDS - time.monotonic()) > 0:  # noqa: ASYNC110  time itself is waited for
            await asyncio.sleep(min(left, 0.5))
        probes = len(sent) - quiet
        if kind == "closed":
            await api.listen()
        api.away, back = "", time.monotonic()
        await it.through()
        recovered = min(at for at in api.good if at >= back) - back

        async def none_waits() -> bool:
            return not it.paused()

        await it.until(none_waits, "all units at work")
        through = max(api.good) - back
    told(
        f"outage_{kind}",
        {
            "seconds": back - gone,
            "probe_seconds": PROBE,
            "probes": probes,
            "recovery_seconds": recovered,
            "all_through_seconds": through,
            "delivered": 3 * it.given,
            "lost": 0,
            "dead_lettered": 0,
        },
    )
    # A probe that fails with a 500 is followed by a health check.
    assert probes <= 2 * ((back - gone) / PROBE + 2)
    assert recovered <= PROBE + 0.5


async def test_a_reload_is_no_way_around_a_limit(tmp_path, kafka, unique, sent):
    """Settings of the service change while its limit is used up: the limit stays so, and the counts go on."""
    limit = "{ count: 20, interval: 1h, algorithm: sliding_window, max_wait: 0s }"
    async with Api() as api, at_work(tmp_path, kafka, unique, api, limit) as it:
        await it.give(30)

        async def used_up() -> bool:
            return len(sent) == 20 and len(it.paused()) == 3

        await it.until(used_up, "the limit being used up")
        file = tmp_path / "deployment.yaml"
        file.write_text(file.read_text().replace("total: 5s", "total: 4s"))
        changes = await it.runtime.reload(load(tmp_path, registry=Registry([CONNECTOR])))
        assert set(changes.replaced) == {"feed", "one", "two"}
        await it.until(used_up, "the units waiting again")
        (info,) = it.runtime.services()
        assert info.figures["requests"] == 20
        assert info.figures["limited"] > 3
