"""Contracts on the real Kafka: each mode in each direction, at sources, routes and sinks."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from hub.engine.contracts import ContractStatus
from hub.engine.dlq.deadletter import DeadLetter, read_dead_letter
from hub.engine.runtime import Runtime
from hub.engine.unit import State
from hub.operate.metrics import Metrics
from hub.sdk import Event
from hub.testing.scripted import Script
from tests.integration.engine import event, publish, records, running, settled, until

SOURCES = """
deployment: {name}
events:
  script.event:
    topic: {name}.in
    mode: {mode}
    schema:
      type: object
      required: [n, key]
      properties:
        n: {{ type: integer }}
        key: {{ type: string }}
        user: {{ properties: {{ login: {{ type: string }} }} }}
sources:
  feed: {{ use: script.poll, every: 50ms }}
  hook: {{ use: script.hook, with: {{ path: /hook }} }}
"""

FLOW = """
deployment: {name}
events:
  script.event: {{ topic: {name}.in, mode: {{ produce: trust, consume: {consume} }}, schema: {schema} }}
  made.event: {{ topic: {name}.out, mode: {{ produce: {produce}, consume: {sink} }}, schema: {schema} }}
routes:
  pass:
    from: script.event
    start: earliest
    map: {{ type: made.event, data: {{ n: = data.n }} }}
    to: made.event
sinks:
  take: {{ use: script, from: made.event, start: earliest }}
"""
SCHEMA = "{ type: object, properties: { n: { type: integer } }, required: [n] }"
GOOD, BAD, NEW = (
    {"n": 1, "key": "k"},
    {"n": "secret", "key": "k"},
    {"n": 2, "key": "k", "user": {"login": "x", "id": 7}},
)


async def letters(kafka: Any, topic: str) -> list[DeadLetter]:
    return [read_dead_letter(each.headers) for each in await records(kafka, topic)]


async def numbers(kafka: Any, topic: str) -> list[Any]:
    return [orjson.loads(each.value)["n"] for each in await records(kafka, topic)]


def status(runtime: Runtime, unit: str) -> dict[str, ContractStatus]:
    return {each.type: each for each in runtime.supervisor.units[unit].status().contracts}


async def sent(runtime: Runtime, *bodies: dict[str, Any]) -> list[int]:
    """Statuses of a webhook's deliveries, one per body."""
    url = runtime.supervisor.units["hook"].flow
    answers = []
    async with aiohttp.ClientSession() as session:
        for number, body in enumerate(bodies):
            headers = {"x-signature": "right", "x-id": str(number)}
            async with session.post(url, data=orjson.dumps(body), headers=headers) as response:
                answers.append(response.status)
    return answers


@pytest.mark.parametrize("mode", ["enforce", "evolve"])
async def test_a_polled_event_that_breaks_its_contract_is_dead_lettered(tmp_path, kafka, unique, mode):
    """With the failing path and the types; the others are published, and the cursor goes on."""
    script = Script()
    script.records = [GOOD, BAD, NEW]
    async with running(tmp_path, kafka, SOURCES.format(name=unique, mode=mode), script, only=["feed"]) as runtime:
        totals = await settled(runtime, "feed", 3)
        await until(lambda: runtime.supervisor.units["feed"].cursor == '{"at":3}')
        seen = status(runtime, "feed")["script.event"]
    assert (totals.delivered, totals.dead_lettered) == (2, {"ContractViolation": 1})
    assert await numbers(kafka, f"{unique}.in") == [1, 2]
    (letter,) = await letters(kafka, f"{unique}.feed.dlq")
    assert (letter.stage, letter.error) == ("contract", "ContractViolation")
    assert letter.cause == "/n: expected integer, got string (contract of script.event)"
    assert seen.violations == {"produce": 1}
    new = [(each.path, each.type) for each in seen.new_fields]
    assert new == ([("/user/id", "integer")] if mode == "evolve" else [])


