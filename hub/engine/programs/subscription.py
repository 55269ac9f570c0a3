"""Events for users' own programs: read as a consumer group, acknowledged, retried, dead-lettered.

At-least-once. Events of one key come one after the other; one that fails holds back only its key. The group's position
is the lowest event that isn't settled, so that what a crash or a rebalance cuts off is read again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Generic, TypeVar

from pydantic import BaseModel

from hub.engine.dlq.outlet import Outlet
from hub.engine.programs.perseverance import finished
from hub.engine.programs.received import Delivery, State, payload
from hub.engine.programs.settlement import Settlement, place_of
from hub.engine.programs.termination import on_sigterm
from hub.engine.programs.window import Window
from hub.engine.reading.reader import Reader
from hub.engine.sinks.attempts import Pending, RetryPolicy
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec, dlq_topic
from hub.kafka.topics import describe_topics, ensure_topics
from hub.sdk.errors import EnvironmentProblem, HubError, InvalidEvent, NotConnected

T = TypeVar("T")

COMMIT_EVERY = 1.0
"""Seconds between two commits; what came after the last one is read again after a crash."""
ENTER_LIMIT = 60.0
"""Seconds after which a delivery that was handed out among several and not entered counts as forgotten."""
DRAIN_LIMIT = 20.0
"""Seconds that closing waits for blocks which other tasks are in."""
GRACE = 1.0
"""Seconds of these that it waits for tasks to enter what was handed to them."""
COMMIT_LIMIT = 5.0
"""Seconds that closing waits for the last commit."""
CLOSE_LIMIT, CUT_LIMIT = 10.0, 0.5
"""Seconds that leaving the group may take; the second when the whole program is cancelled."""
_POLL = 0.05

_log = logging.getLogger("hub.subscription")


class NotEntered(HubError):
    """A delivery was asked for while the one before had not been entered."""


class Subscription(Generic[T]):
    """Deliveries of one topic to one group; made by `hub.subscribe`, iterated once.

    Attributes:
        topic: where the events come from.
        group: whose position is kept.
        dlq: topic of the dead letters, if there is one.
    """

    def __init__(
        self,
        topic: str,
        *,
        group: str,
        model: type[BaseModel] | None,
        settings: KafkaSettings,
        retry: RetryPolicy,
        dlq: str | None,
        concurrency: int,
        start: str,
    ) -> None:
        self.topic = topic
        self.group = group
        self.dlq = dlq
        self._model = model
        self._settings = settings
        self._retry = retry
        self._concurrency = concurrency
        self._start = start
        self._reader: Reader | None = None
        self._outlet: Outlet | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._begun = self._closing = self._closed = False
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._window = Window(group, 0)
        self._active: dict[Delivery[T], tuple[Window, Pending]] = {}
        self._settlement = Settlement(group, retry, None)

    def __aiter__(self) -> AsyncGenerator[Delivery[T]]:
        """Begins to read.

        Raises:
            RuntimeError: it was begun before.
        """
        if self._begun:
            raise RuntimeError("a subscription is iterated once; subscribe again")
        self._begun = True
        return self._deliveries()

    def stop(self) -> None:
        """Ends the iteration: what is under way may be finished, and nothing more is handed out."""
        self._stopping.set()
        self._changed.set()

    async def aclose(self) -> None:
        """Ends the iteration, waits for blocks that other tasks are in, commits, and leaves the group."""
        self.stop()
        if self._closing:
            return
        self._closing = True
        # Where the whole program is cancelled, as asyncio.run does on Ctrl-C, nobody is left to read Kafka's answers.
        cut = self._keeper is not None and self._keeper.cancelling() > 0
        try:
            if not cut:
                await self._drain()
        except asyncio.CancelledError:
            cut = True
            raise
        finally:
            self._closed = True
            if self._keeper is not None:
                self._keeper.cancel()
            limit = CUT_LIMIT if cut else CLOSE_LIMIT
            if await finished(asyncio.ensure_future(self._disconnect(limit)), 2 * limit + 10.0):
                raise asyncio.CancelledError

    async def _disconnect(self, limit: float) -> None:
        if self._reader is not None:
            await self._reader.stop(limit)
        if self._outlet is not None:
            await self._outlet.stop()

    async def _drain(self) -> None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < DRAIN_LIMIT:
            if not self._under_way(grace=waited < GRACE):
                break
            await asyncio.sleep(_POLL)
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            await self._commit_soon()

    # Iteration

    async def _deliveries(self) -> AsyncGenerator[Delivery[T]]:
        try:
            with on_sigterm(self.stop):
                reader = await self._open()
                while (delivery := await self._next(reader)) is not None:
                    yield delivery
        finally:
            await self.aclose()

    async def _open(self) -> Reader:
        known = (await describe_topics(self._settings, [self.topic])).get(self.topic)
        if known is None:
            raise EnvironmentProblem(
                f"the topic {self.topic} doesn't exist on this Kafka cluster; a hub makes the topics of its deployment "
                "when it starts"
            )
        if self.dlq is not None:
            source = TopicSpec(known.name, known.partitions, config={"max.message.bytes": str(known.max_message)})
            await ensure_topics(self._settings, [dlq_topic(self.dlq, source)])
            self._outlet = Outlet(self._settings, unit=self.group, dlq=self.dlq)
            await self._outlet.start()
            self._settlement = Settlement(self.group, self._retry, self._outlet)
        self._reader = reader = Reader(self._settings, group=self.group, starts={self.topic: self._start})
        await reader.start()
        self._keeper = asyncio.create_task(self._keep(reader), name=f"subscription {self.group}")
        return reader

    async def _next(self, reader: Reader) -> Delivery[T] | None:
        """The next delivery, once there is one and room for it; None when it is time to end."""
        while not self._stopping.is_set():
            if self._failure is not None:
                raise self._failure
            reader.check()
            self._changed.clear()
            if reader.revoking.is_set():
                await self._change(_POLL)
                continue
            window = self._fresh(reader)
            if len(self._active) >= self._concurrency or any(each is not window for each, _ in self._active.values()):
                await self._await_room()
                continue
            quiet = self._settlement.quiet
            pending = None if quiet else window.due()
            if pending is not None:
                delivery = await self._hand_out(window, pending)
                if delivery is not None:
                    return delivery
            else:
                # What a block that is under way holds back becomes due when it ends, and fetching doesn't see that.
                wait = min(max(window.wait(), quiet), _POLL if self._active else 0.5)
                await (self._change(wait) if window.full else self._fetch(reader, wait))
        return None

    async def _fetch(self, reader: Reader, wait: float) -> None:
        records = await reader.fetch(limit=100, wait=max(0.01, wait))
        if reader.revoking.is_set():
            return  # they are read again by whoever has the partitions next
        window = self._fresh(reader)
        for pending, error in window.take(records):
            await self._settlement.bury(window, pending, error, "parse")

    async def _hand_out(self, window: Window, pending: Pending) -> Delivery[T] | None:
        """The delivery of an event; None where its payload doesn't fit."""
        event = pending.delivery.event
        try:
            data = payload(event, self._model)
        except InvalidEvent as error:
            await self._settlement.bury(window, pending, error, "parse")
            return None
        window.hand_out(pending)
        delivery: Delivery[T] = Delivery(
            event,
            pending.delivery.idempotency_key,
            pending.delivery.attempt,
            place=place_of(pending),
            data=data,
            leave=self._left,
        )
        self._active[delivery] = (window, pending)
        return delivery

    async def _await_room(self) -> None:
        """Waits until a delivery is left; finds out where one was forgotten."""
        began = time.monotonic()
        while not self._changed.is_set():
            waiting = [each for each in self._active if each.state is State.HANDED_OUT]
            patient = self._concurrency > 1 and time.monotonic() - began < ENTER_LIMIT
            if len(waiting) == len(self._active) and not patient:
                raise NotEntered(
                    f"{waiting[0]} was handed out and not entered, so it can't be settled: write "
                    "`async with delivery as event:` in the loop, and handle the event in that block"
                )
            await self._change(0.5)

    # Settling

    async def _left(self, delivery: Delivery[T], error: BaseException | None) -> bool:
        """What follows from how a block ended; True where its exception ends here."""
        window, pending = self._active.pop(delivery)
        try:
            if self._closed or not self._current(window):
                if error is not None:
                    _log.warning("%s: %s will be read again: %s", self.group, delivery.place, error)
                return isinstance(error, Exception) and not self._closed
            dealt_with = await self._settlement.settle(window, pending, error)
            if not dealt_with:
                self.stop()
                await self._commit_soon()
            return dealt_with
        finally:
            self._changed.set()

    # Beside the iteration, which may be within a block for long

    async def _keep(self, reader: Reader) -> None:
        """Commits now and then, and lets go of partitions that the group takes away once no block is under way."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.revoking.wait(), COMMIT_EVERY)
            try:
                if reader.revoking.is_set():
                    await self._let_go(reader)
                else:
                    await self._commit(reader)
            except NotConnected as error:
                _log.warning("%s: positions not committed now: %s", self.group, error)
            except Exception as error:  # noqa: BLE001  raised where the program sees it, by the iteration
                self._failure = error
                self._changed.set()
                return

    async def _commit(self, reader: Reader) -> None:
        window = self._window
        positions = window.uncommitted() if self._current(window) else {}
        if positions and await reader.commit(positions):
            window.committed.update(positions)

    async def _commit_soon(self) -> None:
        """Commits while that is still possible: the program may be ending."""
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMIT_LIMIT):
                if self._reader is not None:
                    await self._commit(self._reader)

    async def _let_go(self, reader: Reader) -> None:
        window, regained = self._window, reader.regained
        while self._active and self._current(window):  # noqa: ASYNC110  ends by one of two things, and one tells nobody
            await asyncio.sleep(_POLL)
        await reader.settle(window.uncommitted() if self._current(window) else {})
        await regained.wait()

    # What there is

    def _fresh(self, reader: Reader) -> Window:
        """The window of the events that we may read now; a new one after a rebalance."""
        if not self._current(self._window):
            self._window = Window(self.group, reader.generation)
        return self._window

    def _current(self, window: Window) -> bool:
        """Whether a window's events are still ours to settle."""
        return self._reader is not None and window.generation == self._reader.generation

    def _under_way(self, *, grace: bool) -> bool:
        """Whether other tasks are in blocks, or, within the grace, are about to enter one."""
        mine = asyncio.current_task()
        waiting = grace and self._concurrency > 1
        return any((waiting if each.state is State.HANDED_OUT else each.task is not mine) for each in self._active)

    async def _change(self, limit: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), limit)
