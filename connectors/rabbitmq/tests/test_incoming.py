"""What becomes of a message: CloudEvents, others, and what is no event."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from connectors.rabbitmq.config import RabbitMQConfig
from connectors.rabbitmq.consumption import RabbitMQSourceConfig
from connectors.rabbitmq.source import RabbitMQSource
from connectors.rabbitmq.tests.test_message import travelled
from hub.sdk import Delivery, Event, InvalidEvent, InvalidPayload, Mapped, Permanent, Received, UnitContext
from hub.sdk.event import CHECKED

URL = "amqp://guest:canary-5f3a@broker:5672/"


def received(
    body: bytes = b"{}",
    config: dict[str, Any] | None = None,
    *,
    exchange: str = "shop",
    routing_key: str = "order.new",
    redelivered: bool = False,
    **properties: Any,
) -> Received:
    """A message as a source takes it."""
    settings = RabbitMQSourceConfig.model_validate({"url": URL, "queue": "orders", **(config or {})})
    source = RabbitMQSource(settings, UnitContext(name="orders", deployment="shop"))
    message = DeliveredMessage(
        Basic.Deliver("c", 7, redelivered, exchange, routing_key),
        ContentHeader(0, len(body), Basic.Properties(**properties)),
        body,
        None,  # type: ignore[arg-type]  no channel
    )
    return source._incoming.received(message)


def event(*args: Any, **kwargs: Any) -> Event:
    made = received(*args, **kwargs)
    assert made.unreadable is None, made.unreadable
    (only,) = made.events
    return only


def error(*args: Any, **kwargs: Any) -> InvalidEvent:
    made = received(*args, **kwargs)
    assert made.unreadable is not None
    assert made.events == ()
    return made.unreadable.error


def test_a_message_is_the_data_of_an_event_of_the_source() -> None:
    """Bytes as they came, an event type of its own, and what AMQP says of it as extensions."""
    made = event(
        b'{"n": 1}',
        content_type="application/json",
        message_id="m1",
        timestamp=datetime(2026, 11, 20, 10, 2, 11, tzinfo=UTC),
        priority=3,
        expiration="60000",
        correlation_id="c1",
        reply_to="answers",
        message_type="order",
        app_id="shop",
        user_id="guest",
    )
    assert made.raw == b'{"n": 1}'
    assert dict(made.attributes) == {
        "id": "m1",
        "source": "/shop/orders",
        "type": "rabbitmq.message",
        "time": "2026-11-20T10:02:11Z",
        "datacontenttype": "application/json",
        "amqpexchange": "shop",
        "amqproutingkey": "order.new",
        "amqppriority": "3",
        "amqpexpiration": "60000",
        "amqptimestamp": "2026-11-20T10:02:11Z",
        "amqpmessageid": "m1",
        "amqpcorrelationid": "c1",
        "amqpreplyto": "answers",
        "amqptype": "order",
        "amqpappid": "shop",
        "amqpuserid": "guest",
    }


def test_a_message_without_an_id_gets_one_and_is_known_by_none() -> None:
    """Two that say the same are two: a digest would make one of them."""
    first, second = received(b"x"), received(b"x")
    assert first.id is second.id is None
    assert first.events[0].id != second.events[0].id


def test_a_message_is_known_by_its_id_or_by_what_the_configuration_takes_for_it() -> None:
    """Within its source; unless it shall not be."""
    assert received(message_id="m1").id == "/shop/orders\nm1"
    own = Mapped("= data.order", lambda each: each.data["order"])
    assert received(b'{"order":"o1"}', {"id": own, "content_type": "application/json"}).id == "/shop/orders\no1"
    assert received(message_id="m1", config={"deduplicate": False}).id is None


def test_deliveries_and_deaths_are_told() -> None:
    """What quorum queues count, and what dead letter exchanges note."""
    deaths = [
        {
            "count": 2,
            "exchange": "shop",
            "queue": "orders",
            "reason": "rejected",
            "routing-keys": ["order.new"],
            "time": datetime(2026, 11, 20, tzinfo=UTC),
        },
        {"count": 1, "exchange": "", "queue": "retry", "reason": "expired", "routing-keys": ["retry"]},
    ]
    headers = {"x-delivery-count": 4, "x-death": deaths, "x-first-death-queue": "retry", "tenant": "acme", "n": 5}
    made = event(headers=headers, redelivered=True)
    assert {name: value for name, value in made.attributes.items() if "deliver" in name or "death" in name} == {
        "amqpredelivered": "true",
        "amqpdeliverycount": "4",
        "amqpdeathqueue": "orders",
        "amqpdeathreason": "rejected",
        "amqpdeathexchange": "shop",
        "amqpdeathcount": "3",
        "amqpdeaths": made.attributes["amqpdeaths"],
    }
    assert [each["queue"] for each in orjson.loads(made.attributes["amqpdeaths"])] == ["orders", "retry"]
    assert made.headers == (("amqp_tenant", b"acme"), ("amqp_n", b"5"))


def test_headers_of_a_message_are_never_taken_for_the_hubs() -> None:
    """Somebody who may publish could have the payload go unchecked, or the event look like another one."""
    made = event(b"{,}", headers={CHECKED[0]: "strict", "ce_id": "x", "traceparent": "00-aa-bb-01", "hub_origin": "y"})
    assert dict(made.headers) == {
        "amqp_hub_json": b"strict",
        "amqp_ce_id": b"x",
        "amqp_hub_origin": b"y",
        "traceparent": b"00-aa-bb-01",
    }


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_"])
def test_a_cloud_event_in_binary_mode_stays_the_one_that_it_is(prefix: str) -> None:
    """With either prefix of the binding, and with values of AMQP's types."""
    headers = {
        f"{prefix}{name}": value
        for name, value in {
            "specversion": "1.0",
            "id": "e1",
            "source": "/shop",
            "type": "shop.order",
            "time": datetime(2026, 11, 20, tzinfo=UTC),
            "partitionkey": "k",
            "retries": 3,
            "urgent": True,
        }.items()
    }
    made = received(b'{"n":1}', {"types": ["shop.order"]}, headers=headers, content_type="application/json")
    attributes = dict(made.events[0].attributes)
    assert {name: attributes[name] for name in ("id", "source", "type", "time", "retries", "urgent")} == {
        "id": "e1",
        "source": "/shop",
        "type": "shop.order",
        "time": "2026-11-20T00:00:00Z",
        "retries": "3",
        "urgent": "true",
    }
    assert made.events[0].key == "k"
    assert made.events[0].headers == ()
    assert made.id == "/shop\ne1"


