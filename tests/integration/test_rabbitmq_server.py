"""The private RabbitMQ: ours alone, durable over a kill, and gone when we are."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
import pytest_asyncio

from hub.process import free_ports
from hub.sdk import EnvironmentProblem
from hub.testing import rabbitmq as module
from hub.testing.rabbitmq import PrivateRabbitMQ, takes_connections
from hub.testing.servers import rabbitmq_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own() -> AsyncIterator[PrivateRabbitMQ]:
    """A server that these tests may kill."""
    server = PrivateRabbitMQ()
    await server.start()
    yield server
    server.close()


async def _keep(url: str, queue: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(queue, durable=True)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue)


async def _take(url: str, queue: str) -> bytes:
    async with await aio_pika.connect(url) as connection, asyncio.timeout(20):
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        async with declared.iterator() as messages:
            async for message in messages:
                await message.ack()
                return message.body
    raise AssertionError("the queue ended")


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_the_sessions_rabbitmq_takes_and_gives_a_message(rabbitmq: str, unique: str) -> None:
    """A message published to the session's RabbitMQ comes back from its queue."""
    await _keep(rabbitmq, unique, b"hello")
    assert await _take(rabbitmq, unique) == b"hello"


async def test_a_confirmed_message_survives_a_kill(own: PrivateRabbitMQ, unique: str) -> None:
    """After kill -9 and a start the same address holds the same data."""
    await own.start()
    url = own.url
    await _keep(url, unique, b"kept")
    own.kill()
    assert not own.running
    assert await own.start() == url
    assert await _take(url, unique) == b"kept"


async def test_a_confirmed_message_survives_an_orderly_stop(own: PrivateRabbitMQ, unique: str) -> None:
    """After a stop and a start the same address holds the same data."""
    await own.start()
    url = own.url
    await _keep(url, unique, b"kept")
    await own.stop()
    assert not own.running
    assert await own.start() == url
    assert await _take(url, unique) == b"kept"


async def test_rabbitmqctl_reaches_the_private_server(own: PrivateRabbitMQ) -> None:
    """`control` speaks to our own node, and a wrong command is an error that says so."""
    await own.start()
    assert "hub@localhost" in await own.control("eval", "node().")
    with pytest.raises(EnvironmentProblem, match="no_such_command failed"):
        await own.control("no_such_command")


async def test_a_server_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without Debian's package the error names it and the way around it, and nothing runs."""
    monkeypatch.setattr(module, "_PROGRAMS", tmp_path / "nowhere")
    server = PrivateRabbitMQ(tmp_path / "data")
    with pytest.raises(EnvironmentProblem, match=r"apt-get install rabbitmq-server.*HUB_TEST_RABBITMQ"):
        await server.start()
    assert not server.running


async def test_a_port_that_was_taken_in_the_meantime_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When somebody takes a port between the choice and the start, another one is chosen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        others = free_ports(3)
        choices = [[*others[:2], port, others[2]], free_ports(4)]
        monkeypatch.setattr(module, "free_ports", lambda _: choices.pop(0))
        server = PrivateRabbitMQ(tmp_path)
        try:
            url = await server.start()
            assert choices == []
            assert await takes_connections(url)
        finally:
            server.close()


async def test_a_server_named_by_the_environment_is_used_and_not_ended(
    own: PrivateRabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HUB_TEST_RABBITMQ comes before the other rungs; what it names is used, and refused to be killed."""
    await own.start()
    monkeypatch.setenv("HUB_TEST_RABBITMQ", own.url)
    async with rabbitmq_server() as server:
        assert server.url == own.url
        with pytest.raises(EnvironmentProblem, match="not ours to end"):
            server.kill()
    assert own.running


async def test_a_named_server_that_is_down_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a server, no other rung is tried: the user meant that one."""
    (port,) = free_ports(1)
    monkeypatch.setenv("HUB_TEST_RABBITMQ", f"amqp://guest:guest@127.0.0.1:{port}/")
    with pytest.raises(EnvironmentProblem, match="HUB_TEST_RABBITMQ names a server that doesn't answer"):
        async with rabbitmq_server():
            pass


_OWNER = """
import asyncio, os, sys, time
from hub.testing.rabbitmq import PrivateRabbitMQ
async def main():
    server = PrivateRabbitMQ(__import__("pathlib").Path(sys.argv[1]))
    await server.start()
    print(server._server.pid, server._epmd.pid, flush=True)
    sys.stdin.read()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_is_left_running_when_its_owner_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the process that started it ends the server and its epmd too."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        pids = [int(each) for each in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert all(_alive(pid) for pid in pids)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        deadline = time.monotonic() + 10
        while any(_alive(pid) for pid in pids):
            assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if _alive(pid)]}"
            time.sleep(0.02)
