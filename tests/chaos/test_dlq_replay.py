"""Dead letters are replayed by two commands at once, which are killed half-way: each has its effect once."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from aiokafka import TopicPartition

from hub.kafka import clients, names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import describe_topics
from hub.process import ChildProcess
from tests.chaos.check import Read, compare, read
from tests.chaos.load import Message, headers, plain
from tests.chaos.scale import SEED, record, scaled
from tests.chaos.scene import DEPLOYMENT, PARTITIONS, Scene, comes_through, scene
from tests.chaos.waiting import until
from tests.integration.commands import HUB, environment

pytestmark = pytest.mark.timeout(scaled(600, 1800))
STRICT = """
events:
  chaos.event:
    topic: {name}.in
    mode: {{ produce: trust, consume: enforce }}
    schema: {{ type: object, required: [n], properties: {{ n: {{ type: integer }}, text: {{ type: string }} }} }}
"""


def fails(number: int) -> bool:
    """Whether the event of a number breaks the first deployment's contract; the mended one takes it."""
    return number % 4 == 1


def some_fail(number: int, key: bytes) -> Message:
    """An event; the text of some is a number."""
    whole = plain(number, key)
    return (key, whole[1][: whole[1].index(b'"text"')] + b'"text":5}', headers(number, key)) if fails(number) else whole


class Replays:
    """The command ``hub dlq replay first``, in processes of their own."""

    def __init__(self, kafka: KafkaSettings, name: str, directory: Path) -> None:
        self._kafka, self._directory = kafka, directory
        self._inbox = names.inbox(name, "first")
        self._processes: list[ChildProcess] = []

    def launch(self) -> ChildProcess:
        """Starts one."""
        number = len(self._processes) + 1
        command = [*HUB, "dlq", "replay", "first", "-C", str(self._directory / "deployment"), "--json"]
        log = self._directory / f"replay-{number}.log"
        process = ChildProcess(f"replay {number}", command, log=log, env=environment(self._kafka), cwd=Path.cwd())
        process.start()
        self._processes.append(process)
        return process

    async def under_way(self, *processes: ChildProcess, committed: bool) -> bool:
        """Waits until a batch has been written, or committed as well; False if all ended before."""
        level = "read_committed" if committed else "read_uncommitted"
        async with clients.running(clients.consumer(self._kafka, isolation_level=level)) as consumer:
            described = await describe_topics(self._kafka, [self._inbox])
            at = [TopicPartition(self._inbox, each) for each in range(described[self._inbox].partitions)]
            consumer.assign(at)
            await consumer.seek_to_end(*at)
            while any(each.running for each in processes):
                # An abort moves the ends as well: only a record shows that there was a batch.
                if await consumer.getmany(timeout_ms=100):
                    return True
        return False

    @property
    def fenced(self) -> int:
        """How many have stopped because another one had begun."""
        return sum("takes over" in each.log.read_text() for each in self._processes)

    async def ended(self, process: ChildProcess) -> int:
        """Waits for its end; gives how many dead letters it says that it has sent back."""
        await until(lambda: not process.running, "the end of a replay")
        log = process.log.read_text()
        assert process.returncode == 0, log
        documents = [orjson.loads(line) for line in log.splitlines() if line.startswith("{")]
        return sum(unit["replayed"] for each in documents for unit in each.get("units", ()))


def only(found: Read, test: Callable[[int], bool]) -> Read:
    """What passes a test; by key alone."""
    return Read(keys={key: array("q", filter(test, numbers)) for key, numbers in found.keys.items()})


async def test_dead_letters_that_are_replayed_twice_and_half_have_their_effect_once(kafka, unique, tmp_path):
    """Two commands at once, again and again, killed in or after a batch; and the worker is killed meanwhile."""
    count, rounds, chance = scaled(6_000, 100_000), scaled(2, 20), random.Random(SEED)
    strict = STRICT.format(name=unique)
    outputs = ("out", "copy")
    async with scene(
        kafka, unique, tmp_path, rate=scaled(3000, 4000), limit=count, make=some_fail, outputs=outputs, more=strict
    ) as it:
        worker = await it.add()
        await it.loading
        passed = sum(comes_through(each) and not fails(each) for each in range(count))
        await until(lambda: it.watch.count(f"{unique}.out") >= passed, "the rest")
        await worker.process.stop()
        (it.directory / "deployment" / "hub.yaml").write_text(DEPLOYMENT.format(name=unique, partitions=PARTITIONS))
        await it.add()
        replays = Replays(kafka, unique, tmp_path)
        kills = await _disturbed(it, replays, rounds, chance)
        last = await replays.ended(replays.launch())
        again = [await replays.ended(replays.launch()) for _ in range(2)]
        outcome = await it.outcome()
        given, made = await read(kafka, f"{unique}.in"), await read(kafka, f"{unique}.out")
    first, replayed = (
        compare(only(given, test), only(made, test), expected=comes_through)
        for test in (lambda number: not fails(number), fails)
    )
    letters = given.selected(fails)
    figures = {
        "events": given.count,
        "dead_letters": letters,
        "fenced": replays.fenced,
        "left_for_the_last": last,
        "lost": outcome.lost,
        "duplicated": outcome.duplicated,
        "order_violations": first.order_violations + replayed.order_violations,
    }
    record("dlq-replay", {"fault": "replay run by two at once, one killed half-way", "faults": kills, **figures})
    assert kills, "no kill hit a replay at work"
    assert again == [0, 0]
    assert 0 < last < letters
    assert first.clean, first
    assert replayed.clean, replayed
    assert (outcome.lost, outcome.duplicated, outcome.disagreements) == (0, 0, 0), f"{outcome}\n{it.logs()}"


async def _disturbed(it: Scene, replays: Replays, rounds: int, chance: random.Random) -> int:
    """Replays that are killed; gives how many of them were at work then."""
    kills = 0
    for turn in range(rounds):
        pair = [replays.launch(), replays.launch()]
        # In turns: the first batch is killed open, as a rule, or what comes after one that is committed.
        if await replays.under_way(*pair, committed=bool(turn % 2)):
            await asyncio.sleep(chance.uniform(0.0, 0.02))
            kills += any(each.running for each in pair)
        for each in pair:
            each.kill()
        if turn % 5 == 4:
            it.workers[-1].process.kill()
            await it.add()
    return kills
