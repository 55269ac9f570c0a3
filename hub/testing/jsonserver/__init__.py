"""A private REST API: ``json-server`` of npm as a child process, with lists that can be filtered, sorted and paged.

It is somebody else's idea of a REST API, with pages by number, ``Link`` headers and filters such as ``at_gte``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.process import listens
from hub.testing import npm
from hub.testing.private import HOST, PrivateServer

_NAME = "json-server"
_HERE = Path(__file__).parent
_START_LIMIT = 60


def ensure_packages(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The directory of its packages; see `hub.testing.npm.ensure_packages`."""
    return npm.ensure_packages(_NAME, _HERE, "6 MB", progress)


class PrivateApi(PrivateServer):
    """One API that belongs to us. What it holds outlives `stop` and `kill`, but not `close`.

    Args:
        lists: name → records at the beginning, each with an ``id``.
    """

    name = _NAME

    def __init__(self, lists: Mapping[str, list[Any]]) -> None:
        super().__init__()
        self._file = self.directory / "lists.json"
        self._file.write_bytes(orjson.dumps(lists))

    @property
    def url(self) -> str:
        """Its base URL, once it has been started."""
        return f"http://{HOST}:{self.port}"

    async def _launch(self) -> None:
        program = ensure_packages() / "node_modules" / "json-server" / "lib" / "cli" / "bin.js"
        options = ["--host", HOST, "--port", str(self.port), "--quiet", str(self._file)]
        server = self._process(["node", str(program), *options], env={"PATH": os.environ.get("PATH", "")})
        await server.wait_until(lambda: listens(HOST, self.port), _START_LIMIT)
