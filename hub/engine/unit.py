"""A unit: one source, route or sink that runs, is watched and can be paused."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from hub.engine.contracts import ContractGate, ContractStatus
from hub.engine.ledger.accounts import Counts
from hub.engine.ledger.ledger import Ledger, Totals
from hub.engine.lookups.figures import LookupFigures
from hub.engine.reading.retention import Seen
from hub.engine.sinks.attempts import Retrying
from hub.engine.sinks.letters import Held
from hub.secrecy import hidden


class State(StrEnum):
    """What a unit is doing, in Kafka Connect's words."""

    UNASSIGNED = "UNASSIGNED"
    """Not started yet."""
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    """By the operator, or because the far side can't take anything; the detail says which."""
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    """An error; the detail says it, and when the unit is started again, if it is."""


class Status(BaseModel):
    """A unit as others see it."""

    model_config = ConfigDict(frozen=True)

    unit: str
    kind: str
    connector: str = ""
    state: State
    detail: str = ""
    """One line for people: what it reads and writes, or why it doesn't."""
    since: datetime
    """When it came into this state."""
    totals: Totals = Totals()
    lag_seconds: float = 0.0
    """Age of the oldest event that it has not settled; as of its end, where it has ended."""
    retrying: tuple[Retrying, ...] = ()
    """Deliveries that failed and are tried again; not all, where there are many."""
    held: Held | None = None
    """Keys that dead letters hold back, of a sink that keeps order over these."""
    cursor: str | None = None
    contracts: tuple[ContractStatus, ...] = ()
    """The contracts that its events broke, or that they have outgrown."""
    generation: int = 1
    """Of the deployment in its worker, which the unit runs."""
    alarm: str = ""
    """What will go wrong if nobody does anything."""
    lookups: tuple[LookupFigures, ...] = ()
    """What a route's look-ups have done in its worker."""
    read_with: tuple[str, ...] = ()
    """Other routes of the same worker for which the same topics are read now, once for all of them."""
    last_seen: Seen | None = None
    """When it was last at work with positions on topics: brokers forget these some time after it has ended."""


