"""Credentials in the keyring of the user's session: macOS Keychain, Secret Service (GNOME, KDE)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from hub.sdk.errors import EnvironmentProblem
from hub.services.auth.stores.locks import held

T = TypeVar("T")

SERVICE = "integration-hub"
"""Under which our entries stand in the keyring."""
_GOOD = 1  # keyring's own mark of a backend that it recommends; those that write plain text have less


def usable() -> bool:
    """Whether there is a keyring that keeps secrets secret. Asks the system, so that it takes a while."""
    import keyring  # noqa: PLC0415  takes a while, and services need it
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        return bool(keyring.get_keyring().priority >= _GOOD)
    except (KeyringError, RuntimeError):
        return False


class Keyring:
    """The system's keyring.

    Args:
        locks: directory of the locks between processes.
    """

    kind = "keyring"

    def __init__(self, locks: Path) -> None:
        import keyring  # noqa: PLC0415  as above

        self._locks = locks
        self._keyring = keyring.get_keyring()
        self.place = str(getattr(self._keyring, "name", "keyring")).partition(" (")[0]

    def read(self, name: str) -> bytes | None:
        """What is kept."""
        text = self._do(lambda: self._keyring.get_password(SERVICE, name))
        # Some keyrings keep no line breaks or lengths of text in other alphabets: base64 is safe everywhere.
        return None if text is None else base64.b64decode(text)

    def write(self, name: str, content: bytes) -> None:
        """Keeps something."""
        self._do(lambda: self._keyring.set_password(SERVICE, name, base64.b64encode(content).decode()))

    def delete(self, name: str) -> bool:
        """Forgets it."""
        if self._do(lambda: self._keyring.get_password(SERVICE, name)) is None:
            return False
        self._do(lambda: self._keyring.delete_password(SERVICE, name))
        return True

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held by one process of this machine at a time."""
        return held(self._locks, name)

    def _do(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  backends raise keyring's errors, and those of what they are made of
            raise EnvironmentProblem(
                f"the keyring {self.place} can't be used ({type(error).__name__}); unlock it, or keep credentials in "
                "encrypted files with HUB_CREDENTIALS__STORE=file"
            ) from None
