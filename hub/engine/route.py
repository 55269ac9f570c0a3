"""Routes at work: read a batch, map it, publish what came of it, commit.

At-least-once: positions are committed after every output and every dead letter is acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hub.contracts import ContractViolation
from hub.engine.contracts import STAGE
from hub.engine.deadletter import ORIGIN, REPLAYS, ROUTE, Origin, error_class, is_failure_header
from hub.engine.outlet import Outlet
from hub.engine.reader import Reader
from hub.engine.reading import ReadingUnit
from hub.engine.unit import State
from hub.kafka.publisher import Record
from hub.routes import Program
from hub.sdk.errors import ConfigError, InvalidEvent
from hub.sdk.event import Event, Header, KafkaMessage

TURN = 0.05
"""Seconds of mapping after which others have their turn: requests, other units, and all consumers' heartbeats, without
which Kafka would take the partitions away in the middle of a batch, again and again."""


class Failure(NamedTuple):
    """A record that the route can't handle."""

    record: Any
    error: Exception
    stage: str


class _Work(NamedTuple):
    """What a route does with a batch; one thing, so that no batch is done half by one program and half by the next."""

    program: Program
    targets: Mapping[str, str]


class RouteUnit(ReadingUnit):
    """A route.

    Args:
        name: the route's name.
        flow: for people.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        compile: gives the compiled route; raises ConfigError.
        targets: each name that the route sends to, and the topic that it means; a sink's is its inbox.
    """

    kind = "route"

    def __init__(
        self,
        name: str,
        *,
        flow: str,
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], Outlet],
        compile: Callable[[], Program],  # noqa: A002  the design's word
        targets: Mapping[str, str],
    ) -> None:
        super().__init__(name, flow=flow, open_reader=open_reader, open_outlet=open_outlet)
        self._compile = compile
        self._targets = dict(targets)
        self._work: _Work | None = None

    async def run(self) -> None:
        """Reads, maps, publishes and commits until it is stopped."""
        self._work = _Work(self._compile(), self._targets)
        async with self.reading() as (reader, outlet):
            self.enter(State.RUNNING)
            while await self.gate():
                records = await reader.fetch()
                if records:
                    await self._settle(records, self._work, reader, outlet)

    def swap(self, program: Program, *, compile: Callable[[], Program], targets: Mapping[str, str], flow: str) -> None:  # noqa: A002  the design's word
        """Does another thing from the next batch on: the one under way is finished as it was begun.

        Args:
            program: the route compiled anew.
            compile: gives it again, for the unit's next life.
            targets: see the class.
            flow: for people.
        """
        self._compile, self._targets, self.flow = compile, dict(targets), flow
        self._work = _Work(program, self._targets)

    async def _settle(self, records: Sequence[Any], work: _Work, reader: Reader, outlet: Outlet) -> None:
        self.ledger.taken += len(records)
        outputs: list[Record] = []
        makers: list[Any] = []
        filtered: Counter[str] = Counter()
        failed: list[Failure] = []
        turn_ends = time.monotonic() + TURN
        for record in records:
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN
            try:
                made = self._map(record, work)
            except ConfigError:
                raise  # a contract that can't be used is no event's fault: the unit fails, and loses nothing
            except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
                failed.append(Failure(record, error, _stage(error)))
                continue
            if isinstance(made, str):
                filtered[made] += 1
                continue
            outputs += made
            makers += [record] * len(made)
        too_large = await outlet.publish(outputs)
        for index, refusal in too_large.items():
            if not any(makers[index] is failure.record for failure in failed):
                failed.append(Failure(makers[index], refusal, "publish"))
        for record, cause, stage in failed:
            await outlet.bury(
                KafkaMessage(record.key, record.value, list(record.headers)),
                cause,
                stage=stage,
                origin=Origin(record.topic, record.partition, record.offset),
            )
        offsets = {(record.topic, record.partition): record.offset + 1 for record in records}
        if await reader.settle(offsets):
            self._count(records, filtered, [failure.error for failure in failed])
        else:
            self.ledger.taken -= len(records)

    def _map(self, record: Any, work: _Work) -> list[Record] | str:
        """What the route makes of a record, or why it makes nothing."""
        event = Event.from_kafka(record.key, record.value, record.headers)
        if self.contracts is not None:
            self.contracts.consumed(event)
        outcome = work.program(event)
        if isinstance(outcome, str):
            return outcome
        origin = str(Origin(record.topic, record.partition, record.offset)).encode()
        # The whole way: two routes may lead from one event, by two middle steps, into one sink.
        earlier = event.header(ROUTE)
        way = (ROUTE, (f"{earlier}/{self.name}" if earlier else self.name).encode())
        outputs: list[Record] = []
        for made, targets in outcome:
            if self.contracts is not None:
                self.contracts.produced(made)
            message = made.to_kafka()
            headers: list[Header] = [
                each for each in message.headers if each[0] != ROUTE and not is_failure_header(each[0])
            ]
            if not any(name == ORIGIN for name, _ in headers):
                headers.append((ORIGIN, origin))
            headers.append(way)
            # Two names may mean one topic; it gets the event once.
            topics = dict.fromkeys(work.targets[each] for each in targets)
            outputs += [Record(topic, message.key, message.value, headers) for topic in topics]
        return outputs

    def _count(self, records: Sequence[Any], filtered: Counter[str], errors: Sequence[Exception]) -> None:
        ledger = self.ledger
        for reason, number in filtered.items():
            ledger.filtered[reason] += number
        for error in errors:
            ledger.dead_lettered[error_class(error)] += 1
        ledger.delivered += len(records) - filtered.total() - len(errors)
        ledger.replayed += sum(1 for record in records if any(name == REPLAYS for name, _ in record.headers))


def _stage(error: Exception) -> str:
    """What the route was doing: reading the event, deciding, splitting, mapping, or choosing where it goes."""
    if isinstance(error, InvalidEvent):
        return "parse"
    if isinstance(error, ContractViolation):
        return STAGE
    path: tuple[str | int, ...] = getattr(error, "path", ())
    if path[-1:] == ("when",):
        return "switch"
    return str(path[0]) if path[:1] in (("where",), ("split",), ("to",)) else "map"
