"""The real webhook payloads of GitHub: 329 of 58 event types, of the npm package ``@octokit/webhooks-examples`` (MIT).

Fetched once with ``npm pack``, checked against the sum below, kept in the user's cache, and read as data: nothing of
the package is run. ``python -m hub.testing.octokit`` fetches it ahead of time.
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
from pathlib import Path

import orjson

from hub.cache import cache_directory, written_whole
from hub.sdk.errors import EnvironmentProblem

PACKAGE = "@octokit/webhooks-examples"
VERSION = "7.6.1"
# The registry's own sum of the package's file, as `npm view @octokit/webhooks-examples@7.6.1 dist.integrity` prints it.
INTEGRITY = "sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ=="

_EXAMPLES = "package/api.github.com/index.json"
_LIMIT = 180  # seconds for npm


def webhook_payloads(progress: Callable[[str], None] = print) -> list[tuple[str, bytes]]:
    """All payloads as (event type, body), in the order of the package.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: npm is missing, can't reach its registry, or gives another file than the one we know.
    """
    kept = cache_directory("octokit") / f"webhooks-examples-{VERSION}.tgz"
    if not _genuine(kept):
        _fetch(kept, progress)
    with tarfile.open(kept) as archive:
        member = archive.extractfile(_EXAMPLES)
        assert member is not None, "the sum is right, so the member is there"
        events = orjson.loads(member.read())
    return [(event["name"], orjson.dumps(example)) for event in events for example in event["examples"]]


def _genuine(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be read: {error.strerror}") from error
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode() == INTEGRITY


def _fetch(target: Path, progress: Callable[[str], None]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentProblem(
            f"GitHub's payloads come from the npm package {PACKAGE}, and there is no npm on the PATH; "
            "install it (Debian: apt-get install npm; `make setup` does that as root or with sudo)"
        )
    progress(f"fetching {PACKAGE} {VERSION} with npm (0.4 MB)")
    with tempfile.TemporaryDirectory(prefix="hub-npm-") as directory:
        # In a directory of its own, so that no project's npm settings and no other file get in the way.
        command = [npm, "pack", "--ignore-scripts", "--loglevel=error", f"{PACKAGE}@{VERSION}"]
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
            raise EnvironmentProblem(f"`npm pack {PACKAGE}@{VERSION}` did not end within {_LIMIT} s") from error
        fetched = next(Path(directory).glob("*.tgz"), None)
        if done.returncode != 0 or fetched is None:
            raise EnvironmentProblem(f"`npm pack {PACKAGE}@{VERSION}` failed:\n{done.stderr.strip()[-1000:]}")
        if not _genuine(fetched):
            raise EnvironmentProblem(
                f"npm gave another {PACKAGE} {VERSION} than the one we know: its sum is not {INTEGRITY}"
            )
        with written_whole(target) as temporary:
            shutil.copyfile(fetched, temporary)


if __name__ == "__main__":
    try:
        webhook_payloads()
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(3)
