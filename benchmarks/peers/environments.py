"""Environments of the peers: made once, kept beside the results, and reported where they can't be."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".peers"
_LIMIT = 600.0  # seconds for pip


class NotInstalled(Exception):
    """A peer's environment could not be made; the text says why."""


@dataclass(frozen=True)
class Peer:
    """A framework to compare with.

    Attributes:
        name: as it is reported.
        program: file beside this one.
        requirements: for pip, pinned.
        share: of the events that it gets: slow ones get a sample.
    """

    name: str
    program: str
    requirements: tuple[str, ...]
    share: float

    def python(self) -> Path:
        """The interpreter that has it.

        Raises:
            NotInstalled: pip couldn't, e.g. for want of a network.
        """
        digest = hashlib.sha256("\n".join((sys.version, *self.requirements)).encode()).hexdigest()[:12]
        home = CACHE / digest
        python, done = home / "bin" / "python", home / "complete"
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            self._make(home, python)
            done.touch()
        return python

    def _make(self, home: Path, python: Path) -> None:
        for command in (
            [sys.executable, "-m", "venv", str(home)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.requirements],
        ):
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT)
            except subprocess.CalledProcessError as error:
                lines = error.stderr.strip().splitlines() or ["no message"]
                raise NotInstalled(f"{self.name}: {lines[-1]}") from error
            except (OSError, subprocess.TimeoutExpired) as error:
                raise NotInstalled(f"{self.name}: {error}") from error

    @property
    def source(self) -> str:
        """The program's path."""
        return str(Path(__file__).parent / self.program)


_FASTSTREAM = ("faststream[kafka]==0.7.8", "aiokafka==0.14.0", "orjson", "uvloop")
PEERS = (
    Peer("quix", "quix_loop.py", ("quixstreams==3.28.1", "orjson"), 0.25),
    Peer("faststream", "faststream_loop.py", _FASTSTREAM, 0.01),
    Peer("faststream_batch", "faststream_batch_loop.py", _FASTSTREAM, 0.25),
    Peer("faust", "faust_loop.py", ("faust-streaming==0.15.3", "aiokafka==0.14.0", "orjson", "setuptools"), 0.05),
)
