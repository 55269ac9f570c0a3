"""``hub kafka``: the embedded Kafka in the terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.process import free_ports


def hub_kafka(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["kafka", *map(str, arguments)])


def test_start_status_and_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert hub_kafka("status").exit_code == 3
    try:
        # In a process of its own, as Kafka outlives it.
        started = subprocess.run(
            [sys.executable, "-c", "from hub.cli import main; main()", "kafka", "start"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert started.returncode == 0, started.stderr
        assert "ready in" in started.stdout
        assert "starting Apache Kafka" in started.stderr

        status = hub_kafka("status", "--json")
        assert status.exit_code == 0
        document = json.loads(status.stdout)
        assert document["running"]
        assert document["directory"] == str(tmp_path / ".hub" / "kafka")
        assert f"export HUB_KAFKA__BOOTSTRAP_SERVERS={document['bootstrap']}" in started.stdout
        assert f"process {document['pid']}" in hub_kafka("status").stdout

        again = hub_kafka("start")
        assert (again.exit_code, "runs already" in again.stdout) == (0, True)
        assert json.loads(hub_kafka("start", "--json").stdout)["pid"] == document["pid"]
        refused = hub_kafka("start", "--port", free_ports(1)[0], "--json")
        assert refused.exit_code == 3
        assert "runs already" in json.loads(refused.stderr)["error"]["message"]
    finally:
        stopped = hub_kafka("stop", "--json")
    assert json.loads(stopped.stdout)["stopped"] is True
    assert hub_kafka("status").exit_code == 3
    assert "was not running" in hub_kafka("stop").stdout


def test_a_directory_that_cannot_be_written_is_a_problem_of_the_environment(tmp_path: Path):
    (tmp_path / "file").touch()
    failed = hub_kafka("start", "--directory", tmp_path / "file" / "x")

    assert failed.exit_code == 3
    assert "can't be written" in failed.stderr


@pytest.mark.parametrize("port", ["many", "0", "70000"])
def test_a_port_that_is_none_is_invalid_input(port: str):
    assert hub_kafka("start", "--port", port).exit_code == 2
