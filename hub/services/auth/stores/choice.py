"""Which store is used."""

from __future__ import annotations

import logging

from hub.sdk.errors import EnvironmentProblem
from hub.services.auth.stores.settings import CredentialSettings
from hub.services.auth.stores.store import Memory, Store

_log = logging.getLogger(__name__)


def login_store(settings: CredentialSettings) -> Store:
    """For what a person has signed in for: the keyring, or encrypted files where there is none. Blocks.

    Raises:
        EnvironmentProblem: the keyring is asked for, and there is none.
        ConfigError: the files' key is none.
    """
    if settings.store != "file":
        from hub.services.auth.stores.keyrings import Keyring, usable  # noqa: PLC0415  takes a while

        if usable():
            return Keyring(settings.home)
        if settings.store == "keyring":
            raise EnvironmentProblem(
                "HUB_CREDENTIALS__STORE asks for the system's keyring, and this session has none; "
                "HUB_CREDENTIALS__STORE=file keeps credentials in encrypted files"
            )
    return _files(settings)


def token_store(settings: CredentialSettings) -> Store:
    """For tokens that the hub gets by itself: encrypted files, never the keyring, which may ask people. Blocks.

    Where files can't be written, each process keeps its own.

    Raises:
        ConfigError: the files' key is none.
    """
    files = _files(settings)
    try:
        files.write(".probe", b"")
        files.delete(".probe")
    except EnvironmentProblem as problem:
        _log.info("tokens are kept in memory, and each process gets its own: %s", problem)
        return Memory()
    return files


def _files(settings: CredentialSettings) -> Store:
    from hub.services.auth.stores.files import Files  # noqa: PLC0415  few need it

    return Files(settings)
