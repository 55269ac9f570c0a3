"""`hub schemas push|pull|list` with a real schema registry: what is stored, what is taken, and a run without it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.contracts.lock import FILE
from hub.contracts.registry import RegistrySettings, SchemaRegistry
from hub.deployment import Registry, check, load
from tests.integration.test_registry import BROKEN, FIRST, SECOND, ruled

OWN = """
deployment: d
events:
  {name}.placed: {{ topic: {name}.orders, schema: {{ $ref: order.json }} }}
"""
TAKEN = """
deployment: d
events:
  {name}.placed: {{ schema: {{ registry: {{ version: {version} }} }} }}
"""


@pytest.fixture(autouse=True)
def _named(schema_registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_REGISTRY__URL", schema_registry)


def write(directory: Path, text: str, schema: Any = FIRST) -> None:
    (directory / "hub.yaml").write_text(text)
    (directory / "order.json").write_bytes(orjson.dumps(schema))


async def hub(*arguments: object) -> tuple[int, str, str]:
    # In a thread: a command has an event loop of its own.
    result = await asyncio.to_thread(CliRunner().invoke, app, ["schemas", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


async def test_contracts_are_pushed_once(tmp_path, unique, schema_registry):
    """With all that they refer to; the same again changes nothing; a refused one is told and exits with 1."""
    write(tmp_path, OWN.format(name=unique))
    code, output, _ = await hub("push", tmp_path, "--dry-run")
    assert (code, "would be new" in output) == (0, True)
    for outcome in ("stored", "there already"):
        code, output, _ = await hub("push", tmp_path)
        assert code == 0
        assert output.splitlines()[1].split() == [f"{unique}.placed", "1", *outcome.split()]
    await ruled(schema_registry, f"{unique}.placed", "BACKWARD")
    write(tmp_path, OWN.format(name=unique), BROKEN)
    code, output, _ = await hub("push", tmp_path, "--json")
    (result,) = json.loads(output)
    assert (code, result["version"]) == (1, None)
    assert "/properties/n" in result["refusal"]
    code, output, _ = await hub("push", tmp_path, "--subjects", "topic", "--json")
    assert (code, json.loads(output)[0]["subject"]) == (0, f"{unique}.orders-value")


async def test_what_is_taken_is_pinned(tmp_path, unique, schema_registry):
    """`latest` is the newest one at the time of the pull; without the registry all goes on with that."""
    subject = f"{unique}.placed"
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        await registry.register(subject, FIRST)
        write(tmp_path, TAKEN.format(name=unique, version="latest"))
        assert [each.code for each in check(tmp_path, registry=Registry([])).findings] == ["event.registry"]
        code, output, _ = await hub("pull", tmp_path)
        assert (code, output.splitlines()[1].split()) == (0, [subject, "·", "1", "new"])
        await registry.register(subject, SECOND)
    code, output, _ = await hub("list", tmp_path, "--json")
    assert json.loads(output) == [
        {"event_type": subject, "subject": subject, "wanted": "latest", "locked": 1, "newest": 2}
    ]
    code, output, _ = await hub("list", tmp_path)
    assert "version 2 is newer" in output
    contract = load(tmp_path, registry=Registry([])).contracts[subject]
    assert (contract.schema, contract.origin) == (FIRST, f"{subject}, version 1, of the registry")
    code, output, _ = await hub("pull", tmp_path)
    assert output.splitlines()[1].split()[2:] == ["2", "was", "version", "1"]
    assert load(tmp_path, registry=Registry([])).contracts[subject].schema == SECOND


async def test_a_pull_that_fails_leaves_the_lock_as_it_was(tmp_path, unique, monkeypatch):
    """An unknown version, and a registry that is away."""
    async with SchemaRegistry(RegistrySettings()) as registry:
        await registry.register(f"{unique}.placed", FIRST)
    write(tmp_path, TAKEN.format(name=unique, version=1))
    assert (await hub("pull", tmp_path))[0] == 0
    before = (tmp_path / FILE).read_bytes()
    write(tmp_path, TAKEN.format(name=unique, version=7))
    code, _, error = await hub("pull", tmp_path)
    assert (code, "7" in error) == (1, True)
    monkeypatch.setenv("HUB_REGISTRY__URL", "http://127.0.0.1:9")
    code, _, error = await hub("pull", tmp_path)
    assert (code, "can't be reached" in error) == (3, True)
    assert (tmp_path / FILE).read_bytes() == before


async def test_an_edited_lock_is_noticed(tmp_path, unique):
    """What runs is what the registry gave."""
    async with SchemaRegistry(RegistrySettings()) as registry:
        await registry.register(f"{unique}.placed", FIRST)
    write(tmp_path, TAKEN.format(name=unique, version=1))
    await hub("pull", tmp_path)
    lock = tmp_path / FILE
    lock.write_text(lock.read_text().replace('"integer"', '"string"'))
    (finding,) = check(tmp_path, registry=Registry([])).findings
    assert (finding.code, "it was edited" in finding.message) == ("event.registry", True)
    lock.write_text("{")
    (finding,) = check(tmp_path, registry=Registry([])).findings
    assert "is no lock file" in finding.message
    assert (await hub("pull", tmp_path))[0] == 0
    assert check(tmp_path, registry=Registry([])).valid


async def test_subjects_are_listed(unique):
    """With their versions."""
    async with SchemaRegistry(RegistrySettings()) as registry:
        await registry.register(unique, FIRST)
        await registry.register(unique, SECOND)
    code, output, _ = await hub("list", "--json")
    assert {"name": unique, "versions": [1, 2]} in json.loads(output)
    code, output, _ = await hub("list")
    assert code == 0
    assert [unique, "2", "2"] in [line.split() for line in output.splitlines()]


async def test_a_deployment_without_any_is_told(tmp_path):
    """Nothing to push, nothing to pull."""
    (tmp_path / "hub.yaml").write_text("deployment: d\ntopics: { t: }\n")
    assert "declares no contracts" in (await hub("push", tmp_path))[1]
    assert "takes its schema from a registry" in (await hub("pull", tmp_path))[1]
