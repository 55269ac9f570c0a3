"""``--watch``: schema files that change are put to work, or refused with the reason and nothing changed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from hub.deployment import InvalidDeployment, load
from hub.engine.runtime import Runtime
from hub.sdk.errors import HubError

EVERY = 0.5
"""Seconds between two looks. Looking, unlike the kernel's notices, sees mounted volumes and swapped links, too."""

Signature = frozenset[tuple[str, int, int, int]]
_log = logging.getLogger("hub.watch")


class Watch:
    """Reloads a runtime's deployment whenever its files have changed and come to rest.

    Args:
        runtime: at work.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._directory = runtime.deployment.directory
        self._taken = signature(self._directory)

    async def keep(self) -> None:
        """Watches until cancelled."""
        _log.info("watching %s", self._directory)
        seen = self._taken
        while True:
            await asyncio.sleep(EVERY)
            now = await asyncio.to_thread(signature, self._directory)
            # Two looks alike: who saves several files, or a large one, has finished.
            if now == seen and now != self._taken:
                self._taken = now
                await self._reload()
            seen = now

    async def _reload(self) -> None:
        runtime = self._runtime
        try:
            deployment = await asyncio.to_thread(load, self._directory)
            if deployment.digest == runtime.generation.digest:
                runtime.accept()
                _log.info("the schema files mean what they did; generation %d goes on", runtime.generation.number)
                return
            coming = await runtime.reload(deployment)
        except InvalidDeployment as error:
            from hub.cli.findings import render  # noqa: PLC0415  a fifteenth of the start, for what may never come

            wrong = [each for each in error.findings if each.severity == "error"]
            for finding in wrong:
                _log.error("%s", "\n".join(line.plain.rstrip() for line in render(finding)))
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            self._refused(f"{wrong[0].span}: {wrong[0].message}{more}")
        except HubError as error:
            self._refused(str(error))
        except Exception as error:  # noqa: BLE001  whatever a reload stumbles over, what works goes on
            _log.exception("the schema files could not be taken")
            self._refused(type(error).__name__)
        else:
            generation = runtime.generation
            _log.info("generation %d (%s) is at work: %s", generation.number, generation.digest, coming)

    def _refused(self, reason: str) -> None:
        runtime = self._runtime
        runtime.refuse(reason)
        _log.error("refused: %s; generation %d goes on unchanged", reason, runtime.generation.number)


def signature(directory: Path) -> Signature:
    """What tells one state of a deployment's files from another: of all files below it, and of shared contracts."""
    return frozenset(_marks(directory))


def _marks(directory: Path) -> Iterator[tuple[str, int, int, int]]:
    real = directory.resolve()
    shared = [each for each in real.parents if each.name == "schemas"]
    for root in (real, *shared[:1]):
        for parent, folders, files in os.walk(root):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for name in files:
                path = os.path.join(parent, name)  # noqa: PTH118  a Path for each file would take five times as long
                try:
                    found = os.stat(path)  # noqa: PTH116  likewise
                except OSError:
                    continue  # gone between listing and looking: the next look tells
                yield path, found.st_mtime_ns, found.st_size, found.st_ino
