"""Look-ups of routes on the real Kafka: answers, sharing, failures, outages, exactly once."""

from __future__ import annotations

import asyncio

from hub.deployment import Registry, load
from hub.engine.dlq.deadletter import read_dead_letter
from hub.engine.unit import State
from hub.kafka import names
from hub.sdk import Event, Found, NotConnected, Permanent, Transient
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 2 }}
  {name}.out: {{ partitions: 1 }}
routes:
  named:
    from: {name}.in
    start: earliest
    where: data.n >= 0
    enrich:
      thing:
        use: script.thing
        key: = data.n % 5
        {more}
    map:
      type: named.thing
      data: {{ n: = data.n, name: '= thing == null ? "none" : thing.name' }}
    to: {name}.out
"""


async def made(kafka, topic: str) -> list[Event]:
    return [Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, topic)]


async def test_events_are_mapped_with_what_was_looked_up(tmp_path, kafka, unique):
    """Every event sees the answer to its own key; each key is asked for once per batch, and the ledger balances."""
    script = Script()
    script.answers = lambda key: None if key == 4 else {"name": f"thing {key}"}
    text = DEPLOYMENT.format(name=unique, more="")
    events = [event(n, key=str(n % 3)) for n in range(40)] + [event(-1)]
    async with running(tmp_path, kafka, text, script, only=()) as runtime:
        await publish(kafka, f"{unique}.in", events)
        totals = await settled(runtime, "named", 41)
        figures = runtime.supervisor.units["named"].lookups()[0]
    assert (totals.delivered, totals.filtered, totals.dead_lettered) == (40, {"where": 1}, {})
    out = await made(kafka, f"{unique}.out")
    assert sorted(each.data["n"] for each in out) == list(range(40))
    assert all(
        each.data["name"] == ("none" if each.data["n"] % 5 == 4 else f"thing {each.data['n'] % 5}") for each in out
    )
    assert all(len(keys) <= 3 and len(set(keys)) == len(keys) for keys in script.asked)
    assert len([key for keys in script.asked for key in keys]) <= 20
    assert (figures.name, figures.failed, figures.cached) == ("thing", 0, 0)


async def test_a_look_up_that_fails_for_good_dead_letters_its_events_alone(tmp_path, kafka, unique):
    """Of a batch only events of the refused key become dead letters, with the far side's word, status and attempts."""
    script = Script()

    def answers(key):
        if key == 1:
            return Permanent("no such thing here", status=410)
        if key == 2:
            return Transient("busy", status=500)
        return {"name": f"thing {key}"}

    script.answers = answers
    more = "on_error: { retry: { initial_interval: 1ms, max_interval: 2ms, max_retries: 2 } }"
    text = DEPLOYMENT.format(name=unique, more=more)
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(10)])
        totals = await settled(runtime, "named", 10)
        figures = runtime.supervisor.units["named"].lookups()[0]
    assert (totals.delivered, totals.dead_lettered) == (6, {"Permanent": 2, "Transient": 2})
    letters = [read_dead_letter(each.headers) for each in await records(kafka, names.dlq(unique, "named"))]
    assert {(each.stage, each.cause, each.status, each.attempts) for each in letters} == {
        ("enrich", "no such thing here", 410, 1),
        ("enrich", "busy", 500, 3),
    }
    assert figures.failed >= 2
    assert figures.retries >= 2


async def test_a_fallback_stands_in_and_marks_the_event(tmp_path, kafka, unique):
    """With a fallback nothing is dead-lettered; what was made of it says so, and nothing else does."""
    script = Script()
    script.answers = lambda key: Permanent("gone") if key == 1 else {"name": f"thing {key}"}
    text = DEPLOYMENT.format(name=unique, more="on_error: { fallback: { name: unknown } }")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10)])
        totals = await settled(runtime, "named", 10)
        figures = runtime.supervisor.units["named"].lookups()[0]
    assert (totals.delivered, totals.dead_lettered) == (10, {})
    out = await made(kafka, f"{unique}.out")
    assert {each.data["n"]: each.attributes.get("hubdegraded") for each in out} == {
        n: "fallback" if n % 5 == 1 else None for n in range(10)
    }
    assert {each.data["name"] for each in out if each.data["n"] % 5 == 1} == {"unknown"}
    assert figures.fallback >= 1
    assert figures.failed == 0


