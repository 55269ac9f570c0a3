"""Workers with names of their own: restarts without a rebalance, and one name for one worker."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import NewPartitions

from hub.deployment import Registry, load
from hub.engine.reading.reader import Reader
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings, WorkerSettings
from hub.engine.unit import State
from hub.kafka import clients
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.partitioner import partitioner
from hub.kafka.settings import KafkaSettings
from hub.sdk import ConfigError
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 4 }}
  {name}.out: {{ partitions: 1 }}
routes:
  copy: {{ from: {name}.in, start: earliest, to: "{name}.out" }}
"""
PARTITIONS = 4 + 4  # with the inbox, which is as wide


@asynccontextmanager
async def worker(
    directory: Path, kafka: KafkaSettings, instance: str | None, *, leave: bool = False, **who: Any
) -> AsyncIterator[Runtime]:
    """A worker of the deployment, under a name of its own; at the end of the block it is drained."""
    runtime = Runtime(
        load(directory, registry=Registry([Script().connector])),
        kafka,
        ingress=IngressSettings(port=0),
        environ={},
        worker=WorkerSettings(instance=instance, **who),
    )
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop(leave=leave)


@pytest.fixture
def deployment(tmp_path: Path, unique: str) -> Path:
    (tmp_path / "deployment.yaml").write_text(DEPLOYMENT.format(name=unique))
    return tmp_path


def reader(runtime: Runtime) -> Reader:
    """The reader of the worker's route."""
    found = runtime.supervisor.units["copy"]._reader  # type: ignore[attr-defined]
    assert isinstance(found, Reader)
    return found


def shared(*runtimes: Runtime) -> bool:
    """Whether the workers have all partitions among them, and each has some."""
    assigned = [each.supervisor.units["copy"]._reader.assigned for each in runtimes]  # type: ignore[attr-defined]
    return all(assigned) and sum(map(len, assigned)) == PARTITIONS


def generation(runtime: Runtime) -> int:
    """Of the group, as its broker counts: it rises with every rebalance."""
    membership = reader(runtime).membership
    assert membership is not None
    return membership.generation


def keys_of(runtime: Runtime) -> list[str]:
    """Keys whose events lie on the worker's own partitions."""
    mine = {at.partition for at in reader(runtime).assigned if at.topic.endswith(".in")}
    return [key for key in map(str, range(100)) if partitioner(key.encode(), range(4), range(4)) in mine]


async def test_a_restart_within_the_session_timeout_is_no_rebalance(kafka, unique, deployment):
    """The other worker keeps its partitions and delivers meanwhile; the one that comes back finds its own."""
    async with worker(deployment, kafka, "one") as one:
        async with worker(deployment, kafka, "two") as two:
            await until(lambda: shared(one, two), "an assignment for both")
            before, mine = generation(one), reader(one).assigned
            lives, theirs = reader(one).generation, reader(two).assigned
            keys, others = keys_of(one), keys_of(two)
            assert keys
            assert others
        await publish(kafka, f"{unique}.in", [event(n, key=keys[n % len(keys)]) for n in range(100)])
        await publish(kafka, f"{unique}.in", [event(n, key=others[n % len(others)]) for n in range(100, 150)])
        # Nobody has the partitions of the one that is away, and the other goes on with its own.
        await until(lambda: _copied(kafka, unique, 100), "events while one is away")
        assert len(await records(kafka, f"{unique}.out")) == 100
        async with worker(deployment, kafka, "two") as two:
            assert reader(two).assigned == theirs
            await until(lambda: _copied(kafka, unique, 150))
            assert generation(one) == generation(two) == before
            assert (reader(one).generation, reader(one).assigned) == (lives, mine)
    ids = [dict(each.headers)["ce_id"] for each in await records(kafka, f"{unique}.out")]
    assert len(set(ids)) == len(ids) == 150


async def test_who_leaves_for_good_is_followed_at_once(kafka, unique, deployment):
    """Nobody waits for its session, which would last for minutes."""
    async with worker(deployment, kafka, "one", session_timeout=120) as one:
        async with worker(deployment, kafka, "two", leave=True, session_timeout=120) as two:
            await until(lambda: shared(one, two), "an assignment for both")
        await until(lambda: len(reader(one).assigned) == PARTITIONS, "all partitions")
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(20)])
        await until(lambda: _copied(kafka, unique, 20))


async def test_who_does_not_come_back_is_followed_after_its_session(kafka, unique, deployment):
    """Its place is kept for that long, and no longer."""
    async with worker(deployment, kafka, "one", session_timeout=6) as one:
        async with worker(deployment, kafka, "two", session_timeout=6) as two:
            await until(lambda: shared(one, two), "an assignment for both")
        began = time.monotonic()
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(20)])
        await until(lambda: len(reader(one).assigned) == PARTITIONS, "all partitions")
        assert time.monotonic() - began > 3  # its last heartbeat was 3 s ago at most
        await until(lambda: _copied(kafka, unique, 20))


