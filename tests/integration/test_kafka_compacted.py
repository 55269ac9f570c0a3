"""Compacted topics as tables, on a real broker."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from hub.kafka import clients, followed, specs, topics
from hub.kafka.compacted import CompactedTable
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.sdk import EnvironmentProblem, HubError, NotConnected


@pytest.fixture
async def topic(kafka: KafkaSettings, unique: str) -> str:
    await topics.ensure_topics(kafka, [specs.table_topic(unique)])
    return unique


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  a table has no event to wait for
            await asyncio.sleep(0.01)


async def value(table: CompactedTable, key: bytes) -> bytes | None:
    entry = await table.get(key)
    return entry and entry.value


@pytest.mark.parametrize("mode", [{"follow": True}, {"follow": False}], ids=str)
async def test_what_was_put_is_there_at_once_and_after_a_restart(
    kafka: KafkaSettings, topic: str, mode: dict[str, bool]
):
    async with CompactedTable(kafka, topic, **mode) as table:
        await table.put(b"a", b"1")
        await table.put(b"a", b"2", [("by", b"me")])
        await table.put(b"b", b"")
        assert await value(table, b"a") == b"2"
        assert await value(table, b"b") == b""
        assert await table.get(b"c") is None

    async with CompactedTable(kafka, topic, **mode) as table:
        entry = await table.get(b"a")
        assert entry is not None
        assert (entry.value, entry.headers, entry.partition, entry.offset) == (b"2", (("by", b"me"),), 0, 1)
        assert set(await table.items()) == {b"a", b"b"}


@pytest.mark.parametrize("mode", [{"follow": True}, {"follow": False}], ids=str)
async def test_a_tombstone_removes_a_key_for_good(kafka: KafkaSettings, topic: str, mode: dict[str, bool]):
    async with CompactedTable(kafka, topic, **mode) as table:
        await table.put(b"a", b"1")
        await table.delete(b"a")
        assert await table.get(b"a") is None

    async with CompactedTable(kafka, topic) as table:
        assert await table.items() == {}


async def test_a_table_that_follows_sees_what_others_write(kafka: KafkaSettings, topic: str):
    async with CompactedTable(kafka, topic, follow=True) as reader, CompactedTable(kafka, topic) as writer:
        await writer.put(b"a", b"1")
        await until(lambda: _is(reader, b"a", b"1"))
        await writer.delete(b"a")
        await until(lambda: _is(reader, b"a", None))


async def test_a_table_that_does_not_follow_sees_it_when_refreshed(kafka: KafkaSettings, topic: str):
    async with CompactedTable(kafka, topic) as reader, CompactedTable(kafka, topic) as writer:
        await writer.put(b"a", b"1")
        assert await reader.get(b"a") is None
        await reader.refresh()
        assert await value(reader, b"a") == b"1"


async def test_of_many_writers_the_last_one_counts_and_all_agree(kafka: KafkaSettings, topic: str):
    async with contextlib.AsyncExitStack() as stack:
        tables = [await stack.enter_async_context(CompactedTable(kafka, topic, follow=True)) for _ in range(3)]
        await asyncio.gather(*(table.put(b"a", b"%d" % number) for number, table in enumerate(tables * 20)))
        for table in tables:
            await table.refresh()
        assert len({await value(table, b"a") for table in tables}) == 1


async def test_a_large_table_over_several_partitions_is_read_whole(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique, 3, config={"cleanup.policy": "compact"})])
    wanted = {b"key %d" % number: b"%d " % number * 100 for number in range(5_000)}
    async with CompactedTable(kafka, unique) as table:
        await table.put_all(dict.fromkeys(wanted, b"an earlier value"))
        await table.put_all(wanted)

    async with CompactedTable(kafka, unique) as table:
        assert {key: entry.value for key, entry in (await table.items()).items()} == wanted


async def test_records_of_many_megabytes_are_read_over_several_partitions(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique, 3, config={"max.message.bytes": "9000000"})])
    async with CompactedTable(kafka, unique) as table:
        await table.put_all({b"%d" % number: bytes([number]) * 8_000_000 for number in range(6)})

    async with CompactedTable(kafka, unique) as table:
        assert [(await value(table, b"%d" % number)) == bytes([number]) * 8_000_000 for number in range(6)] == [
            True
        ] * 6


async def test_an_open_transaction_is_waited_for_because_it_may_hold_the_newest_value(
    kafka: KafkaSettings, topic: str, unique: str
):
    async with CompactedTable(kafka, topic) as table, _transactions(kafka, unique) as producer:
        await table.put(b"cursor", b"1")
        await producer.begin_transaction()
        await (await producer.send(topic, b"2", b"cursor"))

        with pytest.raises(NotConnected, match="a transaction that writes to it is open"):
            await table.refresh(0.5)
        late = CompactedTable(kafka, topic)
        starting = asyncio.create_task(late.start())
        await producer.commit_transaction()
        await starting
        assert await value(late, b"cursor") == b"2"
        await late.stop()
        await table.refresh()
        assert await value(table, b"cursor") == b"2"


async def test_what_was_aborted_was_never_there(kafka: KafkaSettings, topic: str, unique: str):
    async with CompactedTable(kafka, topic, follow=True) as table, _transactions(kafka, unique) as producer:
        await table.put(b"cursor", b"1")
        await producer.begin_transaction()
        await (await producer.send(topic, b"2", b"cursor"))
        await producer.abort_transaction()
        await table.refresh()

        assert await value(table, b"cursor") == b"1"


async def test_a_successor_ends_the_transaction_of_a_crashed_writer_and_reads_on(
    kafka: KafkaSettings, topic: str, unique: str
):
    crashed = clients.producer(kafka, transactional_id=unique, transaction_timeout_ms=600_000)
    await clients.start(crashed)
    await crashed.begin_transaction()
    await (await crashed.send(topic, b"lost", b"cursor"))

    async with _transactions(kafka, unique), CompactedTable(kafka, topic) as table:
        assert await table.get(b"cursor") is None
    await clients.close(crashed)


async def test_entries_past_their_retention_are_forgotten(kafka: KafkaSettings, topic: str):
    now = int(time.time() * 1000)
    async with Publisher(kafka) as publisher:
        await publisher.send(
            [
                Record(topic, b"old", b"1", timestamp=now - 7_200_000),
                Record(topic, b"new", b"1", timestamp=now - 60_000),
            ]
        )

    async with CompactedTable(kafka, topic, retention=timedelta(hours=1), follow=True) as table:
        assert await table.get(b"old") is None
        assert set(await table.items()) == {b"new"}
        await until(lambda: _holds(table, 1))


async def test_a_table_writes_through_the_publisher_that_it_is_given_and_leaves_it_open(
    kafka: KafkaSettings, topic: str
):
    async with Publisher(kafka) as publisher:
        async with CompactedTable(kafka, topic, publisher=publisher) as table:
            await table.put(b"a", b"1")
        (result,) = await publisher.send([Record(topic, b"b", b"1")])
        assert not isinstance(result, HubError)


async def test_a_value_that_is_too_large_is_refused_and_the_others_are_put(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique, 1, config={"max.message.bytes": "1000"})])
    async with CompactedTable(kafka, unique) as table:
        with pytest.raises(HubError, match=r"1,000 \(max\.message\.bytes\)"):
            await table.put_all({b"a": b"1", b"large": b"x" * 2_000, b"c": b"3"})

        assert set(await table.items()) == {b"a", b"c"}


async def test_a_topic_that_does_not_exist_is_named(kafka: KafkaSettings, unique: str):
    with pytest.raises(EnvironmentProblem, match=unique):
        await CompactedTable(kafka, unique).start()


@pytest.mark.parametrize("again", [True, False], ids=["and made again", "for good"])
async def test_a_table_whose_topic_is_deleted_says_so_instead_of_answering_from_memory(
    kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch, *, again: bool
):
    monkeypatch.setattr(followed, "GONE", 1.0)
    async with CompactedTable(kafka, topic, follow=True) as table:
        await table.put_all({b"%d" % number: b"1" for number in range(10)})
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.delete_topics([topic])
        if again:
            await topics.ensure_topics(kafka, [specs.table_topic(topic)])

        async def failed() -> bool:
            try:
                await table.get(b"1")
            except HubError:
                return True
            return False

        await until(failed)


async def _is(table: CompactedTable, key: bytes, expected: bytes | None) -> bool:
    return await value(table, key) == expected


async def _holds(table: CompactedTable, number: int) -> bool:
    return len(table._entries) == number


@contextlib.asynccontextmanager
async def _transactions(kafka: KafkaSettings, name: str):
    async with clients.running(clients.producer(kafka, transactional_id=name)) as producer:
        yield producer
