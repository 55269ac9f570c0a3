"""Polling sources at work: ask from the cursor; store the batch and the cursor that follows it in one transaction.

Of several workers one polls, and the others stand by (`hub.engine.sources.leadership`). Exactly once does not depend
on that: whoever stores has fenced all others first (`hub.engine.sources.tenure`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from pydantic import ValidationError

from hub.engine.backoff import backoff
from hub.engine.ledger.accounts import Counts
from hub.engine.sources.cursors import Stored
from hub.engine.sources.interruption import Interrupted, unless
from hub.engine.sources.leadership import Leadership
from hub.engine.sources.pace import Pace
from hub.engine.sources.recent import Recent
from hub.engine.sources.tenure import LONGEST, Overtaken, Tenure, TooSlow, fitting
from hub.engine.unit import State, Unit
from hub.kafka.exactly_once.writer import TIMEOUT
from hub.sdk.cursor import Cursor
from hub.sdk.errors import ConfigError, HubError, NotConnected, Transient
from hub.sdk.event import Event
from hub.sdk.failing import StreamsFailed
from hub.sdk.source import Batch, PollingSource

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Bounds in seconds of the waits after a failed poll."""
AGAIN = 60.0
"""Seconds within which a leader that is overtaken twice gives up."""
LOOK = 0.5
"""Seconds between two looks at whether somebody has put the source elsewhere."""


class KafkaUnavailable(HubError):
    """Kafka, not the far side, is down: the unit fails and is started again from the stored cursor."""


class Usurped(ConfigError):
    """Somebody who is no part of the election writes under the source's name; to fence back would go on for ever."""


