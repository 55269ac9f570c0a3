"""What `hub doctor` looks at: this machine, the servers that it can start here, Kafka, a deployment's needs."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub.cache import cache_directory
from hub.cli.output import plural
from hub.cli.servers import RABBITMQ, needs
from hub.cli.worker import answers
from hub.deployment import Deployment, InvalidDeployment, Registry, load
from hub.deployment.registry import UnknownUse
from hub.engine.ledger.audit import audit
from hub.engine.settings import AdminSettings, IngressSettings
from hub.kafka import clients, jarlock, nearby, topics
from hub.kafka.embedded import DIRECTORY, EmbeddedKafka
from hub.kafka.home import ROOM
from hub.kafka.java import find_java
from hub.kafka.settings import KafkaSettings
from hub.sdk import HubError
from hub.testing.containers import docker_answers
from hub.testing.rabbitmq import PrivateRabbitMQ

Level = Literal["ok", "info", "warn", "fail"]

_DISTRIBUTION = "integration-hub"
_OLDEST_PYTHON = (3, 11)
_LITTLE = 2 * 2**30  # bytes of disk below which a few days of events may not fit
_LIMIT = 10.0
# What a release brought is seen by which versions of an API its brokers take (kafka.apache.org/protocol).
_FETCH, _TXN_OFFSET_COMMIT = 1, 28


@dataclass(frozen=True)
class Check:
    """What was looked at, and what was found.

    Attributes:
        name: of the thing.
        level: ``fail`` keeps the hub from working here, ``warn`` may, ``info`` says only what there is.
        found: what there is.
        advice: what to do about it.
    """

    name: str
    level: Level
    found: str
    advice: str = ""


async def checks(directory: Path | None) -> AsyncIterator[Check]:
    """All checks, one after the other.

    Args:
        directory: of a deployment whose needs are looked at as well.
    """
    deployment: Deployment | None = None
    yield _python()
    yield _packages()
    for check in _connectors():
        yield check
    for check in _disk():
        yield check
    for check in _ports():
        yield check
    settings, found = _which_kafka()
    yield found
    if settings is None:
        yield await asyncio.to_thread(_java)
        yield _jars()
    else:
        async for check in _kafka(settings):
            yield check
    if directory is not None:
        deployment, found = _deployment(directory)
        yield found
    if deployment is not None:
        yield _references(deployment)
        if settings is not None:
            yield await _topics(deployment, settings)
            yield await _positions(deployment, settings)
    yield _rabbitmq(deployment)
    yield await asyncio.to_thread(_docker)
    yield _npm()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Check("Python", "fail", version, "the hub needs Python 3.11 or newer")
    return Check("Python", "ok", version)


def _packages() -> Check:
    """Whether what the distribution requires is installed, new enough."""
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", "fail", f"{_DISTRIBUTION} is not installed", "install it: `make setup`, or pip")
    wrong = []
    for requirement in required:
        match = re.match(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?[^;]*$", requirement)
        if match is None:
            continue  # it depends on a marker, such as an extra
        try:
            version = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{match[1]} is missing")
            continue
        if match[2] and _numbers(version) < _numbers(match[2]):
            wrong.append(f"{match[1]} {version} is older than {match[2]}")
    if wrong:
        return Check("packages", "fail", "; ".join(wrong), "install them anew: `make setup`, or pip")
    return Check("packages", "ok", f"{_DISTRIBUTION} {importlib.metadata.version(_DISTRIBUTION)}, all it requires")


def _connectors() -> Iterator[Check]:
    """Which there are, where those of other packages come from, and which of them nobody can use."""
    registry = Registry()
    whole, broken = [], []
    for name in registry.names:
        origin = " and ".join(registry.origins(name))
        try:
            registry.connector(name)
        except UnknownUse as error:
            broken.append(Check("connectors", "warn", error.message, error.suggestion or ""))
        else:
            whole.append(name if origin.startswith("the folder ") else f"{name} from {origin}")
    yield Check("connectors", "ok" if whole else "warn", ", ".join(whole) or "none is installed")
    yield from broken


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _disk() -> Iterator[Check]:
    for name, path in (("disk", Path()), ("cache", cache_directory("."))):
        free = shutil.disk_usage(path).free
        found = f"{free / 2**30:,.1f} GiB free for {path.absolute()}"
        if free < ROOM:
            yield Check(name, "fail", found, f"the embedded Kafka needs {ROOM / 2**20:.0f} MiB: free some")
        elif free < _LITTLE:
            yield Check(name, "warn", found, "the embedded Kafka keeps events for a week, and stops on a full disk")
        else:
            yield Check(name, "ok", found)


def _ports() -> Iterator[Check]:
    for name, variable, settings in (
        ("webhook port", "HUB_INGRESS__PORT", IngressSettings),
        ("admin port", "HUB_ADMIN__PORT", AdminSettings),
    ):
        try:
            at = settings()
        except HubError as error:
            yield Check(name, "fail", str(error), f"correct {variable}")
            continue
        address = f"{at.host}:{at.port}"
        problem = _taken(at.host, at.port)
        if problem is None:
            yield Check(name, "ok", f"{address} is free")
        else:
            yield Check(name, "warn", f"{address}: {problem}", f"if no hub of yours has it, set {variable} to another")


def _taken(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _which_kafka() -> tuple[KafkaSettings | None, Check]:
    try:
        settings = nearby.find_kafka()
    except HubError as error:
        return None, Check("Kafka", "fail", str(error), "correct the environment")
    if settings is not None:
        embedded = EmbeddedKafka(DIRECTORY).status()
        running = embedded.running and embedded.bootstrap == settings.bootstrap_servers
        what = f"embedded, Apache Kafka {embedded.version}, {DIRECTORY}" if running else "HUB_KAFKA__BOOTSTRAP_SERVERS"
        return settings, Check("Kafka", "info", f"{settings.bootstrap_servers} ({what})")
    return None, Check(
        "Kafka",
        "info",
        "none runs here, and HUB_KAFKA__BOOTSTRAP_SERVERS is not set",
        "`hub up DIR` and `hub kafka start` start one",
    )


def _java() -> Check:
    try:
        return Check("Java", "ok", str(find_java()))
    except HubError as error:
        return Check("Java", "fail", str(error))


def _jars() -> Check:
    directory = cache_directory(f"kafka-{jarlock.KAFKA}")
    jars = jarlock.read()
    missing = [jar for jar in jars if not (directory / jar.file).exists()]
    if missing:
        size = sum(jar.size for jar in missing) / 1e6
        found = f"{plural(len(missing), 'jar')} of {len(jars)} to fetch, {size:.0f} MB"
        return Check("Kafka's jars", "info", found, "the first start does it; it needs the network")
    return Check("Kafka's jars", "ok", f"Apache Kafka {jarlock.KAFKA} in {directory}")


async def _kafka(settings: KafkaSettings) -> AsyncIterator[Check]:
    try:
        cluster = await answers(settings, _LIMIT)
    except HubError as error:
        yield Check("brokers", "fail", str(error), "start it, or correct HUB_KAFKA__BOOTSTRAP_SERVERS")
        return
    brokers = [f"{each['host']}:{each['port']}" for each in cluster["brokers"]]
    yield Check("brokers", "ok", f"{', '.join(brokers)}, cluster {cluster['cluster_id']}")
    yield await _release(settings)
    yield await _permitted("idempotence", settings, None, "the principal needs IdempotentWrite on the cluster")
    yield await _permitted(
        "transactions", settings, "hub.doctor", "the principal needs Write and Describe on its TransactionalIds"
    )


async def _release(settings: KafkaSettings) -> Check:
    async with clients.running(clients.admin(settings), _LIMIT) as admin:
        cluster = await admin.describe_cluster()
        # aiokafka knows what the broker takes, and tells nobody.
        connection = await admin._client._get_conn(cluster["brokers"][0]["node_id"])  # noqa: SLF001  see above
        versions: dict[int, tuple[int, int]] = connection._versions  # noqa: SLF001  see above
    fetch, commit = versions.get(_FETCH, (0, 0)), versions.get(_TXN_OFFSET_COMMIT, (0, 0))
    if commit[1] < 3:  # noqa: PLR2004  KIP-447
        return Check(
            "Kafka's version", "warn", "older than 2.5", "the hub is tested with 4.1; 2.5 is the oldest for it"
        )
    # KIP-896 took the oldest requests away; KIP-516 gave topics ids.
    release = "4.0 or newer" if fetch[0] >= 4 else "3.1 or newer" if fetch[1] >= 13 else "2.5 or newer"  # noqa: PLR2004  see above
    return Check("Kafka's version", "ok", release)


async def _permitted(name: str, settings: KafkaSettings, transactional_id: str | None, advice: str) -> Check:
    """Whether a producer of that kind may start; it writes nothing."""
    try:
        async with clients.running(clients.producer(settings, transactional_id=transactional_id), _LIMIT):
            return Check(name, "ok", "permitted")
    except HubError as error:
        return Check(name, "fail", str(error), advice)


def _deployment(directory: Path) -> tuple[Deployment | None, Check]:
    try:
        deployment = load(directory)
    except InvalidDeployment as error:
        found = plural(sum(each.severity == "error" for each in error.findings), "error")
        return None, Check("deployment", "fail", f"{directory} has {found}", f"`hub validate {directory}` lists them")
    return deployment, Check("deployment", "ok", f"{deployment.name} in {directory}, {len(deployment.units)} units")


def _references(deployment: Deployment) -> Check:
    environ = dict(os.environ)
    if needs(deployment, [], RABBITMQ) and PrivateRabbitMQ.installed():
        environ.setdefault(RABBITMQ, "amqp://127.0.0.1/")  # `hub up` sets it
    try:
        deployment.check_references(environ)
    except InvalidDeployment as error:
        missing = "\n".join(dict.fromkeys(f"{each.span.start} {each.message}" for each in error.findings))
        return Check("references", "fail", missing, "set them in the environment before `hub run` or `hub up`")
    return Check("references", "ok", "all are set")


async def _topics(deployment: Deployment, settings: KafkaSettings) -> Check:
    specs = deployment.topic_specs()
    try:
        there = await topics.describe_topics(settings, [spec.name for spec in specs])
        differences = await topics.differences(settings, specs)
    except HubError as error:
        return Check("topics", "fail", str(error))
    broken = [name for name, topic in there.items() if topic.leaderless]
    if broken:
        return Check("topics", "fail", f"partitions without a leader: {', '.join(broken)}", "look at the brokers' logs")
    made = f"{len(there)} of {len(specs)} are made"
    if differences:
        found = f"{made}; {'; '.join(map(str, differences))}"
        return Check("topics", "warn", found, "the hub leaves topics as they are: change them, or the deployment")
    return Check("topics", "ok" if len(there) == len(specs) else "info", made)


async def _positions(deployment: Deployment, settings: KafkaSettings) -> Check:
    """Whether events will be lost to retention, or positions to the brokers' forgetting."""
    try:
        accounts = await audit(settings, deployment)
    except HubError as error:
        return Check("positions", "fail", str(error))
    wrong = [f"{each.unit}: {problem}" for each in accounts for problem in each.problems]
    if wrong:
        return Check("positions", "fail", "\n".join(wrong), "`hub ledger` tells more")
    warned = [f"{each.unit}: {warning}" for each in accounts for warning in each.warnings]
    if warned:
        return Check("positions", "warn", "\n".join(warned), "raise the retention, or see to it that the unit goes on")
    return Check("positions", "ok", "nothing that waits is about to be deleted, and every ledger adds up")


def _rabbitmq(deployment: Deployment | None) -> Check:
    wanted = deployment is not None and needs(deployment, [], RABBITMQ) and RABBITMQ not in os.environ
    if PrivateRabbitMQ.installed():
        return Check("RabbitMQ", "ok", "rabbitmq-server is installed; `hub up` runs one of its own where it is needed")
    advice = f"`apt-get install rabbitmq-server`, or set {RABBITMQ} to where yours is"
    return Check("RabbitMQ", "fail" if wanted else "info", "rabbitmq-server is not installed", advice)


def _docker() -> Check:
    return Check("Docker", "info", "an engine answers" if docker_answers() else "no engine answers; none is needed")


def _npm() -> Check:
    path = shutil.which("npm")
    return Check("npm", "info", path or "not installed; the demo then sends payloads of its own")


def as_json(check: Check) -> dict[str, Any]:
    """A check for programs."""
    return {"name": check.name, "level": check.level, "found": check.found, "advice": check.advice or None}
