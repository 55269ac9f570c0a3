"""Where the hub keeps what it has fetched: the user's cache directory, shared by all checkouts and safe to delete."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.sdk.errors import EnvironmentProblem


def cache_directory(name: str) -> Path:
    """A directory of the cache, made where it isn't there: below ``HUB_CACHE``, or where the system keeps caches.

    Raises:
        EnvironmentProblem: it can't be made.
    """
    if chosen := os.environ.get("HUB_CACHE"):
        root = Path(chosen)
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches" / "integration-hub"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integration-hub"
    directory = root / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"the cache directory {directory} can't be made ({error.strerror}); name another one in HUB_CACHE"
        ) from error
    return directory


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A temporary path beside the target, which takes the target's place when the block ends well.

    So that a reader, or a second writer at the same time, finds the whole file or none.

    Raises:
        EnvironmentProblem: the directory can't be written, or the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise EnvironmentProblem(f"{target.parent} can't be written: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise EnvironmentProblem(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
