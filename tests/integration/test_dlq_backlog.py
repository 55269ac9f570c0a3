"""What lies on topics at one moment, and records that are written together or not at all; on the real Kafka."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.engine.dlq import backlog as backlogs
from hub.engine.dlq.backlog import Backlog
from hub.kafka import clients
from hub.kafka.errors import Fenced
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import ensure_topics
from hub.sdk import NotConnected, Permanent
from tests.integration.engine import records


async def made(kafka: KafkaSettings, *names: str, partitions: int = 2, **config: str) -> None:
    await ensure_topics(kafka, [TopicSpec(name, partitions, config=config) for name in names])


async def written(kafka: KafkaSettings, *given: Record) -> None:
    async with Publisher(kafka) as publisher:
        for result in await publisher.send(given):
            assert not isinstance(result, Exception), result


async def read(kafka: KafkaSettings, *names: str, **options: object) -> list[bytes]:
    async with Backlog(kafka, names, **options) as backlog:
        return [record.value async for record in backlog.records()]


async def test_partitions_and_topics_are_merged_by_time_and_each_keeps_its_order(kafka, unique):
    """Timestamps decide between partitions; within one, the order of writing, whatever its timestamps say."""
    await made(kafka, f"{unique}.a", f"{unique}.b")
    times = [(f"{unique}.a", 0, 1), (f"{unique}.a", 1, 2), (f"{unique}.b", 0, 3), (f"{unique}.a", 0, 6)]
    times += [(f"{unique}.a", 0, 4), (f"{unique}.b", 1, 5), (f"{unique}.a", 1, 7)]
    base = 1_750_000_000_000
    for topic, partition, moment in times:
        await written(kafka, Record(topic, b"k", str(moment).encode(), (), partition, base + moment))
    assert await read(kafka, f"{unique}.a", f"{unique}.b") == [b"1", b"2", b"3", b"5", b"6", b"4", b"7"]


async def test_what_is_written_after_it_was_opened_is_left_out(kafka, unique):
    """Else a replay of what fails again would never end."""
    await made(kafka, unique)
    await written(kafka, Record(unique, b"k", b"1"))
    async with Backlog(kafka, [unique]) as backlog:
        await written(kafka, Record(unique, b"k", b"2"))
        assert [record.value async for record in backlog.records()] == [b"1"]


async def test_large_backlogs_are_read_to_the_end(kafka, unique):
    """Many fetches of several partitions; every record once."""
    await made(kafka, unique, partitions=3)
    await written(kafka, *(Record(unique, str(n).encode(), b"%d" % n + b"x" * 2000) for n in range(5000)))
    values = await read(kafka, unique)
    assert sorted(int(value.rstrip(b"x")) for value in values) == list(range(5000))


async def test_empty_topics_missing_ones_and_no_topics_have_nothing(kafka, unique):
    """None of them is an error."""
    await made(kafka, unique)
    assert await read(kafka, unique, f"{unique}.missing") == []
    assert await read(kafka) == []


async def test_it_ends_where_a_transaction_was_aborted_or_is_open(kafka, unique):
    """Only committed records count, and markers at the end hold nothing up."""
    await made(kafka, unique, partitions=1)
    producer = clients.producer(kafka, transactional_id=f"{unique}-t")
    async with clients.running(producer):
        for value, commit in ((b"1", True), (b"2", False), (b"3", True), (b"4", False)):
            await producer.begin_transaction()
            await (await producer.send(unique, value, b"k"))
            await (producer.commit_transaction() if commit else producer.abort_transaction())
        assert await read(kafka, unique) == [b"1", b"3"]
        await producer.begin_transaction()
        await (await producer.send(unique, b"5", b"k"))
        assert await asyncio.wait_for(read(kafka, unique), 10) == [b"1", b"3"]
        await producer.abort_transaction()


async def test_since_leaves_out_what_is_surely_older(kafka, unique):
    """By Kafka's index of times, with a margin for clocks that differ."""
    await made(kafka, unique)
    now = datetime.now(UTC)
    ages = [timedelta(hours=3), timedelta(hours=1), timedelta()]
    stamps = [int((now - age).timestamp() * 1000) for age in ages]
    await written(kafka, *(Record(unique, b"k", b"%d" % n, (), None, stamp) for n, stamp in enumerate(stamps)))
    assert await read(kafka, unique, since=now - timedelta(hours=2)) == [b"1", b"2"]
    assert await read(kafka, unique, since=now + timedelta(hours=2)) == []


async def test_records_that_retention_deletes_meanwhile_are_passed_over(kafka, unique, monkeypatch):
    """What is gone is gone; the rest is read, and it ends."""
    await made(kafka, unique, partitions=1)
    await written(kafka, *(Record(unique, b"k", b"%d" % n) for n in range(10)))
    async with Backlog(kafka, [unique]) as backlog:
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_records({TopicPartition(unique, 0): RecordsToDelete(before_offset=7)})
        values = [record.value async for record in backlog.records()]
    assert values == [b"7", b"8", b"9"]


async def test_a_kafka_that_gives_nothing_is_said(kafka, unique, monkeypatch):
    """Instead of waiting for ever."""
    monkeypatch.setattr(backlogs, "STALL", 0.5)
    await made(kafka, unique, partitions=1)
    await written(kafka, Record(unique, b"k", b"1"))
    async with Backlog(kafka, [unique]) as backlog:
        backlog.ends = dict.fromkeys(backlog.ends, 5)
        with pytest.raises(NotConnected, match=f"Kafka gave nothing of {unique}"):
            _ = [record async for record in backlog.records()]


