"""Where credentials are kept: from the environment, as ``HUB_CREDENTIALS__STORE`` and so on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub import secrecy
from hub.sdk.errors import ConfigError

PREFIX = "HUB_CREDENTIALS__"


class CredentialSettings(BaseSettings):
    """The credentials store. Each field is read from ``HUB_CREDENTIALS__`` + its name in capitals.

    Raises:
        ConfigError: a value is of the wrong kind, or a variable has an unknown name. Holds no secret.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    store: Literal["auto", "keyring", "file"] = "auto"
    """``auto`` takes the system's keyring where there is one, and encrypted files elsewhere."""
    directory: Path | None = None
    """Of the encrypted files; the user's data directory if not given."""
    key: SecretStr | None = None
    """The files' key: 32 bytes in base64, as ``openssl rand -base64 32`` prints them."""
    key_file: Path | None = None
    """A file that holds the key, mode 0600; made in the directory if neither this nor `key` is given."""

    def __init__(self, **values: Any) -> None:
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        for name in os.environ:
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                raise ConfigError(f"there is no setting {name}; expected one of {', '.join(sorted(known))}")
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = "; ".join(
                f"{PREFIX}{str(each['loc'][0]).upper() if each['loc'] else ''}: {each['msg']}"
                for each in error.errors(include_input=False, include_url=False, include_context=False)
            )
            raise ConfigError(f"the settings of the credentials store are wrong: {found}") from None
        secrecy.note(self)

    @property
    def home(self) -> Path:
        """The directory of the files and of the locks."""
        if self.directory is not None:
            return self.directory.expanduser()
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "integration-hub" / "credentials"
        return (
            Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
            / "integration-hub"
            / "credentials"
        )
