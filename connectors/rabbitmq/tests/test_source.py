"""The source on a real RabbitMQ: what it declares, receives and acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aio_pika
import pytest

from connectors.rabbitmq.consumer import FIRST
from connectors.rabbitmq.source import RabbitMQSource
from connectors.rabbitmq.tests.broker import Peer, SourceFactory
from hub.sdk import NotConnected, Permanent, Received

LIMIT = 30


async def take(source: RabbitMQSource, count: int) -> list[Received]:
    """So many messages, unacknowledged."""
    found: list[Received] = []
    async with asyncio.timeout(LIMIT):
        while len(found) < count:
            found += await source.receive(count - len(found))
    return found


async def settle(source: RabbitMQSource, received: Sequence[Received]) -> None:
    await source.acknowledge([each.handle for each in received])


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.02)


async def waiting(peer: Peer, queue: str, count: int) -> None:
    """Waits until so many messages of the queue are ready, for whoever asks next."""
    async with asyncio.timeout(LIMIT):
        while await peer.ready(queue) != count:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.05)


def text(received: Sequence[Received]) -> list[bytes | None]:
    return [each.events[0].raw for each in received]


async def test_messages_come_in_order_and_are_gone_once_acknowledged(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """Quorum queue by default; what isn't acknowledged comes again, marked so, with the broker's count."""
    orders = source(queue={"name": unique})
    await orders.open()
    await peer.send(unique, *(b"%d" % n for n in range(FIRST)))
    received = await take(orders, FIRST)
    assert text(received) == [b"%d" % n for n in range(FIRST)]
    await settle(orders, received[:6])
    await orders.close()
    await waiting(peer, unique, 10)
    await orders.open()
    again = await take(orders, 10)
    assert text(again) == [b"%d" % n for n in range(6, FIRST)]
    assert all(each.redelivered for each in again)
    assert {each.events[0].attributes["amqpredelivered"] for each in again} == {"true"}
    assert {each.events[0].attributes["amqpdeliverycount"] for each in again} == {"1"}
    await settle(orders, again)
    await orders.close()
    assert await peer.take(unique) == []


async def test_acknowledging_out_of_order_forgets_only_what_was_named(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """One frame for all is used only where all before it are meant."""
    orders = source(queue={"name": unique})
    await orders.open()
    await peer.send(unique, *(b"%d" % n for n in range(6)))
    received = await take(orders, 6)
    await settle(orders, [received[1], received[4]])
    await orders.close()
    await waiting(peer, unique, 4)
    assert [each.body for each in await peer.take(unique)] == [b"0", b"2", b"3", b"5"]


@pytest.mark.parametrize(
    ("binding", "published"),
    [
        ({"exchange": {"name": "", "type": "topic"}, "keys": ["order.*.eu", "refund.#"]}, "order.new.eu"),
        ({"exchange": {"name": "", "type": "direct"}, "keys": "urgent"}, "urgent"),
        ({"exchange": {"name": "", "type": "fanout"}}, "whatever"),
        ({"exchange": {"name": "", "type": "headers"}, "arguments": {"x-match": "all", "kind": "order"}}, "any"),
    ],
    ids=["topic", "direct", "fanout", "headers"],
)
async def test_a_queue_is_bound_to_any_kind_of_exchange(
    source: SourceFactory, peer: Peer, unique: str, binding: dict[str, dict[str, str]], published: str
) -> None:
    """Exchange, queue and binding are declared; what matches arrives, with its exchange and routing key."""
    binding = {**binding, "exchange": {**binding["exchange"], "name": unique}}
    orders = source(queue={"name": unique, "bind": [binding]})
    await orders.open()
    kinds = binding["exchange"]["type"]
    await peer.publish(unique, published, b"mine", headers={"kind": "order"})
    if kinds != "fanout":
        await peer.publish(unique, "other", b"not mine", headers={"kind": "refund"})
    await peer.publish(unique, published, b"mine, too", headers={"kind": "order"})
    received = await take(orders, 2)
    assert text(received) == [b"mine", b"mine, too"]
    assert received[0].events[0].attributes["amqpexchange"] == unique
    assert received[0].events[0].attributes["amqproutingkey"] == published


async def test_what_is_rejected_goes_to_the_queues_dead_letters(source: SourceFactory, peer: Peer, unique: str) -> None:
    """The queue for them is declared with it; another source that takes them sees why they died, and how often."""
    orders = source(queue={"name": unique, "dead_letter": {"queue": f"{unique}.dead"}}, poison="reject")
    assert orders.rejects
    await orders.open()
    await peer.send(unique, b"good", b"bad", b"good, too")
    received = await take(orders, 3)
    await orders.reject([received[1].handle])
    await settle(orders, [received[0], received[2]])
    dead = source(queue={"name": f"{unique}.dead", "if_missing": True})
    await dead.open()
    (letter,) = await take(dead, 1)
    attributes = letter.events[0].attributes
    assert letter.events[0].raw == b"bad"
    assert (attributes["amqpdeathqueue"], attributes["amqpdeathreason"]) == (unique, "rejected")
    assert attributes["amqpdeathcount"] == "1"
    assert '"routing-keys"' in attributes["amqpdeaths"]
    await settle(dead, [letter])
    await orders.close()
    assert await peer.take(unique) == []


async def test_a_message_that_was_delivered_too_often_becomes_a_dead_letter(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """Whoever crashes at it each time doesn't do so for ever: quorum queues count."""
    queue = {
        "name": unique,
        "delivery_limit": 2,
        "dead_letter": {"exchange": {"name": f"{unique}.dlx", "type": "fanout"}, "queue": f"{unique}.dead"},
    }
    orders = source(queue=queue)
    await orders.open()
    await orders.close()
    await peer.send(unique, b"crashes")
    counts = []
    while True:
        await orders.open()
        try:
            async with asyncio.timeout(2):
                (received,) = await orders.receive(1)
        except TimeoutError:
            break
        counts.append(received.events[0].attributes.get("amqpdeliverycount", "0"))
        await orders.close()
    assert counts == sorted(set(counts))
    assert len(counts) <= 3
    await waiting(peer, f"{unique}.dead", 1)
    (letter,) = await peer.take(f"{unique}.dead")
    assert letter.headers["x-first-death-reason"] == "delivery_limit"


