"""The embedded Apache Kafka's jars: fetched once into the user's cache directory, and checked at every start."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from hub.cache import cache_directory
from hub.kafka.jarlock import KAFKA, Jar, read
from hub.sdk import EnvironmentProblem

Progress = Callable[[str], None]

_AT_ONCE = 4
_ATTEMPTS = 3
_TIMEOUT = 15  # seconds that a server may be silent
_FETCHING = ".fetching-"
_ROOM = 16 * 2**20  # bytes that must stay free beside the jars


def ensure_jars(
    progress: Progress = lambda _: None,
    *,
    directory: Path | None = None,
    jars: Sequence[Jar] | None = None,
    repository: str | None = None,
) -> list[Path]:
    """Sees to it that every jar of the lock is there, byte for byte; fetches what is missing or has changed.

    Several processes may do this at once: one fetches, the others wait.

    Args:
        progress: is told what is being done, in a line for people.
        directory: where the jars go; a directory of the user's cache if not given.
        jars: which; those of the lock if not given.
        repository: URL of a Maven repository; ``HUB_MAVEN_REPOSITORY`` or Maven's public one if not given.

    Returns:
        Paths of the jars, for the class path.

    Raises:
        EnvironmentProblem: no network, no space, a directory that can't be written, or a jar that isn't the one that
            the lock describes even when fetched again.
    """
    wanted = read() if jars is None else jars
    directory = cache_directory(f"kafka-{KAFKA}") if directory is None else directory
    paths = [directory / jar.file for jar in wanted]
    if not _missing(wanted, directory):
        return paths
    try:
        with _alone(directory, progress):
            missing = _missing(wanted, directory)  # another process may have fetched them while we waited
            if missing:
                _check_room(directory, missing)
                _fetch_all(missing, directory, repository or os.environ.get("HUB_MAVEN_REPOSITORY"), progress)
    except OSError as error:
        raise _problem(directory, error) from error
    return paths


def _missing(jars: Sequence[Jar], directory: Path) -> list[Jar]:
    return [jar for jar in jars if _sha256(directory / jar.file) != jar.sha256]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


@contextlib.contextmanager
def _alone(directory: Path, progress: Progress) -> Iterator[None]:
    """One process at a time. The lock ends with its process, however that ends."""
    with (directory / ".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that fetches Kafka's jars")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in directory.glob(f"{_FETCHING}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


def _check_room(directory: Path, jars: Sequence[Jar]) -> None:
    needed = sum(jar.size for jar in jars) + _ROOM
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise EnvironmentProblem(
            f"{directory} has {free / 1e6:.0f} MB free, and Kafka's jars need {needed / 1e6:.0f} MB; "
            "free some, or name another directory in HUB_CACHE"
        )


def _fetch_all(jars: Sequence[Jar], directory: Path, repository: str | None, progress: Progress) -> None:
    total = sum(jar.size for jar in jars)
    progress(f"fetching {len(jars)} jars, {total / 1e6:.0f} MB")
    done = 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="jars") as pool:
        fetching = {pool.submit(_fetch, jar, directory, repository): jar for jar in jars}
        try:
            for number, future in enumerate(as_completed(fetching), 1):
                future.result()
                done += fetching[future].size
                progress(f"fetching {number} of {len(jars)} jars, {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch(jar: Jar, directory: Path, repository: str | None) -> None:
    """Fetches one jar beside its place, checks it, and moves it there; once more if it isn't the right one."""
    failed: Exception | None = None
    for attempt in range(_ATTEMPTS):
        time.sleep(attempt)  # nothing at first, then a second more each time
        with tempfile.TemporaryDirectory(prefix=_FETCHING, dir=directory) as temporary:
            try:
                path = _download(jar, Path(temporary), repository)
            except OSError as error:  # requests' exceptions are such, too
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                    raise
                failed = error
                continue
            except RuntimeError as error:  # jgo: the repository doesn't have it
                raise EnvironmentProblem(
                    f"{jar.coordinates}, a part of Apache Kafka, can't be fetched: {error}"
                ) from error
            found = _sha256(path)
            if found == jar.sha256:
                path.replace(directory / jar.file)
                return
            failed = EnvironmentProblem(
                f"{jar.file} ({jar.coordinates}) is not the file that the hub was tested with: expected sha256 "
                f"{jar.sha256}, got {found}. It is not used. A proxy or mirror may have changed it; "
                "HUB_MAVEN_REPOSITORY names another repository"
            )
    if isinstance(failed, EnvironmentProblem):
        raise failed
    raise EnvironmentProblem(
        f"{jar.coordinates}, a part of Apache Kafka, can't be fetched: {failed}. The first start needs the network; "
        "HUB_MAVEN_REPOSITORY names a repository other than the public one, and HUB_KAFKA__BOOTSTRAP_SERVERS "
        "a Kafka cluster of yours, for which no jars are needed"
    ) from failed


def _download(jar: Jar, temporary: Path, repository: str | None) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415  slow to import, and needed at the first start only

    repositories = None if repository is None else {"given": repository.rstrip("/")}
    context = MavenContext(repo_cache=temporary, remote_repos=repositories, timeout=_TIMEOUT)
    group, artifact, version = jar.coordinates.split(":")
    path: Path = context.project(group, artifact).at_version(version).artifact().resolve()
    return path


def _problem(directory: Path, error: OSError) -> EnvironmentProblem:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = "the disk is full" if full else error.strerror or str(error)
    return EnvironmentProblem(
        f"Kafka's jars can't be stored in {directory}: {what}; name another directory in HUB_CACHE"
    )
