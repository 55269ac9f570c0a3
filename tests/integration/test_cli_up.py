"""`hub up` on a bare machine: real servers of its own, a picture, and nothing left running."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from pathlib import Path

import aio_pika
import aiohttp
import orjson

from hub.kafka.settings import KafkaSettings
from hub.process import listens
from tests.integration.commands import HUB, LIMIT, Command, command, environment
from tests.integration.engine import event, publish, until

DEPLOYMENT = """
deployment: here
sources:
  deliveries:
    use: github.webhook
    with: { path: /hook, secret: "${env:HOOK_SECRET}" }
routes:
  opened: { from: github.issues, start: earliest, where: data.action == "opened", to: tasks }
sinks:
  tasks:
    use: rabbitmq
    with: { url: "${env:AMQP_URL}", exchange: { name: tasks, type: topic }, queue: { name: tasks, bind: "#" }, routing_key: x }
"""  # noqa: E501  as a user would write it


async def deliver(url: str, number: int) -> int:
    """Sends a signed webhook delivery, as GitHub does; the answer's status."""
    body = orjson.dumps({"action": "opened", "number": number, "repository": {"full_name": "a/b"}})
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": f"delivery-{number}",
        "X-Hub-Signature-256": "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest(),
    }
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def delivered(hub: Command, unit: str, number: int) -> None:
    """Waits until a unit has delivered so many, by the reports."""

    def done() -> bool:
        report = orjson.loads(hub.out.splitlines()[-1])
        totals = {each["unit"]: each["totals"] for each in report["units"]}
        return bool(totals[unit]["delivered"] >= number)

    await until(done, f"{unit} delivering {number}")


def addresses(hub: Command) -> list[int]:
    """Ports of Kafka and RabbitMQ, as the log names them once they are ready."""
    return [int(re.findall(rf"127\.0\.0\.1:(\d+), \.hub/{name}", hub.err)[0]) for name in ("kafka", "rabbitmq")]


async def messages(port: int) -> int:
    """How many messages are in the queue."""
    async with await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/") as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("tasks", passive=True)
        return int(queue.declaration_result.message_count or 0)


async def test_a_deployment_with_servers_of_its_own(tmp_path: Path) -> None:
    """A webhook arrives in RabbitMQ; Ctrl-C ends all of it with 0; the next start has the data of the last."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/hub.yaml").write_text(DEPLOYMENT)
    env = environment(HOOK_SECRET="secret")
    for start in range(2):
        async with command("up", "shop", "--json", directory=tmp_path / str(start), env=env, cwd=tmp_path) as hub:
            started = await hub.report("started")
            url = f"{started['ingress']}/hook"
            assert [await deliver(url, number) for number in range(3 + start)] == [202] * (3 + start)
            await delivered(hub, "tasks", 3 - 2 * start)
            ports = addresses(hub)
            await until(lambda ports=ports, start=start: _holds(ports[1], 3 + start))
            if not start:
                async with command("up", "shop", directory=tmp_path / "second", env=env, cwd=tmp_path) as second:
                    assert await second.ended() == 3
                assert f"process {hub.process.pid}" in second.err
            hub.signal(signal.SIGINT)
            assert await hub.ended() == 0
        ended = await hub.report("ended")
        assert ended["ledger"]["in_flight"] == 0
        assert ended["ledger"]["filtered"] == 3 * start  # the deliveries of the first start, known to the second
        assert [await listens("127.0.0.1", port) for port in ports] == [False, False]
    assert (tmp_path / ".hub/.gitignore").read_text() == "*\n"


async def _holds(port: int, number: int) -> bool:
    return await messages(port) == number


async def test_on_a_terminal_there_is_a_picture(tmp_path: Path, kafka: KafkaSettings, unique: str) -> None:
    """Units, numbers and the ledger, never wider than the terminal, which is left as it was; the log goes to a file."""
    (tmp_path / "hub.yaml").write_text(
        f"deployment: {unique}\n"
        f"topics: {{ {unique}.in: , {unique}.out: }}\n"
        f"routes: {{ copy: {{ from: {unique}.in, start: earliest, to: {unique}.out }} }}\n"
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    env = environment(kafka, TERM="xterm-256color")
    hub = subprocess.Popen([*HUB, "up", "."], stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=tmp_path)  # noqa: ASYNC220  returns at once
    os.close(theirs)
    seen = b""

    def read() -> None:
        nonlocal seen
        try:
            seen += os.read(ours, 65_536)
        except OSError:  # Linux's end of file of a terminal
            loop.remove_reader(ours)

    def shows(text: str) -> bool:
        assert hub.poll() is None, plain(seen)
        return text in plain(seen)

    loop = asyncio.get_running_loop()
    loop.add_reader(ours, read)
    try:
        await until(lambda: shows("RUNNING"), "the route running")
        await publish(kafka, f"{unique}.in", [event(number) for number in range(7)])
        await until(lambda: shows("delivered 7"), "seven events in the picture")
        hub.send_signal(signal.SIGINT)
        async with asyncio.timeout(LIMIT):
            while hub.poll() is None:  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.02)
        await until(lambda: b"ended" in seen)
    finally:
        loop.remove_reader(ours)
        hub.kill()
        hub.wait()
        os.close(ours)
    assert hub.returncode == 0
    picture = plain(seen).splitlines()
    assert any(re.match(r" route +copy .*STOPPED +7", line) for line in picture[-4:])
    assert picture[-2].startswith(" received 7 · delivered 7")
    assert picture[-1] == " ended; data and log stay in .hub"
    assert max(map(len, picture)) <= 90
    assert seen.rstrip().endswith(b"\x1b[?25h")  # the cursor is back
    log = (tmp_path / ".hub/hub.log").read_text()
    assert "route copy: RUNNING" in log
    assert "SIGINT: draining" in log


def plain(output: bytes) -> str:
    """The lines that a terminal got, without control sequences; a picture begins where the cursor went back."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode(errors="replace"))
    return "\n".join(line for line in re.split(r"[\r\n]+", text) if line)


async def test_when_its_kafka_dies_it_says_so_and_ends(tmp_path: Path) -> None:
    """Exit code 3, with Kafka's own last words; the next start has the data."""
    (tmp_path / "hub.yaml").write_text(
        "deployment: dies\ntopics: { one: , two: }\nroutes: { copy: { from: one, start: earliest, to: two } }\n"
    )
    env = environment()
    async with command("up", ".", "--json", directory=tmp_path / "1", env=env, cwd=tmp_path) as hub:
        settings = KafkaSettings.plain((await hub.report("started"))["kafka"])
        await publish(settings, "one", [event(number) for number in range(5)])
        await delivered(hub, "copy", 5)
        os.kill(orjson.loads((tmp_path / ".hub/kafka/instance.json").read_bytes())["pid"], signal.SIGKILL)
        assert await hub.ended() == 3
    assert "Kafka" in hub.err.splitlines()[-1]
    assert "Traceback" not in hub.err
    async with command("up", ".", "--json", directory=tmp_path / "2", env=env, cwd=tmp_path) as hub:
        settings = KafkaSettings.plain((await hub.report("started"))["kafka"])
        await publish(settings, "one", [event(number) for number in range(5, 7)])
        await delivered(hub, "copy", 2)
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    assert (await hub.report("ended"))["ledger"]["received"] == 2
