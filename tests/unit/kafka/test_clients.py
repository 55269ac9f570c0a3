"""How aiokafka is set up."""

import logging

import pytest

from hub.kafka import clients
from hub.kafka.partitioner import partitioner
from hub.kafka.settings import KafkaSettings
from hub.process import free_ports
from hub.sdk import NotConnected

NOWHERE = KafkaSettings.plain("127.0.0.1:1")


async def test_a_consumer_commits_only_when_told_and_never_jumps():
    consumer = clients.consumer(NOWHERE, group="g")

    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "none"
    assert consumer._isolation_level == "read_committed"
    assert consumer._group_id == "g"
    await consumer.stop()


async def test_a_producer_waits_for_all_replicas_and_writes_nothing_twice():
    producer = clients.producer(NOWHERE, transactional_id="shop.orders")

    assert producer._sender._acks == -1
    assert producer._txn_manager.transactional_id == "shop.orders"
    assert producer._partitioner is partitioner
    await producer.stop()


async def test_an_option_of_aiokafkas_own_wins():
    producer = clients.producer(NOWHERE, max_batch_size=7)

    assert producer._message_accumulator._batch_size == 7
    await producer.stop()


async def test_no_broker_is_said_in_the_hubs_words_and_leaves_nothing_open():
    (port,) = free_ports(1)

    for client in (
        clients.producer(KafkaSettings.plain(f"127.0.0.1:{port}")),
        clients.consumer(KafkaSettings.plain(f"127.0.0.1:{port}")),
        clients.admin(KafkaSettings.plain(f"127.0.0.1:{port}")),
    ):
        with pytest.raises(NotConnected, match=f"{port}"):
            await clients.start(client)
        assert client._closed


@pytest.mark.parametrize("make", [clients.producer, clients.consumer, clients.admin])
async def test_whatever_client_is_made_aiokafkas_log_is_kept_from_showing_data(make):
    logger = logging.getLogger("aiokafka.producer.producer")
    logger.setLevel(logging.DEBUG)
    try:
        client = make(NOWHERE)
        assert not logger.isEnabledFor(logging.DEBUG)
        await clients.close(client)
    finally:
        logger.setLevel(logging.NOTSET)
