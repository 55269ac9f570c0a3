"""What a source does when RabbitMQ fails: on a server of our own that is killed, starved, hung and made impatient."""

from __future__ import annotations

import asyncio

import pytest

from connectors.rabbitmq.tests.broker import Broker, Peer, SourceFactory
from connectors.rabbitmq.tests.test_source import settle, take, text
from hub.sdk import NotConnected, Permanent

LIMIT = 150


async def test_a_killed_broker_is_an_outage_and_gives_everything_again(
    source: SourceFactory, broker: Broker, unique: str
) -> None:
    """What had come and was not acknowledged is not handed out any more: the broker gives it again."""
    orders = source(url=broker.url, queue={"name": unique})
    await orders.open()
    await broker.remember_queues()
    await Peer(broker.url).send(unique, b"1", b"2", b"3")
    received = await take(orders, 2)
    await settle(orders, received[:1])
    broker.kill()
    with pytest.raises(NotConnected):
        await take(orders, 5)
    assert not orders.connected
    with pytest.raises(NotConnected):
        await settle(orders, received[1:])
    await orders.close()
    with pytest.raises(NotConnected):
        await orders.open()
    await broker.start()
    await orders.open()
    assert orders.connected
    again = await take(orders, 1)
    while text(again)[-1] != b"3":
        again += await take(orders, 1)
    # Nobody confirms an acknowledgement: the one of the first message may have been lost with the broker.
    assert [each for each in text(again) if each != b"1"] == [b"2", b"3"]
    await settle(orders, again)


async def test_an_alarm_holds_no_source_back(source: SourceFactory, broker: Broker, unique: str) -> None:
    """The broker takes nothing from publishers while it is out of memory; whoever consumes helps it."""
    orders = source(url=broker.url, queue={"name": unique})
    await orders.open()
    await orders.close()
    await Peer(broker.url).send(unique, b"1", b"2")
    async with broker.memory_alarm():
        await orders.open()
        received = await take(orders, 2)
        await settle(orders, received)
        await orders.close()
    assert await Peer(broker.url).take(unique) == []


async def test_a_broker_that_hangs_is_noticed_by_its_heartbeat(
    source: SourceFactory, broker: Broker, unique: str
) -> None:
    """`?heartbeat=` in the URL says how soon."""
    orders = source(url=f"{broker.url}?heartbeat=2", queue={"name": unique})
    await orders.open()
    with broker.hung(), pytest.raises(NotConnected):
        async with asyncio.timeout(30):
            await orders.receive(1)
    async with asyncio.timeout(LIMIT):
        await orders.close()
        while True:
            try:
                await orders.open()
                break
            except NotConnected:
                await asyncio.sleep(0.2)


async def test_a_broker_that_grows_impatient_takes_its_messages_back(
    source: SourceFactory, broker: Broker, unique: str
) -> None:
    """As after `consumer_timeout`, 30 minutes unless set otherwise: it says so, and everything comes again."""
    await broker.control("eval", "application:set_env(rabbit, consumer_timeout, 1000).")
    await broker.control("eval", "application:set_env(rabbit, channel_tick_interval, 1000).")
    try:
        orders = source(url=broker.url, queue={"name": unique})
        await orders.open()
        await Peer(broker.url).send(unique, b"1")
        await take(orders, 1)
        with pytest.raises(NotConnected, match=r"waited for too long.*consumer_timeout"):
            async with asyncio.timeout(LIMIT):
                await orders.receive(1)
        assert not orders.connected
    finally:
        await broker.control("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
        await broker.control("eval", "application:set_env(rabbit, channel_tick_interval, 60000).")
    await orders.close()
    await orders.open()
    assert text(await take(orders, 1)) == [b"1"]


async def test_wrong_credentials_and_places_are_told(source: SourceFactory, broker: Broker, unique: str) -> None:
    """With what to look at, and without the password."""
    for url, says in (
        (broker.url.replace("guest:guest", "guest:canary-5f3a"), "check user and password"),
        (broker.url + "nowhere", "check the vhost"),
    ):
        with pytest.raises(Permanent, match=says) as raised:
            await source(url=url, queue={"name": unique}).open()
        assert "canary" not in str(raised.value)


async def test_an_operator_who_closes_the_connection_is_an_outage(
    source: SourceFactory, broker: Broker, unique: str
) -> None:
    """With the operator's words."""
    orders = source(url=broker.url, queue={"name": unique})
    await orders.open()
    await broker.control("close_all_connections", "maintenance at noon")
    with pytest.raises(NotConnected, match="maintenance at noon"):
        async with asyncio.timeout(LIMIT):
            await orders.receive(1)
