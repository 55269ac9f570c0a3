"""Makes topics, waits until they can be used, and tells what there is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.metadata import MetadataRequest

from hub.kafka import clients, names
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.sdk import ConfigError, NotConnected

__all__ = ["Difference", "Topic", "TopicSpec", "counts", "describe_topics", "differences", "ensure_topics", "limits"]

_LOG = logging.getLogger(__name__)
_POLL = 0.05
# Answers of a broker that is about to be ready, or of a cluster that is still moving its controller.
_AGAIN = (
    kafka.NotControllerError,
    kafka.RequestTimedOutError,
    kafka.KafkaConnectionError,
    kafka.NodeNotReadyError,
    kafka.UnknownTopicOrPartitionError,
    kafka.LeaderNotAvailableError,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is.

    Args:
        name: as Kafka knows it.
        partitions: how many.
        replication: copies of its first partition.
        config: every setting that applies to it, by Kafka's own names.
        leaderless: partitions that can't be read or written now.
    """

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    leaderless: tuple[int, ...] = ()

    @property
    def max_message(self) -> int:
        """Largest record batch that it takes, in bytes."""
        return int(self.config["max.message.bytes"])


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a topic that exists is not as its spec says."""

    topic: str
    setting: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.actual}, and the deployment says {self.expected}"


async def ensure_topics(settings: KafkaSettings, specs: Iterable[TopicSpec], *, timeout: float = 60.0) -> list[str]:  # noqa: ASYNC109  bounds several attempts
    """Makes the topics that don't exist yet; returns when all brokers know them, with a leader for each partition.

    Several processes may do this at once. Topics that exist are left as they are; what differs is logged (see
    `differences`).

    Args:
        settings: which cluster.
        specs: the topics; of two with the same name the first counts.
        timeout: seconds for all of it.

    Returns:
        Names of the topics that this call made.

    Raises:
        ConfigError: Kafka refuses a topic, and why.
        NotConnected: the cluster can't be reached, or partitions have no leader in time.
    """
    wanted = {spec.name: spec for spec in reversed(list(specs))}
    _check_collisions(wanted)
    async with clients.running(clients.admin(settings), timeout) as admin:
        created: list[str] = []
        state = "no answer"
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        created += await _create_missing(admin, wanted)
                        missing = _not_ready(await _metadata(admin, list(wanted)), wanted)
                    except _AGAIN as error:
                        missing, state = list(wanted), str(error) or type(error).__name__
                        # Or who is down would be asked for ever: the client keeps to the controller that it knows.
                        await admin._client.force_metadata_update()  # noqa: SLF001  it has no other way to be told
                    else:
                        state = f"partitions without a leader: {', '.join(missing)}"
                        if created and not missing:
                            missing = await _unknown_somewhere(admin, wanted)
                            state = f"not all brokers know of {', '.join(missing)}"
                    if not missing:
                        break
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise NotConnected(f"topics aren't ready after {timeout:g} s: {state}") from error
        existing = [spec for name, spec in wanted.items() if name not in created]
        for each in _compare(existing, await _describe(admin, [spec.name for spec in existing])):
            _LOG.warning("%s; a topic that exists is left as it is", each)
    return created


async def describe_topics(settings: KafkaSettings, names: Sequence[str] | None = None) -> dict[str, Topic]:
    """The topics of those names that exist, or all but Kafka's own; by name."""
    async with clients.running(clients.admin(settings)) as admin:
        return await _describe(admin, names)


async def differences(settings: KafkaSettings, specs: Sequence[TopicSpec]) -> list[Difference]:
    """Where topics that exist are not as their specs say. Topics that don't exist are no difference."""
    return _compare(specs, await describe_topics(settings, [spec.name for spec in specs]))


async def limits(settings: KafkaSettings, names: Sequence[str]) -> dict[str, int]:
    """Largest record batch in bytes (``max.message.bytes``) of each of those topics that exists."""
    async with clients.running(clients.admin(settings)) as admin:
        return {name: topic.max_message for name, topic in (await _describe(admin, names)).items()}


async def counts(settings: KafkaSettings, names: Sequence[str]) -> dict[str, int]:
    """How many offsets each of those topics holds: an upper bound of its records.

    Compaction and transactions leave offsets without a record.
    """
    partitions = {name: topic.partitions for name, topic in (await describe_topics(settings, names)).items()}
    every = [TopicPartition(name, each) for name, count in partitions.items() for each in range(count)]
    if not every:
        return {}
    async with clients.running(clients.consumer(settings)) as consumer:
        try:
            first, last = await consumer.beginning_offsets(every), await consumer.end_offsets(every)
        except (kafka.KafkaError, TimeoutError) as error:
            raise kafka_error(error, "reading offsets") from error
    result = dict.fromkeys(partitions, 0)
    for each in every:
        result[each.topic] += last[each] - first[each]
    return result