def test_a_cloud_event_in_structured_mode_is_read() -> None:
    """Its data are the event's, its attributes stay, and AMQP's come beside them."""
    document = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "shop.order", "data": {"n": 1}}
    made = event(
        orjson.dumps(document), {"types": ["shop.order"]}, content_type="application/cloudevents+json; charset=utf-8"
    )
    assert (made.id, made.data, made.attributes["amqpexchange"]) == ("e1", {"n": 1}, "shop")


def test_what_the_sink_writes_comes_back_as_it_was() -> None:
    """Over RabbitMQ, an event is the same one: only what AMQP says comes on top."""
    sent = Event(type="shop.order", source="/shop", id="e1", data={"n": 1}, partitionkey="k", tenant="acme")
    came = _round_trip(sent)
    kept = {name: value for name, value in came.attributes.items() if not name.startswith("amqp")}
    assert kept == dict(sent.attributes)
    assert came.raw == sent.raw
    assert _round_trip(sent.replace(data=None)).raw is None


def _round_trip(sent: Event) -> Event:
    properties = travelled(Delivery(sent, "key"), RabbitMQConfig.model_validate({"url": URL, "queue": "q"}))
    given = {name: value for name, value in properties if value is not None}
    return event(sent.raw or b"", {"types": ["shop.order"]}, **given)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"cloudEvents:specversion": "0.3"}, "expected CloudEvents specversion 1.0; got '0.3'"),
        ({"cloudEvents:specversion": "1.0", "cloudEvents:id": "1"}, "expected a non-empty CloudEvents attribute"),
        ({"cloudEvents:specversion": "1.0", "cloudEvents:id": [1]}, "expected text in the header 'cloudEvents:id'"),
        (
            {
                "cloudEvents:specversion": "1.0",
                "cloudEvents:id": "1",
                "cloudEvents:source": "/",
                "cloudEvents:type": "x",
            },
            "expected an event type that the source declares (rabbitmq.message); got 'x': add it to `types`",
        ),
    ],
)
def test_a_broken_cloud_event_is_no_event(headers: dict[str, Any], says: str) -> None:
    """It says what is wrong, and is kept with its bytes and all that AMQP says of it."""
    made = received(b"body", headers=headers, message_id="m1", correlation_id="c1")
    assert made.unreadable is not None
    assert says in str(made.unreadable.error)
    assert made.unreadable.value == b"body"
    kept = dict(made.unreadable.headers)
    assert (kept["amqp-exchange"], kept["amqp-routing-key"], kept["amqp-redelivered"]) == (
        b"shop",
        b"order.new",
        b"false",
    )
    assert (kept["amqp-message-id"], kept["amqp-correlation-id"]) == (b"m1", b"c1")
    assert kept["amqp_cloudEvents:specversion"] == str(headers["cloudEvents:specversion"]).encode()
    assert made.id == "/shop/orders\nm1"


