"""What the demo says at its end is right for where it was played."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from demo.screen import WIDTH, Screen
from demo.stage import AttachedStage, LocalStage
from hub.cli import app

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("stage", [LocalStage, AttachedStage])
def test_the_end_says_what_is_left_and_what_to_try(
    stage: type[LocalStage | AttachedStage], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command on a line of its own."""
    Screen().what_next(stage.left, stage.suggestions)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"▌ What to try next  \(that took 0 s; {stage.left}\)", lines[1])
    assert len(lines) == 2 + len(stage.suggestions)
    assert max(map(len, lines)) <= WIDTH
    for line, (command, about) in zip(lines[2:], stage.suggestions, strict=True):
        assert line.split("  ")[1] == command
        assert line.endswith(about)


def test_after_containers_no_file_of_the_project_is_needed() -> None:
    """There is no .venv in a container, and the containers are not gone: commands are Compose's, of services it has."""
    services = YAML(typ="safe").load(PROJECT / "docker-compose.yml")["services"]
    assert "nothing is left" not in AttachedStage.left
    for command, _ in AttachedStage.suggestions:
        words = shlex.split(command)
        assert words[:2] == ["docker", "compose"]
        if words[2] == "exec":
            assert words[3] in services
            assert words[4] == "hub"


@pytest.mark.parametrize("stage", [LocalStage, AttachedStage])
def test_the_commands_of_the_hub_are_there(stage: type[LocalStage | AttachedStage]) -> None:
    """By the names that the hub knows."""
    known = set(get_command(app).commands)  # type: ignore[attr-defined]  a group has commands
    for command, _ in stage.suggestions:
        words = shlex.split(command)
        hub = next((n for n, word in enumerate(words) if word.endswith("hub")), None)
        if hub is not None:
            assert words[hub + 1] in known | {"--help"}, command
