"""Topics on a real broker: made once, as they should be, and told of as they are."""

import asyncio
import logging
from datetime import timedelta

import pytest

from hub.kafka import specs, topics
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.process import free_ports
from hub.sdk import ConfigError, NotConnected


async def test_topics_are_made_as_their_specs_say(kafka: KafkaSettings, unique: str):
    wanted = [
        specs.event_topic(f"{unique}.a", partitions=5, retention=timedelta(hours=1), max_message=12_345),
        specs.event_topic(f"{unique}.b", cleanup="compact,delete"),
        *specs.hub_topics(unique),
    ]

    assert sorted(await topics.ensure_topics(kafka, wanted)) == sorted(spec.name for spec in wanted)

    found = await topics.describe_topics(kafka, [spec.name for spec in wanted])
    assert {name: topic.partitions for name, topic in found.items()} == {s.name: s.partitions for s in wanted}
    assert found[f"{unique}.a"].config["retention.ms"] == "3600000"
    assert found[f"{unique}.a"].max_message == 12_345
    assert found[f"{unique}.b"].config["cleanup.policy"] == "compact,delete"
    assert not any(topic.leaderless for topic in found.values())
    assert await topics.differences(kafka, wanted) == []


async def test_a_topic_can_be_written_at_once_after_it_was_made(kafka: KafkaSettings, unique: str):
    async with Publisher(kafka) as publisher:
        for number in range(5):
            await topics.ensure_topics(kafka, [TopicSpec(f"{unique}.{number}", 4)])
            results = await publisher.send([Record(f"{unique}.{number}", None, b"x", partition=p) for p in range(4)])
            assert [each.offset for each in results] == [0, 0, 0, 0]


async def test_asking_again_makes_nothing(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique)])

    assert await topics.ensure_topics(kafka, [TopicSpec(unique)]) == []


async def test_no_topics_are_no_work(kafka: KafkaSettings):
    assert await topics.ensure_topics(kafka, []) == []
    assert await topics.counts(kafka, []) == {}
    assert await topics.describe_topics(kafka, []) == {}


async def test_of_several_that_make_the_same_topics_at_once_each_is_made_by_one(kafka: KafkaSettings, unique: str):
    wanted = [TopicSpec(f"{unique}.{number}") for number in range(10)]

    made = await asyncio.gather(*(topics.ensure_topics(kafka, wanted) for _ in range(6)))

    assert sorted(name for names in made for name in names) == sorted(spec.name for spec in wanted)


async def test_a_topic_that_exists_stays_as_it_is_and_what_differs_is_told(
    kafka: KafkaSettings, unique: str, caplog: pytest.LogCaptureFixture
):
    await topics.ensure_topics(kafka, [TopicSpec(unique, 2, config={"max.message.bytes": "1000"})])
    other = TopicSpec(unique, 3, 1, {"max.message.bytes": "2000", "cleanup.policy": "delete"})

    with caplog.at_level(logging.WARNING, logger="hub.kafka.topics"):
        assert await topics.ensure_topics(kafka, [other]) == []

    assert [str(each) for each in await topics.differences(kafka, [other])] == [
        f"{unique}: partitions is 2, and the deployment says 3",
        f"{unique}: max.message.bytes is 1000, and the deployment says 2000",
    ]
    assert sum("is left as it is" in each.getMessage() for each in caplog.records) == 2
    assert (await topics.describe_topics(kafka, [unique]))[unique].partitions == 2


async def test_the_order_of_a_cleanup_policy_is_no_difference(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique, config={"cleanup.policy": "delete,compact"})])

    assert await topics.differences(kafka, [TopicSpec(unique, config={"cleanup.policy": "compact, delete"})]) == []


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"replication": 77}, "replication factor of 77"),
        ({"config": {"cleanup.policy": "sometimes"}}, "sometimes"),
        ({"config": {"no.such.setting": "1"}}, r"no\.such\.setting"),
        ({"partitions": 0}, "partitions"),
    ],
)
async def test_what_kafka_refuses_is_said_with_the_topic_and_the_reason(
    kafka: KafkaSettings, unique: str, spec: dict, reason: str
):
    with pytest.raises(ConfigError, match=f"{unique}.*{reason}"):
        await topics.ensure_topics(kafka, [TopicSpec(unique, **spec)])


async def test_names_that_differ_in_dots_only_are_refused_before_anything_is_made(kafka: KafkaSettings, unique: str):
    with pytest.raises(ConfigError, match=r"differ in '\.' and '_' only"):
        await topics.ensure_topics(kafka, [TopicSpec(f"{unique}.a"), TopicSpec(f"{unique}_a")])

    assert await topics.describe_topics(kafka, [f"{unique}.a", f"{unique}_a"]) == {}


async def test_a_topic_that_does_not_exist_is_left_out(kafka: KafkaSettings, unique: str):
    assert await topics.describe_topics(kafka, [unique]) == {}
    assert await topics.limits(kafka, [unique]) == {}
    assert await topics.counts(kafka, [unique]) == {}
    assert await topics.differences(kafka, [TopicSpec(unique)]) == []


async def test_all_topics_are_those_of_users(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique)])
    found = await topics.describe_topics(kafka)

    assert unique in found
    assert not any(name.startswith("__") for name in found)


async def test_records_are_counted_over_all_partitions(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [TopicSpec(unique, 3)])
    async with Publisher(kafka) as publisher:
        await publisher.send([Record(unique, str(number).encode(), b"x") for number in range(50)])

    assert await topics.counts(kafka, [unique]) == {unique: 50}


async def test_no_cluster_is_said_as_such():
    (port,) = free_ports(1)

    with pytest.raises(NotConnected, match="can't be reached"):
        await topics.ensure_topics(KafkaSettings.plain(f"127.0.0.1:{port}"), [TopicSpec("a")])