async def test_expired_messages_are_kept_with_their_ttl(source: SourceFactory, peer: Peer, unique: str) -> None:
    """A queue with `message_ttl` gives them up to its dead letters, whose events tell what they had."""
    orders = source(
        queue={"name": unique, "message_ttl": "100ms", "dead_letter": {"queue": f"{unique}.dead"}},
    )
    await orders.open()
    await orders.close()
    await peer.send(unique, aio_pika.Message(b"late", expiration=60, message_id="m1"))
    dead = source(queue=f"{unique}.dead")
    await dead.open()
    (letter,) = await take(dead, 1)
    attributes = letter.events[0].attributes
    assert attributes["amqpdeathreason"] == "expired"
    assert letter.events[0].id == "m1"


async def test_a_classic_queue_keeps_priorities(source: SourceFactory, peer: Peer, unique: str) -> None:
    """What is urgent comes first, and says how urgent it was, and how long it would have waited."""
    orders = source(queue={"name": unique, "type": "classic", "max_priority": 9})
    await orders.open()
    await orders.close()
    await peer.send(
        unique, aio_pika.Message(b"later", priority=1), aio_pika.Message(b"now", priority=9, expiration=3600)
    )
    await waiting(peer, unique, 2)
    await orders.open()
    received = await take(orders, 2)
    assert text(received) == [b"now", b"later"]
    assert [each.events[0].attributes["amqppriority"] for each in received] == ["9", "1"]
    assert received[0].events[0].attributes["amqpexpiration"] == "3600000"


