"""The disk of the embedded Kafka runs full, or can't be written: a clear error, and nothing is corrupted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from hub.kafka.embedded import EmbeddedKafka
from hub.sdk import EnvironmentProblem
from tests.chaos.disks import remount
from tests.chaos.scale import record, scaled
from tests.chaos.scene import scene
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(scaled(600, 1800))


async def test_a_full_disk_is_a_clear_error_and_corrupts_nothing(disk: Path, unique: str, tmp_path: Path):
    """Kafka ends and says why; once there is room it starts again, and everything is there once."""
    kafka = EmbeddedKafka(disk)
    ballast = disk / "ballast"
    try:
        await kafka.start()
        watching = asyncio.create_task(kafka.watch())
        async with scene(kafka.settings, unique, tmp_path, rate=scaled(500, 1000)) as it:
            await it.add()
            for _ in range(scaled(1, 5)):
                await it.flowing()
                it.watch.mark()
                _fill(ballast)
                with pytest.raises(EnvironmentProblem, match=r"the disk of .* is full"):
                    await asyncio.wait_for(watching, 60)
                with pytest.raises(EnvironmentProblem, match="MiB free"):
                    await kafka.start()
                assert all(each.process.running for each in it.workers)
                ballast.unlink()
                await kafka.start()
                watching = asyncio.create_task(kafka.watch())
                await it.resumed(120.0)
            outcome = await it.outcome()
    finally:
        await kafka.stop()
    record("disk-full", {"fault": "disk full", "faults": scaled(1, 5), **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"


async def test_a_read_only_disk_is_a_clear_error_and_corrupts_nothing(disk: Path, unique: str, tmp_path: Path):
    """Kafka doesn't start, and the reason is told; afterwards everything is there."""
    kafka = EmbeddedKafka(disk)
    try:
        await kafka.start()
        async with scene(kafka.settings, unique, tmp_path, rate=500, limit=2000) as it:
            await it.add()
            await it.loading
            await until(lambda: it.watch.count(f"{unique}.out") > 500, "an output")
            await kafka.stop()
            remount(disk, "ro")
            with pytest.raises(EnvironmentProblem, match="can't be written: Read-only file system"):
                await kafka.start()
            remount(disk, "rw")
            await kafka.start()
            outcome = await it.outcome()
    finally:
        await kafka.stop()
    record("disk-read-only", {"fault": "read-only disk", "faults": 1, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"


def _fill(ballast: Path) -> None:
    """Takes all the room that there is."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(2**20)):
            pass
