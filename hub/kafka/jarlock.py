"""The list of jars that make up the embedded Apache Kafka, each with its sha256: ``jars.lock`` beside this module.

``python -m hub.kafka.jarlock`` writes it anew for `KAFKA` by resolving the dependencies with jgo. Only whoever changes
the version needs that: at run time the list is complete, and nothing is resolved.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from hub.sdk import EnvironmentProblem

KAFKA = "4.1.0"
"""Version of Apache Kafka."""

LOCK = Path(__file__).with_name("jars.lock")

_ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    # Kafka logs through slf4j, and its artifact brings no writer for it; the one of the version it is built with.
    "org.slf4j:slf4j-simple:1.7.36",
)
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<size>\d+)  (?P<file>[\w.+-]+\.jar)  (?P<coordinates>\S+:\S+:\S+)\Z")


class Jar(NamedTuple):
    """One line of the lock.

    Args:
        sha256: of the file, in hexadecimal.
        size: in bytes.
        file: its name.
        coordinates: ``group:artifact:version`` in a Maven repository.
    """

    sha256: str
    size: int
    file: str
    coordinates: str


def read(path: Path = LOCK) -> list[Jar]:
    """The jars of a lock file.

    Raises:
        EnvironmentProblem: the file is missing or damaged; names the line.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(f"the list of Kafka's jars can't be read: {error}; install the hub anew") from error
    jars = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise EnvironmentProblem(
                f"{path}:{number}: expected 'sha256  size  file.jar  group:artifact:version'; got {line[:120]!r}"
            )
        jars.append(Jar(match["sha256"], int(match["size"]), match["file"], match["coordinates"]))
    if not jars:
        raise EnvironmentProblem(f"{path} lists no jars; install the hub anew")
    return jars


def write(jars: list[Jar], path: Path = LOCK) -> None:
    """Writes a lock file, ordered by file name."""
    head = f"# Apache Kafka {KAFKA}: sha256, bytes, file, Maven coordinates. Made by python -m hub.kafka.jarlock.\n"
    lines = [f"{jar.sha256}  {jar.size}  {jar.file}  {jar.coordinates}\n" for jar in sorted(jars, key=lambda j: j.file)]
    path.write_text(head + "".join(lines), encoding="ascii")


def resolve() -> list[Jar]:
    """Finds and fetches what `KAFKA` needs at run time; takes half a minute."""
    from jgo.maven import MavenContext  # noqa: PLC0415  slow to import, and needed here alone

    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory))
        roots, others = context.resolver.resolve([context.create_dependency(each) for each in _ROOTS])
        jars = []
        for dependency in roots + others:
            if dependency.scope in ("test", "provided", "system"):
                continue
            path = dependency.artifact.resolve()
            content = path.read_bytes()
            coordinates = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
            jars.append(Jar(hashlib.sha256(content).hexdigest(), len(content), path.name, coordinates))
    return jars


if __name__ == "__main__":
    write(resolve())
