"""The dead letters of a deployment: which there are, where they came from, and what was decided about them.

A unit's dead letters lie on its DLQ topic, which several units may share: whose a record is, its header ``hub_unit``
says.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hub.deployment import Deployment, SinkSpec, SourceSpec
from hub.engine.dlq.backlog import Backlog
from hub.engine.dlq.deadletter import (
    REPLY,
    DeadLetter,
    Origin,
    earlier_failures,
    is_failure_header,
    read_dead_letter,
    stacktrace,
)
from hub.engine.dlq.resolutions import Resolution, Resolutions
from hub.engine.dlq.selection import Selection
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError, InvalidEvent
from hub.sdk.event import Event, Header


@dataclass(frozen=True)
class Queue:
    """A unit's dead letter queue, and the way back.

    Attributes:
        unit: the unit's name.
        kind: ``source``, ``route`` or ``sink``.
        topics: where its dead letters lie; more than one where the unit was renamed.
        inbox: topic through which it alone receives events; a source has none.
        former: names that it had before.
        types: of a source: event type → the topic that it publishes to.
        sequenced: whether it keeps the order of a key over dead letters.
        reply: topic for the answers of a sink's far side, if any.
    """

    unit: str
    kind: str
    topics: tuple[str, ...]
    inbox: str | None = None
    former: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    sequenced: bool = False
    reply: str | None = None

    def target(self, letter: Letter) -> str | None:
        """The topic to which a dead letter goes back; None where there is none.

        A route or sink gets it through its inbox, and nobody else does. A source has no inbox: what it could not
        publish, an event larger than its topic took, is published again; so is an answer of a sink's far side.
        """
        if letter.is_reply:
            return self.reply
        if self.inbox is not None:
            return self.inbox
        return self.types.get(letter.event.type) if letter.event is not None else None


def queues_of(deployment: Deployment) -> list[Queue]:
    """The queue of every unit, in the deployment's order."""
    return [_queue(deployment.name, spec) for spec in deployment.units.values()]


def _queue(deployment: str, spec: Any) -> Queue:
    if isinstance(spec, SourceSpec):
        types = {each: spec.topic(each) for each in spec.events}
        return Queue(spec.name, spec.kind, (spec.dlq,), types=types)
    former = spec.section.renamed_from
    topics = dict.fromkeys([spec.dlq, *([names.dlq(deployment, former)] if former else [])])
    sequenced = isinstance(spec, SinkSpec) and spec.sequenced
    reply = spec.reply if isinstance(spec, SinkSpec) else None
    return Queue(
        spec.name,
        spec.kind,
        tuple(topics),
        spec.inbox,
        (former,) if former else (),
        sequenced=sequenced,
        reply=reply,
    )


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    Attributes:
        unit: the unit that failed, by its name of today; empty where the record doesn't say.
        place: where it lies.
        timestamp: of the record, milliseconds since 1970.
        key, value, headers: as they lie there; the event's own, and the headers that tell of the failure.
        failure: what happened.
        resolution: what was decided, if anything.
    """

    unit: str
    place: Origin
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    failure: DeadLetter
    resolution: Resolution | None = None

    @property
    def is_reply(self) -> bool:
        """Whether it is an answer of a sink's far side, and no event that the sink was to deliver."""
        return self.failure.stage == REPLY

    @cached_property
    def event(self) -> Event | None:
        """The event, without the headers that tell of the failure; None where the record holds none."""
        own = [header for header in self.headers if not is_failure_header(header[0])]
        try:
            return Event.from_kafka(self.key, self.value, own)
        except InvalidEvent:
            return None

    @property
    def earlier(self) -> list[DeadLetter]:
        """The failures before this one, the first first: it was replayed and failed again."""
        return earlier_failures(self.headers)

    @property
    def stacktrace(self) -> str:
        """As far as it was kept."""
        return stacktrace(self.headers)


class DeadLetters:
    """Reads dead letters.

    Args:
        settings: how to reach Kafka.
        queues: of all units of the deployment.
        resolutions: kept up to date, and closed, by their owner.
    """

    def __init__(self, settings: KafkaSettings, queues: Iterable[Queue], resolutions: Resolutions) -> None:
        self._settings = settings
        self._queues = list(queues)
        self._resolutions = resolutions
        self._units = {name: queue.unit for queue in self._queues for name in (queue.unit, *queue.former)}
        self._former = {name for queue in self._queues for name in queue.former}

    def topics(self, selection: Selection) -> list[str]:
        """The DLQ topics on which the selected units' dead letters lie."""
        chosen = [queue for queue in self._queues if not selection.units or queue.unit in selection.units]
        return list(dict.fromkeys(topic for queue in chosen for topic in queue.topics))

    async def read(self, selection: Selection, *, backlog: Backlog | None = None) -> AsyncGenerator[Letter]:
        """The selected dead letters that exist now, in the order of time; those of one partition in their order.

        Args:
            selection: which.
            backlog: what to read, opened; all topics of the selected units if not given.

        Raises:
            HubError: Kafka's.
        """
        if backlog is None:
            async with Backlog(self._settings, self.topics(selection), since=selection.since) as opened:
                async for letter in self.read(selection, backlog=opened):
                    yield letter
            return
        left = selection.limit
        async for record in backlog.records():
            letter = self._letter(record)
            if not selection.matches(letter):
                continue
            yield letter
            if left is not None:
                left -= 1
                if left <= 0:
                    return

    def _letter(self, record: Any) -> Letter:
        headers: list[Header] = list(record.headers)
        failure = read_dead_letter(headers)
        return Letter(
            unit=self._units.get(failure.unit, failure.unit),
            place=Origin(record.topic, record.partition, record.offset),
            timestamp=record.timestamp,
            key=record.key,
            value=record.value,
            headers=headers,
            failure=failure,
            resolution=self._resolutions.of(record),
        )


def check_units(queues: Iterable[Queue], chosen: Iterable[str]) -> None:
    """Sees to it that every chosen name is a unit's.

    Raises:
        ConfigError: names the ones that aren't, and those that there are.
    """
    known = [queue.unit for queue in queues]
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ConfigError(f"no unit named {', '.join(unknown)}; the deployment has {', '.join(known) or 'none'}")
