"""The units' states on Kafka, so that one command sees what every worker runs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from hub.engine.generation import Generation
from hub.engine.ledger.ledger import Totals
from hub.engine.reading.retention import Seen
from hub.engine.unit import Status, Unit
from hub.kafka import names
from hub.kafka.compacted import CompactedTable
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import HubError

EVERY = 1.0
"""Seconds between two reports."""
STALE = timedelta(seconds=15)
"""A report that is older comes from a worker that is gone."""

_log = logging.getLogger("hub.engine.status")


class Report(BaseModel):
    """A unit's status, as one worker reported it."""

    model_config = ConfigDict(frozen=True)

    worker: str
    at: datetime
    status: Status
    generation: int = 1
    """Which generation of the deployment the worker runs."""
    digest: str = ""
    """What it means, see `hub.engine.generation.Generation`."""
    earlier: Totals | None = None
    """What processes of the same name have counted before, of a unit whose reports are all that stays of its ledger."""
    refused: str = ""
    """Why the worker did not take the schema files as they are now."""

    @property
    def settled(self) -> Totals:
        """What became of events in this and earlier processes of the name; what was under way is none of it."""
        now, before = self.status.totals, self.earlier or Totals()
        known = now.model_copy(update={"received": now.received - now.in_flight, "in_flight": 0, "lag": 0})
        return Totals.sum((before, known))

    @property
    def stale(self) -> bool:
        """Whether the worker has not reported for longer than it should."""
        return datetime.now(UTC) - self.at > STALE


def worker_name() -> str:
    """This process, for people: host and process id."""
    return f"{socket.gethostname()}-{os.getpid()}"


class StatusReporter:
    """Measures the units' lag and writes their states, every second."""

    def __init__(
        self,
        settings: KafkaSettings,
        deployment: str,
        units: Mapping[str, Unit],
        generation: Callable[[], Generation],
    ) -> None:
        self._table = CompactedTable(settings, names.status(deployment))
        self._units = units
        self._generation = generation
        self._worker = worker_name()
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, Seen] = {}
        self._earlier: dict[str, Totals] = {}

    async def start(self) -> None:
        """Begins to report."""
        await self._table.start()
        reports = reports_of(entry.value for entry in (await self._table.items()).values())
        self._seen = last_seen(reports)
        # A container that is started again has the same name and number; its report is about to be replaced.
        self._earlier = {each.status.unit: each.settled for each in reports if each.worker == self._worker}
        self._task = asyncio.create_task(self._keep(), name="status")

    async def stop(self) -> None:
        """Reports once more and ends; does nothing more the second time."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                async with asyncio.timeout(5):
                    await self._report()
            except (HubError, TimeoutError) as error:
                _log.warning("the last status was not written: %s", str(error) or "Kafka did not answer in time")
        await self._table.stop()

    def seen(self, unit: str) -> Seen | None:
        """When a unit was last at work with positions on topics, as it was told before we started."""
        return self._seen.get(unit)

    async def forget(self, name: str) -> None:
        """Takes back what was reported of a unit that there is no more."""
        try:
            await self._table.delete(f"{name}|{self._worker}".encode())
        except HubError as error:
            _log.warning("the last status of %s stays: %s", name, error)

    async def _keep(self) -> None:
        while True:
            try:
                for unit in tuple(self._units.values()):
                    await unit.measure()
                await self._report()
            except Exception as error:  # noqa: BLE001  whatever it is, the next report may work again
                _log.warning("status not written: %s", str(error) or type(error).__name__)
            await asyncio.sleep(EVERY)

    async def _report(self) -> None:
        at, generation = datetime.now(UTC), self._generation()
        reports = [
            Report(
                worker=self._worker,
                at=at,
                status=unit.status(),
                generation=generation.number,
                digest=generation.digest,
                earlier=self._earlier.get(unit.name) if unit.reported else None,
                refused=generation.refused,
            )
            for unit in tuple(self._units.values())
        ]
        await self._table.put_all(
            {f"{each.status.unit}|{each.worker}".encode(): each.model_dump_json().encode() for each in reports}
        )


def last_seen(reports: Iterable[Report]) -> dict[str, Seen]:
    """When each unit was last at work with positions, by its name."""
    seen: dict[str, Seen] = {}
    for report in reports:
        unit, when = report.status.unit, report.status.last_seen
        if when is not None and (unit not in seen or seen[unit].at < when.at):
            seen[unit] = when
    return seen


async def read_reports(settings: KafkaSettings, deployment: str) -> list[Report]:
    """The last report of every unit from every worker, stale ones too; by unit and worker."""
    table = CompactedTable(settings, names.status(deployment))
    await table.start()
    try:
        return reports_of(entry.value for entry in (await table.items()).values())
    finally:
        await table.stop()


def reports_of(values: Iterable[bytes]) -> list[Report]:
    """Reports as stored; one of another version that can't be read is left out with a warning."""
    reports: list[Report] = []
    for value in values:
        try:
            reports.append(Report.model_validate_json(value))
        except ValidationError as error:
            _log.warning("a status of another version can't be read: %s", error.errors(include_input=False)[0]["msg"])
    return sorted(reports, key=lambda report: (report.status.kind, report.status.unit, report.worker))
