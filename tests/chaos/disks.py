"""A small disk of a test's own: as root, or else as the root of a user namespace in which the test runs once more."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSIDE = "HUB_CHAOS_NAMESPACE"
_ENTER = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]


@functools.cache
def refusal() -> str:
    """Why this process may not mount a disk; empty if it may."""
    with tempfile.TemporaryDirectory() as directory:
        done = _mount(Path(directory), 2**20)
        if done.returncode == 0:
            subprocess.run(["umount", directory], check=True)
            return ""
        return done.stderr.strip()


@contextmanager
def disk(path: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes, mounted at a new directory."""
    path.mkdir()
    done = _mount(path, size)
    assert done.returncode == 0, done.stderr
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def remount(path: Path, mode: str) -> None:
    """Has a disk be read only (``ro``), or not (``rw``)."""
    # As a bind mount: in a user namespace only the place can be changed, not the file system.
    subprocess.run(["mount", "-o", f"remount,bind,{mode}", str(path)], check=True)


def run_inside(test: str, limit: float) -> None:
    """Runs one test by itself where it may mount.

    Args:
        test: its id.
        limit: seconds.

    Raises:
        AssertionError: it fails; or the system lets nobody but root mount anything, and we are not root.
    """
    why = refusal()
    assert _INSIDE not in os.environ, f"not even as the root of a user namespace may we mount a disk: {why}"
    command = [*_ENTER, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command, env=os.environ | {_INSIDE: "1"}, capture_output=True, text=True, timeout=limit, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, (
        "this test needs a disk of its own, which must be had for it: run it as root, or where user namespaces are "
        f"allowed. As we are: {why}. In a user namespace:\n{told}"
    )
    assert "1 passed" in told, told


def _mount(path: Path, size: int) -> subprocess.CompletedProcess[str]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
