"""Webhook sources in two copies that are killed: what was answered 2xx is stored; only what wasn't may come twice."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import aiohttp
import pytest

from hub.kafka.settings import KafkaSettings
from hub.process import free_ports
from hub.sdk import Event
from tests.chaos.check import stable
from tests.chaos.scale import SEED, record, scaled
from tests.chaos.waiting import until
from tests.chaos.workers import Worker
from tests.integration.engine import records

pytestmark = pytest.mark.timeout(scaled(600, 1800))
SENDERS = 16
DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
sources:
  hook:
    use: script.hook
    with: {{ path: /hook }}
"""


class Copies:
    """Two copies of a source, each on a port that it keeps."""

    def __init__(self, kafka: KafkaSettings, directory: Path) -> None:
        self.kafka, self.directory = kafka, directory
        self.ports = free_ports(2)
        self.workers: dict[int, Worker] = {}
        self.launched = 0

    async def launch(self, port: int) -> None:
        """Starts the copy of a port, and waits until it listens."""
        self.launched += 1
        arguments = [str(self.directory / "deployment"), str(self.kafka.bootstrap_servers), str(port)]
        command = [sys.executable, "-m", "tests.chaos.hooked", *arguments]
        worker = self.workers[port] = Worker(f"hook-{self.launched}", command, self.directory, self.kafka)
        worker.process.start()
        await worker.ready("at work")


class Senders:
    """Deliver numbers, each again until it is answered 2xx, to either copy; and some once more after that."""

    def __init__(self, copies: Copies) -> None:
        self.copies = copies
        self.chance = random.Random(SEED)
        self.next = 0
        self.accepted: set[int] = set()
        self.unsure: set[int] = set()
        """Whose first answer was no 2xx, or none at all."""
        self.repeated = 0
        self.going_on = True

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(15)) as session:
            await asyncio.gather(*(self._send(session) for _ in range(SENDERS)))

    async def _send(self, session: aiohttp.ClientSession) -> None:
        while self.going_on:
            number, self.next = self.next, self.next + 1
            while not await self._post(session, number):
                self.unsure.add(number)
                await asyncio.sleep(0.1)
            self.accepted.add(number)
            if self.chance.random() < 0.1:
                # Later, as far sides do: the other copy has heard of it by then.
                await asyncio.sleep(1.0)
                self.repeated += await self._post(session, number)

    async def _post(self, session: aiohttp.ClientSession, number: int) -> bool:
        url = f"http://127.0.0.1:{self.chance.choice(self.copies.ports)}/hook"
        headers = {"X-Id": str(number), "X-Signature": "right"}
        try:
            async with session.post(url, data=b'{"n":%d,"key":"k"}' % number, headers=headers) as response:
                return response.status == 202
        except (aiohttp.ClientError, TimeoutError):
            return False


async def test_copies_that_are_killed_lose_nothing_that_they_accepted(kafka, unique, tmp_path):
    """Senders that repeat what failed get every event through; one that was accepted is dropped when repeated."""
    kills = scaled(2, 20)
    (tmp_path / "deployment").mkdir()
    (tmp_path / "deployment" / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    copies = Copies(kafka, tmp_path)
    senders = Senders(copies)
    try:
        await asyncio.gather(*map(copies.launch, copies.ports))
        sending = asyncio.create_task(senders.run())
        for _ in range(kills):
            port = senders.chance.choice(copies.ports)
            await asyncio.sleep(senders.chance.uniform(0.5, 2.0))
            copies.workers[port].process.kill()
            await copies.launch(port)
            before = len(senders.accepted)
            await until(lambda: len(senders.accepted) > before + 20, "senders going on")  # noqa: B023  awaited at once
        senders.going_on = False
        await sending
        await asyncio.gather(*(each.process.stop() for each in copies.workers.values()))
    finally:
        for each in copies.workers.values():
            each.process.kill()
    await stable(kafka, [f"{unique}.in"])
    stored = await records(kafka, f"{unique}.in")
    found = [int(Event.from_kafka(each.key, each.value, each.headers).id) for each in stored]
    lost = senders.accepted - set(found)
    twice = {each for each in found if found.count(each) > 1}
    figures = {"accepted": len(senders.accepted), "unsure": len(senders.unsure), "repeated": senders.repeated}
    record(
        "webhook-kill",
        {
            "fault": "kill -9 of one of two copies",
            "faults": kills,
            **figures,
            "lost": len(lost),
            "stored_twice": len(twice),
        },
    )
    assert senders.unsure, "no kill hit anything"
    assert not lost
    assert twice <= senders.unsure
