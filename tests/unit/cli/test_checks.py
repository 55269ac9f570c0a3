"""What the doctor finds on a machine, without any server."""

from __future__ import annotations

import importlib.metadata
import socket
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from hub.cli import app, checks
from hub.cli.checks import Check
from hub.deployment import registry


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("HUB_INGRESS__PORT", "0")
    monkeypatch.setenv("HUB_ADMIN__PORT", "0")
    return tmp_path


def doctor(*arguments: str) -> tuple[int, dict[str, Check]]:
    shown = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    document = orjson.loads(shown.stdout)
    assert document["ok"] == (shown.exit_code == 0)
    return shown.exit_code, {each["name"]: Check(**each) for each in document["checks"]}


def test_this_machine_is_fit(here):
    """It runs the tests, so Python, packages, disk and Java are there."""
    code, found = doctor()
    assert code == 0
    assert {found[name].level for name in ("Python", "packages", "disk", "cache", "Java")} == {"ok"}
    assert "hub up" in found["Kafka"].advice


def test_people_get_a_line_for_each_check(here):
    """Level, name, what was found; within a hundred columns."""
    shown = CliRunner().invoke(app, ["doctor"])
    assert "ok    Python" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_a_port_that_is_taken_is_a_warning(here, monkeypatch):
    """It may be a hub of the user's own."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        monkeypatch.setenv("HUB_ADMIN__PORT", str(held.getsockname()[1]))
        code, found = doctor()
    assert (code, found["admin port"].level, found["webhook port"].level) == (0, "warn", "ok")
    assert "HUB_ADMIN__PORT" in found["admin port"].advice


def test_a_wrong_setting_fails(here, monkeypatch):
    """With the variable's name; exit code 3."""
    monkeypatch.setenv("HUB_KAFKA__SECURITY_PROTOCOL", "TELNET")
    code, found = doctor()
    assert (code, found["Kafka"].level) == (3, "fail")
    assert "HUB_KAFKA__SECURITY_PROTOCOL" in found["Kafka"].found


def test_a_kafka_that_does_not_answer_fails(here, monkeypatch):
    """At once, without waiting for it."""
    monkeypatch.setenv("HUB_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    code, found = doctor()
    assert (code, found["brokers"].level) == (3, "fail")


def test_a_full_disk_fails_and_a_small_one_warns(here, monkeypatch):
    """Kafka ends itself when it can't write."""
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    assert doctor()[1]["disk"].level == "fail"
    usage.free = 2**30
    assert doctor()[1]["disk"].level == "warn"


def test_a_package_that_is_missing_or_too_old_fails(here, monkeypatch):
    """Each is named."""
    installed = importlib.metadata.version
    monkeypatch.setattr(
        checks.importlib.metadata, "requires", lambda _: ["rich>=999.1", "nothing-like-it>=1", 'x>=1; extra == "y"']
    )
    code, found = doctor()
    assert code == 3
    assert found["packages"].found == f"rich {installed('rich')} is older than 999.1; nothing-like-it is missing"


def test_what_a_deployment_lacks_is_named(here):
    """References that aren't set, by name and place; a deployment with errors is sent to `hub validate`."""
    text = "deployment: d\nsources: { a: { use: github.webhook, with: { path: /a, secret: '${env:NO_SUCH}' } } }\n"
    (here / "a.yaml").write_text(text)
    code, found = doctor(".")
    assert (code, found["references"].level) == (3, "fail")
    assert "NO_SUCH" in found["references"].found
    (here / "a.yaml").write_text(text + "nonsense: 1\n")
    code, found = doctor(".")
    assert (code, found["deployment"].level) == (3, "fail")
    assert "hub validate" in found["deployment"].advice


def test_connectors_of_other_packages_are_named_with_them(here, monkeypatch):
    """And one that is broken is a warning that says whose it is, as nobody need use it."""
    (here / "good_package.py").write_text(
        "from hub.sdk import Connector\nconnector = Connector('good', 'Good')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(here)
    found = [
        importlib.metadata.EntryPoint(name, value, registry.GROUP)
        for name, value in (("good", "good_package"), ("torn", "a_package_that_nobody_has"))
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    shown = CliRunner().invoke(app, ["doctor", "--json"])
    assert shown.exit_code == 0
    whole, broken = [each for each in orjson.loads(shown.stdout)["checks"] if each["name"] == "connectors"]
    assert whole["level"] == "ok"
    assert "good from good_package" in whole["found"].split(", ")
    assert broken["level"] == "warn"
    assert broken["found"].startswith("the connector `torn` of a_package_that_nobody_has can't be imported")
