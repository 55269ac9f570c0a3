"""Incremental sources on the real Kafka: streams that fail, tombstones, paces, and what a feed repeats."""

from __future__ import annotations

import gc
import json
from datetime import timedelta

from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.sources.cursors import CursorStore
from hub.engine.unit import State
from hub.operate.metrics import Metrics
from hub.sdk import Event, Permanent, StreamsCursor
from hub.testing.scripted import Script
from tests.integration.called import called
from tests.integration.engine import records, running, until
from tests.integration.test_source_transactions import cut_at

TEXT = """
deployment: {name}
events:
  script.event: {{ schema: {{ type: object }}, mode: enforce, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 3, cleanup: compact }}
sources:
  feed: {{ use: script.{kind}, every: {every}, cursor: {cursor} }}
"""


def deployment(name: str, kind: str = "rows", every: str = "50ms", cursor: str = "{ lookback_window: 5 }") -> str:
    return TEXT.format(name=name, kind=kind, every=every, cursor=cursor)


def rows(*numbers: int, **more: object) -> list[dict]:
    return [{"key": f"k{n}", "at": n, **more} for n in numbers]


async def events(kafka, name: str) -> list[Event]:
    return [Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, f"{name}.in")]


async def ids(kafka, name: str) -> list[str]:
    return sorted(event.id for event in await events(kafka, name))


async def positions(kafka, name: str) -> dict[str, object]:
    store = CursorStore(kafka, name)
    await store.start()
    try:
        found = await store.get("feed")
    finally:
        await store.stop()
    return {k: v.position for k, v in StreamsCursor.model_validate_json(found).streams.items()} if found else {}


async def test_a_stream_that_fails_keeps_the_state_of_the_others(tmp_path, kafka, unique):
    """They go on and are stored; the unit works, says which stream fails, and reads that one on when it can."""
    script = Script()
    script.rows = {"a": rows(1, 2), "b": rows(*range(1, 31)), "c": rows(1, 2)}
    script.broken = {"b": Permanent("403: not yours", status=403)}
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.failing_streams == 1)
        script.rows["a"] += rows(3)
        script.rows["c"] += rows(3)
        await until(lambda: json.loads(unit.cursor or "{}").get("c") == 3)
        status = unit.status()
        assert (status.state, unit.failures) == (State.RUNNING, 0)
        assert "1 of 3 streams can't be read: b: 403: not yours" in status.detail
        assert 'hub_failing_streams{connector="script.rows",unit="feed"} 1.0' in Metrics([unit]).text().decode()
        assert await positions(kafka, unique) == {"a": 3, "b": None, "c": 3}
    del script.broken["b"]
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: json.loads(unit.cursor or "{}").get("b") == 30)
        await until(lambda: not unit.alarm)
    assert await ids(kafka, unique) == sorted(
        [f"{s}k{n}@{n}" for s in "ac" for n in (1, 2, 3)] + [f"bk{n}@{n}" for n in range(1, 31)]
    )


async def test_a_deletion_is_null_on_the_topic_and_keeps_its_attributes(tmp_path, kafka, unique):
    """With the key of the record that is gone; a contract that is enforced says nothing of it."""
    script = Script()
    script.rows = {"": [*rows(1), {"key": "k1", "at": 2, "gone": True}]}
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.status().totals.delivered == 2)
        assert unit.status().totals.dead_lettered == {}
    written, gone = await records(kafka, f"{unique}.in")
    assert (written.key, gone.key, gone.value) == (b"k1", b"k1", None)
    assert written.value is not None
    assert {("ce_id", b"k1@2"), ("ce_type", b"script.event")} <= set(gone.headers)


async def test_what_comes_late_is_read_by_the_overlap_and_nothing_twice(tmp_path, kafka, unique):
    """Over restarts, too: the marks are stored with the position."""
    script = Script()
    script.rows = {"": rows(1, 5, 9)}
    for late, position in ((6, 9), (12, 12), (8, 12)):
        async with running(tmp_path, kafka, deployment(unique), script) as runtime:
            unit = runtime.supervisor.units["feed"]
            script.rows[""] += rows(late)
            known = len(script.rows[""])
            await until(lambda unit=unit, known=known: bool(unit.counts and unit.counts.delivered == known))
            assert json.loads(unit.cursor) == {"position": position}
    assert await ids(kafka, unique) == sorted(f"k{n}@{n}" for n in (1, 5, 6, 8, 9, 12))


