"""A connector in a package of somebody else's: installed by pip, found by its entry point, run on Kafka and Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from hub.kafka.settings import KafkaSettings
from tests.integration.commands import command, environment
from tests.integration.engine import records, until

PROJECT = Path(__file__).parents[2]
SAMPLE = PROJECT / "examples" / "hub-connector-redis-stream"
ORDERS = 300
DEPLOYMENT = """
deployment: {name}
events:
  redis.entry: {{ topic: {name}.entry }}
sources:
  orders:
    use: redis_stream
    with: {{ url: "${{env:REDIS_URL}}", stream: {name}.orders, key: customer, wait: 200ms, count: 50 }}
routes:
  accepted:
    from: {name}.entry
    where: data.number != "13"
    map: {{ type: {name}.accepted, data: {{ number: = data.number, customer: = data.customer }} }}
    to: shipments
sinks:
  shipments:
    use: redis_stream
    with:
      url: "${{env:REDIS_URL}}"
      stream: {name}.shipments
      fields: {{ order: = data.number, customer: = data.customer }}
"""


def run(*arguments: str, cwd: Path = PROJECT, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed it, apart from all else; only what pip built is there, not the folder of its code."""
    target = tmp_path_factory.mktemp("site-packages")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run("-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(SAMPLE))
    return target


@pytest.fixture
def variables(installed: Path, kafka: KafkaSettings, redis: str) -> dict[str, str]:
    """The environment of a user who has installed it."""
    return environment(kafka, PYTHONPATH=f"{installed}{os.pathsep}{PROJECT}", REDIS_URL=redis)


@pytest.fixture
def deployment(tmp_path: Path, unique: str) -> Path:
    directory = tmp_path / "deployment"
    directory.mkdir()
    (directory / "hub.yaml").write_text(DEPLOYMENT.format(name=unique))
    return directory


def test_its_own_tests_pass(installed: Path) -> None:
    """Against what was installed, not against its folder."""
    options = ("-q", "-p", "no:cacheprovider", "-o", "pythonpath=", "--rootdir", str(SAMPLE), "-c", "pyproject.toml")
    run("-m", "pytest", *options, cwd=SAMPLE, PYTHONPATH=f"{installed}{os.pathsep}{PROJECT}")


def test_its_code_is_formatted_linted_and_typed() -> None:
    """By its own rules."""
    run("-m", "ruff", "format", "--no-cache", "--check", ".", cwd=SAMPLE)
    run("-m", "ruff", "check", "--no-cache", ".", cwd=SAMPLE)
    run("-m", "mypy", "--cache-dir", str(PROJECT / ".mypy_cache" / "sample"), cwd=SAMPLE, PYTHONPATH=str(PROJECT))


async def test_the_hub_finds_it(tmp_path: Path, deployment: Path, variables: dict[str, str]) -> None:
    """`hub doctor` says where it comes from; `hub validate` knows its settings; without it both say what is missing."""
    async with command("doctor", "--json", directory=tmp_path / "doctor", env=variables) as hub:
        assert await hub.ended() in (0, 3)  # the machine may lack something else
    found = {each["name"]: each["found"] for each in orjson.loads(hub.out)["checks"]}
    assert "redis_stream from hub-connector-redis-stream 0.1.0" in found["connectors"]
    async with command("validate", str(deployment), directory=tmp_path / "valid", env=variables) as hub:
        assert await hub.ended() == 0, hub.out
    without = {**variables, "PYTHONPATH": str(PROJECT)}
    async with command("validate", "--json", str(deployment), directory=tmp_path / "without", env=without) as hub:
        assert await hub.ended() == 2
    codes = {each["code"] for each in orjson.loads(hub.out)}
    assert "connector.unknown" in codes


async def test_it_runs(
    tmp_path: Path, kafka: KafkaSettings, redis: str, unique: str, deployment: Path, variables: dict[str, str]
) -> None:
    """Entries go through Kafka and a route into another stream: once, over a kill, each customer's in order."""
    async with Redis.from_url(redis, protocol=2) as client:

        async def add(first: int, last: int) -> None:
            for number in range(first, last):
                await client.xadd(f"{unique}.orders", {"number": str(number), "customer": f"c{number % 7}"})

        async def shipped(count: int) -> bool:
            return await client.xlen(f"{unique}.shipments") >= count

        await add(0, ORDERS // 2)
        async with command("run", str(deployment), directory=tmp_path / "1", env=variables) as hub:
            await until(lambda: shipped(ORDERS // 3))
            hub.signal(signal.SIGKILL)
            await hub.ended()
        async with command("run", str(deployment), directory=tmp_path / "2", env=variables) as hub:
            await asyncio.gather(add(ORDERS // 2, ORDERS), until(lambda: shipped(ORDERS - 1)))
            hub.signal(signal.SIGTERM)
            assert await hub.ended() == 0, hub.err
        entries = [fields for _, fields in await client.xrange(f"{unique}.shipments")]
    numbers = [int(fields[b"order"]) for fields in entries]
    assert sorted(numbers) == [number for number in range(ORDERS) if number != 13]
    for customer in range(7):
        own = [number for number in numbers if number % 7 == customer]
        assert own == sorted(own)
    assert len(await records(kafka, f"{unique}.entry")) == ORDERS
