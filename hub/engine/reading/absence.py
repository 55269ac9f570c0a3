"""Units that nobody runs, and when brokers will forget where they stood.

Brokers keep the positions of a consumer group for a time after its last member has left, a week by default
(``offsets.retention.minutes``). A unit that is started after that can't go on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hub.deployment import Deployment
from hub.engine.reading.retention import Kept, positions_kept, span
from hub.engine.status import last_seen, read_reports
from hub.kafka import groups, names, topics
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import HubError

FIRST = 30.0
"""Seconds after the start of a worker until it looks: the others may be about to start, too."""
EVERY = 300.0
"""Seconds between two looks."""
STOP_LIMIT = 1.0
"""Seconds that an end waits for a look under way, where Kafka doesn't answer."""
_WITHOUT_MEMBERS = frozenset(("Empty", "Dead"))


class Absence(NamedTuple):
    """A unit that nobody runs.

    Attributes:
        unit: its name.
        seen: when it was last at work.
        left: until the brokers forget its positions; below 0 where they may have.
        near: whether that is so soon that somebody should do something.
    """

    unit: str
    seen: datetime
    left: timedelta
    near: bool

    def __str__(self) -> str:
        gone = f"{self.unit} has not run for {span((datetime.now(UTC) - self.seen).total_seconds())}"
        if self.left <= timedelta():
            return f"{gone}: the brokers have forgotten where it stood (offsets.retention.minutes)"
        soon = span(self.left.total_seconds())
        return f"{gone}: in {soon} the brokers forget where it stood; run it, or raise offsets.retention.minutes"


async def absent(settings: KafkaSettings, deployment: Deployment) -> list[Absence]:
    """The units of a deployment that have run before, and that nobody runs now.

    Args:
        settings: how to reach Kafka.
        deployment: whose units.

    Raises:
        HubError: Kafka's.
    """
    there = await topics.describe_topics(settings, [names.status(deployment.name)])
    if not there:
        return []
    seen = last_seen(await read_reports(settings, deployment.name))
    known = [unit for unit in (*deployment.routes, *deployment.sinks) if unit in seen]
    units = {names.group(deployment.name, unit): unit for unit in known}
    empty = [group for group, state in (await groups.states(settings, units)).items() if state in _WITHOUT_MEMBERS]
    kept = await positions_kept(settings) if empty else None
    if kept is None:
        return []
    found = []
    for group in empty:
        unit = units[group]
        left = kept - (datetime.now(UTC) - seen[unit].at)
        found.append(Absence(unit, seen[unit].at, left, Kept(kept.total_seconds()).near(left.total_seconds())))
    return found


class AbsenceWatch:
    """Looks for units of a deployment that nobody runs, from whatever worker of it still runs.

    Args:
        settings: how to reach Kafka.
        deployment: gives whose units, as they are now.

    Attributes:
        found: those that nobody ran when it looked last.
    """

    def __init__(self, settings: KafkaSettings, deployment: Callable[[], Deployment]) -> None:
        self._settings = settings
        self._deployment = deployment
        self._task: asyncio.Task[None] | None = None
        self._told: frozenset[str] = frozenset()
        self._log = logging.getLogger("hub.engine.absence")
        self.found: Sequence[Absence] = ()

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._keep(), name="absence")

    async def stop(self) -> None:
        """Ends; does nothing more the second time."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_LIMIT)

    async def look(self) -> None:
        """Looks once; what is near is logged, once for as long as it lasts.

        Raises:
            HubError: Kafka's.
        """
        self.found = await absent(self._settings, self._deployment())
        near = {each.unit: each for each in self.found if each.near}
        for unit in sorted(near.keys() - self._told):
            self._log.warning("%s", near[unit])
        for unit in sorted(self._told - near.keys()):
            self._log.info("%s: the brokers are no longer about to forget where it stood", unit)
        self._told = frozenset(near)

    async def _keep(self) -> None:
        await asyncio.sleep(FIRST)
        while True:
            try:
                await self.look()
            except HubError as error:
                self._log.warning("not known which units nobody runs: %s", error)
            await asyncio.sleep(EVERY)
