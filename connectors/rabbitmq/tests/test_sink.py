"""What the sink publishes, on a real RabbitMQ."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

import pytest

from connectors.rabbitmq.tests.broker import DeliveryFactory, Peer, SinkFactory
from hub.sdk import Delivery, Event, Mapped, NotConnected, Permanent, WriteFailed

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_publishes_to_the_queue_that_it_declares(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """With a queue alone, messages go there over the default exchange, in order."""
    tasks = sink(queue=unique)
    await tasks.open()
    assert await tasks.write(deliveries(50)) == ()
    assert [message.body for message in await peer.take(unique)] == [b'{"n":%d}' % n for n in range(50)]


async def test_routes_by_expression(sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str) -> None:
    """The routing key is computed for each event, and the exchange routes by it."""
    for kind in ("even", "odd"):
        await peer.declare(f"{unique}-{kind}", durable=True)
    tasks = sink(
        exchange={"name": unique, "type": "direct"},
        routing_key=Mapped("= …", lambda event: "odd" if event.data["n"] % 2 else "even"),
    )
    await tasks.open()
    for kind in ("even", "odd"):
        await peer.bind(f"{unique}-{kind}", unique, kind)
    await tasks.write(deliveries(6))
    assert [m.body for m in await peer.take(f"{unique}-odd")] == [b'{"n":1}', b'{"n":3}', b'{"n":5}']
    assert len(await peer.take(f"{unique}-even")) == 3


async def test_message_carries_the_event(sink: SinkFactory, peer: Peer, unique: str) -> None:
    """Payload byte for byte; id, type, time and content type as properties; attributes and trace as headers."""
    event = Event.of(
        {
            "id": "1",
            "source": "/a",
            "type": "t.happened",
            "time": "2026-11-20T10:02:11.25+01:00",
            "subject": "ß",
            "datacontenttype": "application/vnd.x+json",
            "partitionkey": "k",
        },
        b'{ "as":  "it came" }',
        [("traceparent", TRACE.encode()), ("hub_origin", b"t/0/7"), ("other", b"stays inside")],
    )
    tasks = sink(
        exchange=unique,
        queue=unique,
        headers={"kind": "fixed", "size": Mapped("= …", lambda _: {"n": [1, 2.5, None, True]}), "none": None},
        priority=7,
        expiration="1m30s",
    )
    await tasks.open()
    await tasks.write([Delivery(event, "tasks/1")])
    (message,) = await peer.take(unique)
    assert message.body == b'{ "as":  "it came" }'
    assert (message.message_id, message.type, message.content_type) == (
        "tasks/1",
        "t.happened",
        "application/vnd.x+json",
    )
    assert message.timestamp == datetime(2026, 11, 20, 9, 2, 11, tzinfo=UTC)
    assert (message.delivery_mode, message.priority, message.expiration, message.app_id) == (2, 7, 90, "test.tasks")
    assert {k: v for k, v in message.headers.items() if k != "x-delivery-count"} == {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": "1",
        "cloudEvents:source": "/a",
        "cloudEvents:type": "t.happened",
        "cloudEvents:time": "2026-11-20T10:02:11.25+01:00",
        "cloudEvents:subject": "ß",
        "cloudEvents:partitionkey": "k",
        "traceparent": TRACE,
        "hub_origin": "t/0/7",
        "kind": "fixed",
        "size": {"n": [1, "2.5", None, True]},
    }


async def test_tombstone_has_an_empty_body(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """AMQP has no null; a tombstone is an empty body without content type."""
    tasks = sink(queue=unique)
    await tasks.open()
    await tasks.write(deliveries(data=None))
    (message,) = await peer.take(unique)
    assert (message.body, message.content_type) == (b"", None)


async def test_large_payload_arrives_whole(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """It goes out in as many frames as the broker wants, also where it just fits, or just doesn't."""
    tasks = sink(queue=unique)
    await tasks.open()
    sizes = [131_072 - 8 + difference for difference in (-3, -2, -1, 0, 300_000)]
    await tasks.write([each for n, size in enumerate(sizes) for each in deliveries(1, first=n, data="x" * size)])
    assert [message.body for message in await peer.take(unique)] == [b'"%s"' % (b"x" * size) for size in sizes]


