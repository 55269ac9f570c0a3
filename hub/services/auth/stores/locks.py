"""A lock between processes of one machine, which the system gives back when its holder dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from hub.sdk.errors import EnvironmentProblem

LOCK_LIMIT = 45.0
"""Seconds to wait for another process; a request for a token takes 30 at most."""
_LOOK = 0.05


def prepared(directory: Path) -> Path:
    """A directory that only we can read, made where it isn't there.

    Raises:
        EnvironmentProblem: it can't be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"the directory {directory} of the credentials store can't be made ({error.strerror}); name another one in "
            "HUB_CREDENTIALS__DIRECTORY"
        ) from None
    return directory


def file_name(name: str) -> str:
    """A file's name for a credential's: the same one for no two."""
    return quote(name, safe="").replace(".", "%2E")


@asynccontextmanager
async def held(directory: Path, name: str, limit: float = LOCK_LIMIT) -> AsyncIterator[None]:
    """Holds the lock of a credential.

    Args:
        directory: of the locks.
        name: of the credential.
        limit: seconds to wait for it.

    Raises:
        TimeoutError: another process holds it for longer.
        EnvironmentProblem: the directory can't be written.
    """
    path = prepared(directory) / f"{file_name(name)}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be written: {error.strerror}") from None
    try:
        async with asyncio.timeout(limit):
            while not _taken(handle):  # noqa: ASYNC110  waiting in the system takes a thread that can't be called off
                await asyncio.sleep(_LOOK)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
