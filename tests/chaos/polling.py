"""A worker that polls: its far side counts upwards, as fast as it is told, and is the same for every worker.

``python -m tests.chaos.polling DIRECTORY BOOTSTRAP [STEP]``: with a step, the worker kills itself (SIGKILL) when its
source waits for the n-th time. With HUB_CHAOS_UNFENCED it is the control: its workers are elected as the hub's are, but
none fences another, as a lock alone would have it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.unit import Unit
from hub.kafka import election, names
from hub.kafka.settings import KafkaSettings
from hub.sdk import Batch, Connector, Cursor, PollingSource, SourceConfig

EVENT_TYPE = "count.event"
KEYS = 8
SESSION_MS = int(os.environ.get("HUB_CHAOS_SESSION_MS", "6000"))


class Position(Cursor):
    """How far it has counted."""

    at: int = 0


class Settings(SourceConfig):
    """How fast, and how far: a file that says so, once it is there."""

    began: float
    rate: float
    limit: str
    batch: int = 40

    def last(self) -> int:
        """How far the far side has counted by now."""
        now = int((time.time() - self.began) * self.rate)
        limit = Path(self.limit)
        return min(now, int(limit.read_text())) if limit.exists() else now


class Count(PollingSource[Settings, Position]):
    """Counts."""

    events = {EVENT_TYPE: None}
    partition_key = "key"

    async def poll(self, cursor: Position) -> AsyncIterator[Batch]:
        """Everything that has come about since."""
        config, at = self.config, cursor.at
        while at < (end := config.last()):
            until = min(end, at + config.batch)
            numbers = range(at, until)
            events = [self.event(EVENT_TYPE, {"n": n, "key": str(n % KEYS)}, id=str(n)) for n in numbers]
            await asyncio.sleep(0)
            at = until
            yield Batch(events, Position(at=at))


CONNECTOR = Connector(name="count", title="Count", sources={"": Count})


class Mortal:
    """A coroutine whose process dies when it waits for the n-th time."""

    def __init__(self, coroutine: Any, last: int) -> None:
        self._coroutine = coroutine
        self._last = last
        self._steps = 0

    def __await__(self) -> Generator[Any, Any, None]:
        inner, given = self._coroutine.__await__(), None
        while True:
            try:
                waited = inner.throw(given) if isinstance(given, BaseException) else inner.send(given)
            except StopIteration:
                return
            self._steps += 1
            if self._steps == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                given = yield waited
            except BaseException as error:  # noqa: BLE001  the coroutine's
                given = error


async def tell(unit: Unit) -> None:
    """Says on standard output what the unit does, whenever that changes."""
    said = ""
    while True:
        line = f"{unit.state} {unit.detail}"
        if line != said:
            said = line
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        await asyncio.sleep(0.01)


async def main(directory: str, bootstrap: str, step: str = "0") -> None:
    """Polls until SIGTERM."""
    if os.environ.get("HUB_CHAOS_UNFENCED"):
        names.transactional_id = lambda *_: uuid.uuid4().hex
    election.SESSION_MS = SESSION_MS
    election.HEARTBEAT_MS = SESSION_MS // 4
    election.LET_GO = min(election.LET_GO, 0.6 * SESSION_MS / 1000)
    deployment = load(Path(directory), registry=Registry([CONNECTOR]))
    runtime = Runtime(deployment, KafkaSettings.plain(bootstrap), environ={})
    unit = runtime.supervisor.units["feed"]
    if int(step):
        run = unit.run
        unit.run = lambda: Mortal(run(), int(step))  # type: ignore[method-assign, assignment, return-value]  # awaited only
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    telling = asyncio.create_task(tell(unit))
    await runtime.start()
    await ended.wait()
    await runtime.stop()
    telling.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
