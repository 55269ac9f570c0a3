"""A private OpenID Connect provider: the certified ``oidc-provider`` of npm as a child process, with clients for tests.

Clients: ``robot`` and ``robot-post`` (client credentials, the secret in a header or in the form) and ``terminal``
(public, code with PKCE, refresh, device code). Anybody may sign in, with any password. ``/api`` takes its tokens.

Its packages are fetched once by npm, each checked against its sum in ``package-lock.json``, into the user's cache;
none of their scripts is run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson

from hub.cache import cache_directory
from hub.process import listens
from hub.sdk.errors import EnvironmentProblem
from hub.testing.private import HOST, PrivateServer

SECRET = "canary-client-secret-of-the-robot"  # noqa: S105  of a provider that lives for a test
"""Of the clients that have one."""

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json")
_FETCH_LIMIT = 600  # seconds for npm
_START_LIMIT = 60


def ensure_packages(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The directory of the packages; fetches them where they aren't there.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: npm is missing, or can't fetch them.
    """
    version = hashlib.sha256((_HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    home = cache_directory("oidc-provider")
    directory = home / version
    if directory.exists():
        return directory
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentProblem(
            "the provider for tests comes from npm, and there is no npm on the PATH; install it (Debian: apt-get "
            "install npm; `make setup` does that as root or with sudo)"
        )
    progress("fetching oidc-provider with npm (4 MB)")
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home) as temporary:
        for name in _FILES:
            shutil.copy(_HERE / name, temporary)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(  # noqa: S603  the command is our own
                command, cwd=temporary, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_FETCH_LIMIT,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem(f"`npm ci` of oidc-provider did not end within {_FETCH_LIMIT} s") from None
        if done.returncode != 0:
            raise EnvironmentProblem(f"`npm ci` of oidc-provider failed:\n{done.stderr.strip()[-1000:]}")
        try:
            Path(temporary).rename(directory)
            Path(temporary).mkdir()  # which the context removes
        except OSError:
            if not directory.exists():  # otherwise another process was faster
                raise
    return directory


class PrivateProvider(PrivateServer):
    """One provider that belongs to us. What it holds ends with its process.

    Args:
        access: seconds that its access tokens live.
        rotate: whether a refresh token can be used once only.
    """

    name = "oidc-provider"

    def __init__(self, *, access: int = 3600, rotate: bool = True) -> None:
        super().__init__()
        self._settings = {"access": access, "rotate": rotate, "secret": SECRET}

    @property
    def url(self) -> str:
        """Its name as an issuer, and where it is, once it has been started."""
        return f"http://{HOST}:{self.port}"

    issuer = url

    async def _launch(self) -> None:
        settings = orjson.dumps({"port": self.port, **self._settings}).decode()
        server = self._process(
            ["node", str(_HERE / "server.mjs"), str(ensure_packages())],
            env={"PATH": os.environ.get("PATH", ""), "HUB_OIDC": settings},
        )
        await server.wait_until(lambda: listens(HOST, self.port), _START_LIMIT)
