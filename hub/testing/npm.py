"""Packages of npm that private servers of tests run on, each with the packages that it needs.

A server's folder holds ``package.json`` and ``package-lock.json``. Its packages are fetched once, each checked against
its sum in the lock file, into the user's cache; none of their scripts is run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from hub.cache import cache_directory
from hub.sdk.errors import EnvironmentProblem

_FILES = ("package.json", "package-lock.json")
_LIMIT = 600  # seconds for npm


def ensure_packages(name: str, folder: Path, size: str, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The directory of a server's packages; fetches them where they aren't there.

    Args:
        name: of the server.
        folder: with its two files.
        size: of what is fetched, for people.
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: npm is missing, or can't fetch them.
    """
    version = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:16]
    home = cache_directory(name)
    directory = home / version
    if directory.exists():
        return directory
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentProblem(
            f"{name} for tests comes from npm, and there is no npm on the PATH; install it (Debian: apt-get "
            "install npm; `make setup` does that as root or with sudo)"
        )
    progress(f"fetching {name} with npm ({size})")
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home) as temporary:
        for each in _FILES:
            shutil.copy(folder / each, temporary)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(  # noqa: S603  the command is our own
                command, cwd=temporary, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem(f"`npm ci` of {name} did not end within {_LIMIT} s") from None
        if done.returncode != 0:
            raise EnvironmentProblem(f"`npm ci` of {name} failed:\n{done.stderr.strip()[-1000:]}")
        try:
            Path(temporary).rename(directory)
            Path(temporary).mkdir()  # which the context removes
        except OSError:
            if not directory.exists():  # otherwise another process was faster
                raise
    return directory
