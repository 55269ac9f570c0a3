"""The embedded Apache Kafka: keeps what it was given, is found again, and goes when it should."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from hub.kafka import embedded as module
from hub.kafka import home, instance, topics
from hub.kafka.embedded import EmbeddedKafka
from hub.kafka.instance import Instance
from hub.kafka.publisher import Publisher, Record, RecordMetadata
from hub.kafka.specs import TopicSpec
from hub.process import free_ports
from hub.sdk import EnvironmentProblem

# Starts take most of the time of these tests, so they share one broker, and each leaves it as it happens to be.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """One whose path is what Java's formats and shells trip over."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "näme with späces & \\")
    await broker.start()
    yield broker
    broker.kill()


@pytest.fixture
async def running(own: EmbeddedKafka) -> EmbeddedKafka:
    await own.start()
    return own


@pytest.fixture
async def stopped(own: EmbeddedKafka) -> EmbeddedKafka:
    await own.stop()
    return own


async def write(broker: EmbeddedKafka, topic: str, value: bytes) -> int:
    """The offset at which a value was written."""
    await topics.ensure_topics(broker.settings, [TopicSpec(topic, 1)])
    async with Publisher(broker.settings) as publisher:
        (result,) = await publisher.send([Record(topic, b"k", value)])
    assert isinstance(result, RecordMetadata), result
    return int(result.offset)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  processes set no events
            await asyncio.sleep(0.02)


# While it runs


async def test_the_status_is_what_the_system_says(running: EmbeddedKafka):
    status = running.status()

    assert status.running
    assert status.bootstrap == running.bootstrap
    assert status.directory == running.directory
    assert status.pid is not None
    os.kill(status.pid, 0)
    assert time.time() - 3600 < (status.started or 0) <= time.time()


async def test_a_second_start_finds_the_one_that_runs_and_leaves_it_alone(running: EmbeddedKafka):
    pid = running.status().pid
    async with EmbeddedKafka(running.directory) as second:
        assert second.bootstrap == running.bootstrap
        assert not second.ours

    assert running.status().pid == pid


async def test_a_second_start_on_another_port_is_refused(running: EmbeddedKafka):
    (other,) = free_ports(1)
    with pytest.raises(EnvironmentProblem, match=rf"runs already, as process \d+ on port .*, not {other}"):
        await EmbeddedKafka(running.directory, other).start()


# Its end, and the start after it


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_data_and_port_are_kept_over_an_end_of_any_kind(running: EmbeddedKafka, unique: str, way: str):
    assert await write(running, unique, b"before") == 0
    port, pid = running.bootstrap, running.status().pid
    if way == "kill":
        running.kill()
    else:
        assert await running.stop()
    assert not running.status().running

    assert await running.start() == port

    assert running.status().pid != pid
    assert await write(running, unique, b"after") == 1


async def test_whoever_watches_hears_of_its_death(running: EmbeddedKafka):
    watching = asyncio.create_task(running.watch())
    pid = running.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(EnvironmentProblem, match=r"has ended unasked"):
        await asyncio.wait_for(watching, 10)


async def test_whoever_watches_hears_nothing_of_a_stop_of_ours(running: EmbeddedKafka):
    watching = asyncio.create_task(running.watch())
    assert await running.stop()

    await asyncio.wait_for(watching, 10)
    assert not await running.stop()


async def test_whoever_has_started_it_anyone_can_stop_it(running: EmbeddedKafka):
    assert await EmbeddedKafka(running.directory).stop()

    assert not running.status().running
    with pytest.raises(EnvironmentProblem, match="has ended unasked"):
        await running.watch()


async def test_a_stale_note_whose_process_id_is_somebody_elses_now_is_no_hindrance(stopped: EmbeddedKafka):
    last = instance.read(stopped.directory)
    assert last is not None
    instance.write(stopped.directory, Instance(os.getpid(), last.port, last.controller_port, last.started))
    assert not stopped.status().running

    assert await stopped.start() == f"127.0.0.1:{last.port}"


