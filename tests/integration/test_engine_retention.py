"""Retention is not silent loss: alarms before it, and no jump after it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from hub.cli.checks import checks
from hub.deployment import load
from hub.engine.ledger.audit import audit
from hub.engine.reading.retention import Seen
from hub.engine.status import read_reports
from hub.engine.unit import State
from hub.kafka import clients, names
from hub.kafka.compacted import CompactedTable
from hub.kafka.settings import KafkaSettings
from hub.operate.metrics import Metrics
from hub.testing.scripted import Script
from tests.integration.commands import command, environment
from tests.integration.engine import event, publish, records, running, settled, until

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1, retention: 7d }}
  {name}.out: {{ partitions: 1 }}
routes:
  copy: {{ from: {name}.in, start: {start}, to: "{name}.out" }}
"""


async def write_old(kafka: KafkaSettings, topic: str, age: timedelta) -> None:
    """Writes an event that was made so long ago."""
    made = int((datetime.now(UTC) - age).timestamp() * 1000)
    async with clients.running(clients.producer(kafka)) as producer:
        key, value, headers = event(1).to_kafka()
        await producer.send_and_wait(topic, value, key=key, headers=headers, timestamp_ms=made)


async def test_an_alarm_comes_before_retention_deletes_what_waits(tmp_path, kafka, unique, caplog):
    """Once for as long as it lasts: in the log, in the status, and as a figure; and it ends when the unit goes on."""
    caplog.set_level(logging.INFO, "hub.unit.copy")
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique, start="earliest"), Script()) as runtime:
        unit = runtime.supervisor.units["copy"]
        await unit.measure()
        assert (unit.alarm, unit.retention_seconds) == ("", 7 * 86_400.0)
        unit.pause()
        await until(lambda: unit.state is State.PAUSED)
        await write_old(kafka, f"{unique}.in", timedelta(days=6))

        async def alarmed() -> bool:
            await unit.measure()
            return bool(unit.alarm)

        await until(alarmed)
        await unit.measure()
        assert unit.retention_seconds is not None
        assert 0 < unit.retention_seconds < 86_400.0
        assert f"retention deletes unread events of {unique}.in in 24.0 h" in unit.status().detail
        warnings = [each for each in caplog.records if "retention deletes unread events" in each.getMessage()]
        assert [each.levelname for each in warnings] == ["WARNING"]
        unit.resume()
        await settled(runtime, "copy", 1)

        async def calm() -> bool:
            await unit.measure()
            return not unit.alarm

        await until(calm)
        assert "retention is no longer near" in caplog.text


async def forget(kafka: KafkaSettings, deployment: str, age: timedelta, *, unit: str = "later") -> datetime:
    """Makes it so that a route was last at work so long ago; `later` has a group that is unknown to the brokers.

    Returns:
        Until when it had settled everything, a minute earlier.
    """
    at = datetime.now(UTC) - age
    async with CompactedTable(kafka, names.status(deployment)) as table:
        (report,) = await read_reports(kafka, deployment)
        safe = at - timedelta(minutes=1)
        status = report.status.model_copy(update={"unit": unit, "last_seen": Seen(at, safe)})
        old = report.model_copy(update={"at": at, "status": status})
        await table.put(f"{unit}|{report.worker}".encode(), old.model_dump_json().encode())
    return safe


