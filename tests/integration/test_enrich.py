"""Look-ups of routes on the real Kafka: answers, sharing, failures, outages, exactly once."""

from __future__ import annotations

import asyncio

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
    assert all(each.data["name"] == ("none" if each.data["n"] % 5 == 4 else f"thing {each.data['n'] % 5}") for each in out)
    assert all(len(keys) <= 3 and len(set(keys)) == len(keys) for keys in script.asked)
    assert len([key for keys in script.asked for key in keys]) <= 20 < 40
    assert (figures.name, figures.failed, figures.cached) == ("thing", 0, 0)