async def test_an_outage_pauses_the_route_and_loses_nothing(tmp_path, kafka, unique):
    """While the far side is down the route is PAUSED and says why; one question at a time probes; then all goes on."""
    script = Script()
    outage: list[bool] = [True]
    script.answers = lambda key: NotConnected("the far side is down", retry_after=0.05) if outage[0] else {"name": "x"}
    text = DEPLOYMENT.format(name=unique, more="")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(30)])
        unit = runtime.supervisor.units["named"]
        await until(lambda: unit.state is State.PAUSED and len(script.asked) >= 4, "the pause")
        assert "look-up `thing`: the far side is down" in unit.status().detail
        assert all(len(keys) <= 3 for keys in script.asked)
        during = unit.status().totals
        assert during.balanced
        assert during.delivered == 0
        assert during.in_flight > 0
        outage[0] = False
        totals = await settled(runtime, "named", 30)
        assert unit.state is State.RUNNING
    assert (totals.delivered, totals.dead_lettered) == (30, {})
    assert sorted(each.data["n"] for each in await made(kafka, f"{unique}.out")) == list(range(30))


async def test_in_an_outage_old_answers_and_the_fallback_may_stand_in(tmp_path, kafka, unique):
    """`stale_if_error` serves what was known, `outage: fallback` the rest; both are marked, and the route goes on."""
    script = Script()
    down = [False]
    script.answers = lambda key: NotConnected("down") if down[0] else {"name": f"thing {key}"}
    more = (
        "cache: { ttl: 1ms, stale_if_error: 1h }\n        on_error: { fallback: { name: unknown }, outage: fallback }"
    )
    text = DEPLOYMENT.format(name=unique, more=more)
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(2)])
        await settled(runtime, "named", 2)
        down[0] = True
        await publish(kafka, f"{unique}.in", [event(n) for n in range(5, 10)])
        totals = await settled(runtime, "named", 7)
    assert (totals.delivered, totals.dead_lettered) == (7, {})
    out = {each.data["n"]: each for each in await made(kafka, f"{unique}.out")}
    assert {n: each.attributes.get("hubdegraded") for n, each in out.items()} == {
        0: None, 1: None, 5: "stale", 6: "stale", 7: "fallback", 8: "fallback", 9: "fallback",
    }  # fmt: skip
    assert (out[5].data["name"], out[9].data["name"]) == ("thing 0", "unknown")


async def test_kept_answers_save_questions(tmp_path, kafka, unique):
    """With a cache a key is asked for once for all batches, one that has nothing too."""
    script = Script()
    script.answers = lambda key: None if key == 0 else {"name": "x"}
    text = DEPLOYMENT.format(name=unique, more="cache: { ttl: 1h }")
    async with running(tmp_path, kafka, text, script) as runtime:
        for start in (0, 10, 20):
            await publish(kafka, f"{unique}.in", [event(n) for n in range(start, start + 10)])
            await settled(runtime, "named", start + 10)
        figures = runtime.supervisor.units["named"].lookups()[0]
    assert sorted(key for keys in script.asked for key in keys) == [0, 1, 2, 3, 4]
    assert (figures.found, figures.missing, figures.kept) == (5, 1, 5)
    assert figures.asked == figures.cached + figures.found


CHAIN = """
deployment: {name}
topics:
  {name}.in: {{}}
  {name}.out: {{}}
routes:
  chained:
    from: {name}.in
    start: earliest
    enrich:
      first: {{ use: script.thing, key: = data.n }}
      other: {{ use: script.thing, when: data.n > 1, key: = "o" + string(data.n) }}
      second: {{ use: script.thing, key: = first.name }}
    split: '[first.name, second.name]'
    switch:
      - when: other == null
        map: {{ data: {{ name: = item, other: null }} }}
      - map: {{ data: {{ name: = item, other: = other.name }} }}
    to: {name}.out
"""


async def test_a_key_may_need_another_answer_and_split_and_switch_see_answers(tmp_path, kafka, unique):
    """Look-ups that depend on each other are asked one after the other; where `when` is false the answer is null."""
    script = Script()
    script.answers = lambda key: {"name": f"<{key}>"}
    async with running(tmp_path, kafka, CHAIN.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2)])
        await settled(runtime, "chained", 2)
    out = [(each.id, each.data["name"], each.data["other"]) for each in await made(kafka, f"{unique}.out")]
    assert sorted(out) == [
        ("1/chained/0", "<1>", None),
        ("1/chained/1", "<<1>>", None),
        ("2/chained/0", "<2>", "<o2>"),
        ("2/chained/1", "<<2>>", "<o2>"),
    ]


