"""A source and a sink that fail as their settings say, for tests of deployments and of the engine.

    registry = Registry([faulty.connector])          # use: faults.numbers, faults

What fails is drawn by ``seed`` from the number of the event or batch and of the attempt, so that a run can be repeated.
It is no connector that the hub finds by itself: nobody should send events into it by mistake.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from pydantic import Field

from hub.sdk import (
    Batch,
    Config,
    Connector,
    Cursor,
    Delivery,
    Duration,
    Event,
    NotConnected,
    Permanent,
    PollingSource,
    Signal,
    Sink,
    SinkConfig,
    SourceConfig,
    Transient,
    UnitContext,
    WriteFailed,
)

EVENT_TYPE = "faults.number"
_TIME = "2026-11-20T00:00:00Z"


class NumbersConfig(SourceConfig):
    """Numbers from 0, and how their reading fails."""

    count: int = Field(default=1000, ge=0)
    """How many there are."""
    batch: int = Field(default=50, ge=1)
    """How many of them a batch holds."""
    keys: int = Field(default=16, ge=1)
    """How many different keys they have."""
    not_connected: float = Field(default=0.0, ge=0, lt=1)
    """Share of the batches before which the far side is away."""
    transient: float = Field(default=0.0, ge=0, lt=1)
    """Share of the batches before which something fails that passes."""
    seed: int = 0
    """Another one has other batches fail."""


class NumbersCursor(Cursor):
    """How many were read."""

    at: int = 0


class Numbers(PollingSource[NumbersConfig, NumbersCursor]):
    """Events ``{n, key}``, numbered, whose reading fails now and then."""

    events = {EVENT_TYPE: None}
    partition_key = "key"
    far_side = "faults"

    def __init__(self, config: NumbersConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._tries: Counter[object] = Counter()

    async def poll(self, cursor: NumbersCursor) -> AsyncIterator[Batch]:
        """Yields what is left, unless it fails first."""
        at, config = cursor.at, self.config
        while at < config.count:
            drawn = _drawn(config.seed, at, self._tries)
            if drawn < config.not_connected:
                raise NotConnected(f"the far side is away before number {at}, as it was told to")
            if drawn < config.not_connected + config.transient:
                raise Transient(f"reading failed before number {at}, as it was told to")
            end = min(at + config.batch, config.count)
            yield Batch([self._event(number) for number in range(at, end)], NumbersCursor(at=end))
            at = end

    def _event(self, number: int) -> Event:
        data = {"n": number, "key": number % self.config.keys}
        return self.event(EVENT_TYPE, data, id=str(number), time=_TIME)


class Outage(Config):
    """A far side that is away again and again."""

    every: int = Field(ge=1)
    """After so many calls that it answered."""
    for_: int = Field(ge=1, alias="for")
    """For so many calls."""


class FaultyConfig(SinkConfig):
    """How writing fails."""

    transient: float = Field(default=0.0, ge=0, lt=1)
    """Share of the attempts that fail in a way that passes."""
    permanent: float = Field(default=0.0, ge=0, le=1)
    """Share of the events that are refused for good, whatever the attempt."""
    unanswered: float = Field(default=0.0, ge=0, lt=1)
    """Share of the attempts that are done, and then said to have failed: their events are written twice."""
    outage: Outage | None = None
    """When the far side is away."""
    delay: Duration = Field(default=timedelta(0), ge=timedelta(0))
    """How long a call takes."""
    file: str | None = None
    """Where to note what was written: a line with the idempotency key for each time."""
    seed: int = 0
    """Another one has other events fail."""


class FaultySink(Sink[FaultyConfig]):
    """Takes events, or says that it didn't.

    Attributes:
        written: idempotency keys of all that it took, in order.
    """

    batch = 8
    far_side = "faults"

    def __init__(self, config: FaultyConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self.written: list[str] = []
        self._tries: Counter[object] = Counter()
        self._calls = 0

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Takes what doesn't fail.

        Raises:
            NotConnected: it is away.
            WriteFailed: by index, what failed.
        """
        await asyncio.sleep(self.config.delay.total_seconds())
        self._calls += 1
        outage = self.config.outage
        if outage is not None and (self._calls - 1) % (outage.every + outage.for_) >= outage.every:
            raise NotConnected("the far side is away, as it was told to")
        failures: dict[int, Signal] = {}
        taken: list[str] = []
        for index, delivery in enumerate(batch):
            signal, done = self._fate(delivery)
            if done:
                taken.append(delivery.idempotency_key)
            if signal is not None:
                failures[index] = signal
        self._note(taken)
        if failures:
            raise WriteFailed(failures)
        return ()

    def _fate(self, delivery: Delivery) -> tuple[Signal | None, bool]:
        """What is said of a delivery, and whether it is taken."""
        config, key = self.config, delivery.idempotency_key
        if _chance(f"{config.seed}.{key}") < config.permanent:
            return Permanent("refused, as it was told to"), False
        drawn = _drawn(config.seed, key, self._tries)
        if drawn < config.transient:
            return Transient("failed, as it was told to"), False
        if drawn < config.transient + config.unanswered:
            return Transient("no answer, as it was told to"), True
        return None, True

    def _note(self, keys: Sequence[str]) -> None:
        self.written += keys
        if self.config.file is not None and keys:
            with Path(self.config.file).open("a", encoding="utf-8") as file:
                file.write("".join(f"{key}\n" for key in keys))


def _drawn(seed: int, what: object, tries: Counter[object]) -> float:
    """A number from 0 to 1 for an attempt, the same in any run."""
    tries[what] += 1
    return _chance(f"{seed}.{what}.{tries[what]}")


def _chance(text: str) -> float:
    return random.Random(text).random()  # noqa: S311  repeats itself, protects nothing


connector = Connector(name="faults", title="Faults", sources={"numbers": Numbers}, sinks={"": FaultySink})
"""To put into a registry."""
