"""Publishing to a real broker: of each record it is known whether it was written, whatever happens to the broker."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from hub.kafka import clients, specs, topics
from hub.kafka.embedded import EmbeddedKafka
from hub.kafka.publisher import Publisher, Record, RecordMetadata, TooLarge
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.process import free_ports
from hub.sdk import EnvironmentProblem, HubError, NotConnected, Permanent


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """A broker that these tests may stop and kill."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "own")
    await broker.start()
    yield broker
    broker.kill()


@pytest.fixture
async def topic(kafka: KafkaSettings, unique: str) -> str:
    await topics.ensure_topics(kafka, [specs.event_topic(unique)])
    return unique


async def read(settings: KafkaSettings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """All records of a topic, in the order of their partitions and offsets."""
    partitions = (await topics.describe_topics(settings, [topic]))[topic].partitions
    every = [TopicPartition(topic, each) for each in range(partitions)]
    async with clients.running(clients.consumer(settings)) as consumer:
        consumer.assign(every)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(every)
        found: dict[TopicPartition, list] = {each: [] for each in every}
        async with asyncio.timeout(60):
            while any([await consumer.position(each) < ends[each] for each in every]):
                for each, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[each] += records
    return [(record.key, record.value) for each in every for record in found[each]]


def written(results: Sequence[object]) -> list[bool]:
    return [isinstance(each, RecordMetadata) for each in results]


async def test_every_record_gets_its_place_in_order(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        results = await publisher.send(
            [Record(topic, b"a", b"%d" % number, [("n", b"1"), ("n", b"2")], timestamp=7) for number in range(100)]
        )

    assert [each.offset for each in results] == list(range(100))
    assert len({each.partition for each in results}) == 1
    assert await read(kafka, topic) == [(b"a", b"%d" % number) for number in range(100)]


async def test_nothing_to_send_is_nothing(kafka: KafkaSettings):
    async with Publisher(kafka) as publisher:
        assert await publisher.send([]) == []


async def test_many_tasks_send_at_once_and_none_loses_any(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:

        async def send(task: int) -> None:
            for number in range(20):
                results = await publisher.send([Record(topic, b"%d" % task, b"%d %d" % (task, number))])
                assert written(results) == [True]

        await asyncio.gather(*(send(task) for task in range(50)))

    found = await read(kafka, topic)
    assert len(found) == 1000
    for task in range(50):
        assert [v for k, v in found if k == b"%d" % task] == [b"%d %d" % (task, number) for number in range(20)]


async def test_more_bytes_than_may_be_in_flight_are_written_one_after_the_other(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka, in_flight=10_000) as publisher:
        results = await publisher.send([Record(topic, b"%d" % number, b"x" * 4_000) for number in range(50)])

        assert all(written(results))
        assert publisher._budget.held == 0


async def test_records_of_many_megabytes_go_to_all_partitions_at_once(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [specs.event_topic(unique, partitions=6)])
    async with Publisher(kafka, timeout=60) as publisher:
        results = await publisher.send([Record(unique, None, b"x" * 25_000_000, partition=each) for each in range(6)])

    assert all(written(results))


async def test_a_record_above_the_topics_limit_fails_alone_and_says_size_and_limit(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [specs.event_topic(unique, max_message=1_000)])
    fits = Record(unique, b"k", b"")
    fits = fits._replace(value=b"x" * (1_000 - fits.size() - 2))  # the lengths of value and record take a byte more
    assert fits.size() == 1_000
    above = fits._replace(value=fits.value + b"x")
    async with Publisher(kafka) as publisher:
        results = await publisher.send([fits, above, fits])

    assert written(results) == [True, False, True]
    assert isinstance(results[1], TooLarge)
    assert (results[1].size, results[1].limit, results[1].topic) == (1_001, 1_000, unique)


async def test_records_that_fit_are_never_refused_because_of_others_in_their_batch(kafka: KafkaSettings, unique: str):
    await topics.ensure_topics(kafka, [specs.event_topic(unique, partitions=1, max_message=1_000)])
    async with Publisher(kafka) as publisher:
        results = await publisher.send([Record(unique, b"k", b"%d" % number + b"x" * 800) for number in range(50)])

    assert [each.offset for each in results] == list(range(50))


async def test_a_limit_that_was_lowered_meanwhile_stops_the_record_and_neither_the_others_nor_the_publisher(
    kafka: KafkaSettings, unique: str
):
    await topics.ensure_topics(kafka, [specs.event_topic(unique, partitions=1, max_message=50_000)])
    async with Publisher(kafka) as publisher:
        await publisher.send([Record(unique, b"k", b"first")])
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, unique, {"max.message.bytes": "2000"})])

        sends = [publisher.send([Record(unique, b"k", b"%d" % number)]) for number in range(10)]
        results = await asyncio.gather(publisher.send([Record(unique, b"k", b"x" * 5_000)]), *sends)

        assert isinstance(results[0][0], TooLarge)
        assert results[0][0].limit == 2_000
        assert all(written([each for result in results[1:] for each in result]))
        assert written(await publisher.send([Record(unique, b"k", b"last")])) == [True]

    assert sorted(v for _, v in await read(kafka, unique)) == sorted(
        [b"first", b"last", *(b"%d" % number for number in range(10))]
    )


