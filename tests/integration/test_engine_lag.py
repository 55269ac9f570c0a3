"""Lag on the real Kafka: events and seconds, with the marks of transactions on the log."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
  {name}.out: {{ partitions: 1 }}
routes:
  odd:
    from: {name}.in
    start: earliest
    where: data.n % 2 == 1
    to: [{name}.out]
"""


async def transact(kafka: KafkaSettings, topic: str, events: Sequence[Event], *, commit: bool = True) -> None:
    """Writes events in one transaction, committed or aborted."""
    writer = TransactionWriter(kafka, f"writes-{topic}", outputs=[topic])
    await writer.start()
    try:
        await writer.begin()
        for each in events:
            key, value, headers = each.to_kafka()
            assert writer.add(topic, key, value, headers) is None
        if commit:
            await writer.commit()
        else:
            for target in writer._targets.values():
                for partition in list(target.open):
                    writer._close(target, partition)
            await writer.push()
            await writer._acknowledged()
            await writer.abort()
    finally:
        await writer.stop()


async def position(kafka: KafkaSettings, group: str, at: TopicPartition) -> int:
    """Where a group stands."""
    async with clients.running(clients.admin(kafka)) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    return offsets[at].offset if at in offsets else -1


async def end(kafka: KafkaSettings, at: TopicPartition) -> int:
    """Where a partition ends."""
    async with clients.running(clients.consumer(kafka)) as consumer:
        return int((await consumer.end_offsets([at]))[at])


async def test_positions_stand_behind_the_marks_of_transactions(tmp_path, kafka, unique):
    """Once all is read the committed position is the log's end, past commit marks and what was aborted."""
    at = TopicPartition(f"{unique}.in", 0)
    group = names.group(unique, "odd")
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        await transact(kafka, at.topic, [event(1), event(2)])
        await settled(runtime, "odd", 2)
        await transact(kafka, at.topic, [event(3)], commit=False)
        last = await end(kafka, at)
        assert last == 5

        async def caught_up() -> bool:
            return await position(kafka, group, at) == last

        await until(caught_up, "a position behind the marks")
        unit = runtime.supervisor.units["odd"]
        await unit.measure()
        assert (unit.lag, unit.lag_seconds) == (0, 0.0)


async def test_a_log_that_retention_has_emptied_is_no_loss_for_who_has_read_it(tmp_path, kafka, unique):
    """The marks fall off the log with the events before them; the unit that had read these starts again."""
    at = TopicPartition(f"{unique}.in", 0)
    text = DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await transact(kafka, at.topic, [event(1), event(2)])
        await settled(runtime, "odd", 2)
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_records({at: RecordsToDelete(before_offset=await end(kafka, at))})
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, at.topic, [event(3)])
        assert (await settled(runtime, "odd", 1)).received == 1
        assert runtime.supervisor.units["odd"].state is State.RUNNING


async def test_lag_is_told_in_seconds_of_the_oldest_event_that_waits(tmp_path, kafka, unique):
    """Also while the unit is paused, when only a look at the log tells; and 0 again when it has caught up."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        unit = runtime.supervisor.units["odd"]
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "odd", 1)
        unit.pause()
        await until(lambda: unit.state is State.PAUSED)
        before = time.time()
        await publish(kafka, f"{unique}.in", [event(2), event(3)])

        async def old() -> bool:
            await unit.measure()
            return unit.lag_seconds > 6

        await until(old, "an age beyond what was seen last")
        assert unit.lag == 2
        assert time.time() - before - 1 < unit.lag_seconds < time.time() - before + 1
        unit.resume()
        await settled(runtime, "odd", 3)
        await unit.measure()
        assert unit.lag_seconds == 0


async def test_a_paused_unit_has_no_lag_where_only_marks_are_left(tmp_path, kafka, unique):
    """What lies behind its position is an aborted transaction: nothing waits."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        unit = runtime.supervisor.units["odd"]
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "odd", 1)
        unit.pause()
        await until(lambda: unit.state is State.PAUSED)
        await transact(kafka, f"{unique}.in", [event(3), event(5)], commit=False)

        async def empty() -> bool:
            await unit.measure()
            return (unit.lag, unit.lag_seconds) == (0, 0.0)

        await until(empty, "a look at the log")
        await transact(kafka, f"{unique}.in", [event(7)])
        await unit.measure()
        assert unit.lag > 0
