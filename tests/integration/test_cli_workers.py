"""`hub run --workers`: several processes as one, kept going by the one above them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from hub.deployment import load
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from tests.integration.commands import Command, command, environment
from tests.integration.engine import event, publish, records
from tests.integration.test_cli_run import feeding

LIMIT = 90.0

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 4 }}
  {name}.out: {{ partitions: 4 }}
routes:
  copy: {{ from: {name}.in, start: earliest, to: "{name}.out" }}
"""

WEBHOOK = """
sources:
  hook: { use: github.webhook, with: { path: /hook, secret: "${env:HOOK_SECRET}" } }
"""


@pytest.fixture
async def deployment(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Path:
    """A directory with one route, whose topics are made."""
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    await ensure_topics(kafka, load(directory).topic_specs())
    return directory


async def until(condition: Callable[[], Awaitable[Any]], hub: Command, what: str = "it") -> Any:
    """Waits until a condition gives something true."""
    async with asyncio.timeout(LIMIT):
        while not (found := await condition()):
            assert hub.process.poll() is None, f"ended with {hub.process.returncode}:\n{hub.err}"
            await asyncio.sleep(0.1)
    return found


async def ask(url: str, method: str = "GET") -> tuple[int, Any]:
    """What the admin API answers."""
    async with aiohttp.ClientSession() as session, session.request(method, url) as response:
        body = await response.read()
        is_json = "json" in response.headers.get("content-type", "")
        return response.status, orjson.loads(body) if is_json and body else body.decode()


def pids(hub: Command) -> dict[int, int]:
    """The worker processes by their numbers, from what the system tells of the children."""
    children = Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text().split()
    found: dict[int, int] = {}
    for pid in map(int, children):
        environ = Path(f"/proc/{pid}/environ").read_bytes().decode()
        if match := re.search(r"HUB_WORKER__INDEX=(\d+)", environ):
            found[int(match[1])] = pid
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    return [orjson.loads(each.value)["n"] for each in await records(kafka, topic)]


async def test_workers_share_the_work_and_are_one_to_the_operator(tmp_path, kafka, unique, deployment):
    """Both have partitions; probes, metrics and states are told for both, a pause holds in both, both are drained."""
    env = environment(kafka)
    arguments = ("run", str(deployment), "--workers", "2", "--json")
    async with command(*arguments, directory=tmp_path / "1", env=env) as hub:
        started = await until(lambda: _report(hub, "started"), hub, "a start")
        admin = started["admin"]
        assert len(started["workers"]) == 2
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(200)])

        async def copied(number: int = 200) -> bool:
            return len(await numbers(kafka, f"{unique}.out")) == number

        await until(copied, hub)
        status, ready = await ask(f"{admin}/readyz")
        assert (status, set(ready["workers"])) == (200, {"1", "2"})
        assert (await ask(f"{admin}/healthz"))[0] == 200
        assert (await ask(f"{admin}/connectors"))[1] == ["copy"]

        async def shared() -> bool:
            _, found = await ask(f"{admin}/connectors/copy/offsets")
            places = [tuple(each["partition"].values()) for each in found["offsets"]]
            _, metrics = await ask(f"{admin}/metrics")
            workers = set(re.findall(r'hub_delivered_events_total\{.*worker="(\d)"', metrics))
            return len(places) == len(set(places)) == 8 and workers == {"1", "2"}

        await until(shared, hub, "partitions for both")
        _, status = await ask(f"{admin}/connectors/copy/status")
        assert [task["id"] for task in status["tasks"]] == [1, 2]
        assert (status["connector"]["state"], status["totals"]["delivered"]) == ("RUNNING", 200)
        assert (await ask(f"{admin}/connectors/copy/config"))[1]["from"] == f'["{unique}.in"]'
        assert (await ask(f"{admin}/connectors/nothing/status"))[0] == 404
        assert (await ask(f"{admin}/connectors/copy/pause", "PUT"))[0] == 202
        _, status = await ask(f"{admin}/connectors/copy/status")
        assert [task["state"] for task in status["tasks"]] == ["PAUSED", "PAUSED"]
        # A worker that is started again is paused, too.
        os.kill(pids(hub)[2], signal.SIGKILL)

        async def back() -> Any:
            status, ready = await ask(f"{admin}/readyz")
            return status == 200 and ready

        async def again() -> bool:
            return "starting it again" in hub.err

        await until(again, hub)
        await until(back, hub)

        async def held() -> bool:
            _, status = await ask(f"{admin}/connectors/copy/status")
            return [task["state"] for task in status["tasks"]] == ["PAUSED", "PAUSED"]

        await until(held, hub, "a pause in both")
        await ask(f"{admin}/connectors/copy/resume", "PUT")
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    ended = await _report(hub, "ended")
    assert len(ended["workers"]) == 2
    assert ended["ledger"]["in_flight"] == 0
    lines = [orjson.loads(line) for line in hub.err.splitlines()]
    assert {line.get("worker") for line in lines} == {None, 1, 2}