class Unit(ABC):
    """A unit's life: `run` goes from open to close; the supervisor calls it again after a failure.

    Attributes:
        name: unique in the deployment.
        flow: what it reads and writes, for people.
    """

    kind: ClassVar[str]
    reported: ClassVar[bool] = False
    """Whether what it reports is all that stays of its ledger: it commits nothing with which that could stand."""

    def __init__(self, name: str, *, flow: str, connector: str = "") -> None:
        self.name = name
        self.flow = flow
        self.connector = connector
        self.ledger = Ledger()
        self.contracts: ContractGate | None = None
        """What its events are held against; None where all is trusted."""
        self.log = logging.getLogger(f"hub.unit.{name}")
        self.state = State.UNASSIGNED
        self.detail = ""
        self.since = datetime.now(UTC)
        self.generation = 1
        """Of the deployment, which this unit runs."""
        self.failures = 0
        """Lives that ended in an error."""
        self.last_seen: Seen | None = None
        """When it was last at work with positions on the topics that it reads, here or in another process before."""
        self.preparing: Callable[[], object] | None = None
        """What may take a while before each life, such as a command that gives a secret; called in a thread."""
        self.ready = asyncio.Event()
        """Set once it takes events in: positions are known, or it listens."""
        self.stopping = asyncio.Event()
        self._resumed = asyncio.Event()
        self._resumed.set()

    @abstractmethod
    async def run(self) -> None:
        """One life; returns when `stopping` is set and all that was taken in is settled, or there is no more input."""

    async def measure(self) -> None:  # noqa: B027  what has no input topics has nothing to measure
        """Brings the lag up to date."""

    @property
    def lag(self) -> int:
        """Events that wait on the unit's input topics."""
        return 0

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest of them that isn't settled, in seconds since it was made; 0 where there is none."""
        return 0.0

    def retrying(self) -> list[Retrying]:
        """Deliveries that failed and wait for another attempt, `hub.engine.sinks.attempts.RETRYING` at most."""
        return []

    def lookups(self) -> Sequence[LookupFigures]:
        """What a route's look-ups have done in its present life."""
        return ()

    @property
    def held(self) -> Held | None:
        """Keys that dead letters hold back; None where none ever does."""
        return None

    @property
    def cursor(self) -> str | None:
        """Where a source stands, as JSON."""
        return None

    @property
    def cursor_seconds(self) -> float | None:
        """Seconds since a source's cursor was stored; None where it has none."""
        return None

    @property
    def poll_interval(self) -> float | None:
        """Seconds that a polling source rests between two polls as it is now; None of others."""
        return None

    @property
    def failing_streams(self) -> int | None:
        """Streams of a source that can't be read while others are; None where it has none."""
        return None

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        """The committed offsets of a unit that reads topics, by topic and partition, of the partitions that it has."""
        return {}

    @property
    def account(self) -> Counts | None:
        """What became of its events since its first start, as committed with the positions that this worker has.

        None where it has none now, or where none are kept on Kafka.
        """
        return None

    @property
    def retention_seconds(self) -> float | None:
        """Seconds until retention may delete the oldest event that isn't settled; None where it never does."""
        return None

    @property
    def alarm(self) -> str:
        """What will go wrong if nobody does anything, in a line; empty where nothing will."""
        return ""

    @property
    def read_with(self) -> Sequence[str]:
        """Names of other units for which its topics are read now, once for all of them."""
        return ()

    def claim(self) -> None:  # noqa: B027  most need nothing
        """Takes what the process has one of only, such as a path, before it is started for the first time."""

    def withdraw(self) -> None:  # noqa: B027  most need nothing
        """Gives back what it has claimed and nobody else has claimed since: it has ended for good."""

    def stop(self) -> None:
        """Asks it to settle what it has and to end."""
        self.stopping.set()

    def pause(self) -> None:
        """Takes in nothing more until `resume`; keeps its position and its place in the consumer group."""
        self._resumed.clear()

    def resume(self) -> None:
        """Ends a `pause`."""
        self._resumed.set()

    @property
    def paused(self) -> bool:
        """Whether the operator has paused it."""
        return not self._resumed.is_set()

    def enter(self, state: State, detail: str = "") -> None:
        """Changes the state; logged where it really changes."""
        detail = hidden(detail)
        if state != self.state:
            self.since = datetime.now(UTC)
            level = logging.WARNING if state is State.FAILED or (state is State.PAUSED and detail) else logging.INFO
            self.log.log(level, "%s %s: %s%s", self.kind, self.name, state, f": {detail}" if detail else "")
        self.state, self.detail = state, detail

    async def gate(self) -> bool:
        """Waits while paused. False when it is time to end."""
        if not self._resumed.is_set() and not self.stopping.is_set():
            self.enter(State.PAUSED, "paused by the operator")
            await self.either(self._resumed.wait())
            if not self.stopping.is_set():
                self.enter(State.RUNNING)
        return not self.stopping.is_set()

    async def rest(self, seconds: float) -> None:
        """Sleeps, but not past `stop`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def either(self, awaitable: object) -> None:
        """Waits for an awaitable or for `stop`, whichever comes first."""
        waits = {asyncio.ensure_future(awaitable), asyncio.ensure_future(self.stopping.wait())}  # type: ignore[call-overload]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def status(self) -> Status:
        """A snapshot."""
        state, detail = self.state, self.detail or self.flow
        if self.alarm:
            detail = f"{self.alarm}; {detail}"
        if told := str(self.held or ""):
            detail = f"{detail}; {told}"
        if self.paused and state is State.RUNNING:
            # It takes effect where the unit next looks; nothing more than what is under way is taken in until then.
            state, detail = State.PAUSED, "paused by the operator"
        return Status(
            unit=self.name,
            kind=self.kind,
            connector=self.connector,
            state=state,
            detail=detail,
            since=self.since,
            totals=self.ledger.totals(self.lag),
            lag_seconds=round(self.lag_seconds, 3),
            retrying=tuple(self.retrying()),
            held=self.held,
            cursor=self.cursor,
            contracts=tuple(self.contracts.notable()) if self.contracts else (),
            generation=self.generation,
            alarm=self.alarm,
            lookups=tuple(self.lookups()),
            read_with=tuple(self.read_with),
            last_seen=self.last_seen,
        )
