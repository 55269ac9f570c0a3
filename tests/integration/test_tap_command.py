"""``hub tap`` on the real Kafka: topics and units, lines and JSON, and how it ends."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import orjson
import pytest

from hub.deployment import Deployment, load
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import ensure_topics
from hub.sdk.event import KafkaMessage
from tests.integration.called import called
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, until

TEXT = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1 }}, {name}.out: {{ partitions: 1 }} }}
routes:
  copy: {{ from: {name}.in, to: [{name}.out, announce] }}
sinks:
  announce: {{ use: http, with: {{ url: "http://127.0.0.1:1/a" }} }}
  direct: {{ from: {name}.out, use: http, with: {{ url: "http://127.0.0.1:1/b" }} }}
"""


@pytest.fixture
async def shop(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Deployment:
    """A deployment with a route and two sinks; its directory is `tmp_path`."""
    (tmp_path / "shop.yaml").write_text(TEXT.format(name=unique))
    deployment = load(tmp_path)
    await ensure_topics(kafka, deployment.topic_specs())
    return deployment


async def test_a_line_tells_time_place_key_type_id_and_data(shop, kafka, tmp_path):
    """Through a pipe with all of the data; control characters are shown, not obeyed."""
    await publish(kafka, f"{shop.name}.in", [event(1, key="k1", text="long " * 50)])
    await publish(kafka, f"{shop.name}.in", [KafkaMessage(b"\x1b[31mred", b"", [])])
    shown = await called(kafka, tmp_path, "tap", f"{shop.name}.in", "--last", "5", "--limit", "2")
    first, second = shown.out.splitlines()
    assert shown.code == 0
    assert f"{shop.name}.in-0@0  k1  script.event  1  " in first
    assert "long " * 49 in first
    assert "\\x1b[31mred  expected a CloudEvent" in second
    assert "\x1b" not in shown.out


async def test_a_unit_stands_for_its_topics(shop, kafka, tmp_path):
    """A route for what it writes, a sink for what it reads, its inbox too."""
    await publish(kafka, f"{shop.name}.out", [event(1)])
    await publish(kafka, names.inbox(shop.name, "announce"), [event(2)])
    await publish(kafka, names.inbox(shop.name, "direct"), [event(3)])

    async def seen(name: str) -> list[int]:
        count = 2 if name != "announce" else 1
        shown = await called(kafka, tmp_path, "tap", name, "--from", "earliest", "--limit", str(count), "--json")
        return sorted(each["data"]["n"] for each in shown.lines())

    assert await seen("copy") == [1, 2]
    assert await seen("announce") == [2]
    assert await seen("direct") == [1, 3]


async def test_json_holds_all_of_an_event(shop, kafka, tmp_path):
    """Attributes, headers, key, place and data; what is no event comes with its problem."""
    original = event(1, key="k1").replace(headers=[("x", b"1")])
    await publish(kafka, f"{shop.name}.in", [original, KafkaMessage(b"k", b"\xff", [])])
    shown = await called(kafka, tmp_path, "tap", f"{shop.name}.in", "--last", "5", "--limit", "2", "--json")
    first, second = shown.lines()
    assert first["event"] == dict(original.attributes)
    assert (first["data"], first["key"], first["headers"]) == ({"n": 1}, "k1", {"x": "1"})
    assert (first["topic"], first["partition"], first["offset"]) == (f"{shop.name}.in", 0, 0)
    assert (second["event"], second["data_base64"]) == (None, "/w==")
    assert "expected a CloudEvent" in second["problem"]


async def test_everything_is_shown_where_that_is_asked_for(shop, kafka, tmp_path):
    """Attributes, headers, and the data over several lines."""
    original = event(1).replace(headers=[("x-tenant", b"acme")])
    await publish(kafka, f"{shop.name}.in", [original])
    shown = await called(kafka, tmp_path, "tap", f"{shop.name}.in", "--last", "1", "--limit", "1", "--full")
    assert "x-tenant        acme" in shown.out
    assert "source          /test" in shown.out
    assert '  {\n    "n": 1\n  }\n' in shown.out


async def test_an_expression_chooses_and_says_what_it_could_not_judge(shop, kafka, tmp_path):
    """What has no value is left out, and counted at the end."""
    await publish(kafka, f"{shop.name}.in", [event(1), event(2).replace(data={}), event(3)])
    arguments = ["tap", f"{shop.name}.in", "--from", "earliest", "--where", "data.n == 3", "--limit", "1", "--json"]
    shown = await called(kafka, tmp_path, *arguments)
    assert [each["data"]["n"] for each in shown.lines()] == [3]
    assert "1 event left out, for which --where has no value" in shown.err


async def test_a_misspelt_name_is_waited_for_with_a_hint(shop, kafka, tmp_path):
    """A topic may be made later; or the name is wrong."""
    async with command(
        "tap", "anounce", "--dir", str(tmp_path), directory=tmp_path / "out", env=environment(kafka)
    ) as tapping:
        await until(lambda: "doesn't exist yet, waiting for it; did you mean announce?" in tapping.err)
        tapping.signal(signal.SIGINT)
        assert await tapping.ended() == 130


async def test_it_shows_events_as_they_come_until_ctrl_c(shop, kafka, tmp_path):
    """Each line at once, also into a pipe; Ctrl-C ends it without a word."""
    topic = f"{shop.name}.in"
    async with command(
        "tap", topic, "--json", "--dir", str(tmp_path), directory=tmp_path / "out", env=environment(kafka)
    ) as tapping:
        number = 0

        async def shown() -> bool:
            nonlocal number
            number += 1
            await publish(kafka, topic, [event(number)])
            return bool(tapping.out)

        await until(shown)
        await publish(kafka, topic, [event(1000)])
        await until(lambda: '"n":1000' in tapping.out)
        tapping.signal(signal.SIGINT)
        assert await tapping.ended() == 130
    assert tapping.err == ""
    assert all(orjson.loads(line)["topic"] == topic for line in tapping.out.splitlines())


async def test_wrong_options_are_exit_code_2(shop, kafka, tmp_path):
    """With what was expected."""
    for options, message in (
        (["--from", "noon"], "expected a time"),
        (["--last", "3", "--from", "earliest"], "give one of --last and --from"),
        (["--where", "data.n =="], "--where 1:10"),
        (["--limit", "0"], "greater than or equal to 1"),
    ):
        shown = await called(kafka, tmp_path, "tap", "announce", *options)
        assert shown.code == 2, options
        assert message in " ".join(shown.err.replace("│", " ").split())


async def test_without_a_deployment_topics_can_be_watched(kafka, unique, tmp_path, monkeypatch):
    """Their names are enough."""
    empty = tmp_path / "empty"
    await asyncio.to_thread(empty.mkdir)
    monkeypatch.chdir(empty)
    await ensure_topics(kafka, [TopicSpec(unique, 1)])
    await publish(kafka, unique, [event(1)])
    shown = await called(kafka, None, "tap", unique, "--last", "1", "--limit", "1", "--json")
    assert [each["data"]["n"] for each in shown.lines()] == [1]