async def test_a_worker_that_is_killed_comes_back_and_nothing_is_lost_or_repeated(tmp_path, kafka, unique, deployment):
    """Four kills, one worker after the other; then everything that went in has come out, once."""
    arguments = ("run", str(deployment), "--workers", "2")
    async with feeding(kafka, f"{unique}.in") as fed:
        async with command(*arguments, directory=tmp_path / "1", env=environment(kafka)) as hub:
            await until(lambda: _said(hub, "2 workers started"), hub, "a start")
            for turn in range(4):
                before = await _written(kafka, f"{unique}.out")
                os.kill((await until(lambda: _both(hub), hub))[turn % 2 + 1], signal.SIGKILL)
                await until(lambda turn=turn: _said(hub, "was ended by SIGKILL; starting", turn + 1), hub)
                await until(lambda before=before: _moved(kafka, f"{unique}.out", before + 200), hub, "more")
            given = fed[0]

            async def done() -> bool:
                # Newer ones are no sign: those of another partition may overtake.
                return set(range(given)) <= set(await numbers(kafka, f"{unique}.out"))

            await until(done, hub, "everything")
            hub.signal(signal.SIGTERM)
            assert await hub.ended() == 0
        assert re.search(r"info +\[1\] ", hub.err)
        assert re.search(r"info +\[2\] ", hub.err)
    found = await numbers(kafka, f"{unique}.out")
    assert len(found) == len(set(found))
    assert set(range(given)) <= set(found)


async def test_workers_end_with_the_one_above_them(tmp_path, kafka, deployment):
    """Even where that is killed: none goes on that nobody watches."""
    arguments = ("run", str(deployment), "--workers", "2")
    async with command(*arguments, directory=tmp_path / "1", env=environment(kafka)) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")
        children = pids(hub)
        hub.signal(signal.SIGKILL)
        await hub.ended()
        async with asyncio.timeout(LIMIT):
            while not all(map(gone, children.values())):  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.1)
    assert hub.err.count("SIGTERM: draining") == 2


async def test_what_cannot_work_ends_with_its_exit_code(tmp_path, kafka, deployment):
    """A wrong setting is 2, a port that is taken is 3; nothing is started again and again."""
    env = environment(kafka)
    (deployment / "more.yaml").write_text(WEBHOOK)
    arguments = ("run", str(deployment), "--workers", "2")
    async with command(*arguments, directory=tmp_path / "1", env=env) as hub:
        assert await hub.ended() == 2
    assert "HOOK_SECRET" in hub.err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        env |= {"HOOK_SECRET": "s3cret"}
        async with command(*arguments, directory=tmp_path / "2", env=env | {"HUB_INGRESS__PORT": port}) as hub:
            assert await hub.ended() == 3
        assert "HUB_INGRESS__PORT" in hub.err
        async with command(*arguments, directory=tmp_path / "3", env=env | {"HUB_ADMIN__PORT": port}) as hub:
            assert await hub.ended() == 3
        assert "HUB_ADMIN__PORT" in hub.err


async def test_webhooks_arrive_at_any_worker_also_while_one_is_down(tmp_path, kafka, unique, deployment):
    """All share the port: with one of them killed, the others answer."""
    (deployment / "more.yaml").write_text(WEBHOOK)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment(kafka, HOOK_SECRET="s3cret", HUB_INGRESS__PORT=str(port))
    async with command("run", str(deployment), "--workers", "2", directory=tmp_path / "1", env=env) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")

        async def refused() -> int:
            async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}/hook") as response:
                return response.status

        assert {await refused() for _ in range(10)} == {401}
        os.kill(pids(hub)[1], signal.SIGKILL)
        await until(lambda: _said(hub, "was ended by SIGKILL"), hub)
        assert {await refused() for _ in range(20)} == {401}
        hub.signal(signal.SIGINT)
        assert await hub.ended() == 0, hub.err


