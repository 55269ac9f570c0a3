"""A private schema registry: the real Apicurio Registry, which speaks the API of Confluent's, as a child process.

Its distribution is fetched once from a Maven repository, checked against the sum below, and unpacked into the user's
cache. It keeps schemas in memory: they end with the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp
import yarl

from hub.cache import cache_directory
from hub.kafka.java import find_java
from hub.process import listens
from hub.sdk.errors import EnvironmentProblem
from hub.testing.private import HOST, PrivateServer

VERSION = "2.6.13.Final"
"""Version of Apicurio Registry: the last whose distribution needs nothing but Java and keeps schemas in memory."""
API = "/apis/ccompat/v7"
"""Path below which it speaks the API of Confluent's schema registry."""

_GROUP, _ARTIFACT = "io.apicurio", "apicurio-registry-app"
_SHA256 = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
_RUNNER = f"{_ARTIFACT}-{VERSION}-runner.jar"
_TIMEOUT = 30  # seconds that the repository may be silent
_START_LIMIT = 90  # seconds; a start takes 2 to 4 on two cores, and more while tests use them


def ensure_distribution(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The directory of the unpacked distribution; fetches it where it isn't there.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: it can't be fetched, is another one than we know, or can't be stored.
    """
    home = cache_directory("apicurio")
    directory = home / VERSION
    if (directory / _RUNNER).exists():
        return directory
    try:
        # Unpacked beside its place and then moved there, so that nobody finds half of it.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home) as temporary:
            archive = _fetch(Path(temporary), progress)
            unpacked = Path(temporary, "unpacked")
            with tarfile.open(archive) as packed:
                if hasattr(tarfile, "data_filter"):
                    packed.extractall(unpacked, filter="data")
                else:  # Python before 3.11.4, as Debian 12 has it
                    packed.extractall(unpacked)  # noqa: S202  the archive's sum was checked
            with contextlib.suppress(OSError):  # another process was faster
                unpacked.rename(directory)
    except (OSError, tarfile.TarError) as error:
        raise EnvironmentProblem(
            f"Apicurio Registry can't be stored in {home}: {error}; name another directory in HUB_CACHE"
        ) from error
    if not (directory / _RUNNER).exists():
        raise EnvironmentProblem(f"{directory} holds something else than Apicurio Registry {VERSION}; remove it")
    return directory


def _fetch(directory: Path, progress: Callable[[str], None]) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415  slow to import, and needed once

    progress(f"fetching Apicurio Registry {VERSION} (142 MB)")
    given = os.environ.get("HUB_MAVEN_REPOSITORY")
    repositories = {"given": given.rstrip("/")} if given else None
    context = MavenContext(repo_cache=directory, remote_repos=repositories, timeout=_TIMEOUT)
    component = context.project(_GROUP, _ARTIFACT).at_version(VERSION)
    try:
        path: Path = component.artifact(classifier="all", packaging="tar.gz").resolve()
    except (OSError, RuntimeError) as error:  # requests' exceptions are the former, jgo's own the latter
        raise EnvironmentProblem(
            f"{_GROUP}:{_ARTIFACT}:{VERSION} can't be fetched: {error}. HUB_MAVEN_REPOSITORY names a repository other "
            "than the public one, HUB_TEST_REGISTRY a schema registry that runs"
        ) from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise EnvironmentProblem(
            f"{path.name} is not the file that the hub was tested with: expected sha256 {_SHA256}, got {found}"
        )
    return path


class PrivateRegistry(PrivateServer):
    """One Apicurio Registry that belongs to us. Its schemas end with its process.

    Args:
        progress: told in a sentence what takes time.
    """

    name = "Apicurio Registry"

    def __init__(self, progress: Callable[[str], None] = lambda _: None) -> None:
        super().__init__()
        self._progress = progress

    @property
    def url(self) -> str:
        """Base URL of Confluent's API, once it has been started."""
        return f"http://{HOST}:{self.port}{API}"

    async def _launch(self) -> None:
        distribution, java = ensure_distribution(self._progress), find_java()
        settings = {
            "quarkus.http.host": HOST,
            "quarkus.http.port": str(self.port),
            "java.io.tmpdir": str(self.directory),
        }
        server = self._process(
            [
                str(java),
                *("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                *(f"-D{name}={value}" for name, value in settings.items()),
                *("-jar", str(distribution / _RUNNER)),
            ]
        )
        await server.wait_until(lambda: takes_schemas(self.url), _START_LIMIT)


async def takes_schemas(url: str) -> bool:
    """Whether a schema registry answers at a base URL now."""
    parts = yarl.URL(url)
    if not await listens(parts.host or "", parts.port or 0):
        return False
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/subjects") as answer:
            return answer.status == 200  # noqa: PLR2004  HTTP's OK
    except (aiohttp.ClientError, TimeoutError):
        return False
