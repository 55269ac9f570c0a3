"""What GitHub publishes of its events and its API, as npm packages (MIT) of the Octokit project carry it.

The real webhook payloads: 329 of 58 event types (``@octokit/webhooks-examples``); GitHub's OpenAPI description of its
API and its webhooks (``@octokit/openapi``); answers of the API as they were recorded (``@octokit/fixtures``); and the
schema of the GraphQL API (``@octokit/graphql-schema``).

Each is fetched once with ``npm pack``, checked against the sum below, kept in the user's cache, and read as data:
nothing of a package is run. ``python -m hub.testing.octokit`` fetches all ahead of time.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hub.cache import cache_directory, written_whole
from hub.sdk.errors import EnvironmentProblem

_AT_ONCE = 2**20  # bytes


@dataclass(frozen=True)
class Package:
    """One version of an npm package, of which one file is read.

    Attributes:
        integrity: the registry's own sum of the package's file, as ``npm view NAME@VERSION dist.integrity`` prints it.
        member: the file to read.
        size: what is fetched, for people.
        what: what the file is, for people.
    """

    name: str
    version: str
    integrity: str
    member: str
    size: str
    what: str

    def path(self) -> Path:
        """Where it is kept."""
        return cache_directory("octokit") / f"{self.name.rpartition('/')[2]}-{self.version}.tgz"

    def document(self, progress: Callable[[str], None]) -> Any:
        """The JSON file's content.

        Raises:
            EnvironmentProblem: as `webhook_payloads`.
        """
        return orjson.loads(self.content(progress, self.member))

    def content(self, progress: Callable[[str], None], name: str) -> bytes:
        """The bytes of one of its files.

        Raises:
            EnvironmentProblem: as `webhook_payloads`.
        """
        self.fetch(progress)
        # In one go and no further than the file: the largest package holds hundreds of megabytes.
        with tarfile.open(self.path(), "r|gz", bufsize=_AT_ONCE) as archive:
            member = next(archive.extractfile(each) for each in archive if each.name == name)
            assert member is not None, "the sum is right, so it is the file that we know"
            return member.read()

    def fetch(self, progress: Callable[[str], None]) -> None:
        """Fetches it, unless it is there.

        Raises:
            EnvironmentProblem: as `webhook_payloads`.
        """
        kept = self.path()
        if not _genuine(kept, self.integrity):
            _fetch(self, kept, progress)


PAYLOADS = Package(
    "@octokit/webhooks-examples",
    "7.6.1",
    "sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ==",
    "package/api.github.com/index.json",
    "0.4 MB",
    "GitHub's payloads",
)
OPENAPI = Package(
    "@octokit/openapi",
    "23.0.2",
    "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
    "package/generated/api.github.com.json",
    "29 MB",
    "GitHub's OpenAPI description",
)
RECORDED = Package(
    "@octokit/fixtures",
    "23.1.2",
    "sha512-niG+SVffZ/xzojT3CE6M7DlqX7H9aQ75A6Xxjt4N47CkqssKXpSy2k6+Tj5ntcI5uWW2D9POzKxwJDmBfR+sJw==",
    "package/scenarios/api.github.com/{}/normalized-fixture.json",
    "0.1 MB",
    "GitHub's recorded answers",
)
GRAPHQL = Package(
    "@octokit/graphql-schema",
    "15.26.1",
    "sha512-RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==",
    "package/schema.graphql",
    "0.6 MB",
    "the schema of GitHub's GraphQL API",
)
PACKAGES = (PAYLOADS, OPENAPI, RECORDED, GRAPHQL)
_LIMIT = 180  # seconds for npm


def webhook_payloads(progress: Callable[[str], None] = print) -> list[tuple[str, bytes]]:
    """All payloads as (event type, body), in the order of the package.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: npm is missing, can't reach its registry, or gives another file than the one we know.
    """
    events = PAYLOADS.document(progress)
    return [(event["name"], orjson.dumps(example)) for event in events for example in event["examples"]]


def openapi(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """GitHub's description of its API, OpenAPI 3.0, its webhooks under ``x-webhooks``.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: as `webhook_payloads`.
    """
    return OPENAPI.document(progress)  # type: ignore[no-any-return]  # JSON is Any


def recorded(scenario: str, progress: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """The exchanges of a recorded scenario: ``method``, ``path``, ``body``, ``status``, ``response``, ``headers``.

    Args:
        scenario: its name, e.g. ``paginate-issues``.
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: as `webhook_payloads`.
    """
    content = RECORDED.content(progress, RECORDED.member.format(scenario))
    return orjson.loads(content)  # type: ignore[no-any-return]  # JSON is Any


def graphql_schema(progress: Callable[[str], None] = print) -> str:
    """The schema of GitHub's GraphQL API, in its definition language.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: as `webhook_payloads`.
    """
    return GRAPHQL.content(progress, GRAPHQL.member).decode()


def _genuine(path: Path, integrity: str) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be read: {error.strerror}") from error
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode() == integrity


def _fetch(package: Package, target: Path, progress: Callable[[str], None]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentProblem(
            f"{package.what} comes from the npm package {package.name}, and there is no npm on the PATH; "
            "install it (Debian: apt-get install npm; `make setup` does that as root or with sudo)"
        )
    wanted = f"{package.name}@{package.version}"
    progress(f"fetching {package.name} {package.version} with npm ({package.size})")
    with tempfile.TemporaryDirectory(prefix="hub-npm-") as directory:
        # In a directory of its own, so that no project's npm settings and no other file get in the way.
        command = [npm, "pack", "--ignore-scripts", "--loglevel=error", wanted]
        try:
            done = subprocess.run(  # noqa: S603  the command is our own
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EnvironmentProblem(f"`npm pack {wanted}` did not end within {_LIMIT} s") from error
        fetched = next(Path(directory).glob("*.tgz"), None)
        if done.returncode != 0 or fetched is None:
            raise EnvironmentProblem(f"`npm pack {wanted}` failed:\n{done.stderr.strip()[-1000:]}")
        if not _genuine(fetched, package.integrity):
            raise EnvironmentProblem(
                f"npm gave another {package.name} {package.version} than the one we know: "
                f"its sum is not {package.integrity}"
            )
        with written_whole(target) as temporary:
            shutil.copyfile(fetched, temporary)


def main() -> int:
    """Fetches all; 3 if one can't be had."""
    try:
        for package in PACKAGES:
            package.fetch(print)
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
