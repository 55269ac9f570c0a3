"""Polling sources at work: ask from the cursor, publish the batch, then store the cursor that follows it.

At-least-once: a crash between the batch and its cursor repeats the batch, with the same event ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from hub.contracts import ContractViolation
from hub.engine.backoff import backoff
from hub.engine.contracts import stage_of
from hub.engine.cursors import CursorStore
from hub.engine.deadletter import error_class
from hub.engine.outlet import Outlet
from hub.engine.unit import State, Unit
from hub.kafka.publisher import Record
from hub.sdk.cursor import Cursor
from hub.sdk.errors import ConfigError, HubError, InvalidPayload, NotConnected, Transient
from hub.sdk.event import Event
from hub.sdk.source import PollingSource

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Bounds in seconds of the waits after a failed poll."""


Refused = tuple[Event, Exception, str]
"""An event that is dead-lettered, why, and at which stage."""


class KafkaUnavailable(HubError):
    """Kafka, not the far side, is down: the unit fails and is started again from the stored cursor."""


class PollingUnit(Unit):
    """A polling source.

    Args:
        name: the source's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured source for each life; raises ConfigError.
        open_outlet: gives a fresh way to Kafka for each life.
        open_cursors: gives the store of cursors for each life.
        topic: gives the topic of an event type.
        every: time between two polls.
    """

    kind = "source"

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], PollingSource[Any, Any]],
        open_outlet: Callable[[], Outlet],
        open_cursors: Callable[[], CursorStore],
        topic: Callable[[str], str],
        every: timedelta,
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._build = build
        self._open_outlet = open_outlet
        self._open_cursors = open_cursors
        self._topic = topic
        self._every = every.total_seconds()
        self._cursor: Cursor | None = None

    @property
    def cursor(self) -> str | None:
        """Where the source stands, as JSON."""
        return None if self._cursor is None else self._cursor.model_dump_json()

    async def run(self) -> None:
        """Polls until it is stopped or the input ends."""
        source = self._build()
        outlet, cursors = self._open_outlet(), self._open_cursors()
        try:
            await outlet.start()
            await cursors.start()
            self._cursor = await self._stored(source, cursors)
            self.enter(State.RUNNING)
            self.ready.set()
            await self._connect(source)
            failures = 0
            while await self.gate():
                try:
                    await self._poll(source, outlet, cursors)
                except (NotConnected, Transient) as error:
                    failures += 1
                    wait = error.retry_after or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                    self.enter(State.PAUSED, f"{error}; asking again in {wait:.1f} s")
                    self.ledger.retries += 1
                    await self.rest(wait)
                    if isinstance(error, NotConnected):
                        await source.close()
                        await self._connect(source)
                else:
                    failures = 0
                    self.enter(State.RUNNING)
                    await self.rest(self._every)
        finally:
            self.ledger.taken -= self.ledger.under_way
            await source.close()
            await cursors.stop()
            await outlet.stop()

    async def _connect(self, source: PollingSource[Any, Any]) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                await source.open()
            except (NotConnected, Transient) as error:
                failures += 1
                wait = error.retry_after or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self.enter(State.PAUSED, f"{error}; connecting again in {wait:.1f} s")
                await self.rest(wait)
            else:
                self.enter(State.RUNNING)
                return

    async def _stored(self, source: PollingSource[Any, Any], cursors: CursorStore) -> Cursor:
        model = source.cursor_type()
        stored = await cursors.get(self.name)
        if stored is None:
            return model()
        try:
            return model.model_validate_json(stored)
        except ValidationError as error:
            raise ConfigError(
                f"the stored cursor of {self.name} does not fit {model.__name__}: "
                f"{error.errors(include_input=False, include_url=False)[0]['msg']}. "
                f"See `hub cursors show {self.name}`; `hub cursors set` or `reset` mends it."
            ) from error

    async def _poll(self, source: PollingSource[Any, Any], outlet: Outlet, cursors: CursorStore) -> None:
        assert self._cursor is not None
        batches = source.poll(self._cursor)
        try:
            async for batch in batches:
                if self.state is not State.RUNNING:
                    self.enter(State.RUNNING)
                await self._publish(batch.events, outlet)
                if batch.cursor != self._cursor:
                    await cursors.put(self.name, batch.cursor.model_dump_json())
                    self._cursor = batch.cursor
                if self.stopping.is_set():
                    break
        finally:
            await batches.aclose()  # type: ignore[attr-defined]  # poll is an async generator

    async def _publish(self, events: Sequence[Event], outlet: Outlet) -> None:
        self.ledger.taken += len(events)
        kept, refused = self._fit(events)
        try:
            too_large = await outlet.publish([Record(self._topic(event.type), *event.to_kafka()) for event in kept])
        except NotConnected as error:
            raise KafkaUnavailable(f"the events could not be stored: {error}") from error
        refused += [(kept[index], refusal, "publish") for index, refusal in too_large.items()]
        for event, refusal, stage in refused:
            await outlet.bury(event.to_kafka(), refusal, stage=stage)
        self.ledger.dead_lettered.update(error_class(refusal) for _, refusal, _ in refused)
        self.ledger.delivered += len(events) - len(refused)

    def _fit(self, events: Sequence[Event]) -> tuple[list[Event], list[Refused]]:
        """The events that may be published, and those that may not."""
        kept: list[Event] = []
        refused: list[Refused] = []
        for event in events:
            try:
                checked = event.checked()
                if self.contracts is not None:
                    self.contracts.produced(checked)
            except (InvalidPayload, ContractViolation) as problem:
                refused.append((event, problem, stage_of(problem)))
            else:
                kept.append(checked)
        return kept, refused
