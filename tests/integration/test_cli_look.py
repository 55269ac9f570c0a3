"""`hub topics` and `hub doctor` on the real Kafka."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from hub.cli.checks import Check, checks
from hub.cli.topics import describe
from hub.deployment import load
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 4, retention: 1d }}
  {name}.out: {{ cleanup: compact }}
  {name}.new:
routes:
  copy: {{ from: {name}.in, to: ["{name}.out", "{name}.new"] }}
"""


@pytest.fixture
async def deployment(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Path:
    """Two of its topics are there, one of them not as the deployment says; seven events are in it."""
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    await ensure_topics(kafka, [event_topic(f"{unique}.in", partitions=2), event_topic(f"{unique}.out")])
    await publish(kafka, f"{unique}.in", [event(number) for number in range(7)])
    return directory


async def test_topics_as_they_are_and_as_they_will_be(kafka, unique, deployment):
    """Counts and settings of those that exist, plans for those that don't, and where the two differ."""
    listed = {each.name.removeprefix(f"{unique}."): each for each in await describe(load(deployment), kafka)}
    there, other, new = listed["in"], listed["out"], listed["new"]
    assert (there.exists, there.partitions, there.events, there.readers) == (True, 2, 7, ["copy"])
    assert any("partitions is 2, and the deployment says 4" in each for each in there.differs)
    assert (other.compacted, other.events, other.writers) == (False, 0, ["copy"])
    assert any("cleanup.policy" in each for each in other.differs)
    assert (new.exists, new.events, new.partitions, new.differs) == (False, None, 3, [])
    assert not listed["copy.dlq"].exists


async def test_topics_for_people_and_for_programs(tmp_path, kafka, unique, deployment):
    """A table that fits a hundred columns, or an array; empty side topics are counted, not listed."""
    env = environment(kafka)
    async with command("topics", str(deployment), directory=tmp_path / "1", env=env) as table:
        assert await table.ended() == 0
    assert max(map(len, table.out.splitlines())) <= 100
    assert "not made" in table.out
    assert "--all lists them" in table.out
    assert "partitions is 2, and the deployment says 4" in " ".join(table.out.split())
    async with command("topics", str(deployment), "--json", directory=tmp_path / "2", env=env) as array:
        assert await array.ended() == 0
    listed = {each["name"]: each for each in orjson.loads(array.out)}
    assert listed[f"{unique}.in"]["events"] == 7
    assert listed[f"hub.{unique}.cursors"]["role"] == "table"


async def test_the_doctor_finds_kafka_fit(kafka, deployment, monkeypatch):
    """It answers, is new enough, and permits what the hub does; where topics differ, it warns."""
    monkeypatch.setenv("HUB_KAFKA__BOOTSTRAP_SERVERS", str(kafka.bootstrap_servers))
    found: dict[str, Check] = {check.name: check async for check in checks(deployment)}
    assert [found[name].level for name in ("brokers", "Kafka's version", "idempotence", "transactions")] == ["ok"] * 4
    assert found["Kafka's version"].found == "4.0 or newer"
    assert found["references"].level == "ok"
    assert found["topics"].level == "warn"
    assert "partitions is 2" in found["topics"].found
