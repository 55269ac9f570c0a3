"""Which replays are still on their way to a sink: those on its inbox that its group has not settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from hub.engine.dlq.deadletter import REPLAY_OF, Origin
from hub.kafka import clients, topics
from hub.kafka.errors import kafka_error
from hub.kafka.exactly_once import stable_positions
from hub.kafka.settings import KafkaSettings
from hub.sdk.event import Header

LIMIT = 30.0
"""Seconds that looking through the inbox may take."""


def replay_of(headers: Sequence[Header]) -> Origin | None:
    """The dead letter of which a record is the replay."""
    found = [value for name, value in headers if name == REPLAY_OF and value is not None]
    return Origin.parse(found[-1].decode(errors="replace")) if found else None


async def on_their_way(settings: KafkaSettings, *, group: str, inbox: str) -> frozenset[Origin]:
    """The dead letters whose replays lie behind the group's positions, up to the end as of now.

    What has been written in a transaction that is still to end counts as well.

    Args:
        settings: how to reach Kafka.
        group: the sink's.
        inbox: where its replays go.

    Raises:
        HubError: Kafka's.
    """
    known = (await topics.describe_topics(settings, [inbox])).get(inbox)
    if known is None:
        return frozenset()
    partitions = [TopicPartition(inbox, each) for each in range(known.partitions)]
    reader = clients.consumer(settings, group=group, isolation_level="read_uncommitted")
    found: set[Origin] = set()
    async with clients.running(reader) as consumer:
        try:
            async with asyncio.timeout(LIMIT):
                consumer.assign(partitions)
                positions = await consumer.beginning_offsets(partitions)
                for partition, committed in (await stable_positions(consumer, partitions)).items():
                    positions[partition] = max(positions[partition], committed.offset)
                ends = await consumer.end_offsets(partitions)
                for partition, offset in positions.items():
                    consumer.seek(partition, offset)
                while min([await consumer.position(each) - end for each, end in ends.items()]) < 0:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found.update(place for each in records if (place := replay_of(each.headers)) is not None)
        except (KafkaError, TimeoutError) as error:
            raise kafka_error(error, f"looking for replays on {inbox}") from error
    return frozenset(found)
