"""`hub run --watch` and `hub status` as processes: good files are taken, bad ones refused with the reason."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from hub.kafka.settings import KafkaSettings
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, records, until

DEPLOYMENT = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1 }}, {name}.out: {{ partitions: 1 }} }}
routes:
  work: {{ from: {name}.in, start: earliest, set: {{ data.version: 1 }}, to: {name}.out }}
"""


@pytest.fixture
def directory(tmp_path: Path, unique: str) -> Path:
    made = tmp_path / "deployment"
    made.mkdir()
    (made / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    return made


async def ready(admin: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{admin}/readyz") as answer:
        return dict(await answer.json())


async def status(directory: Path, kafka: KafkaSettings, tmp_path: Path) -> list[dict[str, Any]]:
    out = tmp_path / "status"
    out.mkdir(exist_ok=True)
    async with command("status", str(directory), "--json", directory=out, env=environment(kafka)) as running:
        assert await running.ended() == 0, running.err
        return list(orjson.loads(running.out))


async def test_changed_files_are_taken_and_invalid_ones_change_nothing(
    tmp_path: Path, directory: Path, kafka: KafkaSettings, unique: str
) -> None:
    """The generation rises with what took; what was refused is told in the log, by /readyz and by `hub status`."""
    file = directory / "hub.yaml"
    text = file.read_text()
    out = tmp_path / "run"
    out.mkdir()
    async with command("run", str(directory), "--watch", "--json", directory=out, env=environment(kafka)) as worker:
        started = await worker.report("started")
        admin = started["admin"]
        assert started["generation"]["number"] == 1
        await publish(kafka, f"{unique}.in", [event(1)])

        async def version_written(wanted: int) -> bool:
            return wanted in [orjson.loads(each.value)["version"] for each in await records(kafka, f"{unique}.out")]

        await until(lambda: version_written(1), "the first version at work")
        file.write_text(text.replace("data.version: 1", "data.version: 2"))

        async def generation(number: int) -> bool:
            return (await ready(admin))["generation"]["number"] == number

        await until(lambda: generation(2), "the second generation")
        await publish(kafka, f"{unique}.in", [event(2)])
        await until(lambda: version_written(2), "the second version at work")

        file.write_text(text.replace("data.version: 1", "data.version: = dat.x"))

        async def refused() -> bool:
            found = (await ready(admin))["generation"]["refused"]
            return found is not None and "hub.yaml:5" in found

        await until(refused, "the refusal")
        assert (await ready(admin))["generation"]["number"] == 2
        assert "there is no `dat` here" in worker.err
        (unit,) = await status(directory_of(tmp_path, text), kafka, tmp_path)
        assert (unit["generation"], unit["status"]["unit"]) == (2, "work")
        await publish(kafka, f"{unique}.in", [event(3)])
        await until(lambda: version_count(kafka, unique, 2, 2), "the old version going on")

        file.write_text("# a comment\n" + text.replace("data.version: 1", "data.version: 2"))

        async def accepted() -> bool:
            return (await ready(admin))["generation"]["refused"] is None

        await until(accepted, "the mended file")
        assert (await ready(admin))["generation"]["number"] == 2
        worker.signal(signal.SIGTERM)
        assert await worker.ended() == 0


async def version_count(kafka: KafkaSettings, unique: str, version: int, count: int) -> bool:
    found = [orjson.loads(each.value)["version"] for each in await records(kafka, f"{unique}.out")]
    return found.count(version) == count


def directory_of(tmp_path: Path, text: str) -> Path:
    """A valid copy, since `hub status` reads the deployment's name from its files."""
    copy = tmp_path / "copy"
    copy.mkdir(exist_ok=True)
    (copy / "hub.yaml").write_text(text)
    return copy