def _nested(levels: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for _ in range(levels):
        table = {"t": table}
    return table


@pytest.mark.parametrize(
    ("headers", "deaths"),
    [
        ({"x-death": [{"queue": "q", "count": "many"}]}, "0"),
        ({"x-death": [{"queue": "q", "count": None}, {"count": 2}, "death"]}, "2"),
        ({"x-death": [_nested(300)]}, "0"),
        ({"deep": _nested(300)}, None),
    ],
)
def test_headers_that_a_publisher_made_up_stop_nothing(headers: dict[str, Any], deaths: str | None) -> None:
    """The message would come again, for ever, and everything behind it would wait."""
    assert event(headers=headers).attributes.get("amqpdeathcount") == deaths
    made = received(headers=headers, config={"types": ["a.b"]})
    assert made.unreadable is not None
    for name, value in headers.items():
        assert orjson.loads(dict(made.unreadable.headers)[f"amqp_{name}"]) == value


def test_a_header_that_holds_nothing_makes_no_cloud_event() -> None:
    """AMQP knows headers without a value."""
    assert "got None" in str(error(headers={"cloudEvents:specversion": None, "cloudEvents:id": "1"}))


def test_a_source_for_cloud_events_alone_takes_no_others() -> None:
    """With `types` and no `type` nothing says what they would be."""
    assert "expected a CloudEvent" in str(error(b"x", {"types": ["shop.order"]}, content_type="text/plain"))


def test_attributes_are_computed_from_the_message() -> None:
    """Expressions see its data, what AMQP says of it, and its headers."""
    config = {
        "types": ["order.new", "order.paid"],
        "type": Mapped("= …", lambda each: each.attributes["amqproutingkey"]),
        "id": Mapped("= …", lambda each: f"{each.data['id']}@{each.header('amqp_version')}"),
        "source": "/shops",
        "subject": Mapped("= …", lambda each: each.data["id"]),
        "time": Mapped("= …", lambda each: each.data["at"]),
        "key": Mapped("= …", lambda each: each.data["customer"]),
        "content_type": "application/json",
    }
    body = b'{"id":"o1","at":"2026-11-20T10:00:00Z","customer":"c7"}'
    made = event(body, config, headers={"version": 3})
    assert {name: made.attributes[name] for name in ("type", "id", "source", "subject", "time", "partitionkey")} == {
        "type": "order.new",
        "id": "o1@3",
        "source": "/shops",
        "subject": "o1",
        "time": "2026-11-20T10:00:00Z",
        "partitionkey": "c7",
    }
    assert "got 'order.lost'" in str(error(body, config, routing_key="order.lost"))
    assert "id: expected JSON" in str(error(b"{", config))
    broken = {**config, "time": Mapped("= …", lambda each: "yesterday")}
    assert "RFC 3339" in str(error(body, broken))

    def nothing(_: Event) -> str:
        raise Permanent("no such field")

    assert str(error(body, {**config, "subject": Mapped("= …", nothing)})) == "subject: no such field"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"n":1}')),
        ("x-gzip", gzip.compress(b'{"n":1}')),
        ("deflate", zlib.compress(b'{"n":1}')),
        ("utf-8", b'{"n":1}'),
        ("", b'{"n":1}'),
        (None, b'{"n":1}'),
    ],
)
def test_content_encodings_are_undone(encoding: str | None, body: bytes) -> None:
    """Celery and others name the charset there, which changes nothing."""
    assert event(body, content_type="application/json", content_encoding=encoding).data == {"n": 1}


def test_an_encoding_that_nobody_knows_leaves_bytes() -> None:
    """Both are told: what it is encoded with, and that it is no JSON yet."""
    made = event(b"\x00\x01", content_type="application/json", content_encoding="br")
    assert (made.datacontenttype, made.raw) == ("application/octet-stream", b"\x00\x01")
    assert made.attributes["amqpcontentencoding"] == "br"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (gzip.compress(bytes(10_000)), "at most 1,000 bytes"),
        (gzip.compress(bytes(500))[:-6], "end too early"),
        (b"no gzip", "expected gzip"),
        (gzip.compress(b"1") + gzip.compress(b"2"), "more behind its end"),
    ],
)
def test_a_bomb_or_half_of_one_is_no_event(body: bytes, says: str) -> None:
    """No more is unpacked than is allowed; what came is kept."""
    made = received(body, {"max_body": 1000}, content_encoding="gzip")
    assert made.unreadable is not None
    assert isinstance(made.unreadable.error, InvalidPayload)
    assert says in str(made.unreadable.error)
    assert made.unreadable.value == body


def test_bytes_that_are_no_json_stay_bytes() -> None:
    """Without a content type nothing is guessed."""
    assert event(b"\xff\x00").data == b"\xff\x00"
    assert event(b"\xff\x00").datacontenttype == "application/octet-stream"
    assert event(b"hi", content_type="text/plain").data == "hi"


def test_odd_names_do_no_harm() -> None:
    """A routing key may hold whatever its publisher likes; attributes may not."""
    assert event(routing_key="a\nb\x00%").attributes["amqproutingkey"] == "a%0Ab%00%25"
    assert "amqpexchange" not in event(exchange="").attributes
    assert "control characters" in str(error(content_type="text/\x01"))
