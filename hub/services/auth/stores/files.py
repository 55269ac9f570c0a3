"""Credentials in encrypted files, one each: AES-256-GCM, with a key from the environment or from a file.

A file is a header of five bytes, a nonce of twelve, and the ciphertext. The header and the credential's name are
authenticated with it, so that no file passes for another one.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hub.cache import written_whole
from hub.sdk.errors import ConfigError, EnvironmentProblem
from hub.services.auth.stores.locks import file_name, held, prepared
from hub.services.auth.stores.settings import CredentialSettings

_HEADER = b"hub1\n"
_NONCE = 12  # bytes; NIST SP 800-38D § 8.2
_KEY = 32
_LARGEST = 2**20
_HOW = "32 bytes in base64, as `openssl rand -base64 32` prints them"


class Files:
    """Encrypted files of one directory.

    Args:
        settings: names the directory and the key.

    Raises:
        ConfigError: the key that is given is none.
    """

    kind = "file"

    def __init__(self, settings: CredentialSettings) -> None:
        self._directory = settings.home
        self._key_file = settings.key_file.expanduser() if settings.key_file else self._directory / "key"
        self._own_key_file = settings.key_file is None
        self._key: bytes | None = None
        if settings.key is not None:
            self._key = _decoded(settings.key.get_secret_value(), "HUB_CREDENTIALS__KEY")
        self.place = str(self._directory)

    def read(self, name: str) -> bytes | None:
        """What is kept."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  takes a while, and few need it

        path = self._path(name)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EnvironmentProblem(f"{path} can't be read: {error.strerror}") from None
        start = len(_HEADER)
        if content[:start] != _HEADER:
            raise EnvironmentProblem(f"{path} is no credential of ours; remove it and sign in again")
        nonce, sealed = content[start : start + _NONCE], content[start + _NONCE :]
        try:
            opened: bytes = self._cipher(make=False).decrypt(nonce, sealed, _HEADER + name.encode())
        except (InvalidTag, ValueError):
            raise EnvironmentProblem(
                f"{path} can't be decrypted: it was written with another key, or is damaged. Give the key that it was "
                "written with (HUB_CREDENTIALS__KEY or HUB_CREDENTIALS__KEY_FILE), or sign in again"
            ) from None
        return opened

    def write(self, name: str, content: bytes) -> None:
        """Keeps something: on the disk when this returns, for a rotated refresh token exists only here."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(make=True).encrypt(nonce, content, _HEADER + name.encode())
        prepared(self._directory)
        with written_whole(self._path(name)) as temporary, temporary.open("wb") as file:
            file.write(_HEADER + nonce + sealed)
            file.flush()
            os.fsync(file.fileno())

    def delete(self, name: str) -> bool:
        """Forgets it."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise EnvironmentProblem(f"{self._path(name)} can't be removed: {error.strerror}") from None
        return True

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held by one process of this machine at a time."""
        return held(self._directory, name)

    def _path(self, name: str) -> Path:
        return self._directory / f"{file_name(name)}.credential"

    def _cipher(self, *, make: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202  its type is imported in it
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  takes a while

        if self._key is None:
            self._key = self._read_key(make=make)
        return AESGCM(self._key)

    def _read_key(self, *, make: bool) -> bytes:
        if make and self._own_key_file:
            _make_key(prepared(self._directory) / "key")
        path = self._key_file
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                written = file.read(1024)
        except FileNotFoundError:
            raise EnvironmentProblem(
                f"the key of the credentials store, {path}, isn't there; name it in HUB_CREDENTIALS__KEY_FILE or give "
                f"it in HUB_CREDENTIALS__KEY: {_HOW}"
            ) from None
        except OSError as error:
            raise EnvironmentProblem(f"{path} can't be read: {error.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise EnvironmentProblem(
                f"others may read the key of the credentials store: `chmod 600 {path}`, and if somebody may have, sign "
                "in again everywhere with a new key"
            )
        return _decoded(written.decode(errors="replace"), str(path))


def _make_key(path: Path) -> None:
    """A new key, unless there is one. Written beside it and linked: nobody reads half of one, and no two are made."""
    if path.exists():
        return
    temporary = path.with_name(f".key.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(_KEY)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        pass  # another process was faster
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY:
        raise ConfigError(f"the key of the credentials store in {where} isn't one: expected {_HOW}")
    return key
