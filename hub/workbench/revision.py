"""A deployment's directory as it is in a revision of Git: ``main:schemas/shop``."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.sdk.errors import ConfigError, EnvironmentProblem

LIMIT = 60.0
"""Seconds that Git may take."""


@contextmanager
def directory_of(given: str) -> Iterator[Path]:
    """The directory that is meant; of a revision a copy, which is removed afterwards.

    Args:
        given: a directory, or ``REV:PATH`` with a path from the repository's root; one that begins with ``./`` or
            ``../`` is from here. Contracts that lie in a directory ``schemas`` above it are there, too.

    Raises:
        ConfigError: there is no such revision, or no such directory in it.
        EnvironmentProblem: Git isn't there.
    """
    revision, colon, path = given.partition(":")
    if Path(given).exists() or not colon or not revision:
        yield Path(given)
        return
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    if not commit:
        raise ConfigError(
            f"{given} is no directory, and {revision} is no revision of a Git repository here; give a directory, or "
            "REV:PATH such as main:schemas/shop"
        )
    inside = _inside(path)
    if _git("cat-file", "-t", f"{commit}:{inside}").strip() != b"tree":
        raise ConfigError(
            f"{revision} has no directory {inside or '.'}; a path in REV:PATH is from the repository's root"
        )
    with tempfile.TemporaryDirectory(prefix="hub-") as copy:
        root = Path(copy)
        with tarfile.open(
            fileobj=io.BytesIO(_git("archive", "--format=tar", commit, "--", _shared(inside) or "."))
        ) as files:
            if hasattr(tarfile, "data_filter"):
                files.extractall(root, filter="data")
            else:  # Python before 3.11.4, as Debian 12 has it
                files.extractall(root)  # noqa: S202  it is the user's own
        yield root / inside


def _inside(path: str) -> str:
    """The path from the repository's root."""
    if path.startswith(("./", "../")) or path in (".", ".."):
        prefix = _git("rev-parse", "--show-prefix").decode().strip()
        parts: list[str] = []
        for part in f"{prefix}/{path}".split("/"):
            if part == "..":
                if not parts:
                    raise ConfigError(f"{path} leads out of the repository")
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)
    return path.strip("/")


def _shared(inside: str) -> str:
    """What must be copied: the directory, or the directory ``schemas`` that it lies in, whose files it may include."""
    parts = inside.split("/") if inside else []
    return "/".join(parts[: parts.index("schemas") + 1]) if "schemas" in parts else inside


def _git(*arguments: str) -> bytes:
    """What a command prints; nothing where it fails."""
    try:
        # From the root, since `git archive` takes paths from where it runs.
        root = [] if arguments[0] == "rev-parse" else ["-C", _root()]
        done = subprocess.run(["git", *root, *arguments], capture_output=True, timeout=LIMIT, check=False)  # noqa: S603, S607  arguments are no shell's
    except FileNotFoundError as error:
        raise EnvironmentProblem("Git isn't installed, so no revision can be read; give a directory") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentProblem(f"Git did not answer within {LIMIT:g} s") from error
    return done.stdout if done.returncode == 0 else b""


def _root() -> str:
    return _git("rev-parse", "--show-toplevel").decode().strip() or "."
