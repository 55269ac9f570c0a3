"""Routes at work: read a batch, map it, publish what came of it, commit.

At-least-once: positions are committed after every output and every dead letter is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hub.engine.deadletter import ORIGIN, REPLAYS, ROUTE, Origin, error_class, is_failure_header
from hub.engine.outlet import Outlet
from hub.engine.reader import Reader
from hub.engine.reading import ReadingUnit
from hub.engine.unit import State
from hub.kafka.publisher import Record
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event, Header, KafkaMessage

Mapping_ = Callable[[Event], Event | None]


class Failure(NamedTuple):
    """A record that the route can't handle."""

    record: Any
    error: Exception
    stage: str


class RouteUnit(ReadingUnit):
    """A route.

    Args:
        name: the route's name.
        flow: for people.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        compile: gives the compiled route; raises ConfigError.
        outputs: topics that a mapped event goes to; a sink's inbox is one of them.
    """

    kind = "route"

    def __init__(
        self,
        name: str,
        *,
        flow: str,
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], Outlet],
        compile: Callable[[], Mapping_],  # noqa: A002  the design's word
        outputs: Sequence[str],
    ) -> None:
        super().__init__(name, flow=flow, open_reader=open_reader, open_outlet=open_outlet)
        self._compile = compile
        self._outputs = tuple(outputs)

    async def run(self) -> None:
        """Reads, maps, publishes and commits until it is stopped."""
        mapping = self._compile()
        async with self.reading() as (reader, outlet):
            self.enter(State.RUNNING)
            while await self.gate():
                records = await reader.fetch()
                if records:
                    await self._settle(records, mapping, reader, outlet)

    async def _settle(self, records: Sequence[Any], mapping: Mapping_, reader: Reader, outlet: Outlet) -> None:
        self.ledger.taken += len(records)
        outputs: list[Record] = []
        makers: list[Any] = []
        filtered = 0
        failed: list[Failure] = []
        for record in records:
            try:
                made = self._map(record, mapping)
            except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
                failed.append(Failure(record, error, _stage(error)))
                continue
            if made is None:
                filtered += 1
                continue
            for topic in self._outputs:
                outputs.append(Record(topic, *made))
                makers.append(record)
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

    def _map(self, record: Any, mapping: Mapping_) -> KafkaMessage | None:
        event = Event.from_kafka(record.key, record.value, record.headers)
        made = mapping(event)
        if made is None:
            return None
        message = made.to_kafka()
        headers: list[Header] = [header for header in message.headers if not is_failure_header(header[0])]
        if not any(name == ORIGIN for name, _ in headers):
            headers.append((ORIGIN, str(Origin(record.topic, record.partition, record.offset)).encode()))
        # The whole way: two routes may lead from one event, by two middle steps, into one sink.
        earlier = event.header(ROUTE)
        headers = [header for header in headers if header[0] != ROUTE]
        headers.append((ROUTE, (f"{earlier}/{self.name}" if earlier else self.name).encode()))
        return message._replace(headers=headers)

    def _count(self, records: Sequence[Any], filtered: int, errors: Sequence[Exception]) -> None:
        ledger = self.ledger
        ledger.filtered["where"] += filtered
        for error in errors:
            ledger.dead_lettered[error_class(error)] += 1
        ledger.delivered += len(records) - filtered - len(errors)
        ledger.replayed += sum(1 for record in records if any(name == REPLAYS for name, _ in record.headers))


def _stage(error: Exception) -> str:
    """What the route was doing: reading the event, deciding by its predicate, or mapping."""
    if isinstance(error, InvalidEvent):
        return "parse"
    return "where" if getattr(error, "path", ())[:1] == ("where",) else "map"
