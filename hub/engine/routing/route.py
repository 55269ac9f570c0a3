"""Routes at work: each batch is mapped, and what comes of it is committed together with its position.

Exactly once: outputs, dead letters and positions are one transaction, see `hub.engine.routing.exchange`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from hub.contracts import ContractViolation
from hub.engine.contracts import STAGE
from hub.engine.dlq.deadletter import (
    ORIGIN,
    REPLAYS,
    ROUTE,
    Origin,
    dead_letter_headers,
    error_class,
    is_failure_header,
)
from hub.engine.dlq.outlet import DeadLetterFailed
from hub.engine.ledger.accounts import Accounts, Counts
from hub.engine.reading.reader import Reader
from hub.engine.reading.unit import ReadingUnit
from hub.engine.routing.exchange import Batches, Exchange
from hub.engine.unit import State
from hub.kafka.errors import TooLarge
from hub.kafka.exactly_once import TransactionWriter
from hub.routes import Program
from hub.sdk.errors import ConfigError, InvalidEvent
from hub.sdk.event import CHECKED, Event, Header

_FORMS = 1024
"""Combinations of header names that are remembered."""
_name = itemgetter(0)

TURN = 0.05
"""Seconds of mapping after which others have their turn: requests, other units, and all consumers' heartbeats, without
which Kafka would take the partitions away in the middle of a batch, again and again."""


class _Work:
    """What a route does with a batch; one thing, so that no batch is done half by one program and half by the next."""

    def __init__(self, program: Program, targets: Mapping[str, str]) -> None:
        self.program = program
        self.targets = targets
        self._topics: dict[tuple[str, ...], tuple[str, ...]] = {}

    def topics(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The topics that names mean. Two may mean the same one: it gets an event once."""
        topics = self._topics.get(names)
        if topics is None:
            topics = self._topics[names] = tuple(dict.fromkeys(self.targets[each] for each in names))
        return topics


class _Form(NamedTuple):
    """What the names of a record's headers tell of it. There are few combinations of them in any system.

    Attributes:
        marked: where `CHECKED` stands, if it does; else -1.
        way: likewise the routes that the event came through.
        placed: whether it says where it first lay.
        replayed: whether it was a dead letter.
    """

    marked: int
    way: int
    placed: bool
    replayed: bool

    @classmethod
    def of(cls, names: tuple[str, ...]) -> _Form:
        """The form of records whose headers have these names, in this order."""
        last = {name: index for index, name in enumerate(names)}
        return cls(last.get(CHECKED[0], -1), last.get(ROUTE, -1), ORIGIN in last, REPLAYS in last)