async def test_a_key_that_the_look_up_does_not_take_is_that_events_failure(tmp_path, kafka, unique):
    """A key of another type is a dead letter which names types, and never asks the far side."""
    script = Script()
    text = DEPLOYMENT.format(name=unique, more="").replace("= data.n % 5", "= data.k")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1, k=["secret"]), event(2, k="a"), event(3)])
        totals = await settled(runtime, "named", 3)
    assert (totals.delivered, totals.dead_lettered) == (1, {"Permanent": 1, "EvaluationError": 1})
    letters = [read_dead_letter(each.headers) for each in await records(kafka, names.dlq(unique, "named"))]
    assert {each.stage for each in letters} == {"enrich"}
    assert all("secret" not in each.cause for each in letters)
    assert script.asked == [["a"]]


async def test_a_fault_of_the_connector_hits_only_the_key_that_brings_it_about(tmp_path, kafka, unique):
    """A look-up that raises what it shouldn't is asked for each key alone, and the others have their answers."""
    script = Script()

    async def answering(keys):
        if 3 in keys:
            raise ZeroDivisionError("a bug")

    script.answering = answering
    text = DEPLOYMENT.format(name=unique, more="")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10)])
        totals = await settled(runtime, "named", 10)
    assert (totals.delivered, totals.dead_lettered) == (8, {"Permanent": 2})


async def test_a_long_look_up_outlives_a_transactions_timeout(tmp_path, kafka, unique):
    """No transaction is open while the far side takes its time: what comes of it is committed once, without error."""
    script = Script()
    slow = [True]

    async def answering(keys):
        if slow:
            slow.pop()
            await asyncio.sleep(12)  # a transaction's timeout is 10 s

    script.answering = answering
    text = DEPLOYMENT.format(name=unique, more="")
    async with running(tmp_path, kafka, text, script) as runtime:
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10)])
        totals = await settled(runtime, "named", 10)
        assert runtime.supervisor.units["named"].failures == 0
    assert totals.delivered == 10
    assert sorted(each.data["n"] for each in await made(kafka, f"{unique}.out")) == list(range(10))


async def test_a_call_that_takes_too_long_has_failed(tmp_path, kafka, unique):
    """After `timeout` a call is given up; the question is asked again, and in the end the event is a dead letter."""
    script = Script()

    async def answering(keys):
        await asyncio.Event().wait()

    script.answering = answering
    more = "timeout: 100ms\n        on_error: { retry: { initial_interval: 1ms, max_retries: 1 } }"
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique, more=more), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        totals = await settled(runtime, "named", 1)
    assert totals.dead_lettered == {"Transient": 1}
    letter = read_dead_letter((await records(kafka, names.dlq(unique, "named")))[0].headers)
    assert (letter.cause, letter.attempts) == ("no answer within 0.1 s", 2)


async def test_a_stop_does_not_wait_for_the_far_side(tmp_path, kafka, unique):
    """A unit that is stopped in the midst of a look-up gives its batch back, and the next life reads it again."""
    script = Script()
    hangs = [True]

    async def answering(keys):
        if hangs[0]:
            await asyncio.Event().wait()

    script.answering = answering
    text = DEPLOYMENT.format(name=unique, more="")
    async with running(tmp_path, kafka, text, script):
        await publish(kafka, f"{unique}.in", [event(n) for n in range(10)])
        await until(lambda: len(script.asked) >= 1, "a question")
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 15
    assert await made(kafka, f"{unique}.out") == []
    hangs[0] = False
    async with running(tmp_path, kafka, text, script) as runtime:
        await settled(runtime, "named", 10)
    assert sorted(each.data["n"] for each in await made(kafka, f"{unique}.out")) == list(range(10))


async def test_marks_of_answers_travel_on(tmp_path, kafka, unique):
    """What an answer is marked with, such as the service's own stale answer, marks the events made of it."""
    script = Script()
    script.answers = lambda key: Found({"name": "x"}, {"hubdegraded": "stale"})
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique, more="cache: { ttl: 1h }"), script) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "named", 1)
        figures = runtime.supervisor.units["named"].lookups()[0]
    (out,) = await made(kafka, f"{unique}.out")
    assert out.attributes["hubdegraded"] == "stale"
    assert figures.kept == 0


async def test_a_rebalance_does_not_wait_for_the_far_side(tmp_path, kafka, unique):
    """A worker that hangs on a question gives its batch back when another one comes; each event is written once."""
    slow, quick = Script(), Script()
    hangs = [True]

    async def answering(keys):
        if hangs[0]:
            await asyncio.Event().wait()

    slow.answering = answering
    text = DEPLOYMENT.format(name=unique, more="")
    (tmp_path / "slow").mkdir()
    (tmp_path / "quick").mkdir()
    async with running(tmp_path / "slow", kafka, text, slow) as first:
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(40)])
        await until(lambda: len(slow.asked) >= 1, "a question")
        async with running(tmp_path / "quick", kafka, text, quick) as second:
            await until(lambda: len(quick.asked) >= 1, "a question of the other worker")
            hangs[0] = False

            async def all_out() -> bool:
                return len(await made(kafka, f"{unique}.out")) >= 40

            await until(all_out, "all events")
            units = [each.supervisor.units["named"] for each in (first, second)]
            assert sum(each.status().totals.delivered for each in units) == 40
            assert [each.failures for each in units] == [0, 0]
    assert sorted(each.data["n"] for each in await made(kafka, f"{unique}.out")) == list(range(40))


