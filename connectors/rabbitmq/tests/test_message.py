"""How events become messages, whatever is in them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands

from connectors.rabbitmq.config import RabbitMQConfig
from connectors.rabbitmq.message import message, message_id, routing_key
from hub.sdk import Delivery, Event, Mapped, Permanent

PLAIN = RabbitMQConfig.model_validate({"url": "amqp://broker/", "exchange": "x"})

# What CloudEvents allows in attributes: no controls, no surrogates.
texts = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=300)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=20), inner, max_size=3),
    max_leaves=8,
)


def delivery(key: str = "key", **event: object) -> Delivery:
    return Delivery(Event(**{"type": "t.happened", "source": "/s", "id": "1", **event}), key)


def travelled(sent: Delivery, config: RabbitMQConfig) -> commands.Basic.Properties:
    """The message's properties after they have been bytes."""
    data = message(sent, config, "app").properties
    properties = commands.Basic.Properties()
    properties.unmarshal(struct.unpack(">H", data[:2])[0], data[2:])
    return properties


@given(id=texts, type_=texts, subject=texts, key=texts)
def test_any_event_can_travel(id: str, type_: str, subject: str, key: str) -> None:  # noqa: A002  as in CloudEvents
    """Whatever CloudEvents allows becomes a message whose headers hold it unchanged."""
    properties = travelled(delivery(key, id=id, type=type_, subject=subject), PLAIN)
    headers = properties.headers
    assert headers is not None
    assert (headers["cloudEvents:id"], headers["cloudEvents:type"]) == (id, type_)
    assert headers["cloudEvents:subject"] == subject
    assert properties.message_id == message_id(key)
    assert properties.message_type in (type_, None)


@given(value=json)
def test_any_json_can_be_a_header(value: object) -> None:
    """Numbers with a fraction come as the shortest text that gives them back; all else as it was."""
    config = PLAIN.model_copy(update={"headers": {"h": Mapped(value)}})
    headers = travelled(delivery(), config).headers
    assert headers is not None
    assert headers.get("h") == as_text(value)


def as_text(value: object) -> object:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [as_text(each) for each in value]
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    return value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2**63, "whole number of 64 bits"),
        ([{"a": -(2**63) - 1}], "whole number of 64 bits"),
        ({"": 1}, "header names of 1 to 128 bytes"),
        ({"n" * 129: 1}, "header names of 1 to 128 bytes"),
    ],
)
def test_header_that_amqp_cannot_hold_is_permanent(value: object, says: str) -> None:
    """The field is named."""
    config = PLAIN.model_copy(update={"headers": {"h": Mapped(value)}})
    with pytest.raises(Permanent, match=f"headers.h: expected.*{says}"):
        message(delivery(), config, "app")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-20T10:02:11.999Z", datetime(2026, 11, 20, 10, 2, 11, tzinfo=UTC)),
        ("2026-11-20t10:02:11-05:30", datetime(2026, 11, 20, 15, 32, 11, tzinfo=UTC)),
        ("1969-12-31T23:59:59Z", None),
        ("2016-12-31T23:59:60Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-11-20T10:02:11.123456789Z", datetime(2026, 11, 20, 10, 2, 11, tzinfo=UTC)),
    ],
)
def test_time_is_whole_seconds_where_amqp_has_them(time: str, expected: datetime | None) -> None:
    """Times that AMQP or Python doesn't know are left out; the header has them all."""
    properties = travelled(delivery(time=time), PLAIN)
    assert properties.timestamp == expected
    assert properties.headers is not None
    assert properties.headers["cloudEvents:time"] == time


def test_long_idempotency_key_becomes_its_digest() -> None:
    """Two long keys that begin alike stay different, and the same key gives the same id."""
    long = "k" * 300
    assert message_id("k" * 255) == "k" * 255
    assert message_id(long) != message_id(long + "x")
    assert message_id(long) == message_id("k" * 300)
    assert len(message_id(long)) == 71


def test_routing_key_defaults() -> None:
    """The event's type at an exchange, the queue's name at the default exchange."""
    event = Event(type="t.happened", source="/s")
    to_queue = RabbitMQConfig.model_validate({"url": "amqp://broker/", "queue": "tasks"})
    assert (routing_key(event, PLAIN), routing_key(event, to_queue)) == ("t.happened", "tasks")
    with pytest.raises(Permanent, match="routing_key: expected at most 255 bytes"):
        routing_key(event.replace(type="t" * 256), PLAIN)


def test_payload_that_an_expression_cannot_read_is_permanent() -> None:
    """A payload that isn't what its content type says concerns that event only."""
    event = Event.of({"id": "1", "source": "/s", "type": "t", "datacontenttype": "application/json"}, b"{no json")
    config = PLAIN.model_copy(update={"routing_key": Mapped("= …", lambda each: each.data["a"])})
    with pytest.raises(Permanent, match="routing_key: expected JSON"):
        routing_key(event, config)


@pytest.mark.parametrize(("value", "says"), [(300, "0 to 255"), ("high", "0 to 255"), (1.5, "0 to 255")])
def test_computed_priority_out_of_range_is_permanent(value: object, says: str) -> None:
    """A priority is one byte."""
    config = PLAIN.model_copy(update={"priority": Mapped("= …", lambda _: value)})
    with pytest.raises(Permanent, match=f"priority: expected.*{says}"):
        message(delivery(), config, "app")


def test_computed_expiration_is_a_duration_or_none() -> None:
    """It becomes milliseconds; a value that is no duration is permanent."""
    values = iter(["1m30s", None, "soon", 30])
    config = PLAIN.model_copy(update={"expiration": Mapped("= …", lambda _: next(values))})
    assert travelled(delivery(), config).expiration == "90000"
    assert travelled(delivery(), config).expiration is None
    for _ in range(2):
        with pytest.raises(Permanent, match="expiration: expected a duration"):
            message(delivery(), config, "app")
