"""What a schema file may say of a source, and what it gets told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.rabbitmq import connector
from connectors.rabbitmq.consumption import RabbitMQSourceConfig
from connectors.rabbitmq.source import RabbitMQSource
from hub.deployment import load
from hub.deployment.finding import InvalidDeployment
from hub.sdk import Mapped, UnitContext
from hub.testing.readme import check_settings

URL = "amqp://guest:canary-5f3a@broker:5672/"


def config(**fields: Any) -> RabbitMQSourceConfig:
    return RabbitMQSourceConfig.model_validate({"url": URL, "queue": "orders", **fields})


def test_manifest_offers_the_source() -> None:
    """`use: rabbitmq` under `sources:` is the source."""
    assert dict(connector.sources) == {"": RabbitMQSource}
    assert RabbitMQSource.config_type() is RabbitMQSourceConfig


def test_readme_has_the_settings() -> None:
    """The table in the README is the model's."""
    check_settings(Path(__file__).parents[1] / "README.md", RabbitMQSourceConfig)


def test_arguments_of_a_queue_are_named_settings() -> None:
    """In RabbitMQ's units; what is said as an argument wins."""
    queue = config(
        queue={
            "name": "orders",
            "dead_letter": {"exchange": "dlx", "routing_key": "orders", "strategy": "at-least-once"},
            "delivery_limit": 5,
            "message_ttl": "1m30s",
            "expires": "1d",
            "max_length": 10,
            "max_length_bytes": "1MB",
            "overflow": "reject-publish",
            "single_active_consumer": True,
            "arguments": {"x-max-length": 11, "x-queue-leader-locator": "balanced"},
        }
    ).queue
    assert queue.declared == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 5,
        "x-message-ttl": 90_000,
        "x-expires": 86_400_000,
        "x-max-length": 11,
        "x-max-length-bytes": 1_000_000,
        "x-overflow": "reject-publish",
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": "dlx",
        "x-dead-letter-routing-key": "orders",
        "x-dead-letter-strategy": "at-least-once",
        "x-queue-leader-locator": "balanced",
    }
    assert config(queue={"name": "q", "dead_letter": {"queue": "d"}}).queue.declared == {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "d",
    }


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "http://guest:canary-5f3a@broker"}, "expected amqp://"),
        ({"queue": {"name": "q", "bind": [{"exchange": "x"}]}}, "expected `keys`"),
        ({"queue": {"name": "q", "durable": False}}, "type: classic"),
        ({"queue": {"name": "q", "max_priority": 5}}, "quorum queues know no priorities"),
        ({"queue": {"name": "q", "type": "classic", "delivery_limit": 5}}, "classic queues don't count"),
        ({"queue": {"name": "q", "type": "stream"}}, "'quorum' or 'classic'"),
        ({"queue": {"name": "q", "dead_letter": {}}}, "nothing says where dead letters go"),
        (
            {"queue": {"name": "q", "dead_letter": {"queue": "d", "strategy": "at-least-once"}}},
            "`overflow: reject-publish`",
        ),
        (
            {"queue": {"name": "q", "dead_letter": {"queue": "d", "exchange": {"name": "x", "type": "direct"}}}},
            "expected `routing_key`",
        ),
        ({"queue": {"name": "q"}, "poison": "reject"}, "without it the broker drops messages"),
        ({"type": Mapped("= …", lambda _: "x")}, "expected `types`"),
        ({"prefetch": 0}, "greater than or equal to 1"),
        ({"prefetch": 70_000}, "less than or equal to 65535"),
        ({"queue": {"name": "q", "durabel": True}}, "durabel"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], says: str) -> None:
    """With the reason and what to write instead, and without the password."""
    with pytest.raises(ValidationError) as raised:
        config(**fields)
    assert says in str(raised.value)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "types"),
    [
        ({}, ["rabbitmq.message"]),
        ({"type": "shop.order"}, ["shop.order"]),
        ({"type": "shop.order", "types": ["shop.refund"]}, ["shop.order", "shop.refund"]),
        ({"type": "= data.type", "types": ["a", "b"]}, ["a", "b"]),
        ({"types": ["a"]}, ["a"]),
        ({"type": 5, "types": "nonsense"}, ["rabbitmq.message"]),
    ],
)
def test_event_types_are_what_the_settings_name(settings: dict[str, Any], types: list[str]) -> None:
    """Before they are checked, too: their topics have to be known."""
    assert list(RabbitMQSource.event_types(settings)) == types


def test_a_running_source_declares_the_same_types() -> None:
    """What it may publish is what topics were made for."""
    made = config(type=Mapped("= …", lambda _: "a"), types=["a", "b"])
    assert list(RabbitMQSource(made, UnitContext(name="x")).declared) == ["a", "b"]
    assert list(RabbitMQSource(config(type="a", types=["b"]), UnitContext(name="x")).declared) == ["a", "b"]


DEPLOYMENT = """
deployment: shop
sources:
  orders:
    use: rabbitmq
    every: 5s
    with:
      url: "${env:AMQP_URL}"
      queue: { name: orders, bind: [{ exchange: shop, keys: "order.#" }] }
      type: = event.amqproutingkey
      types: [shop.order, shop.refund]
      prefech: 5
routes:
  big: { from: shop.order, where: data.total > 100, to: shop.big }
  odd: { from: shop.ordr, to: shop.big }
topics:
  shop.big: {}
"""


def test_a_schema_file_is_checked_with_its_types_and_settings(tmp_path: Path) -> None:
    """`hub validate` knows the topics that `types` name, misspelt settings, and that it doesn't poll."""
    (tmp_path / "hub.yaml").write_text(DEPLOYMENT)
    with pytest.raises(InvalidDeployment) as raised:
        load(tmp_path)
    found = {each.code: each for each in raised.value.findings}
    assert set(found) == {"config.unknown_key", "source.every", "route.unknown_source"}
    assert "prefetch" in str(found["config.unknown_key"])
    assert found["route.unknown_source"].fix == "shop.order"
    (tmp_path / "hub.yaml").write_text(
        DEPLOYMENT.replace("      prefech: 5\n", "").replace("    every: 5s\n", "").replace("shop.ordr", "shop.refund")
    )
    deployment = load(tmp_path)
    assert deployment.sources["orders"].topics() == ["shop.order", "shop.refund"]
    made = {each.name for each in deployment.topic_specs()}
    assert {"shop.order", "shop.refund", "hub.shop.messages"} <= made
