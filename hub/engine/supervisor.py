"""Keeps units alive: starts them, restarts them after a failure with growing pauses, drains them at the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hub.engine.backoff import backoff
from hub.engine.unit import State, Unit
from hub.sdk.errors import ConfigError, EndOfInput, HubError

FIRST_RESTART = 1.0
"""Upper bound of the first wait before a restart, seconds."""
LONGEST_RESTART = 60.0
"""Upper bound of any wait before a restart, seconds; also how long a life must last to count as a recovery."""
CLOSE_LIMIT = 5.0
"""Seconds that a unit which was cut off may take to close what it has open."""
_log = logging.getLogger("hub.engine.supervisor")


class Supervisor:
    """Runs units as tasks, each on its own: one that fails doesn't touch the others."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units: dict[str, Unit] = {unit.name: unit for unit in units}
        self._view = MappingProxyType(self._units)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self.changing = asyncio.Lock()
        """Held while units are exchanged for others or started anew: what else ends or begins one waits."""

    @property
    def units(self) -> Mapping[str, Unit]:
        """All units by name; a view that follows `put` and `remove`."""
        return self._view

    def put(self, unit: Unit) -> None:
        """Takes in a unit, in place of a stopped one of its name if there is one; `start` starts it."""
        assert unit.name not in self._tasks, "the unit before it still runs"
        self._units[unit.name] = unit

    def remove(self, name: str) -> Unit:
        """Forgets a unit that was stopped."""
        assert name not in self._tasks, "the unit still runs"
        return self._units.pop(name)

    def start(self, *names: str) -> None:
        """Starts the named units, or all; one that runs already is left alone, and nothing starts after `close`."""
        if self._closed:
            return
        for name in names or self.units:
            task = self._tasks.get(name)
            if task is None or task.done():
                self._tasks[name] = asyncio.create_task(self._keep(self.units[name]), name=f"unit {name}")

    async def ready(self, *names: str) -> None:
        """Waits until the named units take events in, have ended or don't run; an outage in between is waited out."""
        for name in names or self.units:
            task = self._tasks.get(name)
            if task is None:
                continue  # stopped meanwhile, or not even started, because all is being stopped
            ready = asyncio.create_task(self.units[name].ready.wait())
            try:
                await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ready.cancel()

    @property
    def finished(self) -> bool:
        """Whether every unit has ended by itself: no more input, or failed for good. One that was stopped has not."""
        return all(
            name in self._tasks and self._tasks[name].done() and not unit.stopping.is_set()
            for name, unit in self.units.items()
        )

    async def restart(self, name: str) -> None:
        """Ends a unit in good order and starts it anew; one that has been removed meanwhile stays away."""
        async with self.changing:
            unit = self.units.get(name)
            if unit is None:
                return
            await self.stop(name)
            if self._closed:
                return
            unit.stopping.clear()
            unit.ready.clear()
            unit.enter(State.UNASSIGNED)
            self.start(name)

    async def halt(self, name: str, limit: float = 20.0) -> None:
        """Drains a unit, which is not to start again by itself: the one that bears the name once none is exchanged."""
        async with self.changing:
            if name in self.units:
                await self.stop(name, limit=limit)

    def close(self) -> None:
        """From now on units only stop: a restart that is under way starts nothing that nobody would stop."""
        self._closed = True

    async def stop(self, *names: str, limit: float = 20.0) -> list[str]:
        """Drains the named units, or all.

        Args:
            names: units to stop; all if none is named.
            limit: seconds to settle what they have; then they are cancelled, and what is open is taken in again later.

        Returns:
            Names of the units that had to be cancelled.
        """
        chosen = {name: self._tasks[name] for name in names or self.units if name in self._tasks}
        for name in chosen:
            self.units[name].stop()
        pending = set(chosen.values())
        if pending:
            _, pending = await asyncio.wait(pending, timeout=limit)
        for task in pending:
            task.cancel()
        if pending:
            _, stuck = await asyncio.wait(pending, timeout=CLOSE_LIMIT)
            for task in stuck:
                _log.error("%s does not end; it is left behind", task.get_name())
        for name, task in chosen.items():
            if self._tasks.get(name) is task:
                del self._tasks[name]
            unit = self.units[name]
            if task in pending:
                unit.enter(State.STOPPED, f"cut off after {limit:g} s; what was open will be taken in again")
        return [name for name, task in chosen.items() if task in pending]

    async def _keep(self, unit: Unit) -> None:
        failures = 0
        while not unit.stopping.is_set():
            began = time.monotonic()
            try:
                if unit.preparing is not None:
                    await asyncio.to_thread(unit.preparing)
                await unit.run()
            except EndOfInput as end:
                unit.enter(State.STOPPED, str(end) or "end of input")
                return
            except ConfigError as error:
                # Nothing changes by itself: wait for the operator's restart.
                unit.failures += 1
                unit.enter(State.FAILED, str(error))
                unit.log.error("%s will not be started again by itself", unit.name)  # noqa: TRY400  the text says it all
                return
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                    raise
                # A CancelledError that nobody asked for comes out of libraries whose connection broke.
                unit.failures += 1
                failures = 1 if time.monotonic() - began > LONGEST_RESTART else failures + 1
                wait = backoff(failures, initial=FIRST_RESTART, maximum=LONGEST_RESTART)
                what = str(error) if isinstance(error, HubError) else f"{type(error).__name__}: {error}"
                unit.enter(State.FAILED, f"{what}; starting again in {wait:.1f} s")
                if not isinstance(error, HubError):
                    unit.log.exception("%s %s failed", unit.kind, unit.name)
                await unit.rest(wait)
        unit.enter(State.STOPPED)