class PollingUnit(Unit):
    """A polling source.

    Args:
        name: the source's name.
        connector: what it uses.
        flow: for people.
        build: gives a configured source for each life; raises ConfigError.
        open_leadership: gives this worker's part in deciding who polls, for each life; is given what is to be told of
            who polls instead.
        open_tenure: gives a way to Kafka for each time that this worker leads, whose transactions may take so many
            seconds.
        pace: time between two polls.
        remember: how many of the last events are remembered, so that none is given twice.
    """

    kind = "source"

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        flow: str,
        build: Callable[[], PollingSource[Any, Any]],
        open_leadership: Callable[[Callable[[str], None]], Leadership],
        open_tenure: Callable[[float], Tenure],
        pace: Pace,
        remember: int = 0,
    ) -> None:
        super().__init__(name, flow=flow, connector=connector)
        self._build = build
        self._open_leadership = open_leadership
        self._open_tenure = open_tenure
        self._pace = pace
        self._remember = remember
        self._recent = Recent(0)
        self._failing: StreamsFailed | None = None
        self._cursor: Cursor | None = None
        self._patience = TIMEOUT
        self._overtaken = -AGAIN
        self._stored_at: float | None = None
        self._given = 0
        self.counts: Counts | None = None
        """What became of all events of the source so far, over all lives and workers; None while another polls."""

    @property
    def cursor(self) -> str | None:
        """Where the source stands, as JSON; None while another worker polls."""
        if self._cursor is None:
            return None
        summary = self._cursor.summary()
        return summary if summary.startswith("{") else json.dumps(summary)

    @property
    def poll_interval(self) -> float | None:
        """Seconds of the last rest; None while another worker polls."""
        return None if self._cursor is None else self._pace.rest

    @property
    def failing_streams(self) -> int | None:
        """Streams that can't be read while others are; None while another worker polls."""
        return None if self._cursor is None else len(self._failing.failures) if self._failing else 0

    @property
    def alarm(self) -> str:
        """Which streams can't be read."""
        return str(self._failing) if self._failing else ""

    @property
    def account(self) -> Counts | None:
        """What became of its events since its first start, as committed with the cursor; None while another polls."""
        return self.counts

    @property
    def cursor_seconds(self) -> float | None:
        """Seconds since the cursor was stored; None where it has none, or while another worker polls."""
        return None if self._stored_at is None else max(0.0, time.time() - self._stored_at)

    async def run(self) -> None:
        """Polls whenever it leads, until it is stopped or the input ends."""
        source = self._build()
        leadership = self._open_leadership(self._stand_by)
        try:
            with suppress(Interrupted):
                async with unless(self.stopping):
                    await leadership.start()
                while not self.stopping.is_set():
                    async with AsyncExitStack() as stack:
                        async with unless(self.stopping):
                            over, token = await stack.enter_async_context(leadership.term())
                        await self._lead(source, leadership, over, token)
        finally:
            await leadership.stop()

    def _stand_by(self, detail: str) -> None:
        if detail != self.detail:
            self.log.info("source %s: %s", self.name, detail)
        self.enter(State.UNASSIGNED, detail)
        self.ready.set()

    async def _lead(
        self, source: PollingSource[Any, Any], leadership: Leadership, over: asyncio.Event, token: int
    ) -> None:
        """One term, from taking over to letting go."""
        if not await leadership.confirm():
            return  # as after being suspended: fencing now would disturb whoever leads
        tenure = self._open_tenure(self._patience)
        try:
            stored = await tenure.start()
            tenure.fence = await self._above(stored, leadership, token)
            if (token and not tenure.fence) or not await leadership.confirm():
                return
            self.counts = tenure.counts
            self._cursor = self._position(source, stored)
            self._recent = Recent(self._remember, stored.recent if stored else b"")
            self._stored_at = stored.at.timestamp() if stored and stored.cursor else None
            if stored and stored.moved:
                self._overtaken = -AGAIN  # it was an operator who fenced us, and may do so as often as is wanted
            self.enter(State.RUNNING)
            self.ready.set()
            with suppress(Interrupted):
                async with _until_moved(tenure, over) as ended:
                    await self._connect(source, ended)
                    await self._keep_polling(source, tenure, ended)
        except Overtaken as error:
            await self._give_way(leadership, error)
        except TooSlow:
            self._patience = min(2 * self._patience, LONGEST)
            raise
        finally:
            self.ledger.taken -= self.ledger.under_way
            self._cursor = self.counts = self._stored_at = self._failing = None
            await source.close()
            await tenure.stop()

    async def _above(self, stored: Stored | None, leadership: Leadership, token: int) -> int:
        """The token to store with cursors; 0 without a lock, or where another holds it."""
        if not token or stored is None or stored.fence < token:
            return token
        # Either we are late, and the lock is another's; or Redis has forgotten what it gave out before.
        return await leadership.outdo(stored.fence)

    async def _give_way(self, leadership: Leadership, error: Overtaken) -> None:
        """Another copy has fenced us: stands by where it was elected, and fences back at most once where it wasn't."""
        if not await leadership.confirm():
            self.log.warning("%s; this one stands by", error)
            return
        last, self._overtaken = self._overtaken, time.monotonic()
        if self._overtaken - last < AGAIN:
            raise Usurped(
                f"{error}, for the second time within {AGAIN:g} s, and it is no part of the election among this "
                "deployment's workers: a program of another version, or with the same transactional.id. "
                "This one stops; end the other, then restart the source."
            ) from error
        raise error

    def _position(self, source: PollingSource[Any, Any], stored: Stored | None) -> Cursor:
        model = source.cursor_type()
        if stored is None or not stored.cursor:
            return model()
        try:
            return model.model_validate_json(stored.cursor)
        except ValidationError as error:
            raise ConfigError(
                f"the stored cursor of {self.name} does not fit {model.__name__}: "
                f"{error.errors(include_input=False, include_url=False)[0]['msg']}. "
                f"See `hub cursors show {self.name}`; `hub cursors set` or `reset` mends it."
            ) from error

    async def _connect(self, source: PollingSource[Any, Any], over: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                async with unless(self.stopping, over):
                    await source.open()
            except (NotConnected, Transient) as error:
                failures += 1
                wait = error.retry_after or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self.enter(State.PAUSED, f"{error}; connecting again in {wait:.1f} s")
                await self._sleep(wait, over)
            else:
                self.enter(State.RUNNING)
                return

    async def _keep_polling(self, source: PollingSource[Any, Any], tenure: Tenure, over: asyncio.Event) -> None:
        failures = 0
        self._pace.begin()
        while True:
            await self._pass(over)
            began, before = time.monotonic(), self._given
            try:
                await self._poll(source, tenure, over)
            except StreamsFailed as error:
                failures = 0  # of all streams: those that failed are the source's to try again
                self._fall_short(error)
            except (NotConnected, Transient) as error:
                failures += 1
                wait = error.retry_after or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self.enter(State.PAUSED, f"{error}; asking again in {wait:.1f} s")
                self.ledger.retries += 1
                await self._sleep(wait, over)
                if isinstance(error, NotConnected):
                    await source.close()
                    await self._connect(source, over)
                continue
            else:
                failures = 0
                self._failing = None
            self.enter(State.RUNNING)
            asked = source.poll_interval.total_seconds() if source.poll_interval else 0.0
            took = time.monotonic() - began
            await self._sleep(self._pace.after(brought=self._given > before, seconds=took, asked=asked), over)

    def _fall_short(self, error: StreamsFailed) -> None:
        self.ledger.retries += 1
        if self._failing is None or self._failing.failures.keys() != error.failures.keys():
            self.log.warning("source %s: %s", self.name, error)
        self._failing = error

    async def _pass(self, over: asyncio.Event) -> None:
        """Waits while paused."""
        if self.paused:
            self.enter(State.PAUSED, "paused by the operator")
        async with unless(self.stopping, over):
            await self._resumed.wait()
        self.enter(State.RUNNING)

    async def _sleep(self, seconds: float, over: asyncio.Event) -> None:
        async with unless(self.stopping, over):
            await asyncio.sleep(seconds)

    async def _poll(self, source: PollingSource[Any, Any], tenure: Tenure, over: asyncio.Event) -> None:
        assert self._cursor is not None
        batches = source.poll(self._cursor)
        try:
            while True:
                if self.paused:
                    await self._pass(over)  # a poll may go on for hours, as one that reads all there ever was
                try:
                    # Cut short only here: a batch that was read is stored, unless that takes longer than others wait.
                    async with unless(self.stopping, over):
                        batch = await anext(batches)
                except StopAsyncIteration:
                    return
                if self.state is not State.RUNNING:
                    self.enter(State.RUNNING)
                await self._take(batch, tenure)
        finally:
            await batches.aclose()  # type: ignore[attr-defined]  # poll is an async generator

    async def _take(self, batch: Batch, tenure: Tenure) -> None:
        """Stores what is new of a batch; nothing where it is no news at all."""
        events = self._recent.new(batch.events)
        if events or batch.cursor != self._cursor:
            await self._store(events, batch.cursor, tenure, duplicates=len(batch.events) - len(events))
            self._given += len(events)

    async def _store(self, events: Sequence[Event], cursor: Cursor, tenure: Tenure, *, duplicates: int) -> None:
        self.ledger.taken += len(events) + duplicates
        came = time.monotonic()
        kept, refused = fitting(events, self.contracts)
        try:
            counts = await tenure.store(
                kept, refused, cursor.model_dump_json(), duplicates=duplicates, recent=self._recent.stored
            )
        except NotConnected as error:
            raise KafkaUnavailable(f"the events could not be stored: {error}") from error
        self._cursor, self.counts, self._stored_at = cursor, tenure.counts, time.time()
        self.ledger.filtered.update(counts.filtered)
        self.ledger.dead_lettered.update(counts.dead_lettered)
        self.ledger.delivered += counts.delivered
        self.ledger.durations.observe(time.monotonic() - came, counts.delivered)


@asynccontextmanager
async def _until_moved(tenure: Tenure, over: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the term is over, or somebody has put the source elsewhere."""
    ended = asyncio.Event()

    async def watch() -> None:
        try:
            while not over.is_set() and not await tenure.moved():
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), LOOK)
        finally:
            ended.set()  # also where it can't be seen any more: the next tenure follows anew, or says why not

    watcher = asyncio.create_task(watch(), name="cursor")
    try:
        yield ended
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
