"""What a route makes of records: outputs and dead letters, put into a transaction, and counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from hub.contracts import ContractViolation
from hub.engine.contracts import STAGE, ContractGate
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
from hub.engine.ledger.accounts import Counts
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


class Work:
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


class Form(NamedTuple):
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
    def of(cls, names: tuple[str, ...]) -> Form:
        """The form of records whose headers have these names, in this order."""
        last = {name: index for index, name in enumerate(names)}
        return cls(last.get(CHECKED[0], -1), last.get(ROUTE, -1), ORIGIN in last, REPLAYS in last)


class Forms:
    """The forms of records, by the names of their headers."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Form] = {}

    def of(self, headers: list[Header]) -> Form:
        """The form of a record with these headers."""
        names = tuple(map(_name, headers))
        return self._known.get(names) or self._new(names)

    def _new(self, names: tuple[str, ...]) -> Form:
        if len(self._known) >= _FORMS:
            self._known.clear()
        form = self._known[names] = Form.of(names)
        return form


def read(record: Any, form: Form) -> Event:
    """The event of a record.

    Raises:
        InvalidEvent: it is none.
    """
    headers = record.headers
    if form.marked >= 0 and headers[form.marked][1] == CHECKED[1]:
        return Event.strict(record.key, record.value, headers)
    return Event.from_kafka(record.key, record.value, headers)


def place_of(at: TopicPartition) -> bytes:
    """How the text of a place begins; the offset follows."""
    return f"{at.topic}-{at.partition}@".encode()


class Mapper:
    """What a route does with records, but for reading and committing them.

    Args:
        name: the route's name.
        dlq: topic of its dead letters.
        work: its program, and where it sends to.
    """

    def __init__(self, name: str, dlq: str, work: Work) -> None:
        self.name = name
        self.dlq = dlq
        self.work = work
        self.contracts: ContractGate | None = None
        """What events are held against; None where all is trusted."""
        self._route = name.encode()
        self._way = (ROUTE, self._route)
        self._forms = Forms()

    def map(self, at: TopicPartition, records: Iterator[Any], writer: TransactionWriter, counts: Counts) -> bool:
        """Maps records for as long as it is our turn; whether that were all.

        Args:
            at: the partition that they are of.
            records: what is left of a batch.
            writer: takes what comes of them.
            counts: where they are counted.

        Raises:
            ConfigError: a contract can't be used.
            DeadLetterFailed: a dead letter is larger than its topic takes.
        """
        # This loop is the hot path: what can be found out once per batch, or per form of headers, is.
        contracts, program, forms = self.contracts, self.work.program.function, self._forms.of
        place = place_of(at)
        clock = time.monotonic
        ends = clock() + TURN
        for record in records:
            form = forms(record.headers)
            try:
                event = read(record, form)
                if contracts is not None:
                    contracts.consumed(event)
                outcome = program(event)
                if isinstance(outcome, str):
                    counts.filtered[outcome] += 1
                else:
                    self.write(outcome, record, form, place, writer)
                    counts.delivered += 1
            except (ConfigError, DeadLetterFailed):
                raise  # a contract that can't be used is no event's fault: the unit fails, and loses nothing
            except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
                self.bury(at, record, error, writer, counts)
            if form.replayed:
                counts.replayed += 1
            if clock() > ends:
                return False
        return True

    def write(
        self,
        outcome: Sequence[tuple[Event, tuple[str, ...]]],
        record: Any,
        form: Form,
        place: bytes,
        writer: TransactionWriter,
    ) -> None:
        """Puts the events that came of a record into the transaction: all of them, or none.

        Args:
            outcome: events, with the names they go to.
            record: what they came of.
            form: the record's.
            place: see `place_of`.
            writer: where they go.

        Raises:
            TooLarge: one of them is larger than its topic takes.
            ContractViolation: one breaks its contract, and that is enforced.
            ConfigError: a contract can't be used.
        """
        added = [self._way if form.way < 0 else (ROUTE, record.headers[form.way][1] + b"/" + self._route)]
        if not form.placed:
            added.append((ORIGIN, b"%b%d" % (place, record.offset)))
        fresh = form.way < 0 and not form.replayed  # no route made it, and it was no dead letter
        several = len(outcome) > 1
        outputs: list[tuple[str, bytes | None, bytes | None, list[Header]]] = []
        for made, targets in outcome:
            if self.contracts is not None:
                self.contracts.produced(made)
            key, value, headers = made.to_kafka()
            if not fresh:
                headers = [each for each in headers if each[0] != ROUTE and not is_failure_header(each[0])]
            # The whole way: two routes may lead from one event, by two middle steps, into one sink.
            headers = [*headers, *added]
            topics = self.work.topics(targets)
            if (several or len(topics) > 1) and not writer.is_small(key, value, headers):
                # All or none: one that is refused must not come after another that isn't.
                for topic in topics:
                    if writer.too_large(topic, key, value, headers):
                        raise TooLarge(topic, *writer.sizes(topic, key, value, headers))
            outputs.extend([(topic, key, value, headers) for topic in topics])
        for output in outputs:
            refusal = writer.add(*output)
            if refusal is not None:
                raise refusal

    def bury(
        self,
        at: TopicPartition,
        record: Any,
        error: Exception,
        writer: TransactionWriter,
        counts: Counts,
        *,
        stage: str = "",
        attempts: int = 1,
    ) -> None:
        """Puts a dead letter into the transaction.

        Raises:
            DeadLetterFailed: it is larger than its topic takes.
        """
        headers = dead_letter_headers(
            list(record.headers),
            unit=self.name,
            connector="",
            stage=stage or _stage(error),
            error=error,
            attempts=attempts,
            origin=Origin(at.topic, at.partition, record.offset),
        )
        refusal = writer.add(self.dlq, record.key, record.value, headers, at.partition)
        if refusal is not None:
            raise DeadLetterFailed(
                f"{self.name}: a dead letter could not be written to {self.dlq}: {refusal}. "
                "The event stays where it is; the unit stands still rather than lose it."
            )
        counts.dead_lettered[error_class(error)] += 1


def _stage(error: Exception) -> str:
    """What the route was doing: reading the event, deciding, splitting, mapping, or choosing where it goes."""
    if isinstance(error, TooLarge):
        return "publish"
    if isinstance(error, InvalidEvent):
        return "parse"
    if isinstance(error, ContractViolation):
        return STAGE
    path: tuple[str | int, ...] = getattr(error, "path", ())
    if path[:1] != ("enrich",) and path[-1:] == ("when",):
        return "switch"
    return str(path[0]) if path[:1] in (("where",), ("enrich",), ("split",), ("to",)) else "map"
