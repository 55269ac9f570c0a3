"""The cache directory, and files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cache import cache_directory, written_whole
from hub.sdk import EnvironmentProblem


def names(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HUB_CACHE comes first, and the directory is made."""
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "mine"))
    assert cache_directory("jars") == tmp_path / "mine" / "jars"
    assert (tmp_path / "mine" / "jars").is_dir()
    assert cache_directory("jars") == tmp_path / "mine" / "jars"


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME, or .cache in the home directory; an empty variable counts as none."""
    monkeypatch.delenv("HUB_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory("x") == tmp_path / "xdg" / "integration-hub" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_directory("x") == tmp_path / "home" / ".cache" / "integration-hub" / "x"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_directory("x") == tmp_path / "home" / "Library" / "Caches" / "integration-hub" / "x"


def test_a_cache_that_cannot_be_made_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the way is told with the variable that names another place."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(EnvironmentProblem, match="name another one in HUB_CACHE"):
        cache_directory("x")


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    """Until the block ends the old content is there; afterwards the new, and nothing else."""
    target = tmp_path / "file"
    target.write_text("old")
    with written_whole(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["file"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """An error in the block passes on, and no temporary file stays behind."""
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ValueError, match="broken"), written_whole(target):
        raise ValueError("broken")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_an_environment_problem(tmp_path: Path) -> None:
    """An error of the system while writing is told with the file, and nothing stays behind."""
    target = tmp_path / "file"
    with pytest.raises(EnvironmentProblem, match="can't be written: No space left on device"), written_whole(target):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_a_missing_directory_is_an_environment_problem(tmp_path: Path) -> None:
    """Where nothing can be written, the directory is named."""
    with pytest.raises(EnvironmentProblem, match="nowhere can't be written"), written_whole(tmp_path / "nowhere" / "x"):
        pass
