"""What happens when RabbitMQ fails in the middle of the work: on a server of our own that is killed and starved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

import pytest

from connectors.rabbitmq.tests.broker import Broker, DeliveryFactory, Peer, SinkFactory
from hub.sdk import Event, Mapped, NotConnected, Permanent, Signal, WriteFailed
from hub.testing.certificates import AUTHORITY, CLIENT


async def outcome(writing: Awaitable[Sequence[Event]]) -> Mapping[int, Signal]:
    """The failures of a write, by index."""
    try:
        await writing
    except WriteFailed as failure:
        return failure.failures
    return {}


async def test_queue_deleted_while_running_is_declared_again(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """Messages to our own queue don't become dead letters because somebody deleted it."""
    tasks = sink(exchange={"name": unique}, queue={"name": unique})
    await tasks.open()
    await tasks.write(deliveries(1))
    await peer.delete(queue=unique)
    await tasks.write(deliveries(3, first=1))
    assert [message.message_id for message in await peer.take(unique)] == ["tasks/e1", "tasks/e2", "tasks/e3"]


async def test_deleted_queue_of_others_makes_messages_unroutable(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A passive queue isn't ours to declare."""
    await peer.declare(unique)
    tasks = sink(queue={"name": unique, "passive": True})
    await tasks.open()
    await peer.delete(queue=unique)
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(2))
    assert {index: type(signal) for index, signal in raised.value.failures.items()} == {0: Permanent, 1: Permanent}


async def test_queue_that_came_back_otherwise_stops_the_sink(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """Nothing is dead-lettered for a queue that somebody made differently: opening again says what is wrong."""
    tasks = sink(exchange={"name": unique}, queue={"name": unique})
    await tasks.open()
    await peer.delete(queue=unique)
    await peer.declare(unique, durable=False)
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(2))
    assert {index: type(signal) for index, signal in raised.value.failures.items()} == {
        0: NotConnected,
        1: NotConnected,
    }
    await tasks.close()
    with pytest.raises(Permanent, match="inequivalent"):
        await tasks.open()