@pytest.mark.parametrize(
    ("instance", "count"), [("base.1", 1), (None, 0)], ids=["fewer workers", "a single one without a name"]
)
async def test_nobody_waits_for_workers_that_there_are_no_more(kafka, unique, deployment, instance, count):
    """Several were drained, and fewer are started: those that are too many are taken out of the groups at once."""
    session = {"families": "base", "session_timeout": 120}
    async with (
        worker(deployment, kafka, "base.1", count=2, index=1, **session) as one,
        worker(deployment, kafka, "base.2", count=2, index=2, **session) as two,
    ):
        await until(lambda: shared(one, two), "an assignment for both")
    async with worker(deployment, kafka, instance, count=count, **session) as one:
        await until(lambda: len(reader(one).assigned) == PARTITIONS, "all partitions")
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(20)])
        await until(lambda: _copied(kafka, unique, 20))


async def test_workers_without_names_leave_at_once(kafka, deployment):
    """As before: what one leaves the other has within moments."""
    async with worker(deployment, kafka, None) as one:
        async with worker(deployment, kafka, None) as two:
            await until(lambda: shared(one, two), "an assignment for both")
        began = time.monotonic()
        await until(lambda: len(reader(one).assigned) == PARTITIONS, "all partitions")
        assert time.monotonic() - began < 8


async def test_a_name_is_for_one_worker(kafka, unique, deployment):
    """The second to take it has it; the first stops for good and says why, instead of taking it back."""
    async with worker(deployment, kafka, "same") as one, worker(deployment, kafka, "same") as two:
        loser, winner = one.supervisor.units["copy"], two.supervisor.units["copy"]
        for start in range(0, 60, 20):
            await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(start, start + 20)])
            await until(lambda start=start: _copied(kafka, unique, start + 20))
        await until(lambda: loser.state is State.FAILED and "starting again" not in loser.detail)
        assert f"another worker runs under the name {unique}.copy.same" in loser.detail
        assert "HUB_WORKER__INSTANCE" in loser.detail
        assert winner.state is State.RUNNING
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(60, 80)])
        await until(lambda: _copied(kafka, unique, 80))
    numbers = [event.value for event in await records(kafka, f"{unique}.out")]
    assert len(set(numbers)) == len(numbers) == 80


async def test_what_a_killed_worker_left_open_ends_with_its_next_start(kafka, unique, deployment):
    """The transaction that it had open holds nobody up until its timeout."""
    async with worker(deployment, kafka, "one") as one:
        await publish(kafka, f"{unique}.in", [event(1)])
        await until(lambda: _copied(kafka, unique, 1))
        await one.supervisor.stop("copy")
        killed = TransactionWriter(kafka, f"{unique}.copy.one", outputs=[f"{unique}.out"])
        await killed.start()
        await killed.begin()
        assert killed.add(f"{unique}.out", b"k", b"never", []) is None
        for target in killed._targets.values():
            for partition in list(target.open):
                killed._close(target, partition)
        await killed.push()
        await killed._acknowledged()
        began = time.monotonic()
        await publish(kafka, f"{unique}.in", [event(2)])
        await one.supervisor.restart("copy")
        await until(lambda: _copied(kafka, unique, 2))
        assert time.monotonic() - began < 8  # its timeout is 10 s
        await killed.stop(0.1)
    assert b"never" not in [each.value for each in await records(kafka, f"{unique}.out")]


async def test_new_partitions_are_found_after_the_leader_came_back(kafka, unique, deployment):
    """A leader that comes back under its name isn't told that it leads; all the same it sees to new partitions."""
    async with worker(deployment, kafka, "one"):
        pass
    async with worker(deployment, kafka, "one") as one:
        unit = one.supervisor.units["copy"]
        await unit.measure()
        async with clients.running(clients.admin(kafka)) as admin:
            await admin.create_partitions({f"{unique}.in": NewPartitions(6)})

        async def found() -> bool:
            await reader(one)._consumer._client.force_metadata_update()
            await unit.measure()
            return len(reader(one).assigned) == PARTITIONS + 2

        await until(found, "the new partitions")


def test_a_name_that_brokers_would_not_take_is_refused():
    """Before anything is started."""
    with pytest.raises(ConfigError, match="HUB_WORKER__INSTANCE"):
        WorkerSettings(instance="not a name")


async def _copied(kafka: KafkaSettings, name: str, number: int) -> bool:
    return len(await records(kafka, f"{name}.out")) >= number
