"""`hub graph`: formats, files and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app

SHOP = Path(__file__).parents[1] / "workbench" / "deployments" / "shop"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["graph", str(SHOP), *map(str, arguments)])


def test_a_tree_unless_asked_otherwise() -> None:
    """For people in a terminal."""
    result = run()
    assert result.exit_code == 0
    assert result.output.startswith("shop\n\nsource hook  github.webhook\n")
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("ending", "start"), [(".svg", "<svg "), (".mmd", "flowchart LR"), (".json", "{\n"), (".txt", "shop\n")]
)
def test_the_file_says_the_format(tmp_path: Path, ending: str, start: str) -> None:
    """By its ending; nothing is printed."""
    out = tmp_path / f"picture{ending}"
    result = run("--out", out)
    assert (result.exit_code, result.output) == (0, "")
    assert out.read_text().startswith(start)


def test_a_format_can_be_printed() -> None:
    """To be piped."""
    assert run("--format", "mermaid").output.startswith("flowchart LR\n")
    assert run("-f", "svg").output.startswith("<svg ")
    assert json.loads(run("--json").output) == json.loads(run("--format", "json").output)


def test_dead_letters_can_be_left_out() -> None:
    """Beside those that somebody reads."""
    assert "✕" not in run("--no-dlq").output


def test_one_unit() -> None:
    """And what it touches."""
    output = run("--unit", "lines").output
    assert "order.line" in output
    assert "sizes" not in output


def test_a_field() -> None:
    """As a tree, as JSON, as a picture."""
    assert run("--field", "data.team").output.startswith("data.team of order.line\n\ncomes from\n└─ route lines")
    (found,) = json.loads(run("--field", "data.team", "--json").output)
    assert found["from"][0]["with"]["field"] == "data.customer.country"
    assert "data.customer.country" in run("--field", "data.team", "-f", "svg").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--unit", "nobody"), "there is no unit `nobody`; there are hook, lines"),
        (("--topic", "orders"), "--topic goes with --field PATH"),
        (("--field", "data.total", "--unit", "lines"), "expected --field or --unit, not both"),
        (("--field", "user.name"), "--field expected type, source"),
        (("--field", "data.zzz"), "no expression reads or makes `data.zzz`"),
        (("--field", "data.total", "--topic", "x"), "no unit reads or writes the topic `x`"),
        (("--out", "/nowhere/a.svg"), "can't write /nowhere/a.svg: No such file or directory"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str) -> None:
    """With exit code 2 and what to do."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_broken_deployment(tmp_path: Path) -> None:
    """Is told as `hub validate` tells it."""
    (tmp_path / "hub.yaml").write_text("deployment: d\nroutes: { r: { from: in, to: out } }\n")
    result = CliRunner().invoke(app, ["graph", str(tmp_path)])
    assert result.exit_code == 2
    assert "route.unknown_target" in result.output
