"""What a real Kafka says of consumer groups: several at once, with members of every kind and without."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.structs import OffsetAndMetadata

from hub.engine.reading.reader import Reader
from hub.engine.settings import WorkerSettings
from hub.kafka import clients, groups
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import TopicSpec, ensure_topics
from hub.sdk import HubError
from tests.integration.engine import until


async def committed(kafka: KafkaSettings, group: str, at: TopicPartition, offset: int, note: str = "") -> None:
    """Leaves a position of a group without members."""
    async with clients.running(clients.consumer(kafka, group=group)) as consumer:
        consumer.assign([at])
        await consumer.commit({at: OffsetAndMetadata(offset, note)})


async def test_the_states_of_several_groups_are_told_at_once(kafka, unique):
    """One with two members, one with a member of a fixed name, one that all have left, one that never was."""
    await ensure_topics(kafka, [TopicSpec(unique, partitions=2)])
    await committed(kafka, f"{unique}.left", TopicPartition(unique, 0), 0)
    names = [f"{unique}.{each}" for each in ("two", "left", "named", "never")]
    starts = {unique: "earliest"}
    readers = [Reader(kafka, group=names[0], starts=starts) for _ in range(2)]
    readers.append(Reader(kafka, group=names[2], starts=starts, worker=WorkerSettings(instance="a")))
    await asyncio.gather(*(each.start() for each in readers))
    try:
        expected = dict(zip(names, ("Stable", "Empty", "Stable", "Dead"), strict=True))

        async def told() -> bool:
            return await groups.states(kafka, names) == expected

        await until(told)
    finally:
        for each in readers:
            await each.stop()


async def test_positions_are_told_with_what_was_noted(kafka, unique):
    """Of each group by its topics; a group that has none has none."""
    await ensure_topics(kafka, [TopicSpec(unique, partitions=2)])
    first, second = TopicPartition(unique, 0), TopicPartition(unique, 1)
    await committed(kafka, f"{unique}.a", first, 0, "a note")
    await committed(kafka, f"{unique}.b", second, 7)
    found = await groups.positions(kafka, [f"{unique}.{each}" for each in "abc"])
    assert found == {
        f"{unique}.a": {first: OffsetAndMetadata(0, "a note")},
        f"{unique}.b": {second: OffsetAndMetadata(7, "")},
        f"{unique}.c": {},
    }


async def test_a_group_that_is_still_being_loaded_is_asked_again(kafka, unique, monkeypatch):
    """Its coordinator's answer says so for the group as a whole, and holds no position: that isn't none."""
    await ensure_topics(kafka, [TopicSpec(unique)])
    at = TopicPartition(unique, 0)
    await committed(kafka, unique, at, 3)
    codes = [kafka_errors.GroupLoadInProgressError.errno, kafka_errors.NotCoordinatorForGroupError.errno]
    whole = groups._check
    monkeypatch.setattr(groups, "_check", lambda code: whole(codes.pop() if codes else code))
    assert (await groups.positions(kafka, [unique]))[unique][at].offset == 3
    assert not codes
    codes[:] = [kafka_errors.GroupAuthorizationFailedError.errno]
    with pytest.raises(HubError, match=f"asking for the positions of group {unique}"):
        await groups.positions(kafka, [unique])
