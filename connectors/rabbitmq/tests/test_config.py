"""What a schema file may say, and what it gets told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.rabbitmq import connector
from connectors.rabbitmq.config import RabbitMQConfig
from connectors.rabbitmq.sink import RabbitMQSink
from hub.sdk import Mapped
from hub.testing.readme import check_settings

URL = "amqp://guest:canary-5f3a@broker:5672/"


def config(**fields: object) -> RabbitMQConfig:
    return RabbitMQConfig.model_validate({"url": URL, **fields})


def test_manifest_offers_the_sink() -> None:
    """`use: rabbitmq` is the sink, and its configuration is known from its class."""
    assert (connector.name, dict(connector.sinks)) == ("rabbitmq", {"": RabbitMQSink})
    assert RabbitMQSink.config_type() is RabbitMQConfig


def test_readme_has_the_settings() -> None:
    """The table in the README is the model's."""
    check_settings(Path(__file__).parents[1] / "README.md", RabbitMQConfig)


def test_name_alone_is_short_for_a_definition_used_if_missing() -> None:
    """`exchange: tasks` asks for nothing but that there is one."""
    made = config(exchange="tasks", queue="tasks")
    assert made.exchange is not None
    assert made.exchange.model_dump() == {
        "name": "tasks",
        "type": "topic",
        "durable": True,
        "passive": False,
        "if_missing": True,
        "arguments": {},
    }
    assert made.queue is not None
    assert (made.queue.type, made.queue.bind, made.queue.if_missing) == ("quorum", None, True)
    assert config(exchange="", queue="tasks").exchange is None


def test_binding_may_be_one_or_several() -> None:
    """One key needs no list."""
    queue = config(exchange="x", queue={"name": "q", "bind": "a.#"}).queue
    assert queue is not None
    assert queue.bind == ["a.#"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing says where messages go"),
        ({"queue": "q", "url": "http://h/"}, "expected amqp://user:password@host:port/vhost"),
        ({"queue": "q", "url": "amqp:///vhost"}, "expected amqp://"),
        ({"queue": "q", "url": "amqp://u:canary@5f3a@h:p/"}, "percent-encoded"),
        ({"queue": {"name": "q", "durable": False}}, "expected `durable: true` with `type: quorum`"),
        ({"queue": {"name": ""}}, "at least 1 character"),
        ({"queue": "q" * 256}, "at most 255 bytes of UTF-8; got 256"),
        ({"queue": "q", "priority": 256}, "whole number from 0 to 255"),
        ({"queue": "q", "expiration": "soon"}, "expected a duration such as"),
        ({"queue": "q", "timeout": "0s"}, "greater than 0"),
        ({"queue": "q", "headers": {"": "x"}}, "header names of 1 to 128 bytes"),
        ({"queue": "q", "headers": {"ä" * 65: "x"}}, "header names of 1 to 128 bytes"),
        ({"queue": "q", "when_full": "drop"}, "'wait' or 'dead_letter'"),
        ({"queue": "q", "routingkey": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_bad_input_is_explained_without_secrets(fields: dict[str, object], says: str) -> None:
    """Each mistake says what was expected, and the password is nowhere in it."""
    with pytest.raises(ValidationError) as raised:
        config(**fields)
    assert says in str(raised.value)
    assert "canary" not in str(raised.value)


def test_constants_are_checked_and_expressions_left_to_the_events() -> None:
    """A fixed value is wrong at once, an expression only for an event."""
    made = config(queue="q", priority=Mapped("= data.p", lambda event: event.data["p"]), expiration="30s")
    assert made.priority is not None
    assert not made.priority.constant
    assert made.expiration is not None
    assert made.expiration.constant


def test_nothing_shows_the_password() -> None:
    """Neither the configuration's text nor its dump holds it."""
    made = config(queue="q")
    assert "canary" not in repr(made) + str(made.model_dump()) + made.model_dump_json()
