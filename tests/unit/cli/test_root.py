"""The root command: what it lists, how it ends, and that nothing waits for what it doesn't need."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.cli.lazy import COMMANDS

HUB = [sys.executable, "-c", "from hub.cli import main; main()"]
DEPLOYMENT = "deployment: shop\nroutes:\n  copy: { from: orders, to: [billing] }\ntopics: { orders: {}, billing: {} }\n"


def hub(*arguments: str, **environ: str) -> Result:
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HUB_") or name == "AMQP_URL"}
    return CliRunner(env=clean | environ).invoke(app, list(arguments))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_lists_the_commands_in_the_order_of_use():
    """With one line each."""
    shown = CliRunner().invoke(app, ["--help"], terminal_width=100)
    assert shown.exit_code == 0
    places = [shown.output.index(f"│ {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert [each for each in COMMANDS if each in ("doctor", "init", "run", "tap", "validate")] == [
        "init",
        "validate",
        "run",
        "tap",
        "doctor",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_and_explains_itself(name):
    """The module of its name exports it, and its options have help texts."""
    assert isinstance(import_module(f"hub.cli.{name}").app, typer.Typer)
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output


def test_the_version_is_the_distributions():
    """For bug reports."""
    shown = hub("--version")
    assert shown.stdout.startswith("hub 0.")
    assert shown.exit_code == 0


@pytest.mark.parametrize("arguments", [["toppics"], ["run"], ["run", ".", "--drain-limit", "soon"], ["--nonsense"]])
def test_wrong_usage_is_invalid_input(arguments):
    """Exit code 2, and a message on standard error."""
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 2
    assert "Usage: " in shown.stderr
    assert shown.stdout == ""


def test_a_command_that_is_nearly_right_is_suggested():
    """Typing is hard."""
    assert "topics" in CliRunner().invoke(app, ["topix"]).stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_listing_commands_loads_none_of_them(arguments):
    """What takes long to import is imported by the command that needs it."""
    code = (
        "import sys\n"
        "from hub.cli import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'aiokafka', 'aiohttp', 'uvicorn', 'hub.engine', 'hub.sdk', 'ruamel.yaml'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.endswith("loaded: []\n")


def test_without_any_kafka_the_message_says_how_to_get_one(here):
    """Exit code 3, one message, no traceback."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    shown = hub("run", ".")
    assert shown.exit_code == 3
    assert "HUB_KAFKA__BOOTSTRAP_SERVERS" in shown.stderr
    assert "hub up" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert shown.stdout == ""


@pytest.mark.parametrize("arguments", [["--json", "run", "."], ["run", ".", "--json"]])
def test_json_may_stand_before_or_after_the_command(arguments, here):
    """Both give the error as an object."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    shown = hub(*arguments)
    assert shown.exit_code == 3
    assert orjson.loads(shown.stderr)["error"]["type"] == "EnvironmentProblem"


@pytest.mark.parametrize("arguments", [["topics"], ["tap", "orders"], ["dlq", "list"], ["cursors", "list"]])
def test_a_broker_that_is_down_is_told_in_one_line(arguments, here):
    """Ours; what the client library says of it is not printed above it."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    environ = clean | {"HUB_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    shown = subprocess.run([*HUB, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 3
    assert shown.stdout == ""
    assert [line.split(":")[0] for line in shown.stderr.splitlines()] == [
        "error  Kafka can't be reached or isn't ready"
    ]


@pytest.mark.parametrize("group", ["dlq", "cursors"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_json_may_stand_anywhere_about_the_name_of_a_group(group, place, here):
    """Before it, behind it, and behind the command."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    arguments = [group, "list"]
    arguments.insert(place, "--json")
    shown = hub(*arguments)
    assert shown.exit_code == 3
    assert orjson.loads(shown.stderr)["error"]["type"] == "EnvironmentProblem"


@pytest.mark.parametrize("arguments", [["--json", "kafka", "status"], ["kafka", "--json", "status"]])
def test_json_may_stand_before_a_command_of_kafka(arguments, here):
    """Both give the status as an object."""
    shown = hub(*arguments)
    assert shown.exit_code == 3
    assert orjson.loads(shown.stdout)["running"] is False


@pytest.mark.parametrize("command", ["run", "up"])
def test_an_invalid_deployment_is_told_before_anything_starts(command, here):
    """Every finding with its place, exit code 2, and nothing left behind."""
    (here / "a.yaml").write_text(DEPLOYMENT.replace("orders, to", "orders, too"))
    shown = hub(command, ".")
    assert shown.exit_code == 2
    assert "a.yaml:3:" in shown.stderr
    assert not (here / ".hub").exists()


@pytest.mark.parametrize("command", ["run", "up"])
def test_missing_references_are_told_all_at_once(command, here):
    """By name and place, before a server is started."""
    (here / "a.yaml").write_text(
        "deployment: shop\n"
        "sources:\n"
        "  one: { use: github.webhook, with: { path: /one, secret: '${env:ONE_SECRET}' } }\n"
        "  two: { use: github.webhook, with: { path: /two, secret: '${env:TWO_SECRET}' } }\n"
        "routes:\n"
        "  copy: { from: github.push, to: pushes }\n"
        "topics: { pushes: {} }\n"
    )
    shown = hub(command, ".")
    assert shown.exit_code == 2
    assert "ONE_SECRET" in shown.stderr
    assert "TWO_SECRET" in shown.stderr
    assert not (here / ".hub").exists()


def test_a_wrong_setting_in_the_environment_is_named(here):
    """Exit code 2 and the variable, for the hub's own settings and for Kafka's."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    shown = hub("run", ".", HUB_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", HUB_ADMIN__PORT="high")
    assert (shown.exit_code, "HUB_ADMIN__PORT" in shown.stderr) == (2, True)
    shown = hub("run", ".", HUB_KAFKA__BOOTSTRAP="127.0.0.1:1")
    assert (shown.exit_code, "HUB_KAFKA__BOOTSTRAP_SERVERS" in shown.stderr) == (2, True)


def test_a_unit_that_there_is_not_is_named(here):
    """With those that there are."""
    (here / "a.yaml").write_text(DEPLOYMENT)
    shown = hub("run", ".", "--only", "copy,paste", HUB_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert shown.exit_code == 2
    assert "paste" in shown.stderr
    assert "copy" in shown.stderr


def test_a_rabbitmq_that_is_needed_and_not_installed_is_told_beforehand(here):
    """Exit code 3, the variable and the package, and no Kafka was started for nothing."""
    (here / "a.yaml").write_text(
        "deployment: shop\n"
        "sinks: { tasks: { from: orders, use: rabbitmq, with: { url: '${env:AMQP_URL}', exchange: x } } }\n"
        "topics: { orders: {} }\n"
    )
    shown = hub("up", ".", PATH="/nonexistent")
    assert shown.exit_code == 3
    assert "AMQP_URL" in shown.stderr
    assert "apt-get install rabbitmq-server" in shown.stderr
    assert not (here / ".hub").exists()


def test_a_reader_that_goes_away_is_no_error_of_ours(tmp_path):
    """As in `hub … | head -1`: no traceback."""
    (tmp_path / "a.yaml").write_text(DEPLOYMENT + "nonsense: 1\n" * 5000)
    piped = subprocess.Popen([*HUB, "validate", "."], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.readline()
    piped.stdout.close()
    _, error = piped.communicate(timeout=60)
    assert b"Traceback" not in error
