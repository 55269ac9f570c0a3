"""GitHub's real payloads: fetched once, checked, and refused when they aren't the ones we know."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path

import orjson
import pytest

from hub.sdk import EnvironmentProblem
from hub.testing import octokit
from hub.testing.octokit import OPENAPI, PAYLOADS, openapi, webhook_payloads

VERSION = PAYLOADS.version


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; gives the path that the package will have in it."""
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "octokit" / f"webhooks-examples-{VERSION}.tgz"


def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a program in npm's place."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_there_are_329_payloads_of_58_event_types(payloads: list[tuple[str, bytes]]) -> None:
    """What the facts about GitHub's payloads were measured on is what we have."""
    assert len(payloads) == 329
    assert len({event for event, _ in payloads}) == 58
    assert all(isinstance(orjson.loads(body), dict) for _, body in payloads)
    assert Counter(event for event, _ in payloads)["pull_request"] > 20


def test_a_second_use_needs_no_npm(payloads: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once fetched, the package comes from the cache, silently."""
    monkeypatch.setenv("PATH", "/nowhere")
    told: list[str] = []
    assert webhook_payloads(told.append) == payloads
    assert told == []


def test_a_damaged_file_in_the_cache_is_fetched_again(cache: Path, payloads: list[tuple[str, bytes]]) -> None:
    """What isn't the file that we know is not used, and replaced."""
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"half a file")
    told: list[str] = []
    assert webhook_payloads(told.append) == payloads
    assert told == [f"fetching @octokit/webhooks-examples {VERSION} with npm (0.4 MB)"]
    assert [each.name for each in cache.parent.iterdir()] == [cache.name]


def test_without_npm_the_error_says_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No npm and no cache: the user learns what is needed and how to get it."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentProblem, match=r"no npm on the PATH; install it \(Debian: apt-get install npm"):
        webhook_payloads()
    assert not cache.exists()


def test_an_npm_that_fails_is_quoted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words go into the error."""
    npm(tmp_path, monkeypatch, "echo 'network timeout at somewhere' >&2; exit 1")
    with pytest.raises(EnvironmentProblem, match=r"(?s)`npm pack .*` failed:.*network timeout at somewhere"):
        webhook_payloads()
    assert not cache.exists()


def test_an_npm_that_hangs_is_given_up(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets a limit of time."""
    monkeypatch.setattr(octokit, "_LIMIT", 0.2)
    npm(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(EnvironmentProblem, match=r"did not end within 0\.2 s"):
        webhook_payloads()
    assert not cache.exists()


def test_another_package_than_the_known_one_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same name and another sum is neither used nor kept."""
    other = tmp_path / "other.tgz"
    with tarfile.open(other, "w:gz") as archive:
        member = tarfile.TarInfo("package/api.github.com/index.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"[]"))
    npm(tmp_path, monkeypatch, f"cp {other} octokit-webhooks-examples-{VERSION}.tgz")
    with pytest.raises(EnvironmentProblem, match="its sum is not sha512-"):
        webhook_payloads()
    assert not cache.exists()


def test_the_description_is_of_all_webhooks_and_of_the_api() -> None:
    """What the event contracts are derived from: 270 webhooks of 75 event types."""
    document = openapi()
    assert document["openapi"] == "3.0.3"
    assert len(document["x-webhooks"]) == 270
    assert len({each["post"]["x-github"]["subcategory"] for each in document["x-webhooks"].values()}) == 75
    assert "/repos/{owner}/{repo}/issues" in document["paths"]


def test_both_packages_have_a_place_of_their_own(cache: Path) -> None:
    """Named after the package and its version, so that a newer one doesn't take an older one's place."""
    assert cache == PAYLOADS.path()
    assert OPENAPI.path().name == f"openapi-{OPENAPI.version}.tgz"
