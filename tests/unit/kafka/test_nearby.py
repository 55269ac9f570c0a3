"""Which Kafka a program means that doesn't say."""

from __future__ import annotations

import pytest

import hub
from hub.kafka import nearby
from hub.sdk import EnvironmentProblem


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory in which no Kafka runs, and an environment that names none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_KAFKA__BOOTSTRAP_SERVERS", raising=False)


def test_kafka_is_where_the_environment_says(monkeypatch):
    """Before anything that runs here."""
    monkeypatch.setenv("HUB_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    assert nearby.kafka().bootstrap_servers == "kafka:9092"


def test_without_kafka_the_ways_to_get_one_are_said():
    """The variable and the commands."""
    assert nearby.find_kafka() is None
    with pytest.raises(EnvironmentProblem, match=r"HUB_KAFKA__BOOTSTRAP_SERVERS.*hub up DIR.*hub kafka start"):
        nearby.kafka()


async def test_a_program_that_subscribes_is_told_the_same():
    """Not that it should start what may run already somewhere else."""
    with pytest.raises(EnvironmentProblem, match=r"hub up DIR"):
        hub.subscribe("orders", group="g")
