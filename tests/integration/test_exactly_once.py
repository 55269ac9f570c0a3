"""KIP-447 on the real Kafka: offsets commit with a transaction, and only for whoever still has the partitions."""

from __future__ import annotations

import asyncio
import gc

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.producer.sender import BaseHandler
from aiokafka.structs import OffsetAndMetadata

from hub.kafka import clients
from hub.kafka.exactly_once import GroupProducer, Membership, StaleMember, TransactionWriter, stable_positions
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import TopicSpec, ensure_topics
from tests.chaos.cancelling import Cancelled
from tests.integration.engine import records


def producer(kafka: KafkaSettings, name: str) -> GroupProducer:
    return clients.producer(kafka, transactional_id=name, kind=GroupProducer, transaction_timeout_ms=10_000)


async def member(kafka: KafkaSettings, topic: str, group: str) -> AIOKafkaConsumer:
    consumer = clients.consumer(kafka, topic, group=group, auto_offset_reset="earliest")
    await clients.start(consumer)
    return consumer


async def assigned(consumer: AIOKafkaConsumer, count: int) -> None:
    async with asyncio.timeout(30):
        while len(consumer.assignment()) != count or consumer._coordinator.generation < 0:
            await consumer.getmany(timeout_ms=50)


async def test_offsets_commit_with_the_transaction_or_not_at_all(kafka, unique):
    """A position is there once the transaction is committed; an aborted one leaves nothing."""
    await ensure_topics(kafka, [TopicSpec(unique, 2)])
    at = TopicPartition(unique, 0)
    consumer = await member(kafka, unique, unique)
    writer = producer(kafka, f"{unique}-w")
    try:
        await assigned(consumer, 2)
        await clients.start(writer)
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(5, "note")}, Membership.of(consumer)))
        await writer.abort_transaction()
        assert await stable_positions(consumer, [at]) == {}
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(7, "note")}, Membership.of(consumer)))
        await writer.commit_transaction()
        assert await stable_positions(consumer, [at]) == {at: OffsetAndMetadata(7, "note")}
    finally:
        await clients.close(writer)
        await clients.close(consumer)


def handlers() -> list[BaseHandler]:
    """What answers to requests of transactions are handled by, all that there are in memory."""
    return [each for each in gc.get_objects() if isinstance(each, BaseHandler)]


async def test_a_transaction_leaves_no_cycles(kafka, unique):
    """What a transaction needed is freed with it: in cycles it would wait for the collector, which is rare."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    at = TopicPartition(unique, 0)
    consumer = await member(kafka, unique, unique)
    writer = producer(kafka, f"{unique}-w")
    try:
        await assigned(consumer, 1)
        await clients.start(writer)
        gc.collect()
        gc.disable()
        before = handlers()  # which errors that another test has logged may hold
        for position in range(3):
            await writer.begin_transaction()
            await writer.commit_offsets(({at: OffsetAndMetadata(position, "")}, Membership.of(consumer)))
            await writer.commit_transaction()
        assert [each for each in handlers() if not any(each is old for old in before)] == []
    finally:
        gc.enable()
        await clients.close(writer)
        await clients.close(consumer)


async def test_whoever_lost_its_partitions_commits_nothing(kafka, unique):
    """A member of an earlier generation is refused, can abort, and goes on with the next generation."""
    await ensure_topics(kafka, [TopicSpec(unique, 2)])
    at = TopicPartition(unique, 0)
    first = await member(kafka, unique, unique)
    writer = producer(kafka, f"{unique}-w")
    second = None
    try:
        await assigned(first, 2)
        stale = Membership.of(first)
        await clients.start(writer)
        await writer.begin_transaction()
        second = await member(kafka, unique, unique)
        await asyncio.gather(assigned(first, 1), assigned(second, 1))
        with pytest.raises(StaleMember):
            await writer.commit_offsets(({at: OffsetAndMetadata(9, "")}, stale))
        await writer.abort_transaction()
        assert await stable_positions(first, [at]) == {}
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(3, "")}, Membership.of(first)))
        await writer.commit_transaction()
        assert (await stable_positions(second, [at]))[at].offset == 3
    finally:
        await clients.close(writer)
        await clients.close(first)
        if second:
            await clients.close(second)


async def test_positions_of_several_groups_commit_together_or_not_at_all(kafka, unique):
    """One member that was replaced is enough for all of them to be refused, whatever order they are given in."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    at = TopicPartition(unique, 0)
    consumers = [await member(kafka, unique, f"{unique}-{number}") for number in range(3)]
    writer = producer(kafka, f"{unique}-w")
    try:
        for each in consumers:
            await assigned(each, 1)
        members = [Membership.of(each) for each in consumers]
        await clients.start(writer)
        for refused in range(3):
            await writer.begin_transaction()
            stale = [each._replace(generation=0) if n == refused else each for n, each in enumerate(members)]
            with pytest.raises(StaleMember):
                await writer.commit_offsets(*(({at: OffsetAndMetadata(9, "")}, each) for each in stale))
            await writer.abort_transaction()
            assert [await stable_positions(each, [at]) for each in consumers] == [{}, {}, {}]
        for round_ in (1, 2):
            await writer.begin_transaction()
            await writer.commit_offsets(
                *(({at: OffsetAndMetadata(n + round_, "")}, each) for n, each in enumerate(members))
            )
            await writer.commit_transaction()
            found = [(await stable_positions(each, [at]))[at].offset for each in consumers]
            assert found == [round_, 1 + round_, 2 + round_]
    finally:
        await clients.close(writer)
        for each in consumers:
            await clients.close(each)


