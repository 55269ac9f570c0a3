"""What commits positions, and asks for them, while the group or its coordinator changes, on the real Kafka."""

from __future__ import annotations

import asyncio
from types import MethodType

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from aiokafka.protocol.commit import OffsetCommitRequest

from hub.engine.reading.reader import Reader
from hub.kafka import clients
from hub.kafka.exactly_once import TransactionWriter, stable_positions
from hub.kafka.partitioner import partition_of
from hub.kafka.record import Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import TopicSpec, ensure_topics
from tests.integration.engine import records, until


async def test_a_commit_without_an_answer_is_not_repeated_in_a_later_generation(kafka: KafkaSettings, unique: str):
    """It would set back the worker that has the partition by then."""
    await ensure_topics(kafka, [event_topic(unique, partitions=2)])
    first, second = (Reader(kafka, group=unique, starts={unique: "earliest"}) for _ in range(2))
    both = [TopicPartition(unique, number) for number in range(2)]
    struck = False

    async def unanswered(request):
        nonlocal struck
        if isinstance(request, OffsetCommitRequest) and not struck:
            struck = True
            await second.start()
            await until(lambda: len(first.assigned) == 1, "the first one's partition")
            raise RequestTimedOutError
        return await sent(request)

    await first.start()
    try:
        coordinator = first._consumer._coordinator
        sent = coordinator._send_req
        coordinator._send_req = MethodType(lambda _, request: unanswered(request), coordinator)
        assert not await first.commit({(at.topic, at.partition): 5 for at in both})
        assert struck
        assert {each.offset for each in (await stable_positions(second._consumer, both)).values()} == {0}
    finally:
        await first.stop()
        await second.stop()


async def test_positions_are_read_when_the_coordinator_was_lost_in_between(kafka: KafkaSettings, unique: str):
    """Whoever takes no part in the group has to look for its coordinator anew; nobody else does."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    async with clients.running(clients.consumer(kafka, group=unique)) as consumer:
        sent, struck = consumer._client.send, []

        async def cut(node, request, **options):
            if not struck:
                struck.append(request)
                raise KafkaConnectionError("cut")
            return await sent(node, request, **options)

        await consumer._coordinator.ensure_coordinator_known()
        consumer._client.send = cut
        async with asyncio.timeout(5):
            assert await stable_positions(consumer, [TopicPartition(unique, 0)]) == {}
        assert struck


async def test_large_headers_count_as_a_large_record(kafka: KafkaSettings, unique: str):
    """What a record takes is told before it is added, whatever makes it large: of several outputs all are, or none."""
    await ensure_topics(kafka, [TopicSpec(unique, 1, config={"max.message.bytes": "10000"})])
    writer = TransactionWriter(kafka, unique, outputs=[unique])
    await writer.start()
    try:
        await writer.begin()
        for key, value, headers in (
            (b"k", b"v", [("large", b"x" * 12_000)]),
            (b"k", b"v", [("many", b"")] * 2_000),
            (b"k", None, [("large", b"x" * 12_000)]),
            (b"k" * 12_000, b"v", []),
            (b"k", b"v" * 12_000, []),
        ):
            assert writer.too_large(unique, key, value, headers)
            assert writer.add(unique, key, value, headers) is not None
        assert not writer.too_large(unique, b"k", b"v", [("small", b"x" * 9_000)])
        await writer.abort()
    finally:
        await writer.stop()


async def test_partitions_that_were_added_to_an_output_are_written_to(kafka: KafkaSettings, unique: str):
    """From the next transaction on, as by every other producer: else one key would go to two partitions for good."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    writer = TransactionWriter(kafka, unique, outputs=[unique])
    await writer.start()
    try:
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.create_partitions({unique: NewPartitions(4)})
        key = next(key for key in map(b"%d".__mod__, range(100)) if partition_of(key, 4) == 3)

        async def written() -> int:
            await writer._producer.client.force_metadata_update()
            await writer.write([Record(unique, key, b"")])
            return (await records(kafka, unique))[-1].partition

        async with asyncio.timeout(20):
            while await written() != 3:  # brokers learn of partitions one after the other
                pass
    finally:
        await writer.stop()


async def test_a_rebalance_may_come_just_when_a_fetch_takes_too_long(kafka: KafkaSettings, unique: str):
    """The fetch is being cancelled already; the partitions are let go all the same."""
    reader = Reader(kafka, group=unique, starts={unique: "earliest"})

    async def fetch() -> None:
        async with asyncio.timeout(60) as reader._fetching:
            await asyncio.Event().wait()

    fetching = asyncio.create_task(fetch())
    await asyncio.sleep(0)
    reader._settled.clear()
    reader._fetching._on_timeout()
    asyncio.get_running_loop().call_soon(reader.release)
    await reader.on_partitions_revoked([])
    assert reader.generation == 1
    with pytest.raises(TimeoutError):
        await fetching
    await reader.stop()