class RouteUnit(ReadingUnit[TransactionWriter]):
    """A route.

    Args:
        name: the route's name.
        flow: for people.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        compile: gives the compiled route; raises ConfigError.
        targets: each name that the route sends to, and the topic that it means; a sink's is its inbox.
        dlq: topic of its dead letters.
    """

    kind = "route"

    def __init__(
        self,
        name: str,
        *,
        flow: str,
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], TransactionWriter],
        compile: Callable[[], Program],  # noqa: A002  the design's word
        targets: Mapping[str, str],
        dlq: str,
    ) -> None:
        super().__init__(name, flow=flow, open_reader=open_reader, open_outlet=open_outlet)
        self._compile = compile
        self._targets = dict(targets)
        self._dlq = dlq
        self._route = name.encode()
        self._way = (ROUTE, self._route)
        self._forms: dict[tuple[str, ...], _Form] = {}
        self._next: _Work
        self._came: list[tuple[float, int]] = []

    async def run(self) -> None:
        """Reads, maps, publishes and commits until it is stopped."""
        self._next = work = _Work(self._compile(), self._targets)
        async with self.reading() as (reader, writer):
            reader.lean()

            async def prepare() -> None:
                nonlocal work
                if self._next is not work:
                    await writer.know(self._next.targets.values())
                    work = self._next

            async def handle(batches: Batches) -> None:
                self._came.append((time.monotonic(), sum(map(len, batches.values()))))
                await self._handle(batches, work, writer, reader.accounts)

            exchange = Exchange(reader, writer, handle, prepare)
            self.enter(State.RUNNING)
            while await self.gate():
                await self._turn(exchange, reader.accounts)

    def swap(self, program: Program, *, compile: Callable[[], Program], targets: Mapping[str, str], flow: str) -> None:  # noqa: A002  the design's word
        """Does another thing from the next transaction on: the one under way is finished as it was begun.

        Args:
            program: the route compiled anew.
            compile: gives it again, for the unit's next life.
            targets: see the class.
            flow: for people.
        """
        self._compile, self._targets, self.flow = compile, dict(targets), flow
        self._next = _Work(program, self._targets)

    async def _turn(self, exchange: Exchange, accounts: Accounts) -> None:
        """One transaction, and its place in the ledger."""
        ledger = self.ledger
        taken = ledger.taken
        committed = False
        try:
            committed = await exchange.turn()
        finally:
            if committed:
                counts = accounts.commit()
                self._time(counts)
                ledger.delivered += counts.delivered
                ledger.filtered.update(counts.filtered)
                ledger.dead_lettered.update(counts.dead_lettered)
                ledger.replayed += counts.replayed
            else:
                accounts.abort()
                ledger.taken = taken
            self._came.clear()

    def _time(self, counts: Counts) -> None:
        """Counts how long the events of a transaction took, by the batches in which they came."""
        now, before, came = time.monotonic(), 0, 0
        for moment, events in self._came:
            came += events
            # Which of a batch were delivered isn't known; as large a share of each, so that all are.
            until = counts.delivered * came // counts.taken
            self.ledger.durations.observe(now - moment, until - before)
            before = until

    async def _handle(self, batches: Batches, work: _Work, writer: TransactionWriter, accounts: Accounts) -> None:
        """Maps records, and puts what comes of them into the transaction."""
        for at, records in batches.items():
            self.ledger.taken += len(records)
            counts = accounts.open(at)
            counts.taken += len(records)
            rest = iter(records)
            while not self._map(at, rest, work, writer, counts):  # noqa: ASYNC110  others have their turn, we go on
                await asyncio.sleep(0)

    def _map(
        self, at: TopicPartition, records: Iterator[Any], work: _Work, writer: TransactionWriter, counts: Counts
    ) -> bool:
        """Maps records for as long as it is our turn; whether that were all."""
        # This loop is the hot path: what can be found out once per batch, or per form of headers, is.
        contracts, program, forms, strict = self.contracts, work.program.function, self._forms, CHECKED[1]
        place = f"{at.topic}-{at.partition}@".encode()
        clock = time.monotonic
        ends = clock() + TURN
        for record in records:
            headers = record.headers
            names = tuple(map(_name, headers))
            form = forms.get(names) or self._form(names)
            try:
                if form.marked >= 0 and headers[form.marked][1] == strict:
                    event = Event.strict(record.key, record.value, headers)
                else:
                    event = Event.from_kafka(record.key, record.value, headers)
                if contracts is not None:
                    contracts.consumed(event)
                outcome = program(event)
                if isinstance(outcome, str):
                    counts.filtered[outcome] += 1
                else:
                    added = [self._way if form.way < 0 else (ROUTE, headers[form.way][1] + b"/" + self._route)]
                    if not form.placed:
                        added.append((ORIGIN, b"%b%d" % (place, record.offset)))
                    self._write(outcome, added, work, writer, fresh=form.way < 0 and not form.replayed)
                    counts.delivered += 1
            except (ConfigError, DeadLetterFailed):
                raise  # a contract that can't be used is no event's fault: the unit fails, and loses nothing
            except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
                self._bury(at, record, error, writer)
                counts.dead_lettered[error_class(error)] += 1
            if form.replayed:
                counts.replayed += 1
            if clock() > ends:
                return False
        return True

    def _form(self, names: tuple[str, ...]) -> _Form:
        if len(self._forms) >= _FORMS:
            self._forms.clear()
        form = self._forms[names] = _Form.of(names)
        return form

    def _write(
        self,
        outcome: list[tuple[Event, tuple[str, ...]]],
        added: list[Header],
        work: _Work,
        writer: TransactionWriter,
        *,
        fresh: bool,
    ) -> None:
        """Puts the events that came of a record into the transaction: all of them, or none.

        Args:
            outcome: events, with the names they go to.
            added: headers that they get.
            work: see the class.
            writer: where they go.
            fresh: whether no route made the record, and it was no dead letter.

        Raises:
            TooLarge: one of them is larger than its topic takes.
        """
        outputs: list[tuple[str, bytes | None, bytes | None, list[Header]]] = []
        for made, targets in outcome:
            if self.contracts is not None:
                self.contracts.produced(made)
            key, value, headers = made.to_kafka()
            if not fresh:
                headers = [each for each in headers if each[0] != ROUTE and not is_failure_header(each[0])]
            # The whole way: two routes may lead from one event, by two middle steps, into one sink.
            headers = [*headers, *added]
            outputs.extend([(topic, key, value, headers) for topic in work.topics(targets)])
        if len(outputs) > 1:
            for topic, key, value, headers in outputs:
                if writer.too_large(topic, key, value, headers):
                    raise TooLarge(topic, *writer.sizes(topic, key, value, headers))
        for output in outputs:
            refusal = writer.add(*output)
            if refusal is not None:
                raise refusal

    def _bury(self, at: TopicPartition, record: Any, error: Exception, writer: TransactionWriter) -> None:
        """Puts a dead letter into the transaction."""
        headers = dead_letter_headers(
            list(record.headers),
            unit=self.name,
            connector="",
            stage=_stage(error),
            error=error,
            attempts=1,
            origin=Origin(at.topic, at.partition, record.offset),
        )
        refusal = writer.add(self._dlq, record.key, record.value, headers, at.partition)
        if refusal is not None:
            raise DeadLetterFailed(
                f"{self.name}: a dead letter could not be written to {self._dlq}: {refusal}. "
                "The event stays where it is; the unit stands still rather than lose it."
            )


def _stage(error: Exception) -> str:
    """What the route was doing: reading the event, deciding, splitting, mapping, or choosing where it goes."""
    if isinstance(error, TooLarge):
        return "publish"
    if isinstance(error, InvalidEvent):
        return "parse"
    if isinstance(error, ContractViolation):
        return STAGE
    path: tuple[str | int, ...] = getattr(error, "path", ())
    if path[-1:] == ("when",):
        return "switch"
    return str(path[0]) if path[:1] in (("where",), ("split",), ("to",)) else "map"
