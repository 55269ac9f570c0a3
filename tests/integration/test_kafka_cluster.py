"""A cluster of three brokers: who leads and coordinates what, and that it survives the loss of any one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka.protocol.metadata import MetadataRequest

from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.topics import TopicSpec, describe_topics, ensure_topics
from hub.testing.cluster import KafkaCluster
from hub.testing.kafka_faults import PRODUCE
from tests.integration.engine import records

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the loop in which the proxies run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[KafkaCluster]:
    async with KafkaCluster(proxied=True) as cluster:
        yield cluster


async def test_a_cluster_outlives_the_broker_that_leads(cluster, unique):
    """Three replicas, two of which must hold a record: after the kill of the leader everything is there and goes on."""
    settings = cluster.settings
    await ensure_topics(settings, [TopicSpec(unique, 1)])
    described = await describe_topics(settings, [unique])
    assert described[unique].replication == 3
    async with Publisher(settings) as publisher:
        await publisher.send([Record(unique, b"k", b"before", [])])
        leader = await cluster.leader(unique, 0)
        leader.kill()
        assert not leader.running
        (result,) = await publisher.send([Record(unique, b"k", b"after", [])])
        assert not isinstance(result, Exception)
    assert (await cluster.leader(unique, 0)).number != leader.number
    await leader.start()
    await cluster.whole()
    assert [each.value for each in await records(settings, unique)] == [b"before", b"after"]


async def test_a_cluster_tells_its_coordinators_and_is_reached_through_its_proxies(cluster, unique):
    """Requests of clients pass the proxies, since the brokers advertise these."""
    assert (await cluster.coordinator_of_group(unique)).number in (1, 2, 3)
    assert (await cluster.coordinator_of_transactions(unique)).number in (1, 2, 3)
    await ensure_topics(cluster.settings, [TopicSpec(unique, 1)])
    leader = await cluster.leader(unique, 0)
    before = leader.faults.seen[PRODUCE]
    async with Publisher(cluster.settings) as publisher:
        await publisher.send([Record(unique, b"k", b"v", [])])
    assert leader.faults.seen[PRODUCE] > before


async def test_new_topics_are_known_to_every_broker_at_once(cluster, unique):
    """Whichever broker is asked next."""
    topics = [TopicSpec(f"{unique}-{number}", 12) for number in range(10)]
    await ensure_topics(cluster.settings, topics)
    async with clients.running(clients.admin(cluster.settings)) as admin:
        for node in cluster.nodes:
            assert await admin._client.ready(node.number)
            answer = await admin._client.send(node.number, MetadataRequest([each.name for each in topics]))
            assert {each["error_code"] for each in answer.to_object()["topics"]} == {0}


async def test_new_topics_are_made_while_a_broker_is_down(cluster, unique):
    """It is not waited for, and knows them when it is back."""
    node = cluster.nodes[1]
    node.kill()
    try:
        assert await ensure_topics(cluster.settings, [TopicSpec(unique, 3)]) == [unique]
    finally:
        await node.start()
        await cluster.whole()
