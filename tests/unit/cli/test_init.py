"""`hub init`: a deployment to start from, which never overwrites anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.deployment import check, load


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def content(directory: Path) -> dict[str, bytes]:
    return {str(each.relative_to(directory)): each.read_bytes() for each in directory.rglob("*") if each.is_file()}


def test_what_it_writes_is_valid(tmp_path: Path) -> None:
    """The deployment is named after its directory, has no finding, and its units load."""
    directory = tmp_path / "new" / "My Hub!"
    result = run("init", directory)
    assert result.exit_code == 0
    assert check(directory).findings == ()
    deployment = load(directory)
    assert (deployment.name, list(deployment.units)) == ("my-hub", ["deliveries", "bugs"])
    assert "${name}" not in (directory / "README.md").read_text()


def test_its_tests_pass(tmp_path: Path) -> None:
    """What `hub init` writes is tested, and no outcome is left out."""
    run("init", tmp_path / "demo")
    result = json.loads(run("test", "--json", "--coverage", tmp_path / "demo").output)
    assert (result["passed"], result["failed"], result["coverage"]["percent"]) == (2, 0, 100.0)


def test_its_route_makes_a_bug_of_the_fixture(tmp_path: Path) -> None:
    """The delivery that the README sends becomes the event that it shows."""
    from hub.sdk import Event  # noqa: PLC0415  read beside its use

    run("init", tmp_path / "demo")
    deployment = load(tmp_path / "demo")
    data = json.loads((tmp_path / "demo" / "fixtures" / "issues.opened.json").read_bytes())
    outcome = deployment.routes["bugs"].program({})(Event(type="github.issues", source="/x", data=data))
    assert isinstance(outcome, list)
    ((made, _),) = outcome
    assert (made.type, made.subject) == ("bug.reported", "octo/hello")
    assert {key: made.data[key] for key in ("number", "reporter")} == {"number": 7, "reporter": "ada"}


@pytest.mark.parametrize(
    ("program", "path", "command"),
    [
        ("bin/hub", "", "bin/hub"),
        ("hub", "", "./hub"),
        ("{here}/bin/hub", "", "bin/hub"),
        ("{here}/bin/hub", "{here}/bin", "hub"),
        ("{here}/bin/hub", "{here}/other", "bin/hub"),
        ("-c", "", "hub"),
    ],
)
def test_what_to_do_next_can_be_called_from_here(
    program: str, path: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name where the PATH finds this very command, otherwise by a path, with what puts it on the PATH."""
    for each in ("hub", "bin/hub", "other/hub"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_text("#!/bin/sh\n")
        (tmp_path / each).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path.format(here=tmp_path))
    monkeypatch.setattr("sys.argv", [program.format(here=tmp_path)])
    shown = run("init", "my demo").output
    assert f"next   {command} validate 'my demo' && cat 'my demo/README.md'\n" in shown
    folder = tmp_path / Path(command).parent
    assert (f"export PATH={folder}:$PATH" in shown) == (command != "hub")


def test_json_lists_the_files(tmp_path: Path) -> None:
    """Programs get the names of what was written."""
    written = json.loads(run("init", "--json", tmp_path / "demo").output)
    assert set(written["files"]) == set(content(tmp_path / "demo"))


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    """Run again, it refuses with exit code 2 and names what is there."""
    run("init", tmp_path / "demo")
    (tmp_path / "demo" / "hub.yaml").write_text("mine")
    before = content(tmp_path / "demo")
    result = run("init", tmp_path / "demo")
    assert result.exit_code == 2
    assert "hub.yaml" in result.output
    assert content(tmp_path / "demo") == before


def test_a_directory_with_schema_files_is_left_alone(tmp_path: Path) -> None:
    """Also where none of the names clashes: two deployments can't share a directory."""
    (tmp_path / "mine.yml").write_text("deployment: mine")
    assert run("init", tmp_path).exit_code == 2
    assert list(content(tmp_path)) == ["mine.yml"]


def test_other_files_may_be_there(tmp_path: Path) -> None:
    """An empty repository with a licence in it is a good place to start."""
    (tmp_path / "LICENSE").write_text("mine")
    assert run("init", tmp_path).exit_code == 0
    assert (tmp_path / "LICENSE").read_text() == "mine"


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    """A path that is a file is refused."""
    (tmp_path / "file").write_text("mine")
    assert run("init", tmp_path / "file").exit_code == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_a_write_that_fails_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up on the way, what was written is taken away, and the exit code is 3."""
    original = Path.open

    def full(self: Path, *arguments: str, **options: str) -> object:
        if self.name == "hub.yaml" and "x" in arguments:
            raise OSError(28, os.strerror(28), str(self))
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    result = run("init", tmp_path / "demo")
    monkeypatch.undo()
    assert result.exit_code == 3
    assert "No space left on device" in result.output
    assert content(tmp_path / "demo") == {}
