"""The real servers that tests, the demo and benchmarks run against, on any machine: a ladder of three rungs.

1. The environment names one: ``HUB_TEST_KAFKA=host:port``, ``HUB_TEST_RABBITMQ=amqp://user:password@host:port/``,
   ``HUB_TEST_REDIS=redis://host:port/0``, ``HUB_TEST_REGISTRY=http://host:port/apis/ccompat/v7``.
2. A Docker engine answers and testcontainers is installed: a container. ``HUB_TEST_DOCKER=0`` leaves this rung out.
3. A process of our own: the embedded Apache Kafka, Debian's RabbitMQ and Redis, Apicurio Registry.

A server that can't be had is an `EnvironmentProblem` that says what to install, never a reason to skip.

    async with rabbitmq_server() as rabbitmq:
        await aio_pika.connect(rabbitmq.url)
        rabbitmq.kill()             # where it is ours
        await rabbitmq.start()      # same address, same data
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from hub.kafka import broker
from hub.kafka.embedded import EmbeddedKafka
from hub.kafka.jarlock import KAFKA
from hub.process import listens
from hub.sdk.errors import EnvironmentProblem
from hub.testing.containers import ContainerServer, docker_wanted
from hub.testing.rabbitmq import PrivateRabbitMQ, takes_connections
from hub.testing.redis import PrivateRedis, answers_ping
from hub.testing.registry import API, PrivateRegistry, takes_schemas
from hub.testing.registry import VERSION as APICURIO

KAFKA_IMAGE = f"apache/kafka:{KAFKA}"
RABBITMQ_IMAGE = "rabbitmq:4-alpine"
REDIS_IMAGE = "redis:7-alpine"
REGISTRY_IMAGE = f"apicurio/apicurio-registry-mem:{APICURIO}"

Progress = Callable[[str], None]
"""Is told what takes time, in a line for people."""


class Server(Protocol):
    """A server on one of the rungs, with its address in `url`: for Kafka the bootstrap servers."""

    @property
    def url(self) -> str:
        """Where clients connect; stays the same over `stop`, `kill` and `start`."""

    async def start(self) -> str:
        """Starts it (again), waits until it answers, and gives its `url`."""

    async def stop(self) -> None:
        """Ends it in order; its data stay."""

    def kill(self) -> None:
        """Ends it as a power cut would; its data stay as they are."""

    def close(self) -> None:
        """Ends it for good, and removes its data."""


class GivenServer:
    """A server that the environment names: used as it is, and not ours to end."""

    def __init__(self, variable: str, url: str, ready: Callable[[str], Awaitable[bool]]) -> None:
        self._variable = variable
        self.url = url
        self._ready = ready

    async def start(self) -> str:
        """Checks that it answers."""
        if not await self._ready(self.url):
            raise EnvironmentProblem(
                f"{self._variable} names a server that doesn't answer; start it, or unset the variable"
            )
        return self.url

    async def stop(self) -> None:
        """Refused."""
        self.kill()

    def kill(self) -> None:
        """Refused."""
        raise EnvironmentProblem(f"the server that {self._variable} names is not ours to end: ask for a private one")

    def close(self) -> None:
        """Leaves it as it is."""


class PrivateKafka:
    """The embedded Apache Kafka in a temporary directory."""

    def __init__(self, progress: Progress) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hub-kafka-"))
        self._kafka = EmbeddedKafka(self._directory, progress=progress)

    @property
    def url(self) -> str:
        """Its bootstrap servers, once it has been started."""
        return self._kafka.bootstrap

    async def start(self) -> str:
        """Starts it (again) on the port that it had."""
        return await self._kafka.start()

    async def stop(self) -> None:
        """Ends it in order; its data stay."""
        await self._kafka.stop()

    def kill(self) -> None:
        """Ends it as a power cut would; its data stay as they are."""
        self._kafka.kill()

    def close(self) -> None:
        """Ends it for good, and removes its directory."""
        self._kafka.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


async def answers(bootstrap: str) -> bool:
    """Whether a Kafka broker at one of the addresses answers a request for the cluster's metadata now."""
    addresses = [each.rpartition(":") for each in bootstrap.split(",")]
    if not any([await listens(host, int(port)) for host, _, port in addresses]):
        return False  # asked first, because aiokafka logs each refused connection as an error
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        async with asyncio.timeout(10):
            await client.bootstrap()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