async def test_a_webhook_event_that_breaks_its_contract_is_accepted_and_dead_lettered(tmp_path, kafka, unique):
    """Its sender can't mend it, and would send it again for days. A second delivery of it is a duplicate."""
    text = SOURCES.format(name=unique, mode="evolve")
    async with running(tmp_path, kafka, text, Script(), only=["hook"]) as runtime:
        assert await sent(runtime, GOOD, BAD, NEW) == [202, 202, 202]
        assert await sent(runtime, GOOD, BAD, NEW) == [202, 202, 202]
        totals = await settled(runtime, "hook", 6)
        assert (totals.delivered, totals.filtered) == (2, {"duplicate": 3})
        assert totals.dead_lettered == {"ContractViolation": 1}
        assert [each.path for each in status(runtime, "hook")["script.event"].new_fields] == ["/user/id"]
        metrics = Metrics(runtime.supervisor.units.values()).text().decode()
    labels = 'type="script.event",unit="hook"}'
    assert f'hub_contract_violations_total{{connector="script.hook",direction="produce",{labels} 1.0' in metrics
    assert f'hub_contract_new_fields{{connector="script.hook",{labels} 1.0' in metrics
    assert f'hub_contract_checked_events_total{{connector="script.hook",{labels} 3.0' in metrics
    (letter,) = await letters(kafka, f"{unique}.hook.dlq")
    assert letter.cause.startswith("/n: expected integer, got string")
    (record,) = await records(kafka, f"{unique}.hook.dlq")
    assert orjson.loads(record.value) == BAD


async def test_warn_lets_events_through_and_counts_them(tmp_path, kafka, unique, caplog):
    """And logs one line for many, without a value."""
    script = Script()
    script.records = [BAD] * 30
    text = SOURCES.format(name=unique, mode="warn")
    async with running(tmp_path, kafka, text, script, only=["feed"]) as runtime:
        totals = await settled(runtime, "feed", 30)
        assert status(runtime, "feed")["script.event"].violations == {"produce": 30}
    assert (totals.delivered, totals.dead_lettered) == (30, {})
    lines = [each.getMessage() for each in caplog.records if "breaks its contract" in each.getMessage()]
    assert len(lines) == 1
    assert "/n: expected integer, got string" in lines[0]
    assert "secret" not in lines[0]


async def test_trust_looks_at_nothing(tmp_path, kafka, unique):
    """There is nothing to ask per event."""
    script = Script()
    script.records = [GOOD, BAD]
    text = SOURCES.format(name=unique, mode="trust")
    async with running(tmp_path, kafka, text, script, only=["feed"]) as runtime:
        totals = await settled(runtime, "feed", 2)
        assert runtime.supervisor.units["feed"].contracts is None
    assert (totals.delivered, totals.dead_lettered) == (2, {})


async def test_what_a_route_makes_is_held_against_its_contract(tmp_path, kafka, unique):
    """The event that it was made of is dead-lettered, so that it can be replayed once the route is mended."""
    text = FLOW.format(name=unique, produce="enforce", consume="trust", sink="trust", schema=SCHEMA)
    async with running(tmp_path, kafka, text, Script(), only=["pass"]) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2).replace(data={"n": None}), event(3)])
        totals = await settled(runtime, "pass", 3)
    assert (totals.delivered, totals.dead_lettered) == (2, {"ContractViolation": 1})
    assert sorted(await numbers(kafka, f"{unique}.out")) == [1, 3]
    (letter,) = await letters(kafka, f"{unique}.pass.dlq")
    assert (letter.stage, letter.cause) == ("contract", "/n: expected integer, got null (contract of made.event)")
    (record,) = await records(kafka, f"{unique}.pass.dlq")
    assert Event.from_kafka(record.key, record.value, record.headers).type == "script.event"


@pytest.mark.parametrize("mode", ["enforce", "warn", "trust"])
async def test_what_a_route_reads_may_be_held_against_its_contract(tmp_path, kafka, unique, mode):
    """Events that other programs wrote."""
    text = FLOW.format(name=unique, produce="trust", consume=mode, sink="trust", schema=SCHEMA)
    async with running(tmp_path, kafka, text, Script(), only=["pass"]) as runtime:
        await publish(kafka, f"{unique}.in", [event(1), event(2).replace(data={"n": 2.5})])
        totals = await settled(runtime, "pass", 2)
        seen = status(runtime, "pass").get("script.event")
    refused = 1 if mode == "enforce" else 0
    assert (totals.delivered, totals.dead_lettered.get("ContractViolation", 0)) == (2 - refused, refused)
    assert (seen.violations if seen else None) == (None if mode == "trust" else {"consume": 1})
    if refused:
        (letter,) = await letters(kafka, f"{unique}.pass.dlq")
        assert (letter.stage, letter.cause) == (
            "contract",
            "/n: expected integer, got number (contract of script.event)",
        )


