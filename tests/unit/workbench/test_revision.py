"""A directory as it is in a revision of Git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hub.sdk import ConfigError, EnvironmentProblem
from hub.workbench.revision import directory_of


def git(where: Path, *arguments: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *arguments], cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two versions of a deployment, the second not committed; contracts lie beside it."""
    shop = tmp_path / "schemas" / "shop"
    shop.mkdir(parents=True)
    (tmp_path / "schemas" / "shared.json").write_text("{}")
    (tmp_path / "README").write_text("not needed")
    (shop / "a.yaml").write_text("old")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    (shop / "a.yaml").write_text("new")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_directory_is_itself(repository):
    """Whatever it is called."""
    odd = repository / "main:schemas"
    odd.mkdir()
    for given in ("schemas/shop", str(repository / "schemas" / "shop"), "main:schemas"):
        with directory_of(given) as directory:
            assert directory == Path(given)


@pytest.mark.parametrize("given", ["main:schemas/shop", "HEAD:schemas/shop/", "HEAD:./schemas/shop"])
def test_a_revision_is_copied_with_what_it_may_include(repository, given):
    """And the copy is removed afterwards."""
    with directory_of(given) as directory:
        assert (directory / "a.yaml").read_text() == "old"
        assert (directory.parent / "shared.json").exists()
        assert not (directory.parent.parent / "README").exists()
    assert not directory.exists()


def test_paths_can_be_from_here(repository, monkeypatch):
    """As Git itself has it, also from within a directory."""
    monkeypatch.chdir(repository / "schemas" / "shop")
    for given in ("main:.", "main:./", "main:../shop", "main:schemas/shop"):
        with directory_of(given) as directory:
            assert (directory / "a.yaml").read_text() == "old"
    with pytest.raises(ConfigError, match="leads out of the repository"), directory_of("main:../../../x"):
        pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere:schemas/shop", "nowhere is no revision"),
        ("--upload-pack=x:schemas/shop", "is no revision"),
        ("main:schemas/none", "main has no directory schemas/none"),
        ("main:README", "main has no directory README"),
    ],
)
def test_what_is_not_there_is_wrong_input(repository, given, message):
    """Neither a directory nor a revision, or a revision without it."""
    with pytest.raises(ConfigError, match=message), directory_of(given):
        pass


def test_without_git_it_is_said(repository, monkeypatch):
    """What the environment lacks."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentProblem, match="Git isn't installed"), directory_of("main:schemas/shop"):
        pass


def test_outside_of_a_repository_there_is_no_revision(tmp_path, monkeypatch):
    """Said as that."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no revision of a Git repository here"), directory_of("main:schemas"):
        pass
