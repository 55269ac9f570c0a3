"""The ladder's Kafka: what a test writes to it survives a kill, and what the environment names comes first."""

from __future__ import annotations

import pytest

from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import describe_topics, ensure_topics
from hub.process import free_ports
from hub.sdk import EnvironmentProblem
from hub.testing.servers import GivenServer, answers, kafka_server


async def test_a_private_kafka_keeps_its_address_and_topics_over_a_kill_and_a_stop(unique: str) -> None:
    """After kill -9 and after a stop, the same address knows the same topics."""
    async with kafka_server(private=True) as server:
        url = server.url
        await ensure_topics(KafkaSettings.plain(url), [TopicSpec(unique, 1)])
        server.kill()
        assert not await answers(url)
        assert await server.start() == url
        assert unique in await describe_topics(KafkaSettings.plain(url))
        await server.stop()
        assert await server.start() == url
        assert unique in await describe_topics(KafkaSettings.plain(url))
    assert not await answers(url)


async def test_the_kafka_that_the_environment_names_comes_first(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HUB_TEST_KAFKA is used as it is, and refused to be killed."""
    assert kafka.bootstrap_servers is not None
    monkeypatch.setenv("HUB_TEST_KAFKA", kafka.bootstrap_servers)
    async with kafka_server() as server:
        assert isinstance(server, GivenServer)
        assert server.url == kafka.bootstrap_servers
        with pytest.raises(EnvironmentProblem, match="HUB_TEST_KAFKA names is not ours to end"):
            await server.stop()
    assert await answers(kafka.bootstrap_servers)


async def test_a_named_kafka_that_is_down_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a broker, no other rung is tried: the user meant that one."""
    (port,) = free_ports(1)
    monkeypatch.setenv("HUB_TEST_KAFKA", f"127.0.0.1:{port}")
    with pytest.raises(EnvironmentProblem, match="HUB_TEST_KAFKA names a server that doesn't answer"):
        async with kafka_server():
            pass
