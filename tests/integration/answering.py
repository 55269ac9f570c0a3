"""A worker whose far side is a file: ``python -m tests.integration.answering DIRECTORY BOOTSTRAP FILE``.

Its sink appends the ids of what it writes to the file and answers each; its look-up takes a moment. So a test can kill
it at any moment and see what the far side has, what was answered, and what was made.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings, WorkerSettings
from hub.kafka.settings import KafkaSettings
from hub.sdk import Connector, Delivery, Event, Found, Lookup, LookupConfig, Sink, SinkConfig

FAR_SIDE = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(os.devnull)


class Write(Sink[SinkConfig]):
    """Appends ids to a file."""

    events = {"far.answer": None}
    batch = 5
    concurrency = 20

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Once it has returned, the file holds them."""
        with FAR_SIDE.open("a") as file:
            file.writelines(f"{each.event.id}\n" for each in batch)
        await asyncio.sleep(0.02)
        return [each.reply("far.answer", {"of": each.event.id}) for each in batch]


class Thing(Lookup[LookupConfig, int]):
    """Knows the square of a number."""

    batch = 10

    async def look_up(self, keys: Sequence[int]) -> Sequence[Found]:
        """After a moment."""
        await asyncio.sleep(0.02)
        return [Found({"square": key * key}) for key in keys]


CONNECTOR: Any = Connector(name="far", title="Far", sinks={"": Write}, lookups={"": Thing})


async def main(directory: str, bootstrap: str) -> None:
    """Works until SIGTERM."""
    deployment = load(Path(directory), registry=Registry([CONNECTOR]))
    runtime = Runtime(
        deployment,
        KafkaSettings.plain(bootstrap),
        ingress=IngressSettings(port=0),
        environ={},
        worker=WorkerSettings(instance="only"),
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await runtime.start()
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    await ended.wait()
    await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
