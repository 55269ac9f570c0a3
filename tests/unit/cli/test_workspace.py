"""The directory .hub: commands find what runs here, and the user's project stays clean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.cli import workspace
from hub.cli.servers import alone
from hub.cli.workspace import Up
from hub.sdk import ConfigError, EnvironmentProblem


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_git_does_not_take_it_for_a_part_of_the_project(here):
    """Servers' data are committed by nobody."""
    assert workspace.prepare() == Path(".hub")
    assert (here / ".hub/.gitignore").read_text() == "*\n"
    workspace.prepare()


def test_a_place_that_can_not_be_written_is_said(here):
    """With what to do."""
    (here / ".hub").write_text("a file in its place")
    with pytest.raises(EnvironmentProblem, match="can't be written"):
        workspace.prepare()


def test_the_deployment_is_the_given_one_then_the_running_one_then_this_directory(here):
    """In this order; stray YAML files here don't hide what runs."""
    with pytest.raises(ConfigError, match="--dir"):
        workspace.directory()
    (here / "compose.yaml").write_text("")
    assert workspace.directory() == Path()
    (here / "shop").mkdir()
    Up(str(here / "shop"), 1, "http://127.0.0.1:8081").write()
    assert workspace.directory() == Path("shop")
    assert workspace.directory(Path("other")) == Path("other")
    (here / "shop").rmdir()
    assert workspace.directory() == Path()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"directory": "x"}', '{"a": 1}', "\x00"])
def test_a_damaged_note_of_what_runs_is_as_good_as_none(here, text):
    """Nobody should have to delete it."""
    workspace.prepare()
    (here / ".hub/up.json").write_text(text)
    assert Up.read() is None


def test_one_hub_up_at_a_time_runs_in_a_directory(here):
    """The second is told who the first is; once that has ended it may start."""
    with alone():
        Up(str(here), 4711, "http://127.0.0.1:8081").write()
        with pytest.raises(EnvironmentProblem, match="4711"), alone():
            pass
    with alone():
        pass