def _kafka_environment(host: str, port: int) -> dict[str, str]:
    listeners = {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://localhost:9093",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    # As the embedded one is set up, so that tests see the same broker on every rung.
    settings = broker.properties(Path("/var/lib/kafka/data"), port, 9093, listeners)
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in settings.items()}


def _kafka_container() -> ContainerServer:
    return ContainerServer(
        "Kafka",
        KAFKA_IMAGE,
        9092,
        environment=_kafka_environment,
        url=lambda host, port: f"{host}:{port}",
        ready=answers,
    )


def _rabbitmq_container() -> ContainerServer:
    return ContainerServer(
        "RabbitMQ",
        RABBITMQ_IMAGE,
        5672,
        environment=lambda _host, _port: {},
        url=lambda host, port: f"amqp://guest:guest@{host}:{port}/",
        ready=takes_connections,
    )


def _redis_container() -> ContainerServer:
    return ContainerServer(
        "Redis",
        REDIS_IMAGE,
        6379,
        environment=lambda _host, _port: {},
        url=lambda host, port: f"redis://{host}:{port}/0",
        ready=answers_ping,
    )


def _registry_container() -> ContainerServer:
    return ContainerServer(
        "Apicurio Registry",
        REGISTRY_IMAGE,
        8080,
        environment=lambda _host, _port: {},
        url=lambda host, port: f"http://{host}:{port}{API}",
        ready=takes_schemas,
    )


@asynccontextmanager
async def _running(server: Server) -> AsyncIterator[Server]:
    try:
        await server.start()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def kafka_server(*, private: bool = False, progress: Progress = lambda _: None) -> AsyncIterator[Server]:
    """A running Kafka broker; its `url` is its bootstrap servers.

    Args:
        private: one that is nobody else's and may be stopped and killed: leaves out what the environment names.
        progress: told what takes time.
    """
    url = os.environ.get("HUB_TEST_KAFKA")
    if url and not private:
        server: Server = GivenServer("HUB_TEST_KAFKA", url, answers)
    else:
        server = _kafka_container() if await asyncio.to_thread(docker_wanted) else PrivateKafka(progress)
    async with _running(server):
        yield server


@asynccontextmanager
async def rabbitmq_server(*, private: bool = False, progress: Progress = lambda _: None) -> AsyncIterator[Server]:
    """A running RabbitMQ; its `url` is an AMQP URL.

    Args:
        private: one that is nobody else's and may be stopped and killed: leaves out what the environment names.
        progress: told what takes time.
    """
    url = os.environ.get("HUB_TEST_RABBITMQ")
    if url and not private:
        server: Server = GivenServer("HUB_TEST_RABBITMQ", url, takes_connections)
    else:
        progress("starting RabbitMQ")
        server = _rabbitmq_container() if await asyncio.to_thread(docker_wanted) else PrivateRabbitMQ()
    async with _running(server):
        yield server


@asynccontextmanager
async def redis_server(*, private: bool = False) -> AsyncIterator[Server]:
    """A running Redis; its `url` is a Redis URL.

    Args:
        private: one that is nobody else's and may be stopped and killed: leaves out what the environment names.
    """
    url = os.environ.get("HUB_TEST_REDIS")
    if url and not private:
        server: Server = GivenServer("HUB_TEST_REDIS", url, answers_ping)
    else:
        server = _redis_container() if await asyncio.to_thread(docker_wanted) else PrivateRedis()
    async with _running(server):
        yield server


@asynccontextmanager
async def registry_server(*, private: bool = False, progress: Progress = lambda _: None) -> AsyncIterator[Server]:
    """A running schema registry; its `url` is the base URL of Confluent's API. What it holds ends with its process.

    Args:
        private: one that is nobody else's and may be stopped and killed: leaves out what the environment names.
        progress: told what takes time.
    """
    url = os.environ.get("HUB_TEST_REGISTRY")
    if url and not private:
        server: Server = GivenServer("HUB_TEST_REGISTRY", url.rstrip("/"), takes_schemas)
    else:
        progress("starting Apicurio Registry")
        server = _registry_container() if await asyncio.to_thread(docker_wanted) else PrivateRegistry(progress)
    async with _running(server):
        yield server