async def test_no_more_is_held_than_prefetch_says(source: SourceFactory, peer: Peer, unique: str) -> None:
    """What isn't acknowledged holds the broker back; the rest stays for others."""
    orders = source(queue={"name": unique}, prefetch=25)
    await orders.open()
    await peer.send(unique, *(b"%d" % n for n in range(100)))
    first = await take(orders, FIRST)
    await settle(orders, first)
    held = await take(orders, 25)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await orders.receive(1)
    assert await peer.ready(unique) == 100 - FIRST - 25
    await settle(orders, held)
    assert len(await take(orders, 25)) == 25


async def test_large_messages_are_held_in_small_numbers(source: SourceFactory, peer: Peer, unique: str) -> None:
    """Of messages of 100 kB no more than about a megabyte lies in memory, however many the prefetch would allow."""
    orders = source(queue={"name": unique}, prefetch=1000, prefetch_bytes="1MB")
    await orders.open()
    await peer.send(unique, *(bytes(100_000) for _ in range(60)))
    most = done = 0
    while done < 60:
        received = await take(orders, 1)
        async with asyncio.timeout(0.2):
            await asyncio.sleep(0.1)  # for what the broker would push
        most = max(most, 60 - done - await peer.ready(unique))
        await settle(orders, received)
        done += 1
    assert most <= max(FIRST, 10) + 2


