"""The servers that `hub up` runs: started side by side, stopped in order, their data kept in ``.hub``."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hub.cli import workspace
from hub.cli.display import Display
from hub.cli.worker import reach
from hub.deployment import Deployment
from hub.deployment.references import references
from hub.kafka.embedded import DIRECTORY, EmbeddedKafka
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem
from hub.testing.rabbitmq import PrivateRabbitMQ

RABBITMQ = "AMQP_URL"
"""The variable that says where RabbitMQ is; where a deployment refers to it and it isn't set, we run one."""

_MISSING = (
    f"the deployment refers to ${{env:{RABBITMQ}}}, which isn't set, and RabbitMQ is not installed here. Set it to "
    "amqp://user:password@host:port/ of yours, or install the package rabbitmq-server (`apt-get install "
    "rabbitmq-server`), and `hub up` runs one of its own"
)


class Servers:
    """Kafka and RabbitMQ for a deployment.

    Args:
        display: is told what is going on.
        rabbitmq: whether a RabbitMQ of our own is needed.
    """

    def __init__(self, display: Display, *, rabbitmq: bool) -> None:
        self._display = display
        self._given = KafkaSettings()
        self._kafka: EmbeddedKafka | None = None
        if self._given.bootstrap_servers is None:
            self._kafka = EmbeddedKafka(DIRECTORY, progress=lambda line: display.server("kafka", line))
        self._rabbitmq = PrivateRabbitMQ(workspace.HOME.absolute() / "rabbitmq") if rabbitmq else None

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach Kafka, once started."""
        return self._kafka.settings if self._kafka else self._given

    @property
    def environ(self) -> dict[str, str]:
        """Variables that the deployment refers to and that we know, once started."""
        return {RABBITMQ: self._rabbitmq.url} if self._rabbitmq else {}

    async def start(self) -> None:
        """Starts what is needed, all at once.

        Raises:
            EnvironmentProblem: one of them doesn't start; the others may.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._start_kafka())
                if self._rabbitmq:
                    group.create_task(self._start_rabbitmq(self._rabbitmq))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def watch(self) -> None:
        """Waits for as long as Kafka lives.

        Raises:
            EnvironmentProblem: the embedded one has ended by itself.
        """
        if self._kafka:
            await self._kafka.watch()
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Stops what we have started, in order; data stay."""
        if self._rabbitmq:
            await self._rabbitmq.stop()
        if self._kafka and self._kafka.ours:
            await self._kafka.stop()

    def kill(self) -> None:
        """Ends what we have started, at once; data stay as they are."""
        if self._rabbitmq:
            self._rabbitmq.kill()
        if self._kafka and self._kafka.ours:
            self._kafka.kill()

    async def _start_kafka(self) -> None:
        began = time.monotonic()
        if self._kafka is None:
            self._display.server("kafka", f"waiting for {self._given.bootstrap_servers}")
            await reach(self._given)
            self._display.server("kafka", str(self._given.bootstrap_servers), "ready")
            return
        self._display.server("kafka", "looking for it")
        await self._kafka.start()
        status = self._kafka.status()
        what = f"Apache Kafka {status.version} at {status.bootstrap}, {DIRECTORY}"
        how = f"ready in {time.monotonic() - began:.1f} s" if self._kafka.ours else "was running"
        self._display.server("kafka", what, how)

    async def _start_rabbitmq(self, rabbitmq: PrivateRabbitMQ) -> None:
        began = time.monotonic()
        self._display.server("rabbitmq", "starting RabbitMQ")
        url = await rabbitmq.start()
        address = url.rpartition("@")[2].rstrip("/")
        what = f"amqp://{address}, {workspace.HOME / 'rabbitmq'}"
        self._display.server("rabbitmq", what, f"ready in {time.monotonic() - began:.1f} s")


def needs(deployment: Deployment, only: list[str], variable: str) -> bool:
    """Whether one of the units refers to an environment variable without giving a default.

    Args:
        deployment: what was loaded.
        only: names of the units; all if there is none.
        variable: its name.
    """
    chosen = [spec for name, spec in deployment.units.items() if not only or name in only]
    sections: list[Any] = [getattr(spec.section, "with_", {}) for spec in chosen]
    sections += [part for spec in deployment.services.values() for part in (spec.section.with_, spec.section.auth)]
    return any(
        reference.kind == "env" and reference.name == variable and reference.default is None
        for text in _texts(sections)
        for reference in references(text)
    )


@contextmanager
def alone() -> Iterator[None]:
    """Sees to it that one `hub up` at a time runs in a directory: servers share no data.

    Raises:
        EnvironmentProblem: another one runs.
    """
    with (workspace.prepare() / "up.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = workspace.Up.read()
            raise EnvironmentProblem(
                f"another `hub up` runs in this directory{f' (process {other.pid})' if other else ''}. End it first, "
                "start this one in another directory, or use `hub run`, which shares its Kafka"
            ) from None
        yield


def check_rabbitmq() -> None:
    """Tells at once, before anything is started, that RabbitMQ is missing.

    Raises:
        EnvironmentProblem: it isn't installed.
    """
    if not PrivateRabbitMQ.installed():
        raise EnvironmentProblem(_MISSING)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