async def test_another_port_is_taken_where_the_last_one_is_no_longer_free(stopped: EmbeddedKafka):
    last = stopped.bootstrap
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(last.rpartition(":")[2])))
        other.listen()
        assert await stopped.start() != last


async def test_a_start_that_is_cancelled_leaves_nothing_running(stopped: EmbeddedKafka):
    starting = asyncio.create_task(stopped.start())
    await until(lambda: stopped.status().running)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not stopped.status().running


_HOLDER = """
import asyncio, sys
from hub.kafka.embedded import EmbeddedKafka

async def main():
    async with EmbeddedKafka(sys.argv[1]) as broker:
        print(broker.bootstrap, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda each: each.name)
def test_it_ends_with_whoever_has_started_it_however_that_ends(stopped: EmbeddedKafka, number: signal.Signals):
    command = [sys.executable, "-c", _HOLDER, str(stopped.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        assert holder.stdout is not None
        address = holder.stdout.readline().decode().strip()
        assert address == stopped.status().bootstrap
        assert stopped.status().running
        holder.send_signal(number)
        holder.wait()
    asyncio.run(until(lambda: not stopped.status().running))


# A new directory


async def test_several_starts_at_once_give_one_kafka_even_where_one_was_cut_off_before(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bootstrap.checkpoint").write_bytes(b"cut off while it was being prepared")
    brokers = [EmbeddedKafka(tmp_path, overrides={"message.max.bytes": "4321"}) for _ in range(3)]
    try:
        addresses = await asyncio.gather(*(broker.start() for broker in brokers))

        assert len(set(addresses)) == 1
        assert [broker.ours for broker in brokers].count(True) == 1
        assert await write(brokers[0], "a", b"x") == 0
        # What was overridden has reached the broker.
        assert (await topics.describe_topics(brokers[0].settings, ["a"]))["a"].max_message == 4321
    finally:
        for broker in brokers:
            broker.kill()


async def test_kafkas_own_reason_not_to_start_is_shown(tmp_path: Path, own: EmbeddedKafka):
    (tmp_path / "data").mkdir()
    shutil.copy(own.directory / "data" / "meta.properties", tmp_path / "data")
    broken = EmbeddedKafka(tmp_path, overrides={"num.io.threads": "-3"})

    with pytest.raises(EnvironmentProblem, match=r"(?s)ended while starting.*num\.io\.threads"):
        await broken.start()
    assert not broken.status().running


async def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match=f"port {port} .*another program has it"):
            await EmbeddedKafka(tmp_path, port).start()

    assert not (tmp_path / "data").exists()


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(EnvironmentProblem, match=r"file/kafka can't be written.*name another one"):
        await EmbeddedKafka(tmp_path / "file" / "kafka").start()


async def test_a_directory_that_kafka_would_take_for_two_is_refused(tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match="comma"):
        await EmbeddedKafka(tmp_path / "a,b").start()


async def test_a_disk_without_room_is_said_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(home, "ROOM", 10**18)

    with pytest.raises(EnvironmentProblem, match=r"MiB free, and Kafka needs .* MiB"):
        await EmbeddedKafka(tmp_path).start()


def test_a_full_disk_is_named_before_the_log():
    told = EmbeddedKafka("/anywhere")._explained(EnvironmentProblem("java.io.IOException: No space left on device"))

    assert str(told).startswith("the disk of /anywhere is full.")


async def test_something_that_takes_connections_and_never_answers_is_not_taken_for_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_ANSWER_MS", 500)
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    broker = EmbeddedKafka(tmp_path)
    broker._instance = Instance(1, server.sockets[0].getsockname()[1], 2, 0)
    try:
        assert not await broker._answers()
        assert len(taken) > 1
    finally:
        server.close()
        for writer in taken:
            writer.close()
            await writer.wait_closed()
        await server.wait_closed()
