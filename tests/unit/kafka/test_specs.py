"""Descriptions of topics."""

from datetime import timedelta

import pytest

from hub.kafka import names, specs
from hub.kafka.specs import TopicSpec
from hub.sdk import ConfigError


def test_an_event_topic_has_three_partitions_and_leaves_the_rest_to_the_broker():
    spec = specs.event_topic("orders")

    assert (spec.partitions, spec.replication) == (3, specs.BROKER_DEFAULT)
    assert spec.config == {"cleanup.policy": "delete", "max.message.bytes": str(specs.MAX_MESSAGE)}


def test_an_event_topic_takes_the_largest_webhook_that_github_sends():
    assert specs.event_topic("orders").max_message > 25e6


def test_what_a_schema_file_says_of_a_topic_becomes_kafkas_settings():
    spec = specs.event_topic(
        "orders", partitions=6, replication=3, retention=timedelta(days=2), max_message=500, config={"flush.ms": "7"}
    )

    assert (spec.partitions, spec.replication, spec.max_message) == (6, 3, 500)
    assert spec.config["retention.ms"] == "172800000"
    assert spec.config["flush.ms"] == "7"


def test_kafkas_own_names_win_over_ours():
    assert specs.event_topic("orders", max_message=1, config={"max.message.bytes": "9"}).max_message == 9


@pytest.mark.parametrize("cleanup", ["compact", "compact,delete"])
def test_a_compacted_topic_is_compacted_early(cleanup):
    config = specs.event_topic("orders", cleanup=cleanup).config

    assert config["cleanup.policy"] == cleanup
    assert float(config["min.cleanable.dirty.ratio"]) < 0.5
    assert int(config["segment.ms"]) < 7 * 86_400_000


def test_a_dlq_takes_larger_records_than_any_of_its_sources_and_has_the_widests_partitions():
    spec = specs.dlq_topic(
        "orders.dlq",
        TopicSpec("a", 2, 1, {"max.message.bytes": "1000"}),
        TopicSpec("b", 5, 3, {"max.message.bytes": "9000"}),
    )

    assert (spec.partitions, spec.replication) == (5, 3)
    assert spec.max_message == 9000 + specs.DLQ_ROOM
    assert int(spec.config["retention.ms"]) == timedelta(days=28).total_seconds() * 1000


def test_an_inbox_takes_what_its_topics_take_and_the_hubs_headers():
    spec = specs.inbox_topic("shop", "tasks", TopicSpec("a", 4, config={"max.message.bytes": "9000"}))

    assert spec.name == names.inbox("shop", "tasks")
    assert spec.partitions == 4
    assert spec.max_message > 9000


def test_a_deployments_tables_are_compacted_and_have_one_order():
    tables = {spec.name: spec for spec in specs.hub_topics("shop", remember=timedelta(days=3))}

    assert set(tables) == {"hub.shop.cursors", "hub.shop.status", "hub.shop.deliveries", "hub.shop.dlq"}
    assert {spec.partitions for spec in tables.values()} == {1}
    assert all("compact" in spec.config["cleanup.policy"] for spec in tables.values())


def test_only_webhook_deliveries_are_forgotten():
    tables = {spec.name: spec.config.get("retention.ms") for spec in specs.hub_topics("shop", remember=timedelta(1))}

    assert {name for name, retention in tables.items() if retention} == {"hub.shop.deliveries"}
    assert tables["hub.shop.deliveries"] == "86400000"


def test_a_topic_that_kafka_would_refuse_is_no_spec():
    with pytest.raises(ConfigError, match="topic name"):
        TopicSpec("a b")
