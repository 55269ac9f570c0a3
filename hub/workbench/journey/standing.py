"""Where the units stand: the positions of their groups, and what their workers last reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from hub.deployment import Deployment
from hub.engine.dlq.deadletter import Origin
from hub.engine.reading.positions import start_of
from hub.engine.sinks.attempts import Retrying
from hub.engine.status import Report, read_reports
from hub.engine.unit import State
from hub.kafka import groups, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics


class Progress(NamedTuple):
    """How a unit's group stands to a record.

    Attributes:
        passed: whether its position is behind the record.
        before: whether the record lies before the place where the group began to read.
        ahead: offsets between the position and the record; None where the group has no position.
    """

    passed: bool
    before: bool
    ahead: int | None


@dataclass(frozen=True)
class Standing:
    """A look at the units of a deployment.

    Attributes:
        positions: by unit; empty where its group has none.
        reports: by unit, from the workers that are at work.
    """

    positions: Mapping[str, Mapping[TopicPartition, OffsetAndMetadata]] = field(default_factory=dict)
    reports: Mapping[str, list[Report]] = field(default_factory=dict)

    def progress(self, unit: str, place: Origin) -> Progress:
        """How a unit stands to a record."""
        at = self.positions.get(unit, {}).get(TopicPartition(place.topic, place.partition))
        if at is None or at.offset < 0:
            return Progress(passed=False, before=False, ahead=None)
        start = start_of(at.metadata)
        before = start is not None and place.offset < start
        return Progress(at.offset > place.offset, before, max(0, place.offset - at.offset))

    def retrying(self, unit: str, place: Origin) -> Retrying | None:
        """The attempts at a record, where one of the unit's workers tells of them."""
        every = (each for report in self.reports.get(unit, []) for each in report.status.retrying)
        return next((each for each in every if each.place == str(place)), None)

    def trouble(self, unit: str) -> str:
        """What keeps a unit from its work; empty where nothing does."""
        reports = self.reports.get(unit, [])
        if not reports:
            return "no worker runs it"
        states = [report.status for report in reports]
        if any(status.state is State.RUNNING for status in states):
            return ""
        # Of another state the detail tells what the unit reads.
        told = states[0].state in (State.PAUSED, State.FAILED) and states[0].detail
        return f"{states[0].state}: {states[0].detail}" if told else str(states[0].state)


async def look(settings: KafkaSettings, deployment: Deployment, units: Collection[str]) -> Standing:
    """Asks Kafka where units stand.

    Args:
        settings: how to reach it.
        deployment: whose units.
        units: names of routes and sinks.

    Raises:
        HubError: Kafka's.
    """
    there = await describe_topics(settings, [names.status(deployment.name)])
    reports: dict[str, list[Report]] = {}
    for report in await read_reports(settings, deployment.name) if there else []:
        if not report.stale:
            reports.setdefault(report.status.unit, []).append(report)
    return Standing(await _positions(settings, deployment.name, units), reports)


async def _positions(
    settings: KafkaSettings, deployment: str, units: Collection[str]
) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
    wanted = {names.group(deployment, unit): unit for unit in units}
    return {wanted[group]: found for group, found in (await groups.positions(settings, wanted)).items()}
