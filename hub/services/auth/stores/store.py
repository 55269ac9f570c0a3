"""What a credentials store can do, and one that forgets with the process."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol


class Store(Protocol):
    """Keeps credentials by name. All but `lock` block: call them in a thread.

    Attributes:
        kind: ``keyring``, ``file`` or ``memory``.
        place: where that is, for people.
    """

    kind: str
    place: str

    def read(self, name: str) -> bytes | None:
        """What is kept; ``None`` if nothing is.

        Raises:
            EnvironmentProblem: the store can't be used, or can't decrypt it.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Keeps something, in place of what was kept: wholly, or not at all.

        Raises:
            EnvironmentProblem: the store can't be used.
        """
        ...

    def delete(self, name: str) -> bool:
        """Forgets it; whether there was something.

        Raises:
            EnvironmentProblem: the store can't be used.
        """
        ...

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held by one process of this machine at a time.

        Raises:
            TimeoutError: another one holds it for too long.
            EnvironmentProblem: there is no place for the lock.
        """
        ...


class Memory:
    """Keeps credentials as long as the process runs."""

    kind = "memory"
    place = "this process"

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        """What is kept."""
        return self._kept.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Keeps something."""
        self._kept[name] = content

    def delete(self, name: str) -> bool:
        """Forgets it."""
        return self._kept.pop(name, None) is not None

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  the protocol's
        """Nobody else sees it."""
        return nullcontext()
