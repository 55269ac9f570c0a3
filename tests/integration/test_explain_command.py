"""``hub explain`` on the real Kafka: the tree that it prints, what it says of nothing, and a worker that was killed."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from hub.deployment import Deployment, load
from hub.engine import status
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from tests.integration.called import Called, called
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, records, until

TEXT = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1 }}, {name}.out: {{ partitions: 1 }} }}
routes:
  few: {{ from: {name}.in, where: "data.n < 3", set: {{ data.by: few }}, to: {name}.out }}
  many: {{ from: {name}.in, where: data.nested.limit > 3, to: {name}.out }}
sinks:
  chat: {{ from: {name}.out, use: http, with: {{ url: "http://127.0.0.1:1/a" }} }}
"""


@pytest.fixture
def shop(tmp_path: Path, unique: str) -> Deployment:
    """Two routes, and a sink whose far side is down; its directory is `tmp_path`."""
    (tmp_path / "shop.yaml").write_text(TEXT.format(name=unique))
    return load(tmp_path)


async def explain(kafka: KafkaSettings, directory: Path, wanted: str, *options: str) -> Called:
    return await called(kafka, directory, "explain", "--id", wanted, *options)


async def test_the_tree_is_shown_as_it_grew(shop, kafka, tmp_path):
    """As in the design: places and times, what waits and why, what decided; and after a kill, that nobody runs it."""
    topic = f"{shop.name}.in"
    env = environment(kafka)
    async with command("run", str(tmp_path), "--json", directory=tmp_path / "run", env=env) as running:
        await running.report("started")
        await publish(kafka, topic, [event(1, nested={"limit": 2}), event(7)])

        async def waits() -> bool:
            shown = await explain(kafka, tmp_path, "1")
            return "PAUSED" in shown.out

        await until(waits)
        shown = await explain(kafka, tmp_path, "1")
        assert shown.code == 0
        root, few, chat, *wrapped, many, searched = shown.out.splitlines()
        assert re.fullmatch(rf" event +received       {topic}-0@0 +\d\d:\d\d:\d\d\.\d\d\d", root)
        assert re.fullmatch(rf" ├ route few +delivered      {shop.name}\.out-0@0 +\d\d:\d\d:\d\d\.\d\d\d", few)
        assert re.match(r" │ └ sink chat +in flight      PAUSED: POST http://127\.0\.0\.1:1: no connection: ", chat)
        assert wrapped
        assert all(line.startswith(" │ ") for line in wrapped)
        many_text = " └ route many   filtered       data.nested.limit > 3 is false: data.nested.limit is 2"
        assert many == many_text
        assert re.match(r"read [\d,]+ records of \d+ topics since ", searched)
        assert all(len(line) <= 100 for line in shown.out.splitlines())
        hidden = await explain(kafka, tmp_path, "1", "--no-values")
        assert "data.nested.limit is a number" in hidden.out
        running.signal(signal.SIGKILL)
        assert await running.ended() == -signal.SIGKILL


async def test_a_killed_worker_is_missed(shop, kafka, tmp_path, monkeypatch):
    """What it has done is told; what came after waits, and nobody runs it."""
    monkeypatch.setattr(status, "STALE", status.timedelta(seconds=2))
    topic = f"{shop.name}.in"
    async with command("run", str(tmp_path), "--json", directory=tmp_path / "run", env=environment(kafka)) as running:
        await running.report("started")
        await publish(kafka, topic, [event(1)])

        async def passed() -> bool:
            return bool(await records(kafka, f"{shop.name}.out"))

        await until(passed)
        running.signal(signal.SIGKILL)
        await running.ended()
    await publish(kafka, topic, [event(2)])

    async def missed() -> bool:
        return "no worker runs it" in (await explain(kafka, tmp_path, "2")).out

    await until(missed)
    document = (await explain(kafka, tmp_path, "2", "--json")).json()
    (tree,) = document["hops"]
    assert [(hop["unit"], hop["outcome"]) for hop in tree["hops"]] == [("few", "in flight"), ("many", "in flight")]
    assert (tree["topic"], tree["partition"], tree["offset"]) == (topic, 0, 1)
    assert document["complete"] is True


async def test_causes_of_dead_letters_stand_below_their_places(shop, kafka, tmp_path):
    """And the route's failure is told with its expression and its position."""
    async with command("run", str(tmp_path), "--json", directory=tmp_path / "run", env=environment(kafka)) as running:
        await running.report("started")
        await publish(kafka, f"{shop.name}.in", [event(1)])

        async def buried() -> bool:
            return bool(await records(kafka, names.dlq(shop.name, "many")))

        await until(buried)
        shown = await explain(kafka, tmp_path, "1")
        at = next(n for n, line in enumerate(shown.out.splitlines()) if "dead-lettered" in line)
        place, cause = shown.out.splitlines()[at : at + 2]
        assert re.fullmatch(rf" └ route many +dead-lettered  {shop.name}\.many\.dlq-0@0 +[\d:.]+", place)
        assert cause.strip().startswith("data.nested: the object at `data` has no field `nested`")


async def test_what_is_not_found_is_said_with_where_it_was_looked_for(shop, kafka, tmp_path):
    """Exit code 1; programs get an empty list."""
    shown = await explain(kafka, tmp_path, "nobody", "--window", "2h")
    assert (shown.code, shown.out) == (1, "")
    assert re.match(r"no event nobody from .* to now: read 0 records of 0 topics in \d+\.\d s\. --window", shown.err)
    shown = await explain(kafka, tmp_path, "nobody", "--json")
    assert shown.code == 1
    assert '"hops":[]' in shown.out


async def test_wrong_options_are_2_and_no_kafka_is_3(shop, kafka, tmp_path):
    """With what was expected."""
    for options, message in (
        (["--id", "1", "--window", "soon"], "--window"),
        (["--id", ""], "expected the id of an event"),
        ([], "give a deployment and an event"),
        (["--id", "1", str(tmp_path / "nowhere")], "nowhere"),
    ):
        shown = await called(kafka, tmp_path, "explain", *options)
        assert (shown.code, message in shown.err) == (2, True), shown
    shown = await explain(KafkaSettings.plain("127.0.0.1:1"), tmp_path, "1")
    assert (shown.code, "Kafka can't be reached" in shown.err) == (3, True)
