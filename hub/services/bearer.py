"""A token in the ``Authorization`` header."""

from __future__ import annotations

from pydantic import SecretStr

from hub.sdk.auth import Auth
from hub.sdk.errors import ConfigError
from hub.sdk.service import Response
from hub.services.pipeline import Proceed
from hub.services.request import Request


class Bearer:
    """Signs with a fixed token; with an empty one not at all.

    Args:
        name: of the service.
        auth: holds the token.

    Raises:
        ConfigError: the token can't be sent in a header.
    """

    def __init__(self, name: str, auth: Auth) -> None:
        self._token = (auth.token or SecretStr("")).get_secret_value().strip()
        if not (self._token.isascii() and self._token.isprintable()):
            raise ConfigError(f"the token of service {name} can't be sent in a header: it must be printable ASCII")

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Adds the header."""
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        return await proceed(request)

    def clean(self, text: str) -> str:
        """A text without the token."""
        return text.replace(self._token, "***") if self._token else text

    async def close(self) -> None:
        """Holds nothing."""
