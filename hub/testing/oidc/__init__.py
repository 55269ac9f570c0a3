"""A private OpenID Connect provider: the certified ``oidc-provider`` of npm as a child process, with clients for tests.

Clients: ``robot`` and ``robot-post`` (client credentials, the secret in a header or in the form) and ``terminal``
(public, code with PKCE, refresh, device code). Anybody may sign in, with any password. ``/api`` takes its tokens.

Its packages come from npm, see `hub.testing.npm`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import orjson

from hub.process import listens
from hub.testing import npm
from hub.testing.private import HOST, PrivateServer

SECRET = "canary-client-secret-of-the-robot"  # noqa: S105  of a provider that lives for a test
"""Of the clients that have one."""

_HERE = Path(__file__).parent
_START_LIMIT = 60


def ensure_packages(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The directory of its packages; see `hub.testing.npm.ensure_packages`."""
    return npm.ensure_packages("oidc-provider", _HERE, "4 MB", progress)


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