async def test_after_an_error_that_breaks_the_producer_a_new_one_goes_on(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        await publisher.send([Record(topic, b"k", b"before")])
        # As when the broker has forgotten our sequence: the next batches are refused as out of order.
        manager = publisher._producers[clients.BATCH_BYTES]._txn_manager
        for partition in range(3):
            manager.increment_sequence_number(TopicPartition(topic, partition), 7)

        results = await publisher.send([Record(topic, b"k", b"%d" % number) for number in range(10)])

        assert all(written(results))
    assert [v for _, v in await read(kafka, topic)] == [b"before", *(b"%d" % number for number in range(10))]


async def test_a_topic_that_does_not_exist_is_named_at_once_and_the_others_are_written(
    kafka: KafkaSettings, topic: str
):
    began = time.monotonic()
    async with Publisher(kafka) as publisher:
        results = await publisher.send([Record(f"{topic}.nowhere", b"k", b"v"), Record(topic, b"k", b"v")])

    assert isinstance(results[0], EnvironmentProblem)
    assert f"{topic}.nowhere" in str(results[0])
    assert written(results) == [False, True]
    assert time.monotonic() - began < 10


async def test_a_topic_that_is_made_later_is_found(kafka: KafkaSettings, unique: str):
    async with Publisher(kafka) as publisher:
        assert written(await publisher.send([Record(unique, b"k", b"v")])) == [False]
        await topics.ensure_topics(kafka, [TopicSpec(unique)])
        assert written(await publisher.send([Record(unique, b"k", b"v")])) == [True]


async def test_the_number_of_a_topics_partitions_is_known_or_the_topic_is_missing(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        assert await publisher.partitions(topic) == 3
        with pytest.raises(EnvironmentProblem, match="nowhere"):
            await publisher.partitions(f"{topic}.nowhere")


async def test_a_partition_that_the_topic_does_not_have_is_the_records_own_fault(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        results = await publisher.send([Record(topic, b"k", b"v", partition=99), Record(topic, b"k", b"v")])

    assert type(results[0]) is Permanent
    assert written(results) == [False, True]


async def test_a_record_without_key_and_value_is_a_record(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        assert written(await publisher.send([Record(topic, None, None)])) == [True]

    assert await read(kafka, topic) == [(None, None)]


async def test_without_a_broker_a_publisher_does_not_start():
    (port,) = free_ports(1)

    with pytest.raises(NotConnected):
        await Publisher(KafkaSettings.plain(f"127.0.0.1:{port}")).start()


async def test_a_publisher_that_was_stopped_says_so(kafka: KafkaSettings, topic: str):
    async with Publisher(kafka) as publisher:
        await publisher.send([Record(topic, b"k", b"v")])
    (result,) = await publisher.send([Record(topic, b"k", b"v")])

    assert isinstance(result, NotConnected)
    assert "isn't running" in str(result)


async def test_a_broker_that_hangs_costs_no_more_than_the_timeout_and_what_was_sent_may_still_arrive(
    own: EmbeddedKafka, unique: str
):
    await topics.ensure_topics(own.settings, [TopicSpec(unique, 1)])
    async with Publisher(own.settings) as publisher:
        await publisher.send([Record(unique, b"k", b"before")])
        pid = own.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            results = await publisher.send([Record(unique, b"k", b"late")] * 3, timeout=0.5)
            assert time.monotonic() - began < 5
        finally:
            os.kill(pid, signal.SIGCONT)

        assert all(isinstance(each, NotConnected) and "may still be written" in str(each) for each in results)
        assert written(await publisher.send([Record(unique, b"k", b"after")])) == [True]
        assert publisher._budget.held == 0

    assert [v for _, v in await read(own.settings, unique)] == [b"before", b"late", b"late", b"late", b"after"]


async def test_when_kafka_is_away_memory_has_a_limit_and_stopping_too(
    own: EmbeddedKafka, unique: str, caplog: pytest.LogCaptureFixture
):
    await topics.ensure_topics(own.settings, [TopicSpec(unique, 1)])
    publisher = Publisher(own.settings, in_flight=100_000, timeout=0.3)
    await publisher.start()
    assert written(await publisher.send([Record(unique, b"k", b"v")], timeout=30)) == [True]
    await own.stop()

    for _ in range(10):
        results = await publisher.send([Record(unique, b"k", b"x" * 20_000)] * 3)
        assert all(isinstance(each, NotConnected) for each in results)
        assert publisher._budget.held <= 100_000
    began = time.monotonic()
    await publisher.stop(timeout=0.5)

    assert time.monotonic() - began < 15
    assert publisher._budget.held == 0
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if "Unexpected error" in line or "Exception in" in line], said
    assert len(said) < 20, "aiokafka says each attempt to reconnect"
    await own.start()


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_broker_that_goes_and_comes_back_loses_nothing_that_was_acknowledged(
    own: EmbeddedKafka, unique: str, way: str, tmp_path: Path
):
    await topics.ensure_topics(own.settings, [TopicSpec(unique, 2)])
    acknowledged: list[bytes] = []
    unanswered: set[bytes] = set()
    again = asyncio.Event()

    async with Publisher(own.settings, timeout=60) as publisher:

        async def send(task: int) -> None:
            number = 0
            while not again.is_set() or number < 50:
                value = b"%d %d" % (task, number)
                (result,) = await publisher.send([Record(unique, value, value)])
                if isinstance(result, HubError):
                    unanswered.add(value)
                else:
                    acknowledged.append(value)
                number += 1

        async def disturb() -> None:
            while len(acknowledged) < 100:  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.01)
            if way == "kill":
                own.kill()
            else:
                await own.stop()
            await own.start()
            again.set()

        await asyncio.gather(disturb(), *(send(task) for task in range(10)))

    found = [v for _, v in await read(own.settings, unique)]
    assert set(acknowledged) <= set(found)
    assert set(found) <= set(acknowledged) | unanswered
    assert len(found) == len(set(found)), "written twice"
    assert len(acknowledged) > 200