async def test_deleted_exchange_is_declared_again(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """The broker closes the channel for a lost exchange; the sink makes it anew, with its queue's binding."""
    tasks = sink(exchange={"name": unique}, queue={"name": unique})
    await tasks.open()
    await peer.delete(exchange=unique)
    await tasks.write(deliveries(5))
    assert len(await peer.take(unique)) == 5


async def test_deleted_exchange_of_others_is_an_outage_that_opening_explains(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A passive exchange isn't ours to make: nothing is dead-lettered, and the sink stops."""
    await peer.exchange(unique)
    tasks = sink(exchange={"name": unique, "passive": True}, mandatory=False)
    await tasks.open()
    await peer.delete(exchange=unique)
    for count in (1, 5):
        failures = await outcome(tasks.write(deliveries(count)))
        assert {index: type(signal) for index, signal in failures.items()} == dict.fromkeys(range(count), NotConnected)
        assert "NOT_FOUND" in str(failures[0])
    with pytest.raises(Permanent, match="create it"):
        await tasks.open()


async def test_message_that_makes_the_broker_close_the_channel_fails_alone(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """The broker refuses a header CC that is no list (406), and closes the channel for all of the batch."""
    tasks = sink(
        queue=unique, headers={"CC": Mapped("= …", lambda event: "no list" if event.data["n"] == 3 else ["elsewhere"])}
    )
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(8))
    ((index, signal),) = raised.value.failures.items()
    assert (index, type(signal), signal.status) == (3, Permanent, 406)
    arrived = {message.message_id for message in await peer.take(unique)}
    assert arrived == {f"tasks/e{n}" for n in range(8) if n != 3}


async def test_message_that_makes_the_broker_close_the_connection_fails_alone(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """Headers larger than a frame end the whole connection (501); the sink connects again for the others."""
    tasks = sink(
        queue=unique, headers={"note": Mapped("= …", lambda event: "x" * (200_000 if event.data["n"] == 3 else 2))}
    )
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(8))
    ((index, signal),) = raised.value.failures.items()
    assert (index, type(signal)) == (3, Permanent), signal
    arrived = {message.message_id for message in await peer.take(unique)}
    assert arrived == {f"tasks/e{n}" for n in range(8) if n != 3}


@pytest.mark.parametrize(("when_full", "expected"), [("wait", NotConnected), ("dead_letter", Permanent)])
async def test_full_queue_refuses_by_message(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str, when_full: str, expected: type
) -> None:
    """What a full queue refuses is reported by index; after somebody has made room it goes on."""
    tasks = sink(
        queue={"name": unique, "type": "classic", "arguments": {"x-max-length": 2, "x-overflow": "reject-publish"}},
        when_full=when_full,
    )
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(5))
    assert set(raised.value.failures) == {2, 3, 4}
    assert all(type(signal) is expected for signal in raised.value.failures.values())
    assert len(await peer.take(unique)) == 2
    await tasks.write(deliveries(2, first=2))
    assert len(await peer.take(unique)) == 2


async def test_body_larger_than_the_broker_takes_fails_alone(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """A broker with a limit of 64 kB refuses the one message, saying size and limit."""
    await broker.control("eval", "application:set_env(rabbit, max_message_size, 65536).")
    try:
        tasks = sink(url=broker.url, queue=unique)
        await tasks.open()
        with pytest.raises(WriteFailed) as raised:
            await tasks.write([*deliveries(2), *deliveries(1, first=2, data="x" * 70_000)])
        ((index, signal),) = raised.value.failures.items()
        assert (index, type(signal)) == (2, Permanent)
        assert "message size 70002 is larger than configured max size 65536" in str(signal)
    finally:
        await broker.control("eval", "application:unset_env(rabbit, max_message_size).")


async def test_broker_killed_in_mid_batch_loses_nothing(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """Batches go on while the broker is killed twice; every event arrives, and each failure was an outage."""
    tasks = sink(url=broker.url, queue=unique)
    await tasks.open()
    await broker.remember_queues()
    pending = deliveries(3000)
    kill_at = [2500, 1000]
    restart: asyncio.Task[str] | None = None
    signals: set[type[Signal]] = set()
    while pending:
        batch, rest = pending[:200], pending[200:]
        writing = asyncio.create_task(tasks.write(batch))
        if kill_at and len(pending) <= kill_at[0]:
            kill_at.pop(0)
            await asyncio.sleep(0)  # the write has begun
            broker.kill()
            restart = asyncio.create_task(broker.start())
        failures = await outcome(writing)
        signals |= {type(signal) for signal in failures.values()}
        pending = [batch[index] for index in failures] + rest
        if failures:
            assert restart is not None, failures
            await restart
            await tasks.close()
            await tasks.open()
    assert not kill_at
    assert signals == {NotConnected}
    arrived = {message.message_id for message in await Peer(broker.url).take(unique)}
    assert arrived == {f"tasks/e{n}" for n in range(3000)}


async def test_memory_alarm_is_an_outage_without_a_flood_of_copies(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """In an alarm a write gives up in time and opening fails until it is over; at most the first try is doubled."""
    tasks = sink(url=broker.url, queue=unique, timeout="300ms", connect_timeout="1s")
    await tasks.open()
    async with broker.memory_alarm():
        for _ in range(2):
            with pytest.raises(WriteFailed) as raised:
                await tasks.write(deliveries(3))
            assert all(isinstance(signal, NotConnected) for signal in raised.value.failures.values())
            await tasks.close()
            with pytest.raises(NotConnected, match="out of memory or disk"):
                await tasks.open()
    await tasks.close()
    await tasks.open()
    await tasks.write(deliveries(3))
    messages = await Peer(broker.url).take(unique)
    assert {message.message_id for message in messages} == {"tasks/e0", "tasks/e1", "tasks/e2"}
    assert len(messages) <= 6


async def test_nothing_is_sent_over_a_blocked_connection(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """What is written once the broker has blocked the connection isn't sent, so it can't arrive later as a copy."""
    tasks = sink(url=broker.url, queue=unique, timeout="500ms")
    await tasks.open()
    async with broker.memory_alarm():
        for n in range(3):
            with pytest.raises(WriteFailed):
                await tasks.write(deliveries(1, first=n))
    tasks = sink(url=broker.url, queue=unique)
    await tasks.open()
    await tasks.write(deliveries(1, first=3))
    assert [message.message_id for message in await Peer(broker.url).take(unique)] == ["tasks/e0", "tasks/e3"]


async def test_revoked_permission_is_an_outage_of_all(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """A user who may no longer publish to the exchange waits for a person; nothing is dead-lettered for it."""
    url = await broker.user(unique, write=f"^{unique}-q$")
    await Peer(broker.url).exchange(unique, durable=True)
    tasks = sink(url=url, exchange={"name": unique}, queue=f"{unique}-q")
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(3))
    assert {index: type(signal) for index, signal in raised.value.failures.items()} == dict.fromkeys(
        range(3), NotConnected
    )
    assert "access to exchange" in str(raised.value.failures[0])


async def test_forbidden_routing_key_fails_alone(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """Where the broker allows the user only some routing keys, the others are the events' own fault."""
    url = await broker.user(unique, write=".*")
    tasks = sink(
        url=url,
        exchange={"name": unique},
        queue=unique,
        routing_key=Mapped("= …", lambda event: "secret" if event.data["n"] == 1 else "open"),
    )
    await tasks.open()
    await broker.control("set_topic_permissions", unique, unique, "^open$", ".*")
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(3))
    ((index, signal),) = raised.value.failures.items()
    assert (index, type(signal), signal.status) == (1, Permanent, 403)
    assert len(await Peer(broker.url).take(unique)) >= 2


async def test_cancelled_write_leaves_the_sink_usable(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A write that the engine cancels is a cancellation, not a failure, and the next write works."""
    tasks = sink(queue=unique)
    await tasks.open()
    writing = asyncio.create_task(tasks.write(deliveries(100)))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await tasks.write(deliveries(5, first=100))
    arrived = {message.message_id for message in await peer.take(unique)}
    assert {f"tasks/e{n}" for n in range(100, 105)} <= arrived


async def test_connection_closed_by_an_operator_is_an_outage(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """An operator's `close_all_connections` is survived by writing again, even without opening."""
    tasks = sink(url=broker.url, queue=unique)
    await tasks.open()
    await broker.control("close_all_connections", "for the test")
    failures = await outcome(tasks.write(deliveries(3)))
    assert all(isinstance(signal, NotConnected) for signal in failures.values())
    await tasks.write(deliveries(3))
    assert {m.message_id for m in await Peer(broker.url).take(unique)} == {"tasks/e0", "tasks/e1", "tasks/e2"}


async def test_broker_that_hangs_is_an_outage_within_the_timeout(
    sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str
) -> None:
    """A broker that keeps its connections and answers nothing holds up a write no longer than its timeout."""
    tasks = sink(url=broker.url, queue=unique, timeout="300ms", connect_timeout="300ms")
    await tasks.open()
    with broker.hung():
        failures = await outcome(tasks.write(deliveries(3)))
        assert {index: type(signal) for index, signal in failures.items()} == dict.fromkeys(range(3), NotConnected)
        async with asyncio.timeout(10):
            await tasks.close()
        with pytest.raises(NotConnected):
            await tasks.open()
    await tasks.close()
    tasks = sink(url=broker.url, queue=unique)
    await tasks.open()
    await tasks.write(deliveries(3))
    arrived = {message.message_id for message in await Peer(broker.url).take(unique)}
    assert arrived == {"tasks/e0", "tasks/e1", "tasks/e2"}


async def test_tls(sink: SinkFactory, broker: Broker, deliveries: DeliveryFactory, unique: str) -> None:
    """Over `amqps` the broker is verified: an authority that nobody knows is waited for, a known one works."""
    url = await broker.listen_with_tls()
    with pytest.raises(NotConnected, match="certificate verify failed"):
        await sink(url=url, queue=unique).open()
    for tls in ({"ca_file": AUTHORITY, "cert_file": CLIENT}, {"verify": False}):
        tasks = sink(url=url, queue=unique, tls=tls)
        await tasks.open()
        await tasks.write(deliveries(1))
    assert len(await Peer(broker.url).take(unique)) == 2


async def test_a_message_that_closes_the_channel_spoils_no_call_beside_its_own(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """Several calls share a channel: for whose message the broker closed it is found out; no other is dead-lettered."""
    tasks = sink(
        queue=unique, headers={"CC": Mapped("= …", lambda event: "no list" if event.data["n"] == 7 else ["elsewhere"])}
    )
    await tasks.open()
    calls = [deliveries(5), deliveries(1, first=7), deliveries(5, first=10), deliveries(1, first=20)]
    outcomes = await asyncio.gather(*(outcome(tasks.write(each)) for each in calls))
    assert {index: type(signal) for index, signal in outcomes.pop(1).items()} == {0: Permanent}
    assert {type(signal) for each in outcomes for signal in each.values()} <= {NotConnected}
    for batch, failures in zip([calls[0], *calls[2:]], outcomes, strict=True):
        await tasks.write([batch[index] for index in failures])
    arrived = {message.message_id for message in await peer.take(unique)}
    assert arrived == {f"tasks/e{n}" for n in (*range(5), *range(10, 15), 20)}