async def _create_missing(admin: AIOKafkaAdminClient, wanted: dict[str, TopicSpec]) -> list[str]:
    """Asks for topics that metadata doesn't know; one that another process makes meanwhile is fine."""
    known = {each["topic"] for each in await _metadata(admin, list(wanted)) if each["error_code"] == 0}
    missing = [spec for name, spec in wanted.items() if name not in known]
    if not missing:
        return []
    client = admin._client  # noqa: SLF001  its own wait for a controller that is down takes all of our time
    controller = client.cluster.controller
    if controller is None or not await client.ready(controller.nodeId):
        raise kafka.NodeNotReadyError("the cluster's controller doesn't answer")
    answer = await admin.create_topics([_request(spec) for spec in missing])
    created: list[str] = []
    for name, code, *message in answer.topic_errors:
        error = kafka.for_code(code)
        if error is kafka.NoError:
            created.append(name)
        elif not issubclass(error, (kafka.TopicAlreadyExistsError, *_AGAIN)):
            said = message[0] if message and message[0] else error.description
            raise kafka_error(error(said), f"making the topic {name}")
    return created


def _request(spec: TopicSpec) -> NewTopic:
    topic = NewTopic(spec.name, spec.partitions, 1, topic_configs=dict(spec.config))
    topic.replication_factor = spec.replication  # its constructor refuses -1, which brokers take since KIP-464
    return topic


async def _metadata(admin: AIOKafkaAdminClient, names: Sequence[str] | None) -> list[dict[str, Any]]:
    if names is not None and not names:
        return []
    return list(await admin.describe_topics(None if names is None else list(names)))


async def _unknown_somewhere(admin: AIOKafkaAdminClient, wanted: Collection[str]) -> list[str]:
    """Topics that a broker which answers doesn't know yet: each learns of new ones by itself, a moment later.

    Whoever asks another broker than we did would be told that they don't exist.
    """
    client = admin._client  # noqa: SLF001  the admin client itself asks any broker
    brokers = client.cluster.brokers()
    if len(brokers) < 2:  # noqa: PLR2004  it has just answered
        return []
    unknown: set[str] = set()
    for broker in brokers:
        try:
            if await client.ready(broker.nodeId):
                answer = await client.send(broker.nodeId, MetadataRequest(list(wanted)))
                unknown.update(_not_ready(answer.to_object()["topics"], wanted))
        except kafka.KafkaError:
            continue  # one that is down tells nobody anything; it learns of them when it is back
    return sorted(unknown)


def _not_ready(metadata: Iterable[dict[str, Any]], wanted: Iterable[str]) -> list[str]:
    ready = {
        each["topic"]
        for each in metadata
        if each["error_code"] == 0 and each["partitions"] and not _leaderless(each["partitions"])
    }
    return [name for name in wanted if name not in ready]


def _leaderless(partitions: Iterable[dict[str, Any]]) -> tuple[int, ...]:
    return tuple(each["partition"] for each in partitions if each["leader"] < 0)


async def _describe(admin: AIOKafkaAdminClient, names: Sequence[str] | None) -> dict[str, Topic]:
    try:
        metadata = [
            each
            for each in await _metadata(admin, names)
            if each["error_code"] == 0 and not (names is None and each["is_internal"])
        ]
        if not metadata:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, each["topic"]) for each in metadata]
        (answer,) = await admin.describe_configs(resources)
    except (kafka.KafkaError, TimeoutError) as error:
        raise kafka_error(error, "asking for topics") from error
    configs = {
        name: {entry[0]: entry[1] for entry in entries}
        for code, _, _, name, entries in answer.resources
        if code == 0  # a topic that was deleted since
    }
    return {
        each["topic"]: Topic(
            each["topic"],
            len(each["partitions"]),
            len(each["partitions"][0]["replicas"]) if each["partitions"] else 0,
            configs[each["topic"]],
            _leaderless(each["partitions"]),
        )
        for each in metadata
        if each["topic"] in configs
    }


def _compare(specs: Iterable[TopicSpec], topics: dict[str, Topic]) -> list[Difference]:
    found: list[Difference] = []
    for spec in specs:
        topic = topics.get(spec.name)
        if topic is None:
            continue
        if topic.partitions != spec.partitions:
            found.append(Difference(spec.name, "partitions", str(spec.partitions), str(topic.partitions)))
        if spec.replication not in (-1, topic.replication):
            found.append(Difference(spec.name, "replication", str(spec.replication), str(topic.replication)))
        for name, value in spec.config.items():
            actual = topic.config.get(name, "")
            if _plain(actual) != _plain(value):
                found.append(Difference(spec.name, name, value, actual))
    return found


def _plain(value: str) -> str:
    """Kafka gives lists back in an order of its own."""
    return ",".join(sorted(value.replace(" ", "").split(",")))


def _check_collisions(wanted: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in wanted:
        other = seen.setdefault(names.collision(name), name)
        if other != name:
            raise ConfigError(f"the topics {other} and {name} differ in '.' and '_' only, which Kafka doesn't allow")
