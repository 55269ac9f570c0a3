"""Names of workers: claimed by one process of a machine at a time, and the same again after it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hub.engine import instance
from hub.engine.instance import Claim, passing, unclaimed
from hub.engine.settings import MOST_WORKERS, WorkerSettings


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_CACHE", str(tmp_path))


@pytest.fixture
def claimed():
    """Claims names, and gives them up at the end."""
    claims: list[Claim] = []

    def claim(deployment: str) -> Claim:
        claims.append(Claim(deployment))
        return claims[-1]

    yield claim
    for each in claims:
        each.release()


def test_each_of_a_machine_has_another_name_and_has_it_again(claimed):
    """The first that is free."""
    first, second = claimed("shop"), claimed("shop")
    assert first.name
    assert first.name.endswith("-1")
    assert second.name == first.name[:-1] + "2"
    assert claimed("other").name == first.name
    first.release()
    assert claimed("shop").name == first.name


def test_a_name_is_free_when_its_process_was_killed(claimed):
    """Nothing that it left behind holds it."""
    code = "import os; from hub.engine.instance import Claim; c = Claim('shop'); print(c.name, flush=True); os.abort()"
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode < 0
    assert unclaimed("shop") == [killed.stdout.strip()]
    assert claimed("shop").name == killed.stdout.strip()


def test_names_that_nobody_has_are_known(claimed):
    """Those of other deployments aren't ours to judge."""
    assert unclaimed("shop") == []
    first, second, _ = claimed("shop"), claimed("shop"), claimed("shop-2")
    assert unclaimed("shop") == []
    second.release()
    assert unclaimed("shop") == [second.name]
    first.release()
    assert unclaimed("shop") == [first.name, second.name]


def test_without_a_place_for_locks_there_are_no_names(tmp_path, monkeypatch, caplog):
    """It is told, and nothing fails."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "file"))
    assert Claim("shop").name is None
    assert "each is a rebalance" in caplog.text
    assert unclaimed("shop") == []


def test_in_a_container_the_hosts_name_passes(tmp_path, monkeypatch):
    """Docker, Podman and Kubernetes leave marks."""
    monkeypatch.setattr(instance, "_IN_A_CONTAINER", (tmp_path / "mark",))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert not passing()
    (tmp_path / "mark").touch()
    assert passing()
    (tmp_path / "mark").unlink()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert passing()


def test_the_first_worker_sees_to_those_that_are_no_more():
    """Of higher numbers than there are; nobody but the first, and nobody where none is known of."""
    gone = WorkerSettings(families="a,b", count=MOST_WORKERS - 1, index=1).gone
    assert gone == [f"a.{MOST_WORKERS}", f"b.{MOST_WORKERS}"]
    assert len(WorkerSettings(families="a").gone) == MOST_WORKERS
    assert WorkerSettings(families="a", count=2, index=2).gone == []
    assert WorkerSettings(instance="a").gone == []