async def test_a_deploy_restarts_one_worker_after_the_other_and_nothing_is_lost_or_repeated(
    tmp_path, kafka, unique, deployment
):
    """SIGUSR1: the group is in the same generation afterwards, and other processes do the work."""
    env = environment(kafka, HUB_WORKER__SESSION_TIMEOUT="60")
    arguments = ("run", str(deployment), "--workers", "2", "--instance", "left", "--watch")
    async with feeding(kafka, f"{unique}.in") as fed, command(*arguments, directory=tmp_path / "1", env=env) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")
        await until(lambda: _moved(kafka, f"{unique}.out", 100), hub, "events")
        before, generation = pids(hub), await _generation(kafka, f"{unique}.copy")
        hub.signal(signal.SIGUSR1)
        await until(lambda: _said(hub, "2 workers restarted"), hub, "a deploy")
        after = pids(hub)
        assert set(after) == {1, 2}
        assert not set(before.values()) & set(after.values())
        assert await _generation(kafka, f"{unique}.copy") == generation
        # New schema files reach both.
        (deployment / "hub.yaml").write_text(DEPLOYMENT.format(name=unique) + "# later\n")
        await until(lambda: _said(hub, "the schema files mean what they did", 2), hub, "a look at the files")
        given = fed[0]

        async def done() -> bool:
            return set(range(given)) <= set(await numbers(kafka, f"{unique}.out"))

        await until(done, hub, "everything")
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0
    found = await numbers(kafka, f"{unique}.out")
    assert len(found) == len(set(found))
    assert set(range(given)) <= set(found)


async def test_other_commands_see_all_workers(tmp_path, kafka, unique, deployment):
    """Status lists both, the ledger adds up what they did, and an event is traced whoever has handled it."""
    env = environment(kafka)
    async with command("run", str(deployment), "--workers", "2", directory=tmp_path / "1", env=env) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(40)])

        async def copied() -> bool:
            return len(await numbers(kafka, f"{unique}.out")) == 40

        await until(copied, hub)

        async def listed() -> bool:
            status = await _output(tmp_path / "2", env, "status", str(deployment), "--json")
            states = {each["worker"]: each["status"]["state"] for each in status}
            return len(states) == 2 and set(states.values()) == {"RUNNING"}

        await until(listed, hub, "both in the status, which they write every few seconds")
        (ledger,) = await _output(tmp_path / "3", env, "ledger", str(deployment), "--json")
        assert (ledger["received"], ledger["delivered"], ledger["in_flight"]) == (40, 40, 0)
        journey = await _output(tmp_path / "4", env, "explain", str(deployment), "--id", "7", "--json")
        assert f"{unique}.out" in orjson.dumps(journey).decode()
        hub.signal(signal.SIGTERM)
        assert await hub.ended() == 0


async def test_ctrl_c_at_a_terminal_drains_once_and_leaves_the_groups(tmp_path, kafka, unique, deployment):
    """The signal goes to the whole process group; the workers hear of it from the one above them."""
    env = environment(kafka, HUB_WORKER__SESSION_TIMEOUT="120")
    arguments = ("run", str(deployment), "--workers", "2", "--instance", "here")
    async with command(*arguments, directory=tmp_path / "1", env=env, session=True) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")
        os.killpg(hub.process.pid, signal.SIGINT)
        assert await hub.ended() == 0
    assert hub.err.count("SIGINT: draining 2 workers") == 1
    assert hub.err.count("SIGINT: draining within") == 2
    assert "ending at once" not in hub.err
    assert "Traceback" not in hub.err
    assert await _members(kafka, f"{unique}.copy") == 0