async def test_small_messages_after_large_ones_are_asked_for_in_numbers_again(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """A consumer that was held back consumes again; none is lost or comes twice on the way."""
    orders = source(queue={"name": unique}, prefetch=200, prefetch_bytes="300kB")
    await orders.open()
    bodies = [bytes(100_000) + b"%d" % n for n in range(20)] + [b"%d" % n for n in range(600)]
    await peer.send(unique, *bodies)
    found: list[bytes | None] = []
    while len(found) < len(bodies):
        received = await take(orders, 1)
        received += await orders.receive(500) if len(found) % 2 and orders._consumer._unread else []
        found += text(received)
        await settle(orders, received)
    # Not in their order: a quorum queue may give what it takes back behind its successor.
    assert sorted(each or b"" for each in found) == sorted(bodies)


async def test_a_halted_source_gives_what_it_was_sent_and_lets_others_have_the_rest(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """So nothing is delivered twice because somebody paused."""
    orders = source(queue={"name": unique}, prefetch=10)
    await orders.open()
    await peer.send(unique, *(b"%d" % n for n in range(30)))
    first = await take(orders, 4)
    await waiting(peer, unique, 20)
    left = await orders.halt()
    assert text([*first, *left]) == [b"%d" % n for n in range(10)]
    await settle(orders, [*first, *left])
    await orders.close()
    await waiting(peer, unique, 20)
    assert not any(each.redelivered for each in await peer.take(unique))


async def test_a_consumer_of_higher_priority_is_served_first(source: SourceFactory, peer: Peer, unique: str) -> None:
    """The other one gets what that has no room for."""
    low = source(queue={"name": unique}, priority=1, prefetch=5)
    high = source(queue={"name": unique}, priority=10, prefetch=5)
    await low.open()
    await high.open()
    await peer.send(unique, *(b"%d" % n for n in range(5)))
    assert len(await take(high, 5)) == 5
    await peer.send(unique, b"more")
    assert text(await take(low, 1)) == [b"more"]


async def test_only_one_consumer_gets_messages_where_the_queue_says_so(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """The other one takes over when it goes: order is kept over several workers."""
    queue = {"name": unique, "single_active_consumer": True}
    first, second = source(queue=queue), source(queue=queue)
    await first.open()
    await second.open()
    await peer.send(unique, b"1", b"2")
    received = await take(first, 2)
    await settle(first, received[:1])
    await first.close()
    assert text(await take(second, 1)) == [b"2"]


async def test_a_single_active_consumer_hands_over_only_when_all_it_was_given_is_stored(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """Another worker would store what follows before it: when more is asked for, and when the source is halted."""
    queue = {"name": unique, "single_active_consumer": True}
    first, second = source(queue=queue), source(queue=queue)
    await first.open()
    await second.open()
    await peer.send(unique, *(b"%d" % n for n in range(40)))
    await until(lambda: len(first._consumer._held) == FIRST)
    received = await take(first, FIRST)
    await settle(first, received[:5])
    assert second._consumer._held == {}
    await settle(first, received[5:])
    held = second._consumer._held
    await until(lambda: len(held) == FIRST)
    left = [*await take(second, 3), *await second.halt()]
    assert text(left) == [b"%d" % n for n in range(FIRST, 2 * FIRST)]
    assert first._consumer._held == {}
    await settle(second, left)
    await second.close()
    assert text(await take(first, 8)) == [b"%d" % n for n in range(2 * FIRST, 40)]


async def test_a_queue_that_is_there_otherwise_is_told(source: SourceFactory, peer: Peer, unique: str) -> None:
    """PRECONDITION_FAILED, with what differs and what to do; a name alone takes it as it is."""
    await peer.declare(unique, durable=False)
    with pytest.raises(Permanent, match=r"inequivalent arg.*passive: true") as raised:
        await source(queue={"name": unique}).open()
    assert raised.value.status == 406
    orders = source(queue=unique)
    await orders.open()
    await peer.send(unique, b"x")
    assert text(await take(orders, 1)) == [b"x"]


async def test_a_passive_queue_must_exist(source: SourceFactory, unique: str) -> None:
    """It isn't ours to declare."""
    with pytest.raises(Permanent, match=r"NOT_FOUND.*create it"):
        await source(queue={"name": unique, "passive": True}).open()


async def test_a_stream_is_told_apart(source: SourceFactory, peer: Peer, unique: str) -> None:
    """It would be consumed from its end at each start, and lose what came in between."""
    await peer.declare(unique, durable=True, arguments={"x-queue-type": "stream"})
    orders = source(queue={"name": unique, "passive": True})
    await orders.open()
    await peer.send(unique, b"x")
    with pytest.raises(Permanent, match=r"is a stream.*bind a quorum queue"):
        await take(orders, 1)


async def test_a_deleted_queue_ends_the_consumer_and_is_declared_again(
    source: SourceFactory, peer: Peer, unique: str
) -> None:
    """What it had given us is nowhere else: it is received before the end is told, and can be acknowledged."""
    orders = source(queue={"name": unique})
    await orders.open()
    await peer.send(unique, b"1", b"2")
    first = await take(orders, 1)
    await until(lambda: bool(orders._consumer._unread))
    await peer.delete(queue=unique)
    await until(lambda: orders._consumer._gone is not None)
    rest = await take(orders, 1)
    assert text([*first, *rest]) == [b"1", b"2"]
    await settle(orders, [*first, *rest])
    with pytest.raises(NotConnected, match="was deleted"):
        await take(orders, 1)
    await orders.close()
    await orders.open()
    await peer.send(unique, b"3")
    assert text(await take(orders, 1)) == [b"3"]


async def test_a_timestamp_in_milliseconds_is_read(source: SourceFactory, peer: Peer, unique: str) -> None:
    """Some write it so, against AMQP, which has seconds."""
    orders = source(queue={"name": unique})
    await orders.open()
    await peer.send(unique, aio_pika.Message(b"x", timestamp=1_760_000_000))
    (received,) = await take(orders, 1)
    assert received.events[0].time == "2025-10-09T08:53:20Z"
    assert received.events[0].attributes["amqptimestamp"] == "2025-10-09T08:53:20Z"


def test_far_side_names_queue_and_place_without_the_user(source: SourceFactory) -> None:
    """It stands in `hub status` and in logs."""
    made = source(url="amqps://user:canary-5f3a@rabbit.example/shop", queue="orders")
    assert made.far_side == "queue orders at RabbitMQ rabbit.example:5671 vhost shop"
