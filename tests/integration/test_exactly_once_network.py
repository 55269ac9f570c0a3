"""Transactions on a network that delays: what arrives late must not touch a later transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from hub.kafka import clients
from hub.kafka.exactly_once import Membership, stable_positions
from hub.kafka.topics import TopicSpec, ensure_topics
from hub.testing.cluster import KafkaCluster
from hub.testing.faults import Fate
from hub.testing.kafka_faults import END_TXN, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT
from tests.integration.engine import records
from tests.integration.test_exactly_once import assigned, member, producer

pytestmark = pytest.mark.asyncio(loop_scope="module")
LATE = Fate(delay=1.0, reset=True)
"""The sender's connection is cut at once, and the request arrives a second later."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[KafkaCluster]:
    async with KafkaCluster(1, proxied=True) as cluster:
        yield cluster


async def test_an_end_that_arrives_late_does_not_end_the_next_transaction(cluster, unique):
    """The commit was sent twice; when the first one arrives, what is open then stays open, and can be aborted."""
    kafka, (node,) = cluster.settings, cluster.nodes
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    writer = producer(kafka, unique)
    await clients.start(writer)
    try:
        node.faults.strike(END_TXN, LATE)
        await writer.begin_transaction()
        await writer.send_and_wait(unique, b"first")
        await writer.commit_transaction()
        passed = node.proxy.up.passed
        await writer.begin_transaction()
        await writer.send_and_wait(unique, b"second")
        await asyncio.sleep(LATE.delay + 0.5)
        assert node.proxy.up.passed > passed
        assert [each.value for each in await records(kafka, unique)] == [b"first"]
        await writer.abort_transaction()
        assert [each.value for each in await records(kafka, unique)] == [b"first"]
    finally:
        await clients.close(writer)


async def test_a_position_that_arrives_late_does_not_replace_a_newer_one(cluster, unique):
    """The older position was sent twice; the first one arrives within the transaction that commits a newer one."""
    kafka, (node,) = cluster.settings, cluster.nodes
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    at = TopicPartition(unique, 0)
    consumer = await member(kafka, unique, unique)
    writer = producer(kafka, unique)
    await clients.start(writer)
    try:
        await assigned(consumer, 1)
        node.faults.strike(TXN_OFFSET_COMMIT, LATE)
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(1, "")}, Membership.of(consumer)))
        await writer.commit_transaction()
        await writer.begin_transaction()
        await writer.commit_offsets(({at: OffsetAndMetadata(2, "")}, Membership.of(consumer)))
        await asyncio.sleep(LATE.delay + 0.5)
        await writer.commit_transaction()
        assert (await stable_positions(consumer, [at]))[at].offset == 2
    finally:
        await clients.close(writer)
        await clients.close(consumer)


async def test_an_epoch_lasts_as_long_as_every_request_is_answered(cluster, unique):
    """Transactions on a network that works need no new epoch; retries that the broker asks for are answers, too."""
    kafka, (node,) = cluster.settings, cluster.nodes
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    writer = producer(kafka, unique)
    await clients.start(writer)
    before = node.faults.seen[INIT_PRODUCER_ID]
    try:
        for number in range(20):
            await writer.begin_transaction()
            await writer.send_and_wait(unique, b"%d" % number)
            await writer.commit_transaction()
        assert node.faults.seen[INIT_PRODUCER_ID] == before
        assert len(await records(kafka, unique)) == 20
    finally:
        await clients.close(writer)


async def test_whoever_was_replaced_gets_no_new_epoch(cluster, unique):
    """A new epoch after a request without an answer is for who still has the id; else it would fence its successor."""
    kafka, (node,) = cluster.settings, cluster.nodes
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    former, successor = producer(kafka, unique), producer(kafka, unique)
    await clients.start(former)
    try:
        node.faults.strike(END_TXN, LATE)
        await former.begin_transaction()
        await former.send_and_wait(unique, b"former")
        await former.commit_transaction()
        await clients.start(successor)
        with pytest.raises(ProducerFenced):
            async with asyncio.timeout(5):
                await former.begin_transaction()
        await successor.begin_transaction()
        await successor.send_and_wait(unique, b"successor")
        await successor.commit_transaction()
        assert [each.value for each in await records(kafka, unique)] == [b"former", b"successor"]
    finally:
        await clients.close(former)
        await clients.close(successor)