@pytest.mark.parametrize("mode", ["enforce", "warn", "evolve", "trust"])
async def test_what_a_sink_reads_may_be_held_against_its_contract(tmp_path, kafka, unique, mode):
    """What breaks it never reaches the connector; the events of its key that follow do, in order."""
    script = Script()
    text = FLOW.format(name=unique, produce="trust", consume="trust", sink=mode, schema=SCHEMA)
    bad = Event(type="made.event", source="/x", id="bad", partitionkey="k", data={"n": "secret", "new": 1})
    good = [Event(type="made.event", source="/x", id=str(n), partitionkey="k", data={"n": n, "new": 1}) for n in (1, 2)]
    async with running(tmp_path, kafka, text, script, only=["take"]) as runtime:
        await publish(kafka, f"{unique}.out", [good[0], bad, good[1]])
        totals = await settled(runtime, "take", 3)
        seen = status(runtime, "take").get("made.event")
    refused = 1 if mode in ("enforce", "evolve") else 0
    assert (totals.delivered, totals.dead_lettered.get("ContractViolation", 0)) == (3 - refused, refused)
    assert [each.id for each in script.written] == (["1", "2"] if refused else ["1", "bad", "2"])
    assert (seen.violations if seen else None) == (None if mode == "trust" else {"consume": 1})
    if mode == "evolve":
        assert [(each.path, each.events) for each in seen.new_fields] == [("/new", 3)]
    if refused:
        (letter,) = await letters(kafka, f"{unique}.take.dlq")
        assert letter.cause == "/n: expected integer, got string (contract of made.event)"


async def test_a_retried_delivery_is_counted_once(tmp_path, kafka, unique):
    """An event that warns, and then fails for a while, has broken its contract once."""
    from hub.sdk import Transient  # noqa: PLC0415  of this test alone

    script = Script()
    failing = iter([Transient("busy", retry_after=0.01)] * 3)
    script.failures = lambda _: next(failing, None)
    text = FLOW.format(name=unique, produce="trust", consume="trust", sink="warn", schema=SCHEMA)
    async with running(tmp_path, kafka, text, script, only=["take"]) as runtime:
        await publish(kafka, f"{unique}.out", [Event(type="made.event", source="/x", id="1", data={"n": "x"})])
        await settled(runtime, "take", 1)
        assert status(runtime, "take")["made.event"].violations == {"consume": 1}
    assert len(script.attempts) == 4


async def test_a_tombstone_has_no_data_to_check(tmp_path, kafka, unique):
    """It goes through, whatever the contract demands of data."""
    script = Script()
    text = FLOW.format(name=unique, produce="trust", consume="trust", sink="enforce", schema=SCHEMA)
    async with running(tmp_path, kafka, text, script, only=["take"]) as runtime:
        await publish(kafka, f"{unique}.out", [Event(type="made.event", source="/x", id="gone", partitionkey="k")])
        totals = await settled(runtime, "take", 1)
    assert totals.delivered == 1


async def test_bytes_that_are_no_json_break_every_contract(tmp_path, kafka, unique):
    """Where they say they were."""
    text = FLOW.format(name=unique, produce="trust", consume="trust", sink="enforce", schema="{}")
    raw = event(1).replace(type="made.event").to_kafka()._replace(value=b"{secret")
    async with running(tmp_path, kafka, text, Script(), only=["take"]) as runtime:
        await publish(kafka, f"{unique}.out", [raw])
        await settled(runtime, "take", 1)
    (letter,) = await letters(kafka, f"{unique}.take.dlq")
    assert letter.cause.startswith("/: expected JSON")
    assert letter.cause.endswith("at line 1, column 2 (contract of made.event)")
    assert "secret" not in letter.cause


async def test_a_contract_that_can_not_be_used_loses_nothing(tmp_path, kafka, unique, monkeypatch):
    """A connector's schema that turns out broken fails the unit; no event is blamed for it."""
    script = Script()
    text = FLOW.format(name=unique, produce="trust", consume="enforce", sink="trust", schema=SCHEMA)
    async with running(tmp_path, kafka, text, script, only=["pass"]) as runtime:
        from hub.contracts.problem import InvalidSchema, SchemaProblem  # noqa: PLC0415  of this test alone

        contract = runtime.deployment.contracts["script.event"]

        def broken(_: Any) -> list[Any]:
            raise InvalidSchema([SchemaProblem("event.schema", "the file is gone")])

        monkeypatch.setattr(contract, "check", broken)
        unit = runtime.supervisor.units["pass"]
        await publish(kafka, f"{unique}.in", [event(1)])
        await until(lambda: unit.state is State.FAILED and "the file is gone" in unit.detail)
        monkeypatch.undo()
        await runtime.supervisor.restart("pass")
        totals = await settled(runtime, "pass", 1)
    assert (totals.delivered, totals.dead_lettered) == (1, {})
