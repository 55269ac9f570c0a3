"""The embedded Kafka: the real Apache Kafka, one node, as a child process that keeps its data in a directory."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from aiokafka.errors import KafkaError

from hub.kafka import broker, clients, home, instance
from hub.kafka.instance import Instance
from hub.kafka.jarlock import KAFKA
from hub.kafka.jars import Progress, ensure_jars
from hub.kafka.java import find_java
from hub.kafka.ports import choose_ports
from hub.kafka.settings import KafkaSettings
from hub.process import ChildProcess, listens
from hub.sdk import EnvironmentProblem, HubError

DIRECTORY = Path(".hub/kafka")
"""Where it keeps its data, where nobody says otherwise."""

_NAME = f"Apache Kafka {KAFKA}"
_ATTEMPTS = 3
_POLL = 0.1
_ANSWER_MS = 5_000


@dataclass(frozen=True, slots=True)
class Status:
    """What there is in a directory.

    Args:
        running: whether its Kafka runs.
        directory: absolute.
        bootstrap: where clients connect, or would have when it last ran; ``None`` if it never ran.
        pid: of the running process.
        started: seconds since 1970, of the running process.
        version: of Apache Kafka.
        log: what it writes about itself.
    """

    running: bool
    directory: Path
    bootstrap: str | None
    pid: int | None
    started: float | None
    version: str
    log: Path


class EmbeddedKafka:
    """Apache Kafka with the data of a directory.

    A directory has one Kafka at most: a second start finds the first one's. The port stays the same over restarts
    where it can. Start it from the main thread (see `ChildProcess`).

    Args:
        directory: where it keeps data, settings and log; made if it isn't there.
        port: for clients, on 127.0.0.1; the last one or a free one if not given.
        overrides: of ``server.properties``.
        progress: is told what is being done, in a line for people.
    """

    def __init__(
        self,
        directory: Path | str = DIRECTORY,
        port: int | None = None,
        *,
        overrides: Mapping[str, str] | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.directory = Path(directory).absolute()
        self.log = self.directory / "kafka.log"
        self._port = port
        self._overrides = dict(overrides or {})
        self._progress = progress
        self._instance: Instance | None = None
        self._child: ChildProcess | None = None
        self._stopping = False

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients, once started."""
        if self._instance is None:
            raise RuntimeError("the embedded Kafka isn't started")
        return f"{broker.HOST}:{self._instance.port}"

    @property
    def settings(self) -> KafkaSettings:
        """Settings for clients, once started."""
        return KafkaSettings.plain(self.bootstrap)

    @property
    def ours(self) -> bool:
        """Whether this object has started the process, rather than found it running."""
        return self._child is not None

    async def start(self, *, detached: bool = False, timeout: float = 60.0) -> str:  # noqa: ASYNC109  the message says what it waited for
        """Starts it, unless it runs already, and waits until it answers clients.

        Args:
            detached: whether it goes on running when we end; otherwise it ends with us, however we end.
            timeout: seconds that Kafka may take, after its jars are there.

        Returns:
            ``host:port`` for clients.

        Raises:
            EnvironmentProblem: no Java, no jars, a port that is taken, a directory that can't be written or has no
                room, or Kafka's own reason, with the end of its log.
        """
        home.prepare(self.directory)
        async with home.alone(self.directory, timeout):
            found = instance.running(self.directory)
            if found is not None:
                return await self._join(found, timeout)
            home.check_room(self.directory)
            java = await asyncio.to_thread(find_java)
            jars = await self._jars()
            last = instance.read(self.directory)
            for attempt in range(1, _ATTEMPTS + 1):
                ports = choose_ports(self._port, last)
                try:
                    await self._launch(java, jars, ports, detached=detached, timeout=timeout)
                    break
                except EnvironmentProblem as problem:
                    self.kill()
                    if "Address already in use" not in str(problem) or self._port is not None or attempt == _ATTEMPTS:
                        raise self._explained(problem) from problem
                    last = None  # somebody took a port between our look and Kafka's
                except BaseException:
                    self.kill()
                    raise
        return self.bootstrap

    async def stop(self, timeout: float = 30.0) -> bool:  # noqa: ASYNC109  what it does after it is part of the contract
        """Ends it in order, whoever has started it; kills it if that takes longer than so many seconds.

        Returns:
            whether it ran.
        """
        self._stopping = True
        found = instance.running(self.directory)
        if self._child is not None:
            await self._child.stop(timeout)
            self._child = None
        elif found is not None:
            instance.end(found, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while instance.running(self.directory):
                if time.monotonic() > deadline:
                    instance.end(found, signal.SIGKILL)
                await asyncio.sleep(_POLL)
        return found is not None

    def kill(self) -> None:
        """Ends it at once, as a power cut would; what was acknowledged stays."""
        self._stopping = True
        if self._child is not None:
            self._child.kill()
            self._child = None
        elif (found := instance.running(self.directory)) is not None:
            instance.end(found, signal.SIGKILL)

    def status(self) -> Status:
        """What there is, asked of the system now."""
        known = instance.read(self.directory)
        found = instance.running(self.directory)
        return Status(
            running=found is not None,
            directory=self.directory,
            bootstrap=None if known is None else f"{broker.HOST}:{known.port}",
            pid=None if found is None else found.pid,
            started=None if found is None else found.started,
            version=KAFKA,
            log=self.log,
        )

    async def watch(self) -> None:
        """Returns when it was stopped or killed through this object.

        Raises:
            EnvironmentProblem: it ended otherwise; with the end of its log.
        """
        while self._child.running if self._child else instance.running(self.directory):  # noqa: ASYNC110  as in home
            await asyncio.sleep(_POLL)
        if not self._stopping:
            words = ChildProcess(_NAME, [], log=self.log).last_words()
            raise self._explained(EnvironmentProblem(f"{_NAME} in {self.directory} has ended unasked.{words}"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.ours:
            await self.stop()

    async def _join(self, found: Instance, limit: float) -> str:
        """Makes a Kafka ours to use that somebody else has started."""
        if self._port not in (None, found.port):
            raise EnvironmentProblem(
                f"the Kafka in {self.directory} runs already, as process {found.pid} on port {found.port}, "
                f"not {self._port}: stop it first (`hub kafka stop`), or leave the port out"
            )
        self._instance = found
        deadline = time.monotonic() + limit
        while not await self._answers():
            if time.monotonic() > deadline or not instance.running(self.directory):
                raise EnvironmentProblem(
                    f"the Kafka in {self.directory}, process {found.pid}, doesn't answer on {self.bootstrap}: "
                    "stop it (`hub kafka stop`) and start it again"
                )
            await asyncio.sleep(_POLL)
        return self.bootstrap

    async def _jars(self) -> list[Path]:
        cancelled = threading.Event()

        def told(line: str) -> None:
            if cancelled.is_set():
                raise HubError("cancelled")  # ends the thread, which nobody awaits any more
            self._progress(line)

        try:
            return await asyncio.to_thread(ensure_jars, told)
        finally:
            cancelled.set()

    async def _launch(
        self,
        java: Path,
        jars: list[Path],
        ports: tuple[int, int],
        *,
        detached: bool,
        timeout: float,  # noqa: ASYNC109  of ChildProcess.wait_until
    ) -> None:
        properties = self.directory / "server.properties"
        data = self.directory / "data"
        try:
            broker.write_properties(properties, broker.properties(data, *ports, self._overrides))
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))  # so that an error shows words of this start only
        except OSError as error:
            raise EnvironmentProblem(f"{self.directory} can't be written: {error.strerror}") from error
        # Without a locale in UTF-8 Java can not open a path with other characters than ASCII.
        env = os.environ | {"LC_ALL": "C.UTF-8"}
        make = partial(ChildProcess, _NAME, log=self.log, cwd=self.directory, env=env)
        if not home.formatted(data):
            self._progress(f"preparing {self.directory}")
            await home.format_data(make(broker.command(java, jars, *home.format_arguments(properties))), timeout)
        command = broker.command(java, jars, "kafka.Kafka", str(properties))
        command.insert(1, instance.mark(self.directory))
        self._stopping = False
        self._child = make(command, outlives_us=detached)
        self._child.start()
        assert self._child.pid is not None
        self._instance = Instance(self._child.pid, *ports, time.time())
        instance.write(self.directory, self._instance)
        self._progress(f"starting {_NAME} on port {ports[0]}")
        await self._child.wait_until(self._answers, timeout)

    async def _answers(self) -> bool:
        """Whether clients can work with it: asked by Kafka's protocol, and by a connection first.

        aiokafka would log each refused connection as an error.
        """
        assert self._instance is not None
        if not await listens(broker.HOST, self._instance.port):
            return False
        try:
            async with clients.running(
                clients.admin(self.settings, request_timeout_ms=_ANSWER_MS), 2 * _ANSWER_MS / 1000
            ) as admin:
                return bool((await admin.describe_cluster())["brokers"])
        except (HubError, KafkaError, TimeoutError, OSError):
            return False

    def _explained(self, problem: EnvironmentProblem) -> EnvironmentProblem:
        text = str(problem)
        if "No space left on device" in text or "Disk quota exceeded" in text:
            return EnvironmentProblem(f"the disk of {self.directory} is full. {text}")
        if "Address already in use" in text:
            return EnvironmentProblem(f"a port of {broker.HOST} is taken by another program. {text}")
        return problem
