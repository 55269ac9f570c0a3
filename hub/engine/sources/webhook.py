"""Webhook sources at work: verify, deduplicate, publish, and answer 2xx only after Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

from hub.contracts import ContractViolation
from hub.engine.contracts import stage_of
from hub.engine.dlq.deadletter import error_class
from hub.engine.dlq.outlet import Outlet
from hub.engine.sources.deduplication import Deduplication
from hub.engine.unit import State, Unit
from hub.ingress import Answer, HttpServer, Route, problem
from hub.ingress.answer import trace_id
from hub.kafka.publisher import Record, TooLarge
from hub.sdk.errors import HubError, InvalidEvent, InvalidPayload, WebhookRejected
from hub.sdk.event import Event
from hub.sdk.source import WebhookRequest, WebhookSource
from hub.secrecy import hidden

KAFKA_LIMIT = 8.0
"""Seconds to wait for Kafka before answering 503; GitHub, the most impatient sender, gives up after 10."""
VERDICT_LIMIT = 3600.0
"""Seconds that the storing of an event goes on in the background, after its sender was answered 503."""
HELD = 64 * 2**20
"""Bytes of events whose storing is under way; while there are more, requests are answered 503 at once."""
RETRY_AFTER = 30
"""Seconds after which a sender may try again when Kafka is down."""

NOT_ACCEPTING = "not_accepting"
"""Code of the answer while the source is paused, or between two lives."""


class WebhookUnit(Unit):
    """A webhook source.

    Args:
        name: the source's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured source for each life; raises ConfigError.
        open_outlet: gives a fresh way to Kafka for each life.
        open_deduplication: gives the memory of deliveries for each life.
        topic: gives the topic of an event type.
        server: where to listen; started and stopped by its owner.
    """

    kind = "source"
    reported = True

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], WebhookSource[Any]],
        open_outlet: Callable[[], Outlet],
        open_deduplication: Callable[[], Deduplication],
        topic: Callable[[str], str],
        server: HttpServer,
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._build = build
        self._open_outlet = open_outlet
        self._open_deduplication = open_deduplication
        self._topic = topic
        self._server = server
        self._under_way = 0
        self._held = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._deduplication: Deduplication | None = None
        self._place: tuple[str, Route] | None = None
        """The path that it has, and what answers there while it isn't at work."""

    @property
    def alarm(self) -> str:
        """That deliveries are known for less long than they should be."""
        return self._deduplication.shortage if self._deduplication is not None else ""

    def claim(self) -> None:
        """Has its path answer that the source takes in nothing yet."""
        try:
            config = self._build().config
        except Exception:  # noqa: BLE001  its first life tells what is wrong
            return
        self._claim(config.path, config.max_body)

    def withdraw(self) -> None:
        """Has its path answer 404, unless another source has the path by now."""
        if self._place is not None:
            self._server.remove(*self._place)
            self._place = None

    def _claim(self, path: str, max_body: int) -> Route:
        """What answers at its path while it isn't at work, and does so from now on."""
        if self._place is None or self._place[0] != path:
            self.withdraw()
        # Whoever sends before we are ready, between two lives or after a stop shall come again; 404 would say: never.
        closed = Route(_not_now, max_body=max_body)
        self._place = path, closed
        self._server.add(path, closed)
        return closed

    async def run(self) -> None:
        """Listens until it is stopped, then answers what is under way."""
        source = self._build()
        outlet, deduplication = self._open_outlet(), self._open_deduplication()
        self._deduplication = deduplication

        async def handle(request: WebhookRequest) -> Answer:
            if self.paused:
                self._refuse(NOT_ACCEPTING)
                return await _not_now(request)
            return await self._handle(request, source, outlet, deduplication)

        route = Route(handle, max_body=source.config.max_body, on_refusal=self._refuse)
        closed = self._claim(source.config.path, source.config.max_body)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(outlet.stop)
            await outlet.start()
            stack.push_async_callback(deduplication.stop)
            await deduplication.start()
            stack.push_async_callback(source.close)
            await source.open()
            stack.push_async_callback(self._idle.wait)
            stack.callback(self._server.add, source.config.path, closed)
            self._server.add(source.config.path, route)
            self.flow = self._server.url + source.config.path
            self.enter(State.RUNNING)
            self.ready.set()
            while await self.gate():
                deduplication.check()
                await self.rest(1.0)

    def _refuse(self, code: str) -> None:
        self.ledger.refused[code] += 1

    async def _handle(
        self, request: WebhookRequest, source: WebhookSource[Any], outlet: Outlet, deduplication: Deduplication
    ) -> Answer:
        trace = trace_id(request.headers.get("traceparent"))
        if self._held > HELD:
            return self._unavailable(trace)
        try:
            events = source.receive(request)
        except WebhookRejected as refusal:
            return self._refused(refusal.status, refusal.code, refusal.detail, trace)
        except InvalidEvent as error:
            return self._refused(400, "invalid_event", str(error), trace)
        self._under_way += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(KAFKA_LIMIT):
                for event in events:
                    await self._once(_traced(event, request), outlet, deduplication)
        except TooLarge as error:
            return self._refused(413, "event_too_large", str(error), trace)
        except (HubError, TimeoutError) as error:
            self.log.warning("answered 503 at %s: %s", request.path, str(error) or "Kafka did not acknowledge in time")
            return self._unavailable(trace)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        return Answer.json(202, {"accepted": len(events)})

    def _refused(self, status: int, code: str, detail: str, trace: str | None) -> Answer:
        self._refuse(code)
        headers = {"Retry-After": str(RETRY_AFTER)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem(status, code, hidden(detail), headers=headers, trace_id=trace)

    def _unavailable(self, trace: str | None) -> Answer:
        return self._refused(503, "kafka_unavailable", "the event could not be stored now; send it again later", trace)

    async def _once(self, event: Event, outlet: Outlet, deduplication: Deduplication) -> None:
        """Publishes an event unless it is a duplicate, and counts it.

        The publishing may outlast the caller's patience, so it counts for itself: what arrives late is delivered all
        the same, though its request was answered 503. What failed was refused, and was never taken in.
        """
        self.ledger.taken += 1
        came = time.monotonic()
        first = False

        async def publish() -> None:
            nonlocal first
            first = True
            size = len(event.raw or b"")
            self._held += size
            try:
                fit = await self._fit(event, outlet)
                if fit is None:
                    return
                record = Record(self._topic(fit.type), *fit.to_kafka())
                # Until Kafka's own verdict: a record that was given up may still be written, and then needs its mark.
                too_large = await outlet.publish([record], limit=VERDICT_LIMIT)
                if too_large:
                    raise too_large[0]
            except BaseException:
                self.ledger.taken -= 1
                raise
            finally:
                self._held -= size
            self.ledger.delivered += 1
            self.ledger.durations.observe(time.monotonic() - came)

        try:
            new = await deduplication.once(deduplication.mark(self.name, event), publish)
        except BaseException:
            if not first:
                self.ledger.taken -= 1
            raise
        if not new:
            self.ledger.filtered["duplicate"] += 1

    async def _fit(self, event: Event, outlet: Outlet) -> Event | None:
        """The event as it may be published; None where it was dead-lettered, with bytes that its sender can't mend.

        That is no refusal: whoever sent it was genuine, and most senders, GitHub among them, don't send again.
        """
        try:
            event = event.checked()
            if self.contracts is not None:
                self.contracts.produced(event)
        except (InvalidPayload, ContractViolation) as problem:
            await outlet.bury(event.to_kafka(), problem, stage=stage_of(problem))
            self.ledger.dead_lettered[error_class(problem)] += 1
            return None
        return event


async def _not_now(_: WebhookRequest) -> Answer:
    return problem(
        503,
        NOT_ACCEPTING,
        "the source takes in nothing at the moment; send it again later",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def _traced(event: Event, request: WebhookRequest) -> Event:
    """The event with the sender's W3C trace context, where it sent one."""
    if "traceparent" not in request.headers or event.header("traceparent") is not None:
        return event
    names = [name for name in ("traceparent", "tracestate") if name in request.headers]
    return event.carrying(*((name, request.headers[name].encode()) for name in names))
