"""`hub run` as a process: it drains on a signal, and loses nothing when it is killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.deployment import load
from hub.kafka import names
from hub.kafka.clients import admin, consumer, running
from hub.kafka.publisher import Publisher, Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import counts, ensure_topics
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, records, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.mid: {{ partitions: 3 }}
  {name}.out: {{ partitions: 3 }}
routes:
  first: {{ from: {name}.in, start: earliest, to: "{name}.mid" }}
  second: {{ from: {name}.mid, start: earliest, where: data.n % 10 != 0, to: "{name}.out" }}
"""


@pytest.fixture
async def deployment(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Path:
    """A directory with two routes, one after the other, whose topics are made."""
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    await ensure_topics(kafka, load(directory).topic_specs())
    return directory


async def fill(kafka: KafkaSettings, topic: str, numbers: range) -> None:
    await publish(kafka, topic, [event(n, key=str(n % 50), text="x" * 200) for n in numbers])


@asynccontextmanager
async def feeding(kafka: KafkaSettings, topic: str) -> AsyncIterator[list[int]]:
    """Publishes events for as long as the block lasts, and counts them in the list that it gives."""
    count = [0]
    fed = asyncio.Event()

    async def feed() -> None:
        async with Publisher(kafka) as publisher:
            while not fed.is_set():
                events = [event(n, key=str(n % 50), text="x" * 200) for n in range(count[0], count[0] + 50)]
                for result in await publisher.send([Record(topic, *each.to_kafka()) for each in events]):
                    assert not isinstance(result, Exception), result
                count[0] += 50
                await asyncio.sleep(0.05)

    task = asyncio.create_task(feed())
    try:
        yield count
    finally:
        fed.set()
        await task


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    return [orjson.loads(record.value)["n"] for record in await records(kafka, topic)]


async def written(kafka: KafkaSettings, topic: str) -> int:
    return (await counts(kafka, [topic]))[topic]


async def committed(kafka: KafkaSettings, name: str, unit: str, topic: str) -> int:
    """How many events of a topic a unit has settled."""
    async with running(admin(kafka)) as client:
        offsets = await client.list_consumer_group_offsets(names.group(name, unit))
    return sum(each.offset for partition, each in offsets.items() if partition.topic == topic)


async def test_it_runs_reports_and_ends_well(tmp_path, kafka, unique, deployment):
    """Reports on standard output, log lines on standard error, probes over HTTP; SIGTERM ends it with 0."""
    await fill(kafka, f"{unique}.in", range(100))
    async with command("run", str(deployment), "--json", directory=tmp_path, env=environment(kafka)) as hub:
        started = await hub.report("started")
        assert [unit["unit"] for unit in started["units"]] == ["first", "second"]
        async with aiohttp.ClientSession(started["admin"]) as session, session.get("/readyz") as answer:
            assert answer.status == 200
        assert f"2 units of {unique} started; SIGTERM or Ctrl-C drains" in hub.err

        async def done() -> bool:
            return await written(kafka, f"{unique}.out") >= 90

        await until(done)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
        ended = await hub.report("ended")
    assert ended["ledger"] == {
        "received": 200,
        "delivered": 190,
        "filtered": 10,
        "dead_lettered": 0,
        "replayed": 0,
        "in_flight": 0,
    }
    lines = [orjson.loads(line) for line in hub.err.splitlines()]
    assert {"time", "level", "logger", "message"} == set(lines[0])
    assert any(line["message"] == "route first: RUNNING" for line in lines)
    assert not any(line["level"] == "error" for line in lines)


async def test_sigterm_in_mid_flow_drains(tmp_path, kafka, unique, deployment):
    """What was taken in is settled and committed, so that the next start repeats nothing and misses nothing."""
    async with feeding(kafka, f"{unique}.in") as fed:
        async with command("run", str(deployment), directory=tmp_path / "1", env=environment(kafka)) as hub:
            await until(lambda: _moved(kafka, f"{unique}.out", 200))
            hub.signal(signal.SIGTERM)
            assert await hub.ended() == 0
        assert "SIGTERM: draining" in hub.err
        assert "drained in" in hub.err
        for unit, source, target in (("first", "in", "mid"), ("second", "mid", "out")):
            settled = await committed(kafka, unique, unit, f"{unique}.{source}")
            found = await numbers(kafka, f"{unique}.{target}")
            assert len(found) == len(set(found))
            assert unit == "second" or settled == len(found)
        assert len(await numbers(kafka, f"{unique}.mid")) < fed[0]
    await finish(tmp_path / "2", kafka, unique, deployment, fed[0])
    assert sorted(await numbers(kafka, f"{unique}.mid")) == list(range(fed[0]))
    assert sorted(await numbers(kafka, f"{unique}.out")) == [n for n in range(fed[0]) if n % 10]


async def test_nothing_is_lost_when_it_is_killed(tmp_path, kafka, unique, deployment):
    """Twice kill -9 in mid-flow; then everything that went in has come out, once."""
    async with feeding(kafka, f"{unique}.in") as fed:
        for attempt in range(2):
            before = await written(kafka, f"{unique}.out")
            async with command(
                "run", str(deployment), directory=tmp_path / str(attempt), env=environment(kafka)
            ) as hub:
                await until(lambda before=before: _moved(kafka, f"{unique}.out", before + 200))
                hub.signal(signal.SIGKILL)
                assert await hub.ended() == -signal.SIGKILL
    await finish(tmp_path / "last", kafka, unique, deployment, fed[0])
    assert sorted(await numbers(kafka, f"{unique}.mid")) == list(range(fed[0]))
    assert sorted(await numbers(kafka, f"{unique}.out")) == [n for n in range(fed[0]) if n % 10]


async def _moved(kafka: KafkaSettings, topic: str, beyond: int) -> bool:
    return await written(kafka, topic) > beyond


async def finish(directory: Path, kafka: KafkaSettings, name: str, deployment: Path, fed: int) -> None:
    """Runs the deployment until both routes have settled everything."""
    async with command("run", str(deployment), directory=directory, env=environment(kafka)) as hub:

        async def done() -> bool:
            # What is written in transactions has offsets that no record has, so records are counted.
            passed = sum(1 for n in range(fed) if n % 10)
            settled = await committed(kafka, name, "first", f"{name}.in")
            return settled >= fed and len(await numbers(kafka, f"{name}.out")) >= passed

        await until(done, "everything settled")
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0


async def test_units_may_run_in_processes_of_their_own(tmp_path, kafka, unique, deployment):
    """As containers do: each runs what --only names, and together they are the deployment."""
    await fill(kafka, f"{unique}.in", range(100))
    env = environment(kafka)
    async with (
        command("run", str(deployment), "--only", "first", directory=tmp_path / "1", env=env) as one,
        command("run", str(deployment), "--only", "second", directory=tmp_path / "2", env=env) as two,
    ):

        async def done() -> bool:
            return await written(kafka, f"{unique}.out") >= 90

        await until(done)
        for hub in (one, two):
            hub.signal(signal.SIGTERM)
        assert [await hub.ended() for hub in (one, two)] == [0, 0]
    assert "route second" not in one.err
    assert "route first" not in two.err


async def test_a_unit_that_fails_for_good_ends_the_process_when_it_is_alone(tmp_path, kafka, unique, deployment):
    """Exit code 1, so that whoever runs the container notices: here events were deleted before they were read."""
    await fill(kafka, f"{unique}.in", range(50))
    partition = TopicPartition(f"{unique}.in", 0)
    async with running(consumer(kafka, group=names.group(unique, "first"))) as group:
        group.assign([partition])
        await group.commit({partition: 1})
    async with running(admin(kafka)) as client:
        await client.delete_records({partition: RecordsToDelete(before_offset=5)})
    async with command("run", str(deployment), "--only", "first", directory=tmp_path, env=environment(kafka)) as hub:
        assert await hub.ended() == 1
    assert "retention deleted 4 events" in hub.err
    assert "ended as FAILED: first" in hub.err


async def test_ctrl_c_while_it_waits_for_kafka_ends_it_quietly(tmp_path, deployment):
    """Exit code 130, no traceback."""
    env = environment(KafkaSettings.plain("127.0.0.1:1"))
    async with command("run", str(deployment), directory=tmp_path, env=env) as hub:
        await until(lambda: "doesn't answer yet" in hub.err)
        hub.signal(signal.SIGINT)
        assert await hub.ended() == 130
    assert "Traceback" not in hub.err


async def test_a_port_that_is_taken_is_said(tmp_path, kafka, deployment):
    """Exit code 3, the address, and the variable that helps."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    async with server:
        env = environment(kafka, HUB_ADMIN__PORT=port)
        async with command("run", str(deployment), directory=tmp_path, env=env) as hub:
            assert await hub.ended() == 3
    assert f"127.0.0.1:{port}" in hub.err
    assert "HUB_ADMIN__PORT" in hub.err
