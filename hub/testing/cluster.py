"""A Kafka cluster of several nodes for tests of what happens when brokers fail: the embedded Kafka, more than once.

    async with KafkaCluster() as cluster:
        node = await cluster.coordinator_of_group("my-group")
        node.kill()
        await node.start()
        await cluster.whole()           # every replica is in sync again

Three nodes, each broker and controller, with replication factor 3 and min.insync.replicas 2. With ``proxied`` clients
reach every node through a `FaultProxy` of its own, while the nodes speak to each other directly.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError

from hub.kafka import broker, clients, home
from hub.kafka.embedded import EmbeddedKafka
from hub.kafka.jars import ensure_jars
from hub.kafka.java import find_java
from hub.kafka.settings import KafkaSettings
from hub.process import ChildProcess, free_ports
from hub.sdk.errors import EnvironmentProblem, HubError
from hub.testing.faults import FaultProxy
from hub.testing.kafka_faults import KafkaFaults

WHOLE_LIMIT = 300.0
"""Seconds in which a node has started, and a cluster whose nodes all run has every replica in sync."""
_POLL = 0.1
_IDENTITY = "aHViLXRlc3RpbmctMDAwMQ"  # a UUID in Kafka's form; every node of the cluster has the same


class Node:
    """One node.

    Attributes:
        number: its id, from 1.
        kafka: its process and directory.
        proxy: through which clients reach it; None where they reach it directly.
        faults: of single requests on their way through the proxy.
    """

    def __init__(self, number: int, kafka: EmbeddedKafka, address: str, proxy: FaultProxy | None) -> None:
        self.number = number
        self.kafka = kafka
        self.address = address
        self.proxy = proxy
        self.faults = KafkaFaults()

    async def start(self) -> None:
        """Starts it (again), and waits until it answers."""
        await self.kafka.start(timeout=WHOLE_LIMIT)

    async def stop(self) -> None:
        """Ends it in order: it hands over what it leads."""
        await self.kafka.stop()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.kafka.kill()

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.kafka.status().running


class KafkaCluster:
    """Nodes on free ports of 127.0.0.1, with their data in a temporary directory.

    Args:
        count: of nodes; from 3 on every topic has three replicas, of which two must be in sync.
        proxied: whether clients reach them through proxies.
        overrides: of every node's ``server.properties``.
        directory: where they keep their data; a temporary one if not given.
    """

    def __init__(
        self,
        count: int = 3,
        *,
        proxied: bool = False,
        overrides: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._ours = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hub-cluster-"))
        self.nodes: list[Node] = []
        ports = [free_ports(3 * count)[at::count] for at in range(count)] if count else []
        voters = ",".join(f"{at + 1}@{broker.HOST}:{each[2]}" for at, each in enumerate(ports))
        for at, (client, internal, controller) in enumerate(ports):
            proxy = FaultProxy(broker.HOST, client, listen=free_ports(1)[0], inspect=self._inspector(at))
            advertised = proxy.port if proxied else client
            settings = {
                **_replication(min(3, count)),
                **_listeners(at + 1, client, internal, controller, advertised),
                "controller.quorum.voters": voters,
                **(overrides or {}),
            }
            kafka = EmbeddedKafka(self.directory / str(at + 1), client, overrides=settings)
            self.nodes.append(Node(at + 1, kafka, f"{broker.HOST}:{advertised}", proxy if proxied else None))
            self._write(kafka, client, controller, settings)

    def _inspector(self, at: int) -> Callable[[], Any]:
        return lambda: self.nodes[at].faults.inspector()  # noqa: PLW0108  the node is made after its proxy

    @staticmethod
    def _write(kafka: EmbeddedKafka, port: int, controller: int, settings: Mapping[str, str]) -> None:
        home.prepare(kafka.directory)
        properties = broker.properties(kafka.directory / "data", port, controller, settings)
        broker.write_properties(kafka.directory / "server.properties", properties)

    @property
    def settings(self) -> KafkaSettings:
        """For clients."""
        return KafkaSettings.plain(",".join(node.address for node in self.nodes))

    async def start(self) -> Self:
        """Prepares and starts all nodes, and waits until they are one cluster."""
        java = await asyncio.to_thread(find_java)
        jars = await asyncio.to_thread(ensure_jars, lambda _: None)
        await asyncio.gather(*(self._format(node, java, jars) for node in self.nodes))
        for node in self.nodes:
            if node.proxy is not None:
                await node.proxy.start()
        await asyncio.gather(*(node.start() for node in self.nodes))
        await self.whole()
        return self

    @staticmethod
    async def _format(node: Node, java: Path, jars: list[Path]) -> None:
        directory = node.kafka.directory
        if home.formatted(directory / "data"):
            return
        main, *_ = home.format_arguments(directory)
        arguments = ["format", "--cluster-id", _IDENTITY, "--config", str(directory / "server.properties")]
        tool = ChildProcess(
            f"node {node.number}'s format",
            broker.command(java, jars, main, *arguments),
            log=directory / "format.log",
            cwd=directory,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
        )
        await home.format_data(tool, WHOLE_LIMIT)

    async def stop(self) -> None:
        """Ends everything, and removes what it made."""
        for node in self.nodes:
            node.kill()
            if node.proxy is not None:
                await node.proxy.stop()
        if self._ours:
            shutil.rmtree(self.directory, ignore_errors=True)

    async def __aenter__(self) -> Self:
        try:
            return await self.start()
        except BaseException:
            await self.stop()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def coordinator_of_group(self, group: str) -> Node:
        """The node that coordinates a consumer group."""
        return await self._coordinator(CoordinationType.GROUP, group)

    async def coordinator_of_transactions(self, transactional_id: str) -> Node:
        """The node that coordinates a producer's transactions."""
        return await self._coordinator(CoordinationType.TRANSACTION, transactional_id)

    async def leader(self, topic: str, partition: int) -> Node:
        """The node that leads a partition."""
        async with clients.running(clients.admin(self.settings)) as admin:
            (described,) = await admin.describe_topics([topic])
        number: int
        (number,) = (each["leader"] for each in described["partitions"] if each["partition"] == partition)
        return self.nodes[number - 1]

    async def whole(self, limit: float = WHOLE_LIMIT) -> None:
        """Waits until every node is in the cluster and every replica in sync.

        Raises:
            EnvironmentProblem: that takes longer than so many seconds.
        """
        deadline = time.monotonic() + limit
        while lacking := await self._lacking():
            if time.monotonic() > deadline:
                raise EnvironmentProblem(f"the cluster is not whole after {limit:g} s: {lacking}")
            await asyncio.sleep(_POLL)

    async def _lacking(self) -> str:
        """What isn't in sync; empty if nothing."""
        try:
            async with clients.running(clients.admin(self.settings)) as admin:
                present = {each["node_id"] for each in (await admin.describe_cluster())["brokers"]}
                missing = [node.number for node in self.nodes if node.number not in present]
                if missing:
                    return f"nodes {missing} are missing"
                described = await admin.describe_topics()
        except (HubError, KafkaError, TimeoutError, OSError) as error:
            return f"it doesn't answer: {error}"
        behind = [
            f"{topic['topic']}-{each['partition']}"
            for topic in described
            for each in topic["partitions"]
            if len(each["isr"]) < len(each["replicas"]) or each["leader"] < 0
        ]
        return f"{', '.join(behind[:5])} and others lack replicas" if behind else ""

    async def _coordinator(self, kind: int, key: str) -> Node:
        client = AIOKafkaClient(bootstrap_servers=self.settings.bootstrap_servers)
        deadline = time.monotonic() + WHOLE_LIMIT
        try:
            await client.bootstrap()
            while True:
                try:
                    number: int = await client.coordinator_lookup(kind, key)
                except KafkaError as error:  # the topic of positions or of transactions is being made, or moves
                    if time.monotonic() > deadline:
                        raise EnvironmentProblem(f"{key} has no coordinator: {error}") from error
                else:
                    return self.nodes[number - 1]
                await asyncio.sleep(_POLL)
        finally:
            await client.close()


def _listeners(number: int, client: int, internal: int, controller: int, advertised: int) -> dict[str, str]:
    host = broker.HOST
    return {
        "node.id": str(number),
        "listeners": f"PLAINTEXT://{host}:{client},INTERNAL://{host}:{internal},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{advertised},INTERNAL://{host}:{internal}",
        "inter.broker.listener.name": "INTERNAL",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def _replication(copies: int) -> dict[str, str]:
    in_sync = str(max(1, copies - 1))
    factor = str(copies)
    return {
        "default.replication.factor": factor,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": factor,
        "transaction.state.log.replication.factor": factor,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": factor,
        "share.coordinator.state.topic.min.isr": in_sync,
        # Followers catch up quickly after a restart, and one that was killed leaves the set of those in sync soon.
        "replica.lag.time.max.ms": "5000",
        # The heap of several nodes on one machine.
        "log.cleaner.dedupe.buffer.size": str(4 * 2**20),
    }
