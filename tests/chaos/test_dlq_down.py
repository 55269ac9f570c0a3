"""The DLQ can't be written: the route stands still and says so, and loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from hub.engine.supervisor import Supervisor
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import TopicSpec, ensure_topics
from hub.testing.cluster import KafkaCluster
from tests.chaos.load import Message, plain
from tests.chaos.scale import record, scaled
from tests.chaos.scene import PARTITIONS, Scene, comes_through, scene
from tests.chaos.waiting import until

pytestmark = [pytest.mark.timeout(scaled(600, 1800)), pytest.mark.asyncio(loop_scope="module")]
TOPIC, LITERAL, ALL, WRITE, DENY, ALLOW, ANY = 2, 3, 2, 4, 2, 3, 1
"""Numbers of Kafka's protocol (org.apache.kafka.common.acl)."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[KafkaCluster]:
    overrides = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    async with KafkaCluster(1, overrides=overrides) as cluster:
        yield cluster


class OnePoison:
    """Makes events; once it is armed, the next one isn't JSON."""

    def __init__(self) -> None:
        self.armed = False
        self.number = -1

    def __call__(self, number: int, key: bytes) -> Message:
        whole = plain(number, key)
        if not self.armed or self.number >= 0:
            return whole
        self.number = number
        return key, whole[1][:-2], whole[2]


async def forbid(kafka: KafkaSettings, topic: str) -> None:
    """Nobody may write to a topic."""
    async with clients.running(clients.admin(kafka)) as admin:
        for user, operation, permission in (("*", ALL, ALLOW), ("ANONYMOUS", WRITE, DENY)):
            request = CreateAclsRequest(TOPIC, topic, LITERAL, f"User:{user}", "*", operation, permission)
            response = await admin._send_request(request)
            assert all(each[0] == 0 for each in response.creation_responses), response


async def allow(kafka: KafkaSettings, topic: str) -> None:
    async with clients.running(clients.admin(kafka)) as admin:
        response = await admin._send_request(DeleteAclsRequest(TOPIC, topic, LITERAL, None, None, ANY, ANY))
        assert all(each[0] == 0 for each in response.filter_responses), response


async def remove(kafka: KafkaSettings, topic: str) -> None:
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_topics([topic])


async def restore(kafka: KafkaSettings, topic: str) -> None:
    await ensure_topics(kafka, [TopicSpec(topic, PARTITIONS)])


async def positions(it: Scene) -> dict[TopicPartition, int]:
    """The first route's committed positions."""
    async with clients.running(clients.admin(it.kafka)) as admin:
        found = await admin.list_consumer_group_offsets(names.group(it.name, "first"))
    return {at: each.offset for at, each in found.items()}


async def where(it: Scene, poison: int) -> tuple[TopicPartition, int]:
    """Where the event of a number lies."""
    partitions = [TopicPartition(f"{it.name}.in", each) for each in range(PARTITIONS)]
    async with clients.running(clients.consumer(it.kafka)) as consumer:
        consumer.assign(partitions)
        for at in partitions:
            consumer.seek(at, 0)
        while True:
            for at, batch in (await consumer.getmany(timeout_ms=500)).items():
                for each in batch:
                    if dict(each.headers)["ce_id"] == b"%d" % poison:
                        return at, each.offset


Act = Callable[[KafkaSettings, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("name", "harm", "mend", "words"),
    [
        ("dlq-unavailable", remove, restore, ""),
        ("dlq-unauthorised", forbid, allow, "TopicAuthorizationFailed"),
    ],
)
async def test_a_route_whose_dlq_cannot_be_written_stands_still(
    guarded: KafkaCluster, unique: str, tmp_path, name: str, harm: Act, mend: Act, words: str
):
    """Its position stays before the event that it can't bury, it reports why, and goes on once it can."""
    kafka = guarded.settings
    dlq = names.dlq(unique, "first")
    outputs = ("out", "copy", "first.dlq")
    make = OnePoison()
    async with scene(kafka, unique, tmp_path, rate=400, make=make, outputs=outputs) as it:
        unit = it.first()
        supervisor = Supervisor([unit])
        supervisor.start()
        await supervisor.ready("first")
        await harm(kafka, dlq)
        await until(lambda: it.watch.count(f"{unique}.out") > 100, "an output")
        make.armed = True
        began = time.monotonic()
        await until(lambda: make.number >= 0, "the poison")
        at, offset = await where(it, make.number)
        await until(lambda: unit.state is State.FAILED, "the failure")
        reported = time.monotonic() - began
        detail = unit.detail
        before = await positions(it)
        await asyncio.sleep(scaled(3.0, 60.0))
        assert (await positions(it)).get(at, 0) <= offset
        await mend(kafka, dlq)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await supervisor.ready("first")
        if "starting again" not in unit.detail and unit.state is State.FAILED:
            await supervisor.restart("first")
        outcome = await it.outcome(
            lambda number: comes_through(number) and number != make.number, {dlq: lambda number: number == make.number}
        )
        await supervisor.stop()
    record(
        name,
        {
            "fault": f"{name.replace('dlq-', 'DLQ topic ')}",
            "faults": 1,
            "reported": detail.replace(unique, "x").split("; starting")[0],
            "reported_after_s": round(reported, 1),
            **outcome.to_json(),
        },
    )
    assert outcome.clean, f"{outcome}\n{before}"
    assert words in detail
    assert reported < 60.0