async def test_records_of_one_transaction_appear_together(kafka, unique):
    """In their order, over several topics; tombstones and events without key and data too."""
    await made(kafka, f"{unique}.a", f"{unique}.b", partitions=1)
    writer = TransactionWriter(kafka, unique, outputs=[])
    await writer.start()
    headers = [("h", b"1")]
    await writer.write(
        [
            Record(f"{unique}.a", b"k", b"1", headers),
            Record(f"{unique}.b", b"k", None),
            Record(f"{unique}.a", b"k", b"2"),
            Record(f"{unique}.a", None, None, headers),
        ]
    )
    await writer.stop()
    found = await records(kafka, f"{unique}.a")
    assert [(each.key, each.value, list(each.headers)) for each in found] == [
        (b"k", b"1", headers),
        (b"k", b"2", []),
        (None, None, headers),
    ]
    assert [each.value for each in await records(kafka, f"{unique}.b")] == [None]


async def test_one_record_that_fails_takes_all_of_its_transaction_with_it(kafka, unique):
    """Nothing is half written; the writer can go on."""
    await made(kafka, f"{unique}.a", partitions=1)
    await made(kafka, f"{unique}.small", partitions=1, **{"max.message.bytes": "2000"})
    writer = TransactionWriter(kafka, unique, outputs=[])
    await writer.start()
    with pytest.raises(Permanent):
        await writer.write([Record(f"{unique}.a", b"k", b"1"), Record(f"{unique}.small", b"k", b"x" * 5000)])
    await writer.stop()
    assert await records(kafka, f"{unique}.a") == []


async def test_many_small_records_of_one_transaction_fit_a_topic_that_takes_little(kafka, unique):
    """A broker refuses a batch that is larger than its topic takes, so batches are no larger."""
    await made(kafka, unique, partitions=1, **{"max.message.bytes": "3000"})
    writer = TransactionWriter(kafka, unique, outputs=[])
    await writer.start()
    await writer.write([Record(unique, b"k", b"x" * 500) for _ in range(50)])
    await writer.stop()
    assert len(await records(kafka, unique)) == 50


async def test_a_commit_is_seen_through_when_its_caller_is_cancelled(kafka, unique, monkeypatch):
    """A commit that has begun can't be taken back, so whoever cancels waits for it."""
    await made(kafka, unique, partitions=1)
    writer = TransactionWriter(kafka, unique, outputs=[])
    await writer.start()
    commit = writer._producer.commit_transaction
    begun = asyncio.Event()

    async def slowly() -> None:
        begun.set()
        await asyncio.sleep(0.2)
        await commit()

    monkeypatch.setattr(writer._producer, "commit_transaction", slowly)
    task = asyncio.create_task(writer.write([Record(unique, b"k", b"1")]))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [each.value for each in await records(kafka, unique)] == [b"1"]
    monkeypatch.undo()
    await writer.write([Record(unique, b"k", b"2")])
    await writer.stop()
    assert [each.value for each in await records(kafka, unique)] == [b"1", b"2"]


async def test_a_second_writer_fences_the_first(kafka, unique):
    """The first hears of it at its next write, and can never write again."""
    await made(kafka, unique, partitions=1)
    first = TransactionWriter(kafka, unique, outputs=[])
    await first.start()
    await first.write([Record(unique, b"k", b"1")])
    second = TransactionWriter(kafka, unique, outputs=[])
    await second.start()
    with pytest.raises(Fenced, match="another instance has taken over"):
        await first.write([Record(unique, b"k", b"2")])
    await second.write([Record(unique, b"k", b"3")])
    await first.stop()
    await second.stop()
    assert [each.value for each in await records(kafka, unique)] == [b"1", b"3"]


async def test_batches_hold_every_record_once_in_the_order_of_its_partition(kafka, unique):
    """Quicker than one by one; what aborted transactions wrote isn't there, and they don't hold up the end."""
    await made(kafka, unique, partitions=3)
    await written(kafka, *(Record(unique, b"k", b"%d" % n, (), n % 3) for n in range(1_500)))
    async with clients.running(clients.producer(kafka, transactional_id=unique)) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(unique, b"aborted", partition=1)
        await producer.abort_transaction()
    async with Backlog(kafka, [unique]) as backlog:
        await written(kafka, Record(unique, b"k", b"later", (), 0))
        found = [record async for batch in backlog.batches() for record in batch]
    assert sorted(int(record.value) for record in found) == list(range(1_500))
    for number in range(3):
        values = [int(record.value) for record in found if record.partition == number]
        assert values == sorted(values)


async def test_a_backlog_can_end_at_a_time(kafka, unique):
    """With the same tolerance as its beginning: clocks differ."""
    await made(kafka, unique, partitions=1)
    base = datetime(2025, 6, 15, tzinfo=UTC)
    hours = [
        Record(unique, b"k", b"%d" % n, (), 0, int((base + timedelta(hours=n)).timestamp() * 1000)) for n in range(6)
    ]
    await written(kafka, *hours)
    until, since = base + timedelta(hours=3), base + timedelta(hours=2)
    assert await read(kafka, unique, until=until) == [b"0", b"1", b"2", b"3"]
    assert await read(kafka, unique, since=since, until=until) == [b"2", b"3"]
    assert await read(kafka, unique, until=base - timedelta(hours=1)) == []
    assert await read(kafka, unique, until=base + timedelta(days=1)) == [b"0", b"1", b"2", b"3", b"4", b"5"]
