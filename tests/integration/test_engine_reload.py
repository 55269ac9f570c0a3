"""A new version of a deployment, put to work while events flow: nothing is lost, repeated or mixed."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import orjson
import pytest

from hub.deployment import Registry, load
from hub.engine.dlq.deadletter import ROUTE
from hub.engine.runtime import Runtime
from hub.engine.status import read_reports
from hub.engine.unit import State
from hub.sdk import ConfigError, EnvironmentProblem, Event
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 2 }}
  {name}.out: {{ partitions: 1 }}
  {name}.other: {{ partitions: 1 }}
routes:
  work:
    from: {name}.in
    start: earliest
    map: {{ data: {{ n: = data.n, version: 1 }} }}
    to: {name}.out
  still:
    from: {name}.in
    start: earliest
    where: data.n < 0
    to: {name}.out
"""


def version(directory: Path, script: Script, text: str):
    (directory / "deployment.yaml").write_text(text)
    return load(directory, registry=Registry([script.connector]))


async def numbers(kafka, topic: str, key: str = "n") -> list[int]:
    return [orjson.loads(each.value)[key] for each in await records(kafka, topic)]


async def test_a_changed_route_is_swapped_between_two_batches(tmp_path, kafka, unique):
    """Every event is mapped once, by the old program or the new one; the consumer stays the same."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(50)])
        await settled(runtime, "work", 50)
        unit, reader = runtime.supervisor.units["work"], runtime.supervisor.units["work"]._reader
        assert (runtime.generation.number, unit.generation) == (1, 1)
        feeding = asyncio.create_task(publish(kafka, f"{unique}.in", [event(n) for n in range(50, 2000)]))
        new = version(tmp_path, script, text.replace("version: 1", "version: 2"))
        changes = await runtime.reload(new)
        await feeding
        await publish(kafka, f"{unique}.in", [event(n) for n in range(2000, 2050)])
        await settled(runtime, "work", 2050)
        assert (changes.swapped, changes.replaced, changes.added, changes.removed) == (("work",), (), (), ())
        assert runtime.supervisor.units["work"] is unit
        assert unit._reader is reader
        assert (runtime.generation.number, runtime.generation.digest) == (2, new.digest)
        assert {each.generation for each in runtime.supervisor.units.values()} == {2}
    assert sorted(await numbers(kafka, f"{unique}.out")) == list(range(2050))
    versions = await numbers(kafka, f"{unique}.out", "version")
    assert versions[:50] == [1] * 50
    assert versions[-50:] == [2] * 50


async def test_units_come_and_go_and_keep_their_positions(tmp_path, kafka, unique):
    """A new route and sink start, a removed one ends, a changed sink starts anew, and the ledger adds up."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    text += f"sinks:\n  tasks: {{ use: script, from: {unique}.out, start: earliest }}\n"
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10)])
        await settled(runtime, "tasks", 10)
        new = text.replace("  still:", "  more:").replace("data.n < 0", "data.n >= 10")
        new = new.replace("start: earliest }", "start: earliest, concurrency: 2 }")
        changes = await runtime.reload(version(tmp_path, script, new))
        assert (changes.added, changes.removed, changes.replaced) == (("more",), ("still",), ("tasks",))
        assert list(runtime.supervisor.units) == ["work", "tasks", "more"]
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10, 20)])
        totals = await settled(runtime, "tasks", 30)
        assert totals.delivered == 30
        assert (await settled(runtime, "more", 20)).filtered == {"where": 10}
        reports = [each.status.unit for each in await read_reports(kafka, unique)]
        assert "still" not in reports
        assert runtime.totals().balanced
    assert len(script.written) == 30


async def test_what_the_operator_paused_or_stopped_stays_so(tmp_path, kafka, unique):
    """A reload starts nothing that was meant to rest."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    text += f"sinks:\n  a: {{ use: script, from: {unique}.out }}\n  b: {{ use: script, from: {unique}.out }}\n"
    async with running(tmp_path, kafka, text, script) as runtime:
        runtime.supervisor.units["a"].pause()
        await runtime.supervisor.stop("b")
        await runtime.reload(version(tmp_path, script, text.replace("use: script,", "use: script, concurrency: 3,")))
        a, b = (runtime.supervisor.units[name] for name in "ab")
        await until(lambda: a.state is State.PAUSED, "a pausing")
        assert a.paused
        assert b.stopping.is_set()
        await runtime.supervisor.restart("b")
        await until(lambda: b.state is State.RUNNING, "b running")


async def test_what_cannot_follow_changes_nothing(tmp_path, kafka, unique):
    """Another name, a missing variable: the old version goes on."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        renamed = version(tmp_path, script, text.replace(f"deployment: {unique}", f"deployment: x{unique}"))
        with pytest.raises(ConfigError, match="can't be renamed"):
            await runtime.reload(renamed)
        needy = version(tmp_path, script, text.replace("version: 1", "version: = env.NOT_THERE") + "env: [NOT_THERE]\n")
        with pytest.raises(ConfigError, match="NOT_THERE isn't set"):
            await runtime.reload(needy)
        assert runtime.generation.number == 1
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "work", 1)
    assert await numbers(kafka, f"{unique}.out", "version") == [1]