async def test_a_cursor_is_shown_so_that_people_can_read_it(tmp_path, kafka, unique):
    """Positions and how much is remembered, not the marks themselves; as JSON both."""
    script = Script()
    script.rows = {"orders": rows(1, 2, 3), "items": rows(7)}
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: json.loads(unit.cursor or "{}") == {"orders": 3, "items": 7})
    (tmp_path / "deployment.yaml").write_text(f"deployment: {unique}\ntopics: {{ t: {{}} }}\n")
    shown = (await called(kafka, tmp_path, "cursors", "show", "feed")).out
    assert "orders  3         3 changes" in shown
    assert "items   7         1 change" in shown
    assert "seen" not in shown
    document = (await called(kafka, tmp_path, "cursors", "show", "feed", "--json")).json()
    assert document["cursor"]["streams"]["orders"]["position"] == 3


async def test_what_a_feed_repeats_is_dropped_and_counted(tmp_path, kafka, unique):
    """By its id, as long as that is remembered, also over a restart and by another worker."""
    script = Script()
    script.records = [{"n": n, "key": "k"} for n in range(4)]
    text = deployment(unique, "feed", cursor="{ remember: 100 }")
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: bool(unit.counts and unit.counts.delivered == 4))
    script.records.append({"n": 4, "key": "k"})
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: bool(unit.counts and unit.counts.delivered == 5))
        assert dict(unit.counts.filtered) == {"duplicate": 4}
        assert unit.counts.taken == unit.counts.settled == 9
        assert unit.status().totals.filtered == {"duplicate": 4}
        store = CursorStore(kafka, unique)
        await store.start()
        await store.put("feed", '{"at":0}')
        await store.stop()
        await until(lambda: bool(unit.counts and unit.counts.delivered == 10))
    assert await ids(kafka, unique) == sorted([str(n) for n in range(5)] * 2)


async def test_the_pace_adapts_to_what_comes(tmp_path, kafka, unique):
    """It slows down while nothing comes, and is at its least with the first event."""
    script = Script()
    text = deployment(unique, every="{ min: 20ms, max: 300ms }")
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["feed"]
        assert "every 0.02 s to 0.3 s" in unit.flow
        await until(lambda: unit.poll_interval == 0.3)
        script.rows[""] += rows(1)
        await until(lambda: unit.poll_interval == 0.02)
        await until(lambda: unit.poll_interval == 0.3)


async def test_a_far_side_that_asks_for_a_longer_rest_gets_it(tmp_path, kafka, unique):
    """As by GitHub's X-Poll-Interval: the next poll comes no sooner."""
    script = Script()
    cls = script.connector.sources["rows"]
    cls.poll_interval = timedelta(hours=1)
    script.rows = {"": rows(1)}
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.status().totals.delivered == 1)
        asked = len(script.windows)
        script.rows[""] += rows(2)
        await until(lambda: unit.state is State.RUNNING)
        assert len(script.windows) == asked


async def test_one_that_long_polls_is_asked_again_at_once(tmp_path, kafka, unique):
    """Where the file says nothing else; one that doesn't hold requests after all is asked ever less often."""
    script = Script()
    cls = script.connector.sources["rows"]
    cls.long_poll, cls.every = True, timedelta(seconds=2)
    text = deployment(unique).replace("every: 50ms, ", "")
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["feed"]
        assert "every 0.01 s to 2 s" in unit.flow
        script.rows[""] += rows(1)
        await until(lambda: unit.status().totals.delivered == 1)
        await until(lambda: unit.poll_interval == 2)


async def test_one_that_is_cut_off_at_any_await_neither_repeats_nor_skips(tmp_path, kafka, unique):
    """Every fourth step of a life is once its last; late rows come in between, and pages that are out of order."""
    script = Script()
    async with running(tmp_path, kafka, deployment(unique), script):
        pass
    step, cut, top = 1, 0, 0
    while True:
        new = [*range(top + 1, top + 26)]
        top += 25
        # The newest first, and a row that lies before the position by less than the overlap.
        script.rows[""] += rows(*reversed(new)) + ([{"key": f"late{top}", "at": top - 27}] if top > 30 else [])
        loaded = load(tmp_path, registry=Registry([script.connector]))
        unit = Runtime(loaded, kafka, environ={}).supervisor.units["feed"]
        if not await cut_at(unit, step, json.dumps({"position": top})):
            break
        gc.collect()
        cut += 1
        step += 4
    assert cut > 10
    async with running(tmp_path, kafka, deployment(unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: bool(unit.counts and unit.counts.delivered == len(script.rows[""])))
        assert unit.counts.taken == unit.counts.delivered
    assert await ids(kafka, unique) == sorted(f"{row['key']}@{row['at']}" for row in script.rows[""])
