"""Answers of far sides under kill -9: replies are there for all that was delivered, and look-ups repeat nothing."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from hub.deployment import Registry, load
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.process import ChildProcess
from hub.sdk import Event
from tests.integration.answering import CONNECTOR
from tests.integration.engine import event, publish, records, until

EVENTS = 1500
KILLS = 3


def worker(number: int, directory: Path, kafka: KafkaSettings) -> ChildProcess:
    command = [sys.executable, "-m", "tests.integration.answering", str(directory), str(kafka.bootstrap_servers)]
    return ChildProcess(
        f"worker-{number}",
        [*command, str(directory.parent / "far-side")],
        log=directory.parent / f"worker-{number}.log",
        cwd=Path.cwd(),
    )


async def killed_again_and_again(directory: Path, kafka: KafkaSettings, target: str) -> None:
    """Runs a worker, kills it whenever some more has come out, and has the last one finish."""
    for number in range(KILLS + 1):
        process = worker(number, directory, kafka)
        process.start()
        try:
            want = EVENTS * (number + 1) // (KILLS + 1)

            async def came(want: int = want) -> bool:
                return len({each.id for each in await made(kafka, target)}) >= want

            await until(came, f"{want} of {EVENTS} events in {target}: {process.log.read_text()[-2000:]}")
        finally:
            if number < KILLS:
                process.kill()
            await process.stop()


async def made(kafka: KafkaSettings, topic: str) -> list[Event]:
    return [Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, topic)]


REPLIES = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.answers: {{ partitions: 2 }}
sinks:
  far: {{ use: far, from: {name}.in, start: earliest, reply: {name}.answers }}
"""


async def test_whatever_was_delivered_has_its_reply(tmp_path, kafka, unique):
    """Killed again and again in the midst of writing, each event has been answered; what is repeated has the same id.

    The far side has some events twice, or the kills have hit nothing; and there is no reply to what it doesn't have.
    """
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(REPLIES.format(name=unique))
    await ensure_topics(kafka, load(directory, registry=Registry([CONNECTOR])).topic_specs())
    await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 200}") for n in range(EVENTS)])
    await killed_again_and_again(directory, kafka, f"{unique}.answers")
    answers = await made(kafka, f"{unique}.answers")
    written = Counter((tmp_path / "far-side").read_text().split())
    assert set(written) == {str(n) for n in range(EVENTS)}
    assert written.total() > EVENTS
    by_cause: dict[str, set[str]] = {}
    for each in answers:
        assert each.attributes["causationid"] == each.data["of"]
        assert each.key == f"k{int(each.data['of']) % 200}"
        by_cause.setdefault(each.data["of"], set()).add(each.id)
    assert by_cause.keys() == set(written)
    assert all(len(ids) == 1 for ids in by_cause.values())
    assert len(answers) <= written.total()


LOOKUPS = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
  {name}.out: {{ partitions: 2 }}
routes:
  squares:
    from: {name}.in
    start: earliest
    enrich:
      thing: {{ use: far, key: = data.n, concurrency: 2 }}
    map: {{ data: {{ n: = data.n, square: = thing.square }} }}
    to: {name}.out
"""


async def test_a_route_that_looks_things_up_repeats_nothing(tmp_path, kafka, unique):
    """Killed again and again between a question and the commit, every event comes out once, with its own answer."""
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(LOOKUPS.format(name=unique))
    await ensure_topics(kafka, load(directory, registry=Registry([CONNECTOR])).topic_specs())
    await publish(kafka, f"{unique}.in", [event(n, key=f"k{n % 200}") for n in range(EVENTS)])
    await killed_again_and_again(directory, kafka, f"{unique}.out")
    out = await made(kafka, f"{unique}.out")
    assert sorted(each.data["n"] for each in out) == list(range(EVENTS))
    assert all(each.data["square"] == each.data["n"] ** 2 for each in out)