async def test_unroutable_message_fails_alone(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A message that no queue takes is permanent, by its index; the others of the batch arrive."""
    await peer.declare(unique, durable=True)
    tasks = sink(
        exchange={"name": unique, "type": "direct"},
        routing_key=Mapped("= …", lambda event: "nowhere" if event.data["n"] == 2 else "here"),
    )
    await tasks.open()
    await peer.bind(unique, unique, "here")
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(4))
    ((index, signal),) = raised.value.failures.items()
    assert index == 2
    assert isinstance(signal, Permanent)
    assert signal.status == 312
    assert str(signal) == f"unroutable: no queue is bound for routing key 'nowhere' at the exchange '{unique}'"
    assert len(await peer.take(unique)) == 3


async def test_unroutable_message_is_dropped_where_that_is_wanted(
    sink: SinkFactory, deliveries: DeliveryFactory, unique: str
) -> None:
    """With `mandatory: false` the broker drops it and nothing fails."""
    tasks = sink(exchange=unique, mandatory=False)
    await tasks.open()
    assert await tasks.write(deliveries(3)) == ()


async def test_same_message_twice_in_a_batch_is_reported_for_both(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """The broker's returns name a message only by its id, so a repeated id waits for its turn."""
    tasks = sink(exchange=unique)
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write([*deliveries(2), *deliveries(2), *deliveries(1)])
    assert set(raised.value.failures) == {0, 1, 2, 3, 4}
    assert all(isinstance(signal, Permanent) for signal in raised.value.failures.values())


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "expected text; got null"),
        (7, "expected text; got int"),
        ("ä" * 128, "at most 255 bytes of UTF-8; got 256"),
    ],
)
async def test_event_without_usable_routing_key_fails_alone(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str, key: object, says: str
) -> None:
    """An expression's value that is no routing key concerns its own event only."""
    tasks = sink(
        exchange=unique, queue=unique, routing_key=Mapped("= …", lambda event: key if event.data["n"] == 0 else "fine")
    )
    await tasks.open()
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(deliveries(2))
    ((index, signal),) = raised.value.failures.items()
    assert (index, type(signal)) == (0, Permanent)
    assert says in str(signal)
    assert len(await peer.take(unique)) == 1


async def test_existing_exchange_and_queue_are_used_by_their_names_alone(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A name alone asks for nothing but existence, whatever the kind."""
    await peer.exchange(unique, "fanout")
    await peer.declare(unique, arguments={"x-max-length": 100})
    tasks = sink(exchange=unique, queue=unique)
    await tasks.open()
    await tasks.write(deliveries(2))
    assert len(await peer.take(unique)) == 2


async def test_other_settings_than_declared_are_permanent(sink: SinkFactory, peer: Peer, unique: str) -> None:
    """A queue that exists with other settings stops the sink, and says what to do."""
    await peer.declare(unique, durable=False)
    tasks = sink(queue={"name": unique})
    with pytest.raises(Permanent, match=r"inequivalent arg.*make `type`, `durable` and `arguments`") as raised:
        await tasks.open()
    assert raised.value.status == 406


@pytest.mark.parametrize("kind", ["exchange", "queue"])
async def test_passive_and_missing_is_permanent(sink: SinkFactory, unique: str, kind: str) -> None:
    """What is only looked for must be there."""
    tasks = sink(**{kind: {"name": unique, "passive": True}})
    with pytest.raises(Permanent, match=f"NOT_FOUND - no {kind} '{unique}'.*create it") as raised:
        await tasks.open()
    assert raised.value.status == 404


async def test_passive_and_there_is_used_as_it_is(
    sink: SinkFactory, peer: Peer, deliveries: DeliveryFactory, unique: str
) -> None:
    """A passive queue isn't bound, and its settings don't matter."""
    await peer.declare(unique, durable=False)
    tasks = sink(queue={"name": unique, "passive": True})
    await tasks.open()
    await tasks.write(deliveries(1))
    assert len(await peer.take(unique)) == 1


async def test_unknown_exchange_type_is_permanent(sink: SinkFactory, unique: str) -> None:
    """The broker closes the whole connection for a type it doesn't know; that isn't an outage."""
    with pytest.raises(Permanent, match="unknown exchange type 'telepathy'"):
        await sink(exchange={"name": unique, "type": "telepathy"}).open()


async def test_wrong_credentials_are_permanent_and_never_shown(
    sink: SinkFactory, rabbitmq: str, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused log-in stops the sink; the password is in no message and no log."""
    caplog.set_level("DEBUG")
    tasks = sink(url=rabbitmq.replace("guest:guest", "guest:canary-7d1f"), queue=unique)
    with pytest.raises(Permanent, match=r"ACCESS_REFUSED.*check user and password") as raised:
        await tasks.open()
    assert raised.value.status == 403
    trace = "".join(traceback.format_exception(raised.value))  # dead letters carry it
    shown = [trace, repr(raised.value), tasks.far_side, repr(tasks.config), caplog.text]
    assert not any("canary" in text for text in shown)


async def test_unknown_vhost_is_permanent(sink: SinkFactory, rabbitmq: str, unique: str) -> None:
    """A vhost that isn't there stops the sink."""
    with pytest.raises(Permanent, match=r"vhost nowhere not found.*check the vhost"):
        await sink(url=rabbitmq + "nowhere", queue=unique).open()


async def test_refused_connection_is_an_outage(sink: SinkFactory, unique: str, unused_tcp_port: int) -> None:
    """Nobody listens: the engine shall wait."""
    with pytest.raises(NotConnected):
        await sink(url=f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/", queue=unique).open()


async def test_empty_batch_is_written(sink: SinkFactory, unique: str) -> None:
    """Nothing to write is no error."""
    tasks = sink(queue=unique)
    await tasks.open()
    assert await tasks.write([]) == ()