async def test_a_new_target_of_a_route_is_made_and_written(tmp_path, kafka, unique):
    """Topics that only the new version has are there before the first event goes to them."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        new = text.replace(f"  {unique}.other:", f"  {unique}.fresh: {{ partitions: 1 }}\n  {unique}.other:")
        new = new.replace(f"version: 1 }} }}\n    to: {unique}.out", f"version: 1 }} }}\n    to: [{unique}.fresh]")
        await runtime.reload(version(tmp_path, script, new))
        await publish(kafka, f"{unique}.in", [event(n) for n in range(5)])
        await settled(runtime, "work", 5)
        assert runtime.supervisor.units["work"].flow == f"{unique}.in → {unique}.fresh"
    made = [Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, f"{unique}.fresh")]
    assert len(made) == 5
    assert {each.header(ROUTE) for each in made} == {"work"}
    assert await records(kafka, f"{unique}.out") == []


async def test_two_reloads_at_once_follow_each_other(tmp_path, kafka, unique):
    """Each is whole; the last one counts."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        versions = [version(tmp_path, script, text.replace("version: 1", f"version: {n}")) for n in (2, 3)]
        await asyncio.gather(*(runtime.reload(each) for each in versions))
        assert runtime.generation.number == 3
        assert isinstance(runtime, Runtime)
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "work", 1)
    assert await numbers(kafka, f"{unique}.out", "version") == [3]


async def test_an_operator_s_restart_and_a_reload_follow_each_other(tmp_path, kafka, unique):
    """Whichever comes first is finished first; a unit that the reload removes is not started again."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        less = version(tmp_path, script, text[: text.index("  still:")])
        await asyncio.gather(runtime.supervisor.restart("still"), runtime.reload(less))
        assert list(runtime.supervisor.units) == ["work"]
        await runtime.supervisor.restart("still")
        assert runtime.generation.number == 2


async def test_a_stop_during_a_reload_counts(tmp_path, kafka, unique):
    """It is for the unit of that name, whichever that is in the end."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        later = version(tmp_path, script, text.replace("start: earliest\n    where", "start: latest\n    where"))
        before = runtime.supervisor.units["still"]
        reload = asyncio.create_task(runtime.reload(later))
        await until(before.stopping.is_set, "the reload stopping the unit")
        await runtime.supervisor.halt("still")
        await reload
        assert runtime.supervisor.units["still"] is not before
        assert runtime.supervisor.units["still"].state is State.STOPPED


async def test_a_port_that_is_taken_changes_nothing(tmp_path, kafka, unique, monkeypatch):
    """The first webhook comes with a reload, and can't be received."""
    script, text = Script(), DEPLOYMENT.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            monkeypatch.setattr(runtime.server, "_port", taken.getsockname()[1])
            new = (
                text.replace("version: 1", "version: 2")
                + "sources:\n  hook: { use: script.hook, with: { path: /hook } }\n"
            )
            with pytest.raises(EnvironmentProblem):
                await runtime.reload(version(tmp_path, script, new))
        assert (runtime.generation.number, sorted(runtime.supervisor.units)) == (1, ["still", "work"])


async def test_a_path_that_is_given_up_is_not_found_any_more(tmp_path, kafka, unique):
    """Removed, changed, or exchanged between two sources: only who is served somewhere is told to come again."""
    script = Script()
    head = f"deployment: {unique}\nevents: {{ script.event: {{ schema: {{}}, topic: {unique}.in }} }}\n"
    text = head + (
        "sources:\n"
        "  first: { use: script.hook, with: { path: /first } }\n"
        "  second: { use: script.hook, with: { path: /second } }\n"
        "  third: { use: script.hook, with: { path: /third } }\n"
    )
    async with running(tmp_path, kafka, text, script) as runtime, aiohttp.ClientSession() as session:

        async def answers(*paths: str) -> list[int]:
            found = []
            for number, path in enumerate(paths):
                headers = {"X-Id": str(number), "X-Signature": "right"}
                async with session.post(runtime.server.url + path, data=b"{}", headers=headers) as response:
                    found.append(response.status)
            return found

        async def working() -> None:
            for unit in runtime.supervisor.units.values():
                await asyncio.wait_for(unit.ready.wait(), 30)

        assert await answers("/first", "/second", "/third") == [202, 202, 202]
        exchanged = text.replace("/second", "/x").replace("/first", "/second").replace("/x", "/first")
        await runtime.reload(version(tmp_path, script, exchanged.replace("/third", "/new")))
        await working()
        assert await answers("/first", "/second", "/new", "/third") == [202, 202, 202, 404]
        await runtime.supervisor.stop("second")
        assert await answers("/first") == [503]
        await runtime.reload(version(tmp_path, script, exchanged.replace("/third", "/new").replace("/first", "/other")))
        # What the operator stopped stays so, at its new path.
        assert await answers("/first", "/other") == [404, 503]
        await runtime.reload(
            version(tmp_path, script, head + "sources: { first: { use: script.hook, with: { path: /second } } }\n")
        )
        await working()
        assert await answers("/second", "/new", "/other") == [202, 404, 404]
