"""A backfill: a range of an incremental source is read again, beside the source, which it neither moves nor stops.

It has a cursor and a ``transactional.id`` of its own, so that each batch and its cursor are one transaction, as they
are with the source. One that was killed goes on where it was; one that is started twice goes on in one of them. Its
events have the ids that they had, or would have had: what was given before is known by them downstream.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from hub.engine.backoff import backoff
from hub.engine.contracts import ContractGate
from hub.engine.ledger.accounts import Counts
from hub.engine.sources.cursors import BACKFILL, Stored
from hub.engine.sources.tenure import Overtaken, Tenure, fitting
from hub.sdk import (
    Batch,
    ConfigError,
    HubError,
    IncrementalSource,
    NotConnected,
    Permanent,
    StreamsCursor,
    Transient,
    Value,
)
from hub.sdk.values import Distance

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Bounds in seconds of the waits after a failed request."""


class Asked(NamedTuple):
    """What a backfill is to read.

    Attributes:
        source: its name.
        start: first cursor value, as the far side writes it.
        end: the one behind the last.
        streams: those to read; none for all.
        window: the longest range to ask for at once; the source's own step if not given.
        rate: events per second at most; no limit if not given.
        again: whether it begins anew if it was begun or even finished before.
    """

    source: str
    start: Value
    end: Value
    streams: tuple[str, ...] = ()
    window: Distance | None = None
    rate: float | None = None
    again: bool = False

    @property
    def place(self) -> str:
        """What its cursor is stored under: the same for the same range."""
        streams = f" {','.join(sorted(self.streams))}" if self.streams else ""
        return f"{self.source}{BACKFILL}{self.start}..{self.end}{streams}"

    @property
    def suffix(self) -> str:
        """The part of the ``transactional.id`` that tells it from other ranges."""
        return "backfill." + hashlib.sha256(self.place.encode(errors="surrogatepass")).hexdigest()[:12]


class BackfillPosition(BaseModel):
    """What is stored of a backfill.

    Attributes:
        start: of the range.
        end: of the range.
        began: when it was begun.
        done: when it came to its end; None before.
        cursor: how far each stream has been read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int | str
    end: int | str
    began: datetime
    done: datetime | None = None
    cursor: StreamsCursor = StreamsCursor()


class Backfill:
    """Reads a range again.

    Args:
        asked: which range.
        source: a configured source of its own.
        tenure: its way to Kafka, which stores its cursor at `Asked.place`.
        contracts: what its events are held against; None where all is trusted.
        told: is told after each batch, and of waits: with a text for people where there is something to say.
    """

    def __init__(
        self,
        asked: Asked,
        *,
        source: IncrementalSource[Any],
        tenure: Tenure,
        contracts: ContractGate | None = None,
        told: Callable[[Backfill, str], None] = lambda *_: None,
    ) -> None:
        self._asked = asked
        self._source = source
        self._tenure = tenure
        self._contracts = contracts
        self._told = told
        self._next = 0.0
        self.counts = Counts()
        """What became of its events in this run."""
        self.position = BackfillPosition(start=asked.start, end=asked.end, began=datetime.now(UTC))
        self.resumed = False
        """Whether it went on from an earlier run."""
        self.finished = False
        """Whether this run came to the end."""

    async def run(self) -> None:
        """Reads what is left of the range.

        Raises:
            ConfigError: the range or the window is none of this source's cursor values.
            Overtaken: the same backfill was started elsewhere.
            Permanent: the far side refuses, or all that can be done has been done.
            HubError: Kafka's.
        """
        self._check()
        try:
            stored = await self._tenure.start()
            self._resume(stored)
            if self.position.done is None:
                await self._read()
                await self._store(Batch([], self.position.cursor), done=datetime.now(UTC))
                self.finished = True
        except Overtaken as error:
            raise Overtaken(
                f"the same backfill of {self._asked.source} was started elsewhere, and goes on there"
            ) from error
        finally:
            await self._source.close()
            await self._tenure.stop()

    def _check(self) -> None:
        source, asked = self._source, self._asked
        source.check()
        source.values.check("step", asked.window)
        unknown = set(asked.streams) - set(source.streams())
        if unknown:
            raise ConfigError(
                f"source {asked.source} has no stream {', '.join(sorted(unknown))}; "
                f"its streams: {', '.join(source.streams())}"
            )
        try:
            empty = source.values.rank(asked.end) <= source.values.rank(asked.start)
        except (Permanent, TypeError) as refusal:
            raise ConfigError(
                f"{asked.start} to {asked.end} is no range of source {asked.source}, whose cursor values are "
                f"{source.values.name}: {refusal}"
            ) from None
        if empty:
            raise ConfigError(f"a range that ends at {asked.end} can't begin at {asked.start}: nothing lies between")

    def _resume(self, stored: Stored | None) -> None:
        if stored is None or not stored.cursor or self._asked.again:
            return
        try:
            self.position = BackfillPosition.model_validate_json(stored.cursor)
        except ValidationError as error:
            raise ConfigError(
                f"what is stored of this backfill of {self._asked.source} can't be read: "
                f"{error.errors(include_input=False, include_url=False)[0]['msg']}; --again begins anew"
            ) from error
        self.resumed = True

    async def _read(self) -> None:
        failures = 0
        connected = False
        while True:
            before = self.counts.taken
            try:
                if not connected:
                    await self._source.open()
                    connected = True
                await self._go_on()
            except (NotConnected, Transient) as error:
                failures = 1 if self.counts.taken > before else failures + 1
                wait = error.retry_after or backoff(failures, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
                self._told(self, f"{error}; asking again in {wait:.1f} s")
                if isinstance(error, NotConnected):
                    await self._source.close()
                    connected = False
                await asyncio.sleep(wait)
            else:
                return

    async def _go_on(self) -> None:
        """From the stored position to the end."""
        asked = self._asked
        batches = self._source.backfill(
            self.position.cursor, asked.start, asked.end, asked.window, streams=asked.streams or None
        )
        async with aclosing(cast("Any", batches)) as reading:
            async for batch in reading:
                await self._store(batch)
                await self._keep_to_rate(len(batch.events))

    async def _store(self, batch: Batch, done: datetime | None = None) -> None:
        """Stores a batch with the position behind it.

        Raises:
            KafkaLost: Kafka, not the far side, is away.
        """
        cursor = cast("StreamsCursor", batch.cursor)
        position = self.position.model_copy(update={"cursor": StreamsCursor(streams=cursor.streams), "done": done})
        kept, refused = fitting(batch.events, self._contracts)
        try:
            counts = await self._tenure.store(kept, refused, position.model_dump_json())
        except NotConnected as error:
            raise KafkaLost(
                f"Kafka took nothing more: {error}. What was stored stays; the same command goes on from there"
            ) from error
        self.counts.add(counts)
        self.position = position
        self._told(self, "")

    async def _keep_to_rate(self, events: int) -> None:
        """Waits until so many more events don't exceed the rate."""
        if not self._asked.rate or not events:
            return
        now = time.monotonic()
        self._next = max(self._next, now) + events / self._asked.rate
        await asyncio.sleep(self._next - now)


class KafkaLost(HubError):
    """Kafka went away in the midst of a backfill."""


def named(place: str) -> tuple[str, str]:
    """Source and range, of what a backfill's cursor is stored under."""
    source, _, range_ = place.partition(BACKFILL)
    return source, range_


def position_of(stored: Stored) -> BackfillPosition | None:
    """What is stored of a backfill; None where it can't be read."""
    with suppress(ValidationError):
        return BackfillPosition.model_validate_json(stored.cursor)
    return None
