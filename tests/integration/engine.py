"""What tests of the engine share: a deployment of scripted units, running on the real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import TopicPartition

from hub.deployment import Registry, load
from hub.engine.ledger.ledger import Totals
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka import clients
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics
from hub.sdk import Event
from hub.sdk.event import KafkaMessage
from hub.testing.scripted import Script

LIMIT = 40.0


@asynccontextmanager
async def running(
    directory: Path, kafka: KafkaSettings, text: str, script: Script, *, only: Sequence[str] = ()
) -> AsyncIterator[Runtime]:
    """The deployment of one schema file at work; everything is stopped in good order afterwards."""
    (directory / "deployment.yaml").write_text(text)
    deployment = load(directory, registry=Registry([script.connector]))
    runtime = Runtime(deployment, kafka, only=only, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str = "the condition") -> None:
    """Waits for a condition, within a limit."""
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                result = condition()
                if result if isinstance(result, bool) else await result:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise AssertionError(f"{what} did not come about within {LIMIT:g} s") from error


async def settled(runtime: Runtime, unit: str, received: int) -> Totals:
    """The unit's ledger once it has received so many and nothing is in flight."""

    async def done() -> bool:
        await runtime.supervisor.units[unit].measure()
        totals = runtime.supervisor.units[unit].status().totals
        return totals.received >= received and totals.in_flight == 0

    await until(done, f"{unit} settling {received}")
    totals = runtime.supervisor.units[unit].status().totals
    assert totals.balanced
    return totals


async def publish(kafka: KafkaSettings, topic: str, messages: Sequence[KafkaMessage | Event]) -> None:
    """Writes events, or raw records, to a topic."""
    async with Publisher(kafka) as publisher:
        records = [Record(topic, *(each.to_kafka() if isinstance(each, Event) else each)) for each in messages]
        for result in await publisher.send(records):
            assert not isinstance(result, Exception), result


async def records(kafka: KafkaSettings, topic: str) -> list:
    """All committed records of a topic, by partition and offset."""
    described = await describe_topics(kafka, [topic])
    partitions = [TopicPartition(topic, number) for number in range(described[topic].partitions)]
    found: list = []
    async with clients.running(clients.consumer(kafka)) as consumer:
        consumer.assign(partitions)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        for partition, offset in (await consumer.beginning_offsets(partitions)).items():
            consumer.seek(partition, offset)
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += batch
    return sorted(found, key=lambda each: (each.partition, each.offset))


def event(number: int, key: str = "k", **data: object) -> Event:
    """An event for the scripted units."""
    return Event(type="script.event", source="/test", id=str(number), partitionkey=key, data={"n": number, **data})
