"""Where consumer groups start, on the real Kafka: several workers at once, partitions that were added, former names."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions

from hub.engine.reading.positions import start_of
from hub.engine.reading.reader import Reader
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from tests.integration.engine import event, publish, until


async def read(reader: Reader, into: list[int]) -> None:
    while True:
        records = await reader.fetch(wait=0.1)
        into += [int(dict(record.headers)["ce_id"]) for record in records]
        await reader.settle({(record.topic, record.partition): record.offset + 1 for record in records})


class Slow(Reader):
    """A worker that is slower than the others to find its positions."""

    async def on_partitions_assigned(self, assigned):
        await asyncio.sleep(0.5)
        await super().on_partitions_assigned(assigned)


async def test_workers_of_a_new_group_that_start_together_all_start_at_latest(kafka: KafkaSettings, unique: str):
    """The faster one's commit doesn't make the slower one's partitions look as if they had been added later."""
    await ensure_topics(kafka, [event_topic(unique, partitions=4)])
    await publish(kafka, unique, [event(n, key=str(n)) for n in range(60)])
    readers = [kind(kafka, group=unique, starts={unique: "latest"}) for kind in (Reader, Slow)]
    found: list[int] = []
    await asyncio.gather(*(reader.start() for reader in readers))
    tasks = [asyncio.create_task(read(reader, found)) for reader in readers]
    try:
        await until(lambda: all(reader._assigned for reader in readers), "two members")
        await publish(kafka, unique, [event(n, key=str(n)) for n in range(60, 80)])
        await until(lambda: len(found) >= 20)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for reader in readers:
            await reader.stop()
    assert sorted(found) == list(range(60, 80))


async def test_a_partition_that_was_added_is_read_from_its_beginning(kafka: KafkaSettings, unique: str):
    """Whatever lies there came after the group was new, so none of it is old."""
    await ensure_topics(kafka, [event_topic(unique, partitions=1)])
    first = Reader(kafka, group=unique, starts={unique: "latest"})
    await first.start()
    await first.stop()
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.create_partitions({unique: NewPartitions(total_count=3)})
    await publish(kafka, unique, [event(n, key=str(n)) for n in range(30)])
    found: list[int] = []
    second = Reader(kafka, group=unique, starts={unique: "latest"})
    await second.start()
    task = asyncio.create_task(read(second, found))
    try:
        await until(lambda: len(found) >= 30)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await second.stop()
    assert sorted(found) == list(range(30))


async def test_a_group_notes_where_it_began(kafka: KafkaSettings, unique: str):
    """With every commit, by every worker: what lies before it was never read, whatever the position is."""
    await ensure_topics(kafka, [event_topic(unique, partitions=1)])
    await publish(kafka, unique, [event(n) for n in range(5)])

    async def life(count: int) -> None:
        reader, found = Reader(kafka, group=unique, starts={unique: "latest"}), []
        await reader.start()
        await publish(kafka, unique, [event(n) for n in range(count)])
        task = asyncio.create_task(read(reader, found))
        try:
            await until(lambda: len(found) >= count)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await reader.stop()

    partition = TopicPartition(unique, 0)
    for count, position in ((0, 5), (3, 8), (2, 10)):
        await life(count)
        async with clients.running(clients.admin(kafka)) as admin:
            committed = (await admin.list_consumer_group_offsets(unique))[partition]
        assert (committed.offset, start_of(committed.metadata)) == (position, 5)
    assert start_of("partitions=3") is None
