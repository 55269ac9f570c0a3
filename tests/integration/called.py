"""A command called within this process, on the real Kafka: quicker than a process of its own, and enough for most."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from typer.testing import CliRunner

from hub.cli import app
from hub.kafka.settings import KafkaSettings


class Called(NamedTuple):
    """What came of it."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document that it printed."""
        assert self.code == 0, self.err
        return orjson.loads(self.out)

    def lines(self) -> list[Any]:
        """The documents that it printed, one per line."""
        return [orjson.loads(line) for line in self.out.splitlines()]


async def called(kafka: KafkaSettings, directory: Path | None, *arguments: str, input: str | None = None) -> Called:  # noqa: A002  the runner's word
    """Calls ``hub`` for the deployment in a directory, or for none."""
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HUB_")}
    environ = clean | {"HUB_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    if directory is not None:
        environ["HUB_DIR"] = str(directory)
    runner = CliRunner(env=environ)
    # In a thread: a command has an event loop of its own.
    result = await asyncio.to_thread(runner.invoke, app, list(arguments), input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Called(result.exit_code, result.stdout, result.stderr)