async def test_positions_that_brokers_forgot_stop_the_unit(tmp_path, kafka, unique):
    """It neither passes over what came meanwhile nor repeats everything; told where to start, it goes on there."""
    text = DEPLOYMENT.format(name=unique, start="latest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "copy", 1)
    await publish(kafka, f"{unique}.in", [event(2)])
    safe = await forget(kafka, unique, timedelta(days=8))
    later = DEPLOYMENT.replace("  copy:", "  later:")
    for start in ("latest", "earliest", (safe - timedelta(days=30)).isoformat()):
        async with running(tmp_path, kafka, later.format(name=unique, start=f'"{start}"'), Script()) as runtime:
            unit = runtime.supervisor.units["later"]
            await until(lambda unit=unit: unit.state is State.FAILED)
            assert "the brokers have forgotten where group" in unit.detail
            assert "7.0 d (offsets.retention.minutes)" in unit.detail
    start = safe.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"`start: {start}`" in unit.detail
    async with running(tmp_path, kafka, later.format(name=unique, start=f'"{start}"'), Script()) as runtime:
        await settled(runtime, "later", 2)
    assert len(await records(kafka, f"{unique}.out")) == 3


async def test_a_group_that_was_deleted_by_hand_begins_anew(tmp_path, kafka, unique):
    """The brokers would still know it: somebody wanted that."""
    text = DEPLOYMENT.format(name=unique, start="latest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "copy", 1)
    await forget(kafka, unique, timedelta(days=1))
    async with running(tmp_path, kafka, text.replace("  copy:", "  later:"), Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(2)])
        assert (await settled(runtime, "later", 1)).received == 1


async def test_the_ledger_and_the_doctor_warn_of_units_that_nobody_runs(tmp_path, kafka, unique, monkeypatch):
    """What waits and is about to be deleted, and positions that are about to be forgotten, while nothing runs."""
    text = DEPLOYMENT.format(name=unique, start="earliest")
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1)])
        await settled(runtime, "copy", 1)
    (account,) = await audit(kafka, load(tmp_path))
    assert account.warnings == []
    await write_old(kafka, f"{unique}.in", timedelta(days=6))
    await forget(kafka, unique, timedelta(days=6), unit="copy")
    for counted in (20_000, 0):
        monkeypatch.setattr("hub.engine.ledger.audit.COUNTED", counted)
        (account,) = await audit(kafka, load(tmp_path))
        assert account.balanced
        assert f"retention deletes unread events of {unique}.in in 24.0 h" in account.warnings[0]
        assert account.warnings[1].startswith("copy has not run for 6.0 d: in 24.0 h the brokers forget where it stood")
    monkeypatch.setenv("HUB_KAFKA__BOOTSTRAP_SERVERS", str(kafka.bootstrap_servers))
    found = {check.name: check async for check in checks(tmp_path)}
    assert found["positions"].level == "warn"
    async with command("status", str(tmp_path), directory=tmp_path / "out", env=environment(kafka)) as status:
        assert await status.ended() == 0
    assert "copy has not run for 6.0 d" in " ".join(status.out.split())


async def test_whoever_still_runs_warns_of_units_that_nobody_runs(tmp_path, kafka, unique, caplog):
    """In its log, once for as long as it lasts, and as a figure; and it ends when the unit runs again."""
    caplog.set_level(logging.INFO, "hub.engine.absence")
    text = DEPLOYMENT.format(name=unique, start="earliest")
    text += f'  other: {{ from: {unique}.in, to: "{unique}.out" }}\n'
    async with running(tmp_path, kafka, text, Script(), only=["copy"]):
        pass
    await forget(kafka, unique, timedelta(days=6, hours=12), unit="copy")
    async with running(tmp_path, kafka, text, Script(), only=["other"]) as runtime:
        watch = runtime.absence
        metrics = Metrics(runtime.supervisor.units.values(), lambda: watch.found)
        await watch.look()
        await watch.look()
        warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert len(warnings) == 1
        assert warnings[0].startswith("copy has not run for 6.5 d: in 12.0 h the brokers forget where it stood")
        (line,) = [each for each in metrics.text().decode().splitlines() if each.startswith("hub_positions_seconds_")]
        assert line.startswith('hub_positions_seconds_left{unit="copy"} ')
        assert 0 < float(line.split()[1]) < 12 * 3600
        async with running(tmp_path, kafka, text, Script(), only=["copy"]):
            await watch.look()
            assert not watch.found
        assert "copy: the brokers are no longer about to forget where it stood" in caplog.text