async def test_a_position_is_read_only_once_no_transaction_can_change_it(kafka, unique):
    """Who asks while a commit is open waits for its end."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    at = TopicPartition(unique, 0)
    consumer = await member(kafka, unique, unique)
    writer = producer(kafka, f"{unique}-w")
    try:
        await assigned(consumer, 1)
        await clients.start(writer)
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(11, "")}, Membership.of(consumer)))
        asked = asyncio.create_task(stable_positions(consumer, [at]))
        done, _ = await asyncio.wait({asked}, timeout=0.5)
        assert not done
        await writer.commit_transaction()
        assert (await asked)[at].offset == 11
    finally:
        await clients.close(writer)
        await clients.close(consumer)


async def test_what_a_replaced_member_wrote_never_becomes_visible(kafka, unique):
    """Its transaction is aborted on the broker, too: the next one of the same producer doesn't commit it as well."""
    out = f"{unique}.out"
    await ensure_topics(kafka, [TopicSpec(unique, 1), TopicSpec(out, 1)])
    at = TopicPartition(unique, 0)
    consumer = await member(kafka, unique, unique)
    writer = TransactionWriter(kafka, f"{unique}-w", outputs=[out])
    try:
        await assigned(consumer, 1)
        await writer.start()
        membership = Membership.of(consumer)
        await writer.begin()
        assert writer.add(out, b"k", b"stale", []) is None
        with pytest.raises(StaleMember):
            await writer.commit(({at: OffsetAndMetadata(1, "")}, membership._replace(generation=0)))
        await writer.abort()
        await writer.begin()
        assert writer.add(out, b"k", b"current", []) is None
        await writer.commit(({at: OffsetAndMetadata(1, "")}, membership))
        assert [each.value for each in await records(kafka, out)] == [b"current"]
    finally:
        await writer.stop()
        await clients.close(consumer)


async def test_a_writer_cancelled_at_any_wait_is_cancelled_and_can_go_on(kafka, unique):
    """Wherever it waits in a transaction: nothing but the cancellation comes out, and the next transaction works."""
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    writer = TransactionWriter(kafka, unique, outputs=[unique])
    committed: list[bytes] = []

    async def transaction(value: bytes) -> None:
        await writer.begin()
        try:
            assert writer.add(unique, b"k", value, []) is None
            await writer.commit()
        except asyncio.CancelledError:
            await writer.abort()
            raise
        committed.append(value)

    await writer.start()
    try:
        for at in range(1, 20):
            life = Cancelled(transaction(b"cancelled %d" % at), at)
            await asyncio.wait({life.task}, timeout=5)
            assert life.task.cancelled() == life.reached.is_set(), life.place
            await transaction(b"whole %d" % at)
            if not life.reached.is_set():
                break
        else:
            pytest.fail("a transaction waits more often than that?")
        found = [each.value for each in await records(kafka, unique)]
        assert [each for each in found if each in committed] == committed
        assert len(found) == len(set(found))
    finally:
        await writer.stop()
