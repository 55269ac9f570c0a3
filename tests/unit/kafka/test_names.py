"""Names on Kafka."""

import pytest

from hub.kafka import names
from hub.sdk import ConfigError


def test_every_name_begins_with_the_deployment_so_that_two_can_share_a_cluster():
    assert names.group("shop", "orders") == "shop.orders"
    assert names.transactional_id("shop", "orders") == "shop.orders"
    assert names.dlq("shop", "orders") == "shop.orders.dlq"
    assert names.cursors("shop") == "hub.shop.cursors"
    assert names.status("shop") == "hub.shop.status"
    assert names.deliveries("shop") == "hub.shop.deliveries"
    assert names.resolutions("shop") == "hub.shop.dlq"
    assert names.inbox("shop", "orders") == "hub.shop.inbox.orders"


@pytest.mark.parametrize("name", ["a", "github.pull_request", "A-1_b.c", "x" * 249])
def test_a_name_that_kafka_takes_is_given_back(name):
    assert names.check_topic(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "naïve", "a\n", "x" * 250])
def test_a_name_that_kafka_refuses_is_refused_before_it_gets_there(name):
    with pytest.raises(ConfigError, match="249 letters"):
        names.check_topic(name)


def test_a_name_that_is_too_long_is_told_its_length():
    with pytest.raises(ConfigError, match="of 251 characters"):
        names.check_topic("x" * 251)