async def test_sigterm_keeps_the_workers_places_unless_told_otherwise(tmp_path, kafka, unique, deployment):
    """They are expected back under their names; HUB_WORKER__LEAVE says that they don't come."""
    env = environment(kafka, HUB_WORKER__SESSION_TIMEOUT="120")
    arguments = ("run", str(deployment), "--workers", "2", "--instance", "here")
    for number, (leave, left) in enumerate((("false", 2), ("true", 0))):
        started = env | {"HUB_WORKER__LEAVE": leave}
        async with command(*arguments, directory=tmp_path / str(number), env=started) as hub:
            await until(lambda hub=hub: _said(hub, "2 workers started"), hub, "a start")
            hub.signal(signal.SIGTERM)
            assert await hub.ended() == 0
        assert await _members(kafka, f"{unique}.copy") == left


async def test_a_second_signal_ends_all_at_once(tmp_path, kafka, deployment):
    """With exit code 1, and no worker is left behind."""
    arguments = ("run", str(deployment), "--workers", "2")
    async with command(*arguments, directory=tmp_path / "1", env=environment(kafka)) as hub:
        await until(lambda: _said(hub, "2 workers started"), hub, "a start")
        children = pids(hub)
        hub.signal(signal.SIGTERM)
        hub.signal(signal.SIGINT)
        assert await hub.ended() == 1
        async with asyncio.timeout(LIMIT):
            while not all(map(gone, children.values())):  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.05)
    assert "again: ending at once" in hub.err


async def test_of_two_with_one_name_the_later_goes_on(tmp_path, kafka, unique, deployment):
    """The workers of the earlier one say why they end, and it ends with 1."""
    arguments = ("run", str(deployment), "--workers", "2", "--instance", "same")
    async with command(*arguments, directory=tmp_path / "1", env=environment(kafka)) as first:
        await until(lambda: _said(first, "2 workers started"), first, "a start")
        async with command(*arguments, directory=tmp_path / "2", env=environment(kafka)) as second:
            await until(lambda: _said(second, "2 workers started"), second, "a start")
            assert await first.ended() == 1
            said = re.findall(rf"another worker runs under the name ({unique}\.copy\.same\.\d)", first.err)
            assert set(said) == {f"{unique}.copy.same.1", f"{unique}.copy.same.2"}
            await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(40)])

            async def copied() -> bool:
                return len(await numbers(kafka, f"{unique}.out")) == 40

            await until(copied, second)
            second.signal(signal.SIGTERM)
            assert await second.ended() == 0


async def _output(directory: Path, env: dict[str, str], *arguments: str) -> Any:
    """What a command prints with ``--json``."""
    async with command(*arguments, directory=directory, env=env) as hub:
        assert await hub.ended() == 0, hub.err
        return orjson.loads(hub.out)


async def _described(kafka: KafkaSettings, group: str) -> Any:
    """What the broker says of a group."""
    async with clients.running(clients.admin(kafka)) as admin:
        (response,) = await admin.describe_consumer_groups([group])
        return response.groups[0]


async def _members(kafka: KafkaSettings, group: str) -> int:
    """How many members a group has, or keeps places for."""
    return len((await _described(kafka, group))[5])


async def _generation(kafka: KafkaSettings, group: str) -> int:
    """How often a group was rebalanced, as its coordinator has written it down."""
    found = 0
    for record in await records(kafka, "__consumer_offsets"):
        kind, length = struct.unpack_from(">hh", record.key)
        if kind != 2 or record.key[4 : 4 + length].decode() != group or record.value is None:  # 2: of the group itself
            continue
        _, length = struct.unpack_from(">hh", record.value)  # the protocol's type comes first
        (found,) = struct.unpack_from(">i", record.value, 4 + length)
    return found


async def _report(hub: Command, phase: str) -> Any:
    lines = (orjson.loads(line) for line in hub.out.splitlines())
    return next((document for document in lines if document["phase"] == phase), None)


async def _said(hub: Command, text: str, times: int = 1) -> bool:
    return hub.err.count(text) >= times


async def _both(hub: Command) -> dict[int, int] | None:
    found = pids(hub)
    return found if len(found) == 2 else None


async def _written(kafka: KafkaSettings, topic: str) -> int:
    return len(await numbers(kafka, topic))


async def _moved(kafka: KafkaSettings, topic: str, beyond: int) -> bool:
    return await _written(kafka, topic) > beyond
