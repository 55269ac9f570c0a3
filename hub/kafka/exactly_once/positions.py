"""A group's committed positions, read once no transaction can change them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import OffsetAndMetadata

from hub.kafka.exactly_once.wire import OffsetFetch

UNSTABLE = 88
"""Kafka's error code UNSTABLE_OFFSET_COMMIT, which aiokafka doesn't know."""
_RETRIED = (UNSTABLE, kafka.GroupLoadInProgressError.errno, kafka.RequestTimedOutError.errno)
_PAUSE = 0.05


async def stable_positions(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The committed positions of a consumer's group.

    It waits while a transaction that commits one of them is open; the broker ends those of dead producers after their
    transaction timeout.

    Args:
        consumer: of the group, started.
        partitions: of which to ask.

    Returns:
        The position of each partition that has one.

    Raises:
        KafkaError: the broker refuses.
    """
    if not partitions:
        return {}
    wanted: dict[str, list[int]] = {}
    for each in partitions:
        wanted.setdefault(each.topic, []).append(each.partition)
    coordinator = consumer._coordinator  # noqa: SLF001  aiokafka has no other way
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            response = await coordinator._send_req(OffsetFetch(coordinator.group_id, wanted))  # noqa: SLF001  as above
        except kafka.KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(_PAUSE)
            continue  # the coordinator isn't known any more: nobody else may be looking for it
        codes = {response.error_code, *(code for _, found, _ in response.topics for *_, code, _ in found)} - {0}
        if not codes:
            return {
                TopicPartition(topic, partition): OffsetAndMetadata(offset, metadata or "")
                for topic, found, _ in response.topics
                for partition, offset, _, metadata, _, _ in found
                if offset >= 0
            }
        if kafka.NotCoordinatorForGroupError.errno in codes or kafka.GroupCoordinatorNotAvailableError.errno in codes:
            coordinator.coordinator_dead()
        elif not codes & set(_RETRIED):
            refusal: type[kafka.KafkaError] = kafka.for_code(min(codes))
            raise refusal
        await asyncio.sleep(_PAUSE)