BESIDE = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 2 }}
  {name}.out: {{}}
  {name}.named: {{}}
routes:
  one: {{ from: {name}.in, start: earliest, map: {{ data: {{ n: = data.n }} }}, to: {name}.out }}
  two: {{ from: {name}.in, start: earliest, where: data.n % 2 == 0, to: {name}.out }}
  named:
    from: {name}.in
    start: earliest
    enrich: {{ thing: {{ use: script.thing, key: = data.n }} }}
    map: {{ data: {{ n: = data.n, version: 1 }} }}
    to: {name}.named
"""


async def test_a_route_that_waits_holds_up_no_other_of_its_topic(tmp_path, kafka, unique):
    """Two routes are read for together; the one that asks reads for itself, and its outage is nobody else's."""
    script = Script()
    down = [True]
    script.answers = lambda key: NotConnected("down", retry_after=0.1) if down[0] else {"name": "x"}
    async with running(tmp_path, kafka, BESIDE.format(name=unique), script) as runtime:
        units = runtime.supervisor.units
        await publish(kafka, f"{unique}.in", [event(n, key=str(n)) for n in range(50)])
        await settled(runtime, "one", 50)
        await settled(runtime, "two", 50)
        await until(lambda: list(units["one"].read_with) == ["two"], "routes that are read for together")
        await until(lambda: units["named"].state is State.PAUSED, "the pause")
        assert list(units["named"].read_with) == []
        assert units["named"].status().totals.delivered == 0
        down[0] = False
        totals = await settled(runtime, "named", 50)
    assert totals.delivered == 50


async def test_a_new_version_counts_from_the_next_batch_on(tmp_path, kafka, unique):
    """What it makes is swapped between two batches, also in the midst of a question; another key starts it anew."""
    script = Script()
    waits = asyncio.Event()

    async def answering(keys):
        await waits.wait()

    script.answering = answering
    text = BESIDE.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["named"]
        await publish(kafka, f"{unique}.in", [event(1)])
        await until(lambda: bool(script.asked), "a question")
        changed = await runtime.reload(_version(tmp_path, script, text.replace("version: 1", "version: 2")))
        assert (changed.swapped, changed.replaced) == (("named",), ())
        waits.set()
        await settled(runtime, "named", 1)
        await publish(kafka, f"{unique}.in", [event(2)])
        await settled(runtime, "named", 2)
        assert runtime.supervisor.units["named"] is unit
        other = text.replace("version: 1", "version: 3").replace("key: = data.n", "key: = data.n + 10")
        changed = await runtime.reload(_version(tmp_path, script, other))
        assert (changed.swapped, changed.replaced) == ((), ("named",))
        await publish(kafka, f"{unique}.in", [event(3)])
        await settled(runtime, "named", 1)
    out = [(each.data["n"], each.data["version"]) for each in await made(kafka, f"{unique}.named")]
    assert sorted(out) == [(1, 1), (2, 2), (3, 3)]
    assert script.asked == [[1], [2], [13]]


def _version(directory, script, text):
    (directory / "deployment.yaml").write_text(text)
    return load(directory, registry=Registry([script.connector]))


async def test_a_far_side_that_is_not_there_at_the_start_is_waited_for(tmp_path, kafka, unique):
    """The route is PAUSED before its first event is lost; one that refuses us for good fails the unit, and says so."""
    script = Script()
    script.lookup_opening = [NotConnected("not up yet", retry_after=0.05) for _ in range(3)]
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique, more=""), script) as runtime:
        unit = runtime.supervisor.units["named"]
        await publish(kafka, f"{unique}.in", [event(n) for n in range(5)])
        totals = await settled(runtime, "named", 5)
        assert totals.delivered == 5
        assert script.lookup_opening == []
        script.lookup_opening = [Permanent("wrong password")]
        script.answers = lambda key: NotConnected("gone", retry_after=0.01)
        await publish(kafka, f"{unique}.in", [event(6)])
        await until(lambda: unit.state is State.FAILED and "wrong password" in unit.detail, "the failure")
        script.answers = lambda key: {"name": "x"}
        totals = await settled(runtime, "named", 6)
    assert (totals.delivered, totals.dead_lettered) == (6, {})
